"""Figures of the page as matplotlib draws them: panels, axes, legend, limits; `traces` draws what stands in them.

Every figure of a run has one description (`cosim.reports.plot.Figure`), for the page and for print. A name that
users gave is literal text here: neither plotly's markup nor matplotlib's mathematics.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosim.reports.plot import Figure, Trace, merge
from cosim.reports.press.matplot import MM_PER_INCH, SETTINGS, Format, metadata
from cosim.reports.press.traces import Panel, draw_trace, literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

WIDTHS_MM = {1: 88.0, 2: 180.0}
"""Width of a figure over one column of a journal, and over two."""
PANEL_MM = {1: 52.0, 2: 62.0}
HIGHEST_MM = 230.0
ROW_MM = 2.7
MOST_ROW_NAMES = 45
MOST_ENTRIES = 24
LETTER_MM, SAMPLE_MM = 1.35, 12.0
SMALL = 6.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A figure as a file's content, and what the reader must know of it."""

    content: bytes
    notes: tuple[str, ...] = ()


def printed(figure: Figure, form: Format, columns: int, frame: str | None = None) -> Printed:
    """Return a figure as a PDF or SVG.

    Parameters
    ----------
    figure
        As `draw` of a file of `cosim.reports.figures` returns it.
    form
        Format.
    columns
        1 or 2: `WIDTHS_MM`.
    frame
        Which frame of a figure that moves; None takes the first.
    """
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context(SETTINGS), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sheet(figure, columns, frame).savefig(content, format=form, metadata=metadata(form))
    return Printed(content=content.getvalue(), notes=_unwritten(told))


