"""Two runs on one map: where roads are fuller and voltages lower in the last than in the first, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.reports import frames, maps, style
from cosim.reports.page import Drawn
from cosim.reports.plot import Figure, scatter
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

_EDGES = (-0.1, -0.01, 0.01, 0.1)
_LABELS = ("10 % of capacity less", "1 % less", "alike", "1 % more", "10 % of capacity more")
_SHADES = ("#1c639f", "#9cc3de", maps.BASE, "#e69f00", style.ALARM)


def difference_maps(first: RunResult, last: RunResult, name: str, other: str) -> tuple[list[Drawn], int]:
    """Return what the maps of the page show of two runs, and the period to begin with.

    Roads and feeder are there where both runs have the same ones; the maps begin where roads, else voltages, differ
    most.
    """
    axis = frames.period_axis(last)
    found, begin = [], None
    for key, title, caption, draw in (
        ("roads", "Roads: flow over capacity", "traffic keeps to the right", _roads),
        ("feeder", "Feeder: AC voltage", "blue is higher, brown lower", _feeder),
    ):
        drawn = draw(first, last, axis)
        if drawn is None:
            continue
        figure, less = drawn
        most = np.nan_to_num(np.abs(less)).max(axis=0, initial=0.0)
        if begin is None and most.any():
            begin = int(np.argmax(most))
        said = f"{other} less {name}; {caption}."
        figure.update_layout(title={"text": ""}, margin={"t": 14})
        labels = tuple(label for label, _ in figure.frames)
        found.append(Drawn(name=key, title=title, caption=said, html=figure.to_html(f"map-{key}"), frames=labels))
    return found, begin or 0


def _roads(first: RunResult, last: RunResult, axis: frames.PeriodAxis) -> tuple[Figure, Array] | None:
    places = last.places
    if not places.links or places.links.keys() != first.places.links.keys():
        return None
    less = _difference(first, last, "links", "link", ("volume_capacity",), axis)
    if less is None:
        return None
    points = maps.placed(places.nodes, places.links.values())
    roads = [link for link in less.index if link in places.links and len(set(places.links[link])) > 1]
    kept = maps.worst(roads, np.abs(less.loc[roads].to_numpy()))
    figure = maps.canvas("", points, places.nodes)
    ends = {link: places.links[link] for link in kept}
    lines = maps.strokes(ends, points, _EDGES, _LABELS, _SHADES)
    values = less.loc[kept].to_numpy()
    for trace in (lines.base(), *lines.classes(), _told(lines.middle, kept, "Link %{text}: %{customdata[0]:+.2%}")):
        figure.add_trace(trace)
    for k, label in enumerate(axis.labels):
        moves = [*lines.coloured(values[:, k]), {"customdata": maps.shown(values[:, k : k + 1])}]
        figure.add_frame(label, dict(enumerate(moves, start=1)))
    return figure, values


def _feeder(first: RunResult, last: RunResult, axis: frames.PeriodAxis) -> tuple[Figure, Array] | None:
    places = last.places
    if not places.buses or places.buses.keys() != first.places.buses.keys():
        return None
    less = _difference(first, last, "buses", "bus", ("vm_ac_pu", "vm_pu"), axis)
    if less is None:
        return None
    points = maps.placed(places.buses, places.lines.values(), places.slack)
    values = less.reindex(list(points)).to_numpy()
    reach = max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-6)
    figure = maps.canvas("", points, places.buses)
    figure.add_trace(maps.strokes(places.lines, points, (1.0,), ("", "")).base())
    marks = _told(np.array(list(points.values())), list(points), "Bus %{text}: %{customdata[0]:+.5f} pu")
    scale = [[k / (len(style.VOLTAGE_SCALE) - 1), colour] for k, colour in enumerate(style.VOLTAGE_SCALE)]
    bar = {"title": {"text": "pu", "font": {"size": 11}}, "thickness": 10, "len": 0.7, "outlinewidth": 0}
    marks["marker"] = {
        "size": 11, "line": {"color": style.MUTED, "width": 1}, "colorscale": scale, "cmin": -reach, "cmax": reach,
        "showscale": True, "colorbar": bar | {"tickfont": {"size": 10}, "tickformat": "+.2~e"},
    }  # fmt: skip
    figure.add_trace(marks)
    for k, label in enumerate(axis.labels):
        told = maps.shown(values[:, k : k + 1])
        figure.add_frame(label, {1: {"customdata": told, "marker": {"color": [row[0] for row in told]}}})
    return figure, values


def _told(points: Array, names: list[str], hover: str) -> dict[str, object]:
    """Return marks that tell a number of each name; they are seen where they have a colour."""
    return scatter(
        points[:, 0], points[:, 1], mode="markers", marker={"size": 14, "opacity": 0}, showlegend=False,
        text=[style.escape(name) for name in names], hovertemplate=hover + "<extra></extra>",
    )  # fmt: skip


def _difference(
    first: RunResult, last: RunResult, table: str, rows: str, columns: tuple[str, ...], axis: frames.PeriodAxis
) -> pd.DataFrame | None:
    """Return the last run's values less the first's, by row and period; None where one of them has none."""
    for column in columns:
        if all(table in run and frames.known(run[table], column) for run in (first, last)):
            one, other = (frames.matrix(run[table], rows, column, axis) for run in (first, last))
            return other - one.reindex(other.index)
    return None
