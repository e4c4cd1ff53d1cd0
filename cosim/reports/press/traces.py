"""Traces of the page's figures as matplotlib draws them: lines, marks, bars, matrices."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosim.arrays import Array
from cosim.reports.plot import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap

PX_TO_PT = 0.5
"""A page is read from about twice the distance at which it is printed."""
DASHES: Mapping[str, Any] = {"solid": "-", "dash": (0, (4, 2)), "dot": (0, (1, 1.5))}
SYMBOLS = {"circle": "o", "square": "s", "diamond": "D", "x": "x", "triangle-up": "^"}
HATCHES = ("", "////", "....", r"\\\\", "xxxx", "++++")
"""Bars of a stack are told apart without colours, too."""
MOST_VECTOR_CELLS = 30_000
"""Beyond, a matrix is stored as an image in the file: no viewer likes so many squares."""
_TAG = re.compile(r"</?(?:b|sup|br)>")
_COLOUR = re.compile(r"rgba\((\d+), (\d+), (\d+), ([0-9.e+-]+)\)")


@dataclass(slots=True)
class Panel:
    """Axes, positions of names along them, bars side by side, what is stacked so far, what the legend will tell."""

    ax: Axes
    across: dict[str, int]
    up: dict[str, int]
    entries: dict[str, Any] = field(default_factory=dict)
    groups: int = 1
    bars: int = 0
    above: Array | None = None
    below: Array | None = None
    before: tuple[Array, Array] | None = None

    def x(self, values: Sequence[Any]) -> Array:
        """Return positions across; NaN for none."""
        return _positions(values, self.across)

    def y(self, values: Sequence[Any]) -> Array:
        """Return positions upwards; NaN for none."""
        return _positions(values, self.up)

    def enter(self, trace: Trace, handle: object) -> None:
        """Remember the legend's entry of a trace that has one."""
        if trace.get("showlegend", True) and trace.get("name"):
            self.entries.setdefault(str(trace["name"]), handle)


def draw_trace(panel: Panel, trace: Trace, *, grouped: bool) -> None:
    """Draw a trace; bars stand side by side where they are grouped, else they are stacked."""
    if trace["type"] == "bar":
        _bars(panel, trace, grouped=grouped)
    elif trace["type"] == "heatmap":
        _matrix(panel, trace)
    else:
        _points(panel, trace)


def literal(text: object) -> str:
    r"""Return a text of the page as matplotlib writes it: without markup, and a dollar is a dollar.

    >>> print(literal("10<sup>-3</sup> &lt;b&gt; $x$<br>next"))
    10-3 <b> \$x\$
    next
    """
    plain = _TAG.sub("", str(text).replace("<br>", "\n"))
    return html.unescape(plain).replace("$", r"\$")


def colour(text: str) -> Any:  # noqa: ANN401 - what matplotlib takes for a colour
    """Return a colour, with its opacity.

    >>> colour("rgba(255, 0, 51, 0.5)")
    (1.0, 0.0, 0.2, 0.5)
    """
    if (found := _COLOUR.fullmatch(text)) is None:
        return text
    red, green, blue = (int(part) / 255 for part in found.groups()[:3])
    return red, green, blue, float(found.group(4))


def _positions(values: Sequence[Any], names: Mapping[str, int]) -> Array:
    return np.array(
        [names[one] if isinstance(one, str) else np.nan if one is None else float(one) for one in values],
        dtype=np.float64,
    )


def _points(panel: Panel, trace: Trace) -> None:
    """Draw lines, marks and names through points."""
    x, y, mode = panel.x(trace["x"]), panel.y(trace["y"]), trace.get("mode", "lines")
    step: Literal["mid"] | None = "mid" if trace.get("line", {}).get("shape") == "hvh" else None
    if fill := trace.get("fill"):
        bottom: Any = panel.before[1] if fill == "tonexty" and panel.before is not None else 0.0
        shade = panel.ax.fill_between(x, y, bottom, step=step, color=colour(trace["fillcolor"]), linewidth=0)
        if fill == "tonexty":  # a range is its shade; an area has a line
            panel.enter(trace, shade)
    panel.before = (x, y)
    if "lines" in mode:
        _line(panel, trace, x, y, step)
    if "markers" in mode and trace.get("marker", {}).get("opacity", 1) != 0:
        _marks(panel, trace, x, y)
    if "text" in mode:
        font = trace["textfont"]
        for a, b, name in zip(x, y, trace["text"], strict=True):
            panel.ax.annotate(
                literal(name), (a, b), (2, 2), textcoords="offset points", color=font["color"], fontsize=4.5
            )


def _line(panel: Panel, trace: Trace, x: Array, y: Array, step: Literal["mid"] | None) -> None:
    line = trace["line"]
    (drawn,) = panel.ax.plot(
        x, y, color=colour(line["color"]), linewidth=line.get("width", 2) * PX_TO_PT,
        linestyle=DASHES[line.get("dash", "solid")], drawstyle=f"steps-{step}" if step else "default",
        solid_capstyle="butt",
    )  # fmt: skip
    panel.enter(trace, drawn)