def sheet(figure: Figure, columns: int, frame: str | None = None) -> Sheet:
    """Return a figure as matplotlib's own, drawn but not written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    data, title = _still(figure, frame)
    stacked = columns == 1 or not _beside(figure)
    rows, across = (figure.panels, 1) if stacked else (1, figure.panels)
    heights = _heights_mm(figure, columns, stacked=stacked)
    drawn = Sheet(figsize=(WIDTHS_MM[columns] / MM_PER_INCH, sum(heights) / MM_PER_INCH), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.subplots(rows, across, squeeze=False, height_ratios=heights).ravel()
    panels = [_panel(figure, number, ax, data) for number, ax in enumerate(axes, start=1)]
    grouped = figure.layout.get("barmode", "group") == "group"
    for trace in data:
        draw_trace(panels[_number(trace["xaxis"]) - 1], trace, grouped=grouped)
    for number, panel in enumerate(panels, start=1):
        _finish(panel, figure.layout, number)
    if title:
        drawn.suptitle(title, fontsize=SMALL + 0.5, x=0.02, ha="left")
    _legend(drawn, panels, WIDTHS_MM[columns])
    return drawn


def _still(figure: Figure, frame: str | None) -> tuple[list[Trace], str]:
    """Return the traces that are shown, as they are in a frame, and what must be said above them."""
    data = [dict(trace) for trace in figure.data]
    title = ""
    if figure.frames:
        named = dict(figure.frames)
        label = figure.frames[0][0] if frame is None else frame
        for position, move in named[label].items():
            merge(data[position], move)
        title = f"{literal(figure.layout['title']['text'])}, {literal(label)}"
    return [trace for trace in data if trace.get("visible", True) is not False], title


def _beside(figure: Figure) -> bool:
    return figure.panels > 1 and figure.layout["xaxis"]["domain"] != figure.layout["xaxis2"]["domain"]


def _heights_mm(figure: Figure, columns: int, *, stacked: bool) -> list[float]:
    """Return the height of each row of panels: maps as their ranges ask, matrices by their rows, others equal."""
    layout, width = figure.layout, WIDTHS_MM[columns]
    if _is_map(layout, 1) and not _of_the_world(layout):
        return [PANEL_MM[columns] + 24.0]
    if _is_map(layout, 1):
        (left, right), (low, high) = (layout[axis]["range"] for axis in ("xaxis", "yaxis"))
        return [min(max(0.85 * width * (high - low) / (right - left), 40.0), HIGHEST_MM - 40.0) + 24.0]
    matrix = next((trace for trace in figure.data if trace["type"] == "heatmap"), None)
    if matrix is not None:
        return [min(max(len(matrix["y"]) * ROW_MM + 16.0, PANEL_MM[columns]), HIGHEST_MM)]
    if not stacked:
        return [PANEL_MM[columns] + 14.0]
    keys = [_key("y", number) for number in range(1, figure.panels + 1)]
    domains = [[0.0, 1.0] if _beside(figure) else layout[key]["domain"] for key in keys]
    spans = [end - start for start, end in domains]
    high = [PANEL_MM[columns] * span / max(spans) for span in spans]
    return [*high[:-1], high[-1] + 10.0] if len(high) > 1 else [high[0] + 12.0]


def _is_map(layout: Mapping[str, Any], number: int) -> bool:
    return layout[_key("x", number)].get("visible", True) is False


def _of_the_world(layout: Mapping[str, Any]) -> bool:
    """Whether a map shows places, at one scale in both directions; else it is a diagram."""
    return "scaleanchor" in layout["yaxis"]


def _panel(figure: Figure, number: int, ax: Any, data: Sequence[Trace]) -> Panel:  # noqa: ANN401 - matplotlib's Axes
    """Return a panel with its scales; names along an axis stand at whole numbers."""
    x, y = (figure.layout[_key(axis, number)] for axis in ("x", "y"))
    own = [trace for trace in data if _number(trace["xaxis"]) == number]
    bars = sum(trace["type"] == "bar" for trace in own)
    panel = Panel(ax=ax, across=_names(x, own, "x"), up=_names(y, own, "y"), groups=max(bars, 1))
    ax.tick_params(labelsize=SMALL, width=0.5, length=2)
    for spine in ax.spines.values():
        spine.set_linewidth(0.5)
    if y.get("type") == "log":
        ax.set_yscale("log")
    return panel


def _names(axis: Mapping[str, Any], own: Sequence[Trace], key: str) -> dict[str, int]:
    """Return the position of each name along an axis of names."""
    names: dict[str, int] = {str(name): k for k, name in enumerate(axis.get("categoryarray", ()))}
    if axis.get("type", "category") == "category":
        for trace in own:
            for value in trace[key]:
                if isinstance(value, str):
                    names.setdefault(value, len(names))
    return names


def _finish(panel: Panel, layout: Mapping[str, Any], number: int) -> None:
    """Set limits, bands and what is written in a panel, whose traces are drawn; then its axes."""
    ax, x, y = panel.ax, layout[_key("x", number)], layout[_key("y", number)]
    for shape in layout.get("shapes", ()):
        if _number(shape["xref"].split(" ")[0]) == number:
            _shape(panel, shape)
    for note in layout.get("annotations", ()):
        if _number(note["xref"].split(" ")[0]) == number:
            _annotation(panel, note, log=y.get("type") == "log")
    if _is_map(layout, number):
        ax.set(xlim=x["range"], ylim=y["range"], aspect="equal" if _of_the_world(layout) else "auto")
        ax.set_axis_off()
        return
    for name, axis, ticks in (("x", x, panel.across), ("y", y, panel.up)):
        if title := axis.get("title", {}).get("text"):
            getattr(ax, f"set_{name}label")(literal(title), fontsize=SMALL + 0.5)
        _ticks(ax, name, axis, ticks)
        if "range" in axis:
            getattr(ax, f"set_{name}lim")(axis["range"])
    if x.get("showticklabels") is False:
        ax.tick_params(labelbottom=False)
    _upwards(ax, y)


def _upwards(ax: Any, y: Mapping[str, Any]) -> None:  # noqa: ANN401 - matplotlib's Axes
    """Begin at zero where the page does, go down where it does, and draw the grid of an axis of numbers."""
    if y.get("rangemode") == "tozero" and ax.get_ylim()[0] > 0.0:
        ax.set_ylim(bottom=0.0)
    if y.get("autorange") == "reversed":
        ax.invert_yaxis()
    elif y.get("type") != "log":
        ax.grid(visible=True, axis="y", linewidth=0.3, color="#d5dce3")
        ax.set_axisbelow(True)
        if ax.get_ylim()[0] < 0.0 < ax.get_ylim()[1]:
            ax.axhline(0.0, color="#66737f", linewidth=0.5)


def _ticks(ax: Any, name: str, axis: Mapping[str, Any], names: Mapping[str, int]) -> None:  # noqa: ANN401 - matplotlib's Axes
    """Set ticks that the figure gives, or those of names: all of few, some of many."""
    if "tickvals" in axis:
        texts = [literal(text) for text in axis["ticktext"]]
        getattr(ax, f"set_{name}ticks")(list(axis["tickvals"]), texts, fontsize=SMALL)
    elif names:
        every = -(-len(names) // MOST_ROW_NAMES)
        shown = [(k, literal(text)) for text, k in names.items() if k % every == 0]
        size = SMALL - 1.5 if name == "y" else SMALL
        getattr(ax, f"set_{name}ticks")([k for k, _ in shown], [text for _, text in shown], fontsize=size)
    elif (form := axis.get("tickformat")) is not None:
        getattr(ax, f"{name}axis").set_major_formatter(f"{{x:{form}}}")


def _shape(panel: Panel, shape: Mapping[str, Any]) -> None:
    """Draw a limit across a panel, or a band over its height."""
    if shape["type"] == "line":
        line = shape["line"]
        panel.ax.axhline(shape["y0"], color=line["color"], linewidth=0.7, linestyle=(0, (4, 2)))
    else:
        panel.ax.axvspan(shape["x0"], shape["x1"], color=shape["fillcolor"], linewidth=0, zorder=0)


def _annotation(panel: Panel, note: Mapping[str, Any], *, log: bool) -> None:
    """Write a text at a place of the axes; on a logarithmic axis plotly gives the power of ten."""
    ax = panel.ax
    within = {True: ax.get_yaxis_transform, False: ax.get_xaxis_transform}
    by_data = note["yref"] != "paper"
    ax.text(
        note["x"], 10.0 ** note["y"] if log and by_data else note["y"], literal(note["text"]),
        transform=within[by_data](), fontsize=SMALL - 1.0, color=note["font"]["color"],
        ha={"left": "left"}.get(note.get("xanchor", ""), "center"), va=note.get("yanchor", "center"),
    )  # fmt: skip


def _legend(sheet: Sheet, panels: Sequence[Panel], width_mm: float) -> None:
    """Put one legend below all panels: as many columns as its longest name leaves room for."""
    entries = {label: handle for panel in panels for label, handle in panel.entries.items()}
    labels = list(entries)[:MOST_ENTRIES]
    if len(entries) <= 1:
        return
    shown = [literal(label) for label in labels]
    if len(entries) > len(labels):
        shown[-1] += f"; {len(entries) - len(labels)} more have no entry"
    room = LETTER_MM * max(len(text) for text in shown) + SAMPLE_MM
    sheet.legend(
        [entries[label] for label in labels], shown, loc="outside lower center", fontsize=SMALL - 0.5,
        ncols=max(1, min(len(labels), int(width_mm / room))), handlelength=1.8, columnspacing=1.2, borderpad=0.1,
    )  # fmt: skip


def _unwritten(told: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return which characters the font has no sign for; other warnings are passed on."""
    signs: set[str] = set()
    for one in told:
        found = re.match(r"Glyph (\d+) ", str(one.message))
        if found is not None:
            signs.add(chr(int(found.group(1))))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return (f"the font has no sign for {' '.join(sorted(signs))}: a box stands for each",) if signs else ()


def _number(axis: str) -> int:
    """Return which panel an axis belongs to.

    >>> _number("x"), _number("y2")
    (1, 2)
    """
    return int(axis[1:] or 1)


def _key(axis: str, number: int) -> str:
    return f"{axis}axis{number if number > 1 else ''}"
