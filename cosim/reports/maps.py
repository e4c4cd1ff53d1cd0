"""What the maps of roads and feeder share: places for what has none, strokes in colours, frames by period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.reports import style
from cosim.reports.plot import Figure, Trace, scatter
from cosim.results.places import Point

MOST_STROKES = 500
"""Links or lines that a map shows at most; of more, those that come nearest to their limit."""
SPRINGS = 200
"""Nodes up to which every pair of them is spread by its distance; beyond it takes too long."""
BASE = "#d5dce3"
SHADES = ("#9cc3de", "#4a8fc1", "#1c639f", "#e69f00", "#d55e00", style.ALARM)
Ends = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strokes:
    """Lines between points, drawn in the colour of a class of their value.

    Attributes
    ----------
    names
        Id of each of the k lines.
    start, end
        Where they begin and end, shape (k, 2).
    edges
        Upper end of each class but the last.
    labels, shades
        What the legend calls each class, and its colour.
    """

    names: tuple[str, ...]
    start: Array
    end: Array
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    shades: tuple[str, ...] = ()

    @property
    def middle(self) -> Array:
        """Where a line is pointed at, shape (k, 2)."""
        return self.start + 0.5 * (self.end - self.start)

    def base(self) -> Trace:
        """Return all lines in grey, below the coloured ones."""
        x, y = self._joined(np.ones(len(self.names), dtype=np.bool_))
        return scatter(x, y, mode="lines", line={"color": BASE, "width": 2}, hoverinfo="skip", showlegend=False)

    def classes(self) -> list[Trace]:
        """Return one trace a class, without lines yet; a higher class is wider, told apart without its colour, too."""
        return [
            scatter(
                [None],
                [None],
                mode="lines",
                name=label,
                line={"color": shade, "width": 2.5 + 0.5 * k},
                hoverinfo="skip",
            )
            for k, (label, shade) in enumerate(zip(self.labels, self.shades, strict=True))
        ]

    def aside(self, distance: float) -> Strokes:
        """Return the same lines, farther to the right of their direction."""
        shift = distance * _right(self.end - self.start)
        return replace(self, start=self.start + shift, end=self.end + shift)

    def coloured(self, values: Array) -> list[Trace]:
        """Return where each class is at these values of the lines; a line without one has no colour."""
        found = np.where(np.isfinite(values), np.searchsorted(self.edges, values, side="left"), -1)
        joined = [self._joined(found == k) for k in range(len(self.labels))]
        return [{"x": x, "y": y} for x, y in joined]

    def _joined(self, shown: Iterable[bool]) -> tuple[list[float | None], list[float | None]]:
        """Return coordinates of the lines shown, with gaps between them; one gap alone keeps the legend."""
        x: list[float | None] = []
        y: list[float | None] = []
        for k in np.flatnonzero(np.asarray(shown)).tolist():
            x += [short(self.start[k, 0]), short(self.end[k, 0]), None]
            y += [short(self.start[k, 1]), short(self.end[k, 1]), None]
        return x or [None], y or [None]


def strokes(
    ends: Mapping[str, Ends],
    points: Mapping[str, Point],
    edges: Sequence[float],
    labels: Sequence[str],
    shades: Sequence[str] = SHADES,
) -> Strokes:
    """Return lines between points; two in opposite directions lie beside each other, as on a road."""
    start = np.array([points[a] for a, _ in ends.values()], dtype=np.float64).reshape(-1, 2)
    end = np.array([points[b] for _, b in ends.values()], dtype=np.float64).reshape(-1, 2)
    both = {(b, a) for a, b in ends.values()}
    beside = np.array([pair in both for pair in ends.values()], dtype=np.float64)[:, None]
    shift = _right(end - start) * beside * 0.012 * extent(points)
    return Strokes(
        names=tuple(ends),
        start=start + shift,
        end=end + shift,
        edges=tuple(edges),
        labels=tuple(labels),
        shades=tuple(shades[-len(labels) :]),
    )


def _right(along: Array) -> Array:
    """Return the direction to the right of each, of length one, shape (k, 2)."""
    length = np.hypot(along[:, 0], along[:, 1])[:, None]
    return np.stack([along[:, 1], -along[:, 0]], axis=1) / np.where(length > 0.0, length, 1.0)


def extent(points: Mapping[str, Point]) -> float:
    """Return the longer side of the map."""
    xy = np.array(list(points.values()), dtype=np.float64).reshape(-1, 2)
    return float(np.ptp(xy, axis=0).max(initial=0.0)) or 1.0


def worst(names: Sequence[str], values: Array) -> list[str]:
    """Return the ids whose largest value over the periods is highest, in the order given.

    Parameters
    ----------
    names
        k ids.
    values
        Shape (k, T).
    """
    if len(names) <= MOST_STROKES:
        return list(names)
    most = np.where(np.isfinite(values), values, -np.inf).max(axis=1)
    kept = np.sort(np.argsort(-most, kind="stable")[:MOST_STROKES])
    return [names[k] for k in kept.tolist()]


def placed(points: Mapping[str, Point | None], ends: Iterable[Ends], root: str | None = None) -> dict[str, Point]:
    """Return a place for everything: its coordinates, or else a drawing of what is joined.

    Parameters
    ----------
    points
        Coordinates by id; unless all have some, none counts.
    ends
        What is joined.
    root
        Where a tree begins: it is drawn as a single-line diagram, from left to right.
    """
    known = {name: point for name, point in points.items() if point is not None}
    if len(known) == len(points):
        return known
    if root is not None:
        return _single_line(list(points), list(ends), root)
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(points)
    graph.add_edges_from((a, b) for a, b in ends if a != b)
    found = nx.kamada_kawai_layout(graph) if len(graph) <= SPRINGS else nx.spring_layout(graph, seed=1)
    return {name: (float(x), float(y)) for name, (x, y) in found.items()}


def _single_line(names: list[str], ends: list[Ends], root: str) -> dict[str, Point]:
    """Return a tree from left to right: the longest way is straight, branches turn off above and below."""
    below = defaultdict(list)
    for parent, child in ends:
        below[parent].append(child)
    order = [root]
    for name in order:
        order += below[name]
    reach: dict[str, int] = {}
    for name in reversed(order):
        reach[name] = 1 + max((reach[child] for child in below[name]), default=0)
    rows, places = count(1), {root: (0.0, 0.0)}
    for name in order:
        x, y = places[name]
        for k, child in enumerate(sorted(below[name], key=lambda one: -reach[one])):
            row = next(rows) if k else 0
            places[child] = (x + 1.0, y if k == 0 else float((row + 1) // 2 * (1 if row % 2 else -1)))
    return {name: places.get(name, (0.0, 0.0)) for name in names}


def canvas(title: str, points: Mapping[str, Point], places: Mapping[str, Point | None]) -> Figure:
    """Return an empty map: no axes, room around the outermost points, one scale where they are places of the world."""
    figure = Figure()
    style.paper(figure, title, 460)
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    xy = np.array(list(points.values()), dtype=np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    room = 0.07 * extent(points)
    figure.update_xaxes(**hidden, range=[low[0] - room, high[0] + room])
    figure.update_yaxes(**hidden, range=[low[1] - room, high[1] + room])
    if None not in places.values():
        figure.update_yaxes(scaleanchor="x")
    figure.update_layout(
        hovermode="closest", dragmode="pan", margin={"l": 8, "r": 8, "t": 40, "b": 8},
        legend={"font": {"size": 11}, "itemwidth": 30},
    )  # fmt: skip
    return figure


def short(value: float) -> float:
    """Return a number with the digits that a map can show."""
    return float(f"{value:.5g}")


def shown(values: Array) -> list[Any]:
    """Return numbers as a page keeps them: five digits, none where there is none."""
    return [[short(one) if np.isfinite(one) else None for one in row] for row in np.atleast_2d(values).tolist()]
