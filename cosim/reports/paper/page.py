"""The reproduction as one offline page, and each figure as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.reports.page import environment, write_page
from cosim.reports.paper.charts import Chart
from cosim.reports.paper.claims import Finding
from cosim.reports.paper.equations import EQUATIONS
from cosim.reports.paper.html import to_figure
from cosim.reports.paper.measures import shown
from cosim.reports.plot import SCRIPT, plotly_js

TONES = {"holds": "good", "drawn": "good", "holds in part": "warn", "does not hold": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """A figure ready for the page.

    Attributes
    ----------
    finding, chart
        What was found, and what is shown.
    assumed
        Key, value and source of the inputs that it rests on.
    """

    finding: Finding
    chart: Chart
    assumed: tuple[tuple[str, str, str], ...]

    @property
    def html(self) -> str:
        """The figure without plotly's own script."""
        figure = to_figure(self.chart, "")
        figure.update_layout(margin={"t": 30})
        return figure.to_html(f"figure-{self.finding.figure.number}")


def write_figure(chart: Chart, finding: Finding, path: Path) -> None:
    """Write one figure as a page; plotly's script lies beside it, once for all figures of the folder.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    script = path.parent / SCRIPT
    if not script.exists():
        write_page(script, plotly_js())
    title = f"Figure {finding.figure.number}: {finding.figure.title}"
    drawn = to_figure(chart, title).to_html(f"figure-{finding.figure.number}")
    page = environment().get_template("figure.html.j2").render(title=title, script=SCRIPT, drawn=drawn)
    write_page(path, page)


def write_reproduction(
    drawn: Sequence[Reproduced],
    measures: Mapping[str, Mapping[str, float]],
    units: Mapping[str, str],
    dispatched: Sequence[Mapping[str, object]],
    path: Path,
) -> None:
    """Write the page of all figures; it needs no other file and no network.

    Parameters
    ----------
    drawn
        The figures in order.
    measures, units
        What each day comes to, by measure, then by day, and the unit of each measure.
    dispatched
        Dispatches under other assumptions, one mapping a row, with the same keys.
    path
        Where to write.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    text = environment().get_template("reproduction.html.j2").render(
        drawn=drawn, measures=measures, units=units, dispatched=dispatched, equations=EQUATIONS, tones=TONES,
        shown=shown, kept=all(one.finding.kept for one in drawn), plotlyjs=plotly_js(),
    )  # fmt: skip
    write_page(path, text)
