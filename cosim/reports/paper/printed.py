"""Charts by matplotlib, for print: PDF and SVG in a column's width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosim.errors import StorageError
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Diagram, Heat, Panel
from cosim.reports.press.matplot import FORMATS, SETTINGS, form_of, metadata

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN = 7.0
INCHES = {Panel: 2.3, Heat: 3.6, Diagram: 5.6}
"""Height of a part whose relative height is one."""


def save(chart: Chart, folder: Path, name: str) -> tuple[Path, ...]:
    """Write a chart as PDF and SVG and return the files.

    Raises
    ------
    StorageError
        If they cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        heights = [INCHES[type(part)] * share for part, share in zip(chart.parts, _relative(chart), strict=True)]
        # Labels of a diagram stand on its nodes, which a layout would take for decorations and shrink the axes.
        plain = any(isinstance(part, Diagram) for part in chart.parts)
        figure = Figure(figsize=(WIDTH_IN, sum(heights)), layout=None if plain else "constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(chart.parts), 1, squeeze=False, height_ratios=heights)[:, 0]
        for ax, part in zip(axes, chart.parts, strict=True):
            if isinstance(part, Panel):
                _panel(ax, part)
            elif isinstance(part, Heat):
                _heat(ax, part)
            else:
                _diagram(ax, part)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # arranged once for both formats
        files = tuple(folder / f"{name}.{kind}" for kind in FORMATS)
        for file in files:
            try:
                figure.savefig(file, metadata=metadata(form_of(file)))
            except OSError as error:
                raise StorageError(f"figure '{file}' cannot be written: {error.strerror}") from error
    return files


def _relative(chart: Chart) -> tuple[float, ...]:
    largest = max(chart.heights)
    return tuple(share / largest for share in chart.heights)


def _panel(ax: Axes, part: Panel) -> None:
    above, below = np.zeros_like(part.x), np.zeros_like(part.x)
    for trace in part.traces:
        look = "--" if trace.dashed else "-"
        if trace.look == "bar":
            given, taken = np.maximum(trace.y, 0.0), np.minimum(trace.y, 0.0)
            ax.bar(part.x, given, bottom=above, color=trace.colour, width=0.82, label=trace.name)
            ax.bar(part.x, taken, bottom=below, color=trace.colour, width=0.82)
            above, below = above + given, below + taken
        elif trace.look == "points":
            ax.plot(part.x, trace.y, "o", color=trace.colour, label=trace.name, markersize=4)
        elif trace.look == "step":
            ax.step(part.x, trace.y, look, where="mid", color=trace.colour, label=trace.name)
        else:
            ax.plot(part.x, trace.y, look, color=trace.colour, label=trace.name)
    if part.log:
        ax.set_yscale("log")
    ax.set_xlabel(part.x_label)
    ax.set_ylabel(part.y_label)
    half = 0.5 * float(np.diff(part.x).min(initial=1.0))
    ax.set_xlim(float(part.x[0]) - half, float(part.x[-1]) + half)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)


def _heat(ax: Axes, part: Heat) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("scale", style.GAP_SCALE if part.log else style.FLOW_SCALE)
    z = np.log10(np.maximum(part.z, part.floor)) if part.log else part.z
    drawn = ax.pcolormesh(part.x, np.arange(len(part.rows)), z, cmap=scale, shading="nearest", rasterized=True)
    ax.set_yticks(np.arange(len(part.rows)), part.rows, fontsize=5)
    ax.invert_yaxis()
    ax.set_xlabel(part.x_label)
    ax.set_ylabel(part.y_label)
    ax.figure.colorbar(drawn, ax=ax, label=f"log10 {part.z_label}" if part.log else part.z_label)


def _diagram(ax: Axes, part: Diagram) -> None:
    for edge in part.edges:
        (x0, y0), (x1, y1) = part.place(edge.start), part.place(edge.end)
        look = "--" if edge.dashed else "-"
        ax.plot([x0, x1], [y0, y1], look, color=edge.colour, linewidth=0.9, zorder=1)
        if edge.arrow:
            ends = [(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in (0.5, 0.62)]
            arrow = {"arrowstyle": "->", "color": edge.colour, "linewidth": 0.9}
            ax.annotate("", xy=ends[1], xytext=ends[0], arrowprops=arrow)
        if edge.label:
            shift = -0.12 if edge.dashed else 0.1
            ax.text(
                (x0 + x1) / 2, (y0 + y1) / 2 + shift, edge.label.replace(", ", "\n"), fontsize=6, color=edge.colour,
                ha="center", va="center", bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5},
                zorder=2,
            )  # fmt: skip
    for node in part.nodes:
        shape = "square,pad=0.25" if node.square else "circle,pad=0.3"
        box = {"boxstyle": shape, "facecolor": node.colour, "edgecolor": "none"}
        label = node.label.replace("<br>", "\n")
        ax.text(node.x, node.y, label, fontsize=6, color="white", ha="center", va="center", bbox=box, zorder=3)
    ax.margins(0.12)
    ax.set_axis_off()