def _marks(panel: Panel, trace: Trace, x: Array, y: Array) -> None:
    """Draw marks of one or several shapes, sizes and colours; colours by value get a bar that tells them."""
    marker = trace["marker"]
    many = len(x)
    symbols = _each(marker.get("symbol", "circle"), many)
    sizes = np.array(_each(marker.get("size", 6), many), dtype=np.float64) * PX_TO_PT
    shades, scale = marker.get("color", trace.get("line", {}).get("color")), None
    if isinstance(shades, str) or shades is None:
        how: dict[str, Any] = {"color": colour(shades) if shades else "#1f2933"}
    else:
        scale = _scale([one for _, one in marker["colorscale"]])
        how = {"cmap": scale, "vmin": marker["cmin"], "vmax": marker["cmax"]}
    edge = {} if "line" not in marker else {"edgecolors": marker["line"]["color"], "linewidths": 0.3}
    for symbol in dict.fromkeys(symbols):
        own = np.array([one == symbol for one in symbols])
        values = {} if scale is None else {"c": _positions(shades, {})[own]}
        form = SYMBOLS[symbol]
        drawn = panel.ax.scatter(
            x[own], y[own], s=sizes[own] ** 2, marker=form, zorder=3, **how, **values, **({} if form == "x" else edge)
        )  # fmt: skip
        panel.enter(trace, drawn)
    if scale is not None and marker.get("showscale"):
        _colour_bar(panel, drawn, marker["colorbar"])


def _each(value: Any, many: int) -> list[Any]:  # noqa: ANN401 - one setting, or one a point
    return list(value) if isinstance(value, list | tuple | np.ndarray) else [value] * many


def _bars(panel: Panel, trace: Trace, *, grouped: bool) -> None:
    """Draw bars: stacked ones upwards from zero, and downwards below it."""
    x, y = panel.x(trace["x"]), np.nan_to_num(panel.y(trace["y"]))
    look = {
        "color": colour(trace["marker"]["color"]), "hatch": HATCHES[panel.bars % len(HATCHES)], "edgecolor": "white",
        "linewidth": 0.2,
    }  # fmt: skip
    if grouped:
        width = 0.8 / panel.groups
        at = x + (panel.bars - 0.5 * (panel.groups - 1)) * width
        spread = trace.get("error_y", {}).get("array")
        error = None if spread is None else np.asarray(spread, dtype=np.float64)
        handle = panel.ax.bar(at, y, width=width, yerr=error, error_kw={"elinewidth": 0.6}, **look)
    else:
        panel.ax.use_sticky_edges = False  # a stack ends below the edge of its panel
        zero = np.zeros(max(len(panel.across), len(x)))
        above = zero if panel.above is None else panel.above
        below = zero.copy() if panel.below is None else panel.below
        at_bar, given, taken = x.astype(np.intp), np.maximum(y, 0.0), np.minimum(y, 0.0)
        handle = panel.ax.bar(
            x, given + taken, bottom=np.where(y < 0.0, below[at_bar], above[at_bar]), width=0.86, **look
        )
        above, below = above.copy(), below.copy()
        above[at_bar] += given
        below[at_bar] += taken
        panel.above, panel.below = above, below
    panel.bars += 1
    panel.enter(trace, handle)


def _matrix(panel: Panel, trace: Trace) -> None:
    """Draw a matrix as squares in colours; a gap stays white."""
    z = np.ma.masked_invalid(np.asarray(trace["z"], dtype=np.float64))
    drawn = panel.ax.pcolormesh(
        panel.x(trace["x"]), panel.y(trace["y"]), z, cmap=_scale([one for _, one in trace["colorscale"]]),
        vmin=trace.get("zmin"), vmax=trace.get("zmax"), shading="nearest", edgecolors="face", linewidth=0.1,
        rasterized=z.size > MOST_VECTOR_CELLS,
    )  # fmt: skip
    _colour_bar(panel, drawn, trace["colorbar"])


def _scale(colours: Sequence[str]) -> LinearSegmentedColormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("scale", list(colours))


def _colour_bar(panel: Panel, drawn: Any, settings: Mapping[str, Any]) -> None:  # noqa: ANN401 - what has colours
    figure = panel.ax.figure
    bar = figure.colorbar(drawn, ax=panel.ax, fraction=0.06, pad=0.02, shrink=0.8)
    bar.set_label(literal(settings["title"]["text"]), fontsize=6.5)
    bar.ax.tick_params(labelsize=6, width=0.4, length=2)
    bar.outline.set_linewidth(0.3)
    if bar.solids is not None:
        bar.solids.set(rasterized=False, edgecolor="face")  # else an image, even in a file of vectors
    bar.ax.yaxis.set_major_formatter(_tick_format(settings))


def _tick_format(settings: Mapping[str, Any]) -> Callable[[float, float], str] | str:
    """Return how a colour bar writes its values: powers of ten where its numbers are exponents."""
    if settings.get("tickprefix", "").startswith("10<sup>"):
        raised = str.maketrans("-−0123456789.", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")
        return lambda value, _: f"10{f'{value:g}'.translate(raised)}"
    return f"{{x:{settings['tickformat']}}}" if "tickformat" in settings else "{x:,.6g}"
