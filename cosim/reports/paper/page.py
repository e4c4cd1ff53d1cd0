"""The reproduction as one offline page, and each figure as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.reports.page import CONFIG, environment, write_page
from cosim.reports.paper.charts import Chart
from cosim.reports.paper.claims import Finding
from cosim.reports.paper.equations import EQUATIONS
from cosim.reports.paper.html import to_figure
from cosim.reports.paper.measures import shown

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
        name = f"figure-{self.finding.figure.number}"
        html: str = figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=CONFIG)
        return html


def write_figure(chart: Chart, finding: Finding, path: Path) -> None:
    """Write one figure as a page; plotly's script lies beside it, once for all figures of the folder.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    from plotly.offline import get_plotlyjs

    script = path.parent / "plotly.min.js"
    if not script.exists():
        write_page(script, get_plotlyjs())
    figure = to_figure(chart, f"Figure {finding.figure.number}: {finding.figure.title}")
    write_page(path, figure.to_html(full_html=True, include_plotlyjs="plotly.min.js", config=CONFIG))


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
    from plotly.offline import get_plotlyjs

    text = environment().get_template("reproduction.html.j2").render(
        drawn=drawn, measures=measures, units=units, dispatched=dispatched, equations=EQUATIONS, tones=TONES,
        shown=shown, kept=all(one.finding.kept for one in drawn), plotlyjs=get_plotlyjs(),
    )  # fmt: skip
    write_page(path, text)
