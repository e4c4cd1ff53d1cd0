"""Roads as a map: how full each link is, and who waits at the stations, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.reports import frames, maps, simulated_links, style
from cosim.reports.plot import Figure, scatter
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

    from cosim.results.places import Places, Point

PLACE = ("Map", 1)
TITLE = "Roads"
CAPTION = (
    "Flow over capacity of every link, traffic keeps to the right; a square is a charging station, the larger the "
    "longer its wait."
)
_EDGES = (0.2, 0.5, 0.8, 1.0)
_LABELS = ("up to 20 %", "50 %", "80 %", "100 %", "over capacity")
_LINKS = ("flow_vph", "volume_capacity", "travel_time_min")
_STATIONS = ("flow_vph", "wait_min", "backlog_veh", "p_served_mw")


def draw(result: RunResult) -> Figure:
    """Draw links and stations at their places, one frame a period.

    Parameters
    ----------
    result
        A run with table ``links`` and its ``places``.

    Raises
    ------
    NothingToDraw
        If the run has no links, or an earlier version did not keep where they are.
    """
    links, axis = frames.table(result, "links", "link", "flow_vph"), frames.period_axis(result)
    places = result.places
    if not places.links:
        raise frames.NothingToDraw("this run does not say where its roads are: an earlier version wrote it")
    points = maps.placed(places.nodes, places.links.values())
    values = _by_link(links, axis)
    full = values["volume_capacity"]
    roads = [name for name in full.index if name in places.links and len(set(places.links[name])) > 1]
    kept = maps.worst(roads, full.loc[roads].to_numpy())
    figure = maps.canvas(TITLE, points, places.nodes)
    lines = maps.strokes({name: places.links[name] for name in kept}, points, _EDGES, _LABELS)
    figure.add_trace(lines.base())
    for trace in lines.classes():
        figure.add_trace(trace)
    figure.add_trace(_pointed(lines))
    figure.add_trace(_nodes(points))
    stations = _Stations(result, places, points, axis)
    if stations.names:
        figure.add_trace(stations.trace())
    layer = simulated_links.layer(result, axis, lines, values, 0.02 * maps.extent(points))
    first = len(figure.data)
    for trace in layer.traces() if layer else ():
        figure.add_trace(trace)
    for k, label in enumerate(axis.labels):
        told = np.stack([values[column].loc[kept].to_numpy()[:, k] for column in values], axis=1)
        moves = [*lines.coloured(full.loc[kept].to_numpy()[:, k]), {"customdata": maps.shown(told)}]
        simulated = dict(enumerate(layer.moves(k), start=first)) if layer else {}
        figure.add_frame(label, dict(enumerate(moves, start=1)) | stations.moves(k, len(moves) + 2) | simulated)
    if len(kept) < len(roads):
        figure.update_layout(title={"text": f"{TITLE}: the {len(kept)} fullest of {len(roads)} links"})
    return figure


def _by_link(links: pd.DataFrame, axis: frames.PeriodAxis) -> dict[str, pd.DataFrame]:
    return {column: frames.matrix(links, "link", column, axis) for column in _LINKS}


def _pointed(lines: maps.Strokes) -> dict[str, object]:
    """Return invisible marks that tell the numbers of their line."""
    hover = (
        "Link %{text}<br>%{customdata[0]:,.1f} veh/h, %{customdata[1]:.1%} of capacity<br>"
        "%{customdata[2]:.2f} min<extra></extra>"
    )
    return scatter(
        maps.shown(lines.middle[:, 0])[0], maps.shown(lines.middle[:, 1])[0], mode="markers",
        marker={"size": 15, "opacity": 0}, text=[style.escape(name) for name in lines.names], hovertemplate=hover,
        showlegend=False, meta=_LINKS,
    )  # fmt: skip


def _nodes(points: dict[str, Point]) -> dict[str, object]:
    """Return the nodes, by name where there are few."""
    few = len(points) <= 60  # noqa: PLR2004 - names of more would cover one another
    x, y = zip(*points.values(), strict=True)
    names = [style.escape(name) for name in points]
    return scatter(
        x, y, mode="markers+text" if few else "markers", text=names, textposition="top right",
        textfont={"size": 10, "color": style.MUTED}, marker={"size": 5, "color": style.MUTED},
        hovertemplate="Node %{text}<extra></extra>", showlegend=False,
    )  # fmt: skip


class _Stations:
    """The stations at their nodes."""

    def __init__(self, result: RunResult, places: Places, points: dict[str, Point], axis: frames.PeriodAxis) -> None:
        self.names: list[str] = []
        if "stations" not in result or "node" not in result["stations"]:
            return
        table = result["stations"]
        nodes = dict(zip(table["station"].astype(str), table["node"].astype(str), strict=True))
        self.names = [name for name, node in nodes.items() if node in places.nodes]
        self.at = np.array([points[nodes[name]] for name in self.names], dtype=np.float64).reshape(-1, 2)
        columns = [column for column in _STATIONS if column in table]
        by_column = {column: frames.matrix(table, "station", column, axis).loc[self.names] for column in columns}
        empty = np.full((len(self.names), len(axis.numbers)), np.nan)
        self.values = np.stack([by_column[c].to_numpy() if c in by_column else empty for c in _STATIONS], axis=1)

    def trace(self) -> dict[str, object]:
        """Return the squares."""
        hover = (
            "Station %{text}<br>%{customdata[0]:,.1f} veh/h, wait %{customdata[1]:.1f} min<br>"
            "%{customdata[2]:.1f} vehicles wait for the next period<br>%{customdata[3]:.3f} MW<extra></extra>"
        )
        return scatter(
            self.at[:, 0], self.at[:, 1], mode="markers", name="charging station", hovertemplate=hover,
            text=[style.escape(name) for name in self.names], meta=_STATIONS,
            marker={"symbol": "square", "color": style.SERIES[2], "line": {"color": "white", "width": 1.5}, "size": 12},
        )  # fmt: skip

    def moves(self, period: int, position: int) -> dict[int, dict[str, object]]:
        """Return size and numbers of the squares in a period."""
        if not self.names:
            return {}
        told: Array = self.values[:, :, period]
        wait = np.nan_to_num(told[:, 1])
        size = [round(float(one), 1) for one in np.clip(11.0 + 2.5 * np.sqrt(np.maximum(wait, 0.0)), 11.0, 34.0)]
        return {position: {"customdata": maps.shown(told), "marker": {"size": size}}}
