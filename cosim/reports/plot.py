"""Figures for plotly.js as plain data: traces and layout are dictionaries, written to the page as they are.

plotly's own figures check and copy every setting on its way in; that was nine tenths of a report's time. What the
dictionaries may hold is the same, see https://plotly.com/javascript/reference/.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import StorageError

Trace = dict[str, Any]
"""One trace: its settings by plotly.js' names."""

PLAIN_TEMPLATE = {"data": {"scatter": [{"type": "scatter"}]}}
"""No template's colours: plotly.js has none of its own for this one."""
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage", "resetScale2d"]]}
SCRIPT = "plotly.min.js"


class Figure:
    """A figure of panels below one another, or side by side, counted from 1.

    In a notebook it draws itself; ``plotly.graph_objects.Figure(figure.as_dict())`` makes one of plotly's own.

    Parameters
    ----------
    shares
        Height of each panel relative to the others, from top to bottom.
    spacing
        Room between two panels, as a share of the figure.
    beside
        Whether the panels stand side by side instead, all equally wide.
    shared
        Whether panels below one another share their horizontal axis, which is then told below the last one.

    Attributes
    ----------
    data, layout
        The traces, and the settings of the whole figure.
    frames
        What differs from period to period: settings of traces by their position.
    """

    def __init__(
        self, shares: tuple[float, ...] = (1.0,), *, spacing: float = 0.0, beside: bool = False, shared: bool = False
    ) -> None:
        self.panels = len(shares)
        self.data: list[Trace] = []
        self.layout: dict[str, Any] = {}
        self.frames: list[tuple[str, Mapping[int, Trace]]] = []
        for panel, span in enumerate(_spans(shares, spacing, upwards=not beside), start=1):
            across, up = [span, [0.0, 1.0]] if beside else [[0.0, 1.0], span]
            x, y = _axis("x", panel), _axis("y", panel)
            self.layout |= {_key(x): {"anchor": y, "domain": across}, _key(y): {"anchor": x, "domain": up}}
            if shared and panel < self.panels:
                self.layout[_key(x)] |= {"matches": _axis("x", self.panels), "showticklabels": False}

    def add_trace(self, trace: Trace, panel: int = 1) -> None:
        """Add a trace to a panel."""
        self.data.append(trace | {"xaxis": _axis("x", panel), "yaxis": _axis("y", panel)})

    def add_frame(self, name: str, moves: Mapping[int, Trace]) -> None:
        """Add a frame: what changes in which trace. The first one is what the figure shows at first."""
        if not self.frames:
            for position, move in moves.items():
                merge(self.data[position], move)
        self.frames.append((name, moves))

    def add_shape(self, panel: int = 1, **settings: Any) -> None:  # noqa: ANN401 - plotly's own settings
        """Draw a shape in the coordinates of a panel's axes; an axis of which it covers all has " domain" behind it."""
        self._add("shapes", panel, settings)

    def add_annotation(self, panel: int = 1, **settings: Any) -> None:  # noqa: ANN401 - plotly's own settings
        """Write a text, in the coordinates of a panel's axes unless ``xref``, ``yref`` say otherwise."""
        self._add("annotations", panel, settings)

    def update_layout(self, **settings: Any) -> None:  # noqa: ANN401 - plotly's own settings
        """Change settings of the whole figure; parts that are not named stay."""
        merge(self.layout, settings)

    def update_xaxes(self, panel: int | None = None, **settings: Any) -> None:  # noqa: ANN401 - plotly's own settings
        """Change the horizontal axis of a panel, or of all."""
        self._update("x", panel, settings)

    def update_yaxes(self, panel: int | None = None, **settings: Any) -> None:  # noqa: ANN401 - plotly's own settings
        """Change the vertical axis of a panel, or of all."""
        self._update("y", panel, settings)

    def as_dict(self) -> dict[str, Any]:
        """Return traces, layout and frames as JSON has them: lists for arrays, None for what is not finite.

        Frames come with a slider; on a page that is the page's own, which moves several figures.
        """
        drawn = {"data": _plain(self.data), "layout": _plain(self.layout)}
        if self.frames:
            drawn["layout"]["sliders"] = [_slider([name for name, _ in self.frames])]
            drawn["frames"] = self._plain_frames()
        return drawn

    def _plain_frames(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "traces": list(moves), "data": _plain(list(moves.values()))} for name, moves in self.frames
        ]

    def to_html(self, name: str) -> str:
        """Return the figure as a part of a page that has plotly's script, ``name`` being its id there."""
        data, layout = (_script_json(_plain(part)) for part in (self.data, self.layout))
        call = f'Plotly.newPlot("{name}", {data}, {layout}, {json.dumps(CONFIG)})'
        if self.frames:
            call += f'.then(() => Plotly.addFrames("{name}", {_script_json(self._plain_frames())}))'
        height = f"height:{self.layout['height']}px; width:100%;"
        return (
            f'<div style="{height}"><div id="{name}" class="plotly-graph-div" style="height:100%; width:100%;"></div>'
            f"<script>{call};</script></div>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"application/vnd.plotly.v1+json": self.as_dict() | {"config": CONFIG}}

    def _add(self, kind: str, panel: int, settings: dict[str, Any]) -> None:
        settings = {"xref": "x", "yref": "y"} | settings
        for reference in ("xref", "yref"):
            axis, *domain = settings[reference].split(" ")
            if axis in ("x", "y"):
                settings[reference] = " ".join([_axis(axis, panel), *domain])
        self.layout.setdefault(kind, []).append(settings)

    def _update(self, axis: str, panel: int | None, settings: dict[str, Any]) -> None:
        for one in range(1, self.panels + 1) if panel is None else (panel,):
            merge(self.layout[_key(_axis(axis, one))], settings)


def scatter(x: ArrayLike | Sequence[float | None], y: ArrayLike | Sequence[float | None], **settings: Any) -> Trace:  # noqa: ANN401 - plotly's own settings
    """Return lines, marks or both through points."""
    return {"type": "scatter", "x": x, "y": y, **settings}


def bar(x: ArrayLike, y: ArrayLike, **settings: Any) -> Trace:  # noqa: ANN401 - plotly's own settings
    """Return bars."""
    return {"type": "bar", "x": x, "y": y, **settings}


def heatmap(x: ArrayLike, y: ArrayLike, z: ArrayLike, colours: Sequence[str], **settings: Any) -> Trace:  # noqa: ANN401 - plotly's own settings
    """Return a matrix in colours, which go evenly from the lowest value to the highest."""
    scale = [[k / (len(colours) - 1), colour] for k, colour in enumerate(colours)]
    return {"type": "heatmap", "x": x, "y": y, "z": z, "colorscale": scale, **settings}


def merge(into: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Put settings into others; of parts that are mappings themselves, what is not named stays.

    >>> known = {"line": {"color": "red", "width": 2}}
    >>> merge(known, {"line": {"width": 1}, "name": "flow"})
    >>> known
    {'line': {'color': 'red', 'width': 1}, 'name': 'flow'}
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            into[key] = dict(into[key])
            merge(into[key], value)
        else:
            into[key] = value


def plotly_js() -> str:
    """Return plotly's script, as the package ships it; its Python is not loaded.

    Raises
    ------
    StorageError
        If the package is not installed as it should be.
    """
    found = find_spec("plotly")
    folders = (found.submodule_search_locations if found is not None else None) or []
    for folder in folders:
        path = Path(folder) / "package_data" / SCRIPT
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise StorageError(f"package plotly has no package_data/{SCRIPT}; install plotly anew (pip install plotly)")


def _slider(names: Sequence[str]) -> dict[str, Any]:
    """Return a slider with a step for each frame."""
    how = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    steps = [{"label": name, "method": "animate", "args": [[name], how]} for name in names]
    return {"active": 0, "steps": steps, "pad": {"t": 8}, "currentvalue": {"font": {"size": 12}}}


def _axis(axis: str, panel: int) -> str:
    """Return how traces name the axis of a panel.

    >>> _axis("x", 1), _axis("y", 2)
    ('x', 'y2')
    """
    return axis if panel == 1 else f"{axis}{panel}"


def _key(axis: str) -> str:
    """Return how the layout names an axis.

    >>> _key("y2")
    'yaxis2'
    """
    return f"{axis[0]}axis{axis[1:]}"


def _spans(shares: tuple[float, ...], spacing: float, *, upwards: bool) -> list[list[float]]:
    """Return where each panel begins and ends, as shares of the figure; upwards, the first is the highest.

    >>> _spans((1.0, 1.0), 0.5, upwards=True)
    [[0.75, 1.0], [0.0, 0.25]]
    """
    room = (1.0 - spacing * (len(shares) - 1)) / sum(shares)
    spans, start = [], 0.0
    for share in reversed(shares) if upwards else shares:
        spans.append([start, min(start + share * room, 1.0)])
        start += share * room + spacing
    return spans[::-1] if upwards else spans


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON in the making
    """Return settings as JSON has them; arrays and pandas' series become lists."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    array = np.asarray(value)
    if array.dtype.kind == "f":
        array = array.astype(object)
        array[~np.isfinite(np.asarray(value))] = None
    return array.tolist()


def _script_json(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return JSON that may stand in a script: no name in it can end the script."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("/", "\\u002f")
