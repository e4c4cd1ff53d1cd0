"""The feeder as a map: voltage of every bus and loading of every line, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.reports import frames, maps, style
from cosim.reports.plot import Figure, scatter
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

    from cosim.results.places import Point

PLACE = ("Map", 2)
TITLE = "Feeder"
CAPTION = (
    "AC voltage of every bus (blue above 1 pu, brown below) and loading of every line that has a limit; the diamond is "
    "the supply, a square a bus with a charging station."
)
_EDGES = (50.0, 80.0, 100.0)
_LINES, _BUSES = ("loading_percent", "i_ka", "p_mw"), ("vm_pu", "p_load_mw")
_LABELS = ("up to 50 %", "80 %", "100 %", "over its limit")


def draw(result: RunResult) -> Figure:
    """Draw buses and lines at their places, or as a single-line diagram, one frame a period.

    Parameters
    ----------
    result
        A run with tables ``buses`` and ``lines`` and its ``places``.

    Raises
    ------
    NothingToDraw
        If the run has no grid, or an earlier version did not keep where it is.
    """
    buses, lines = frames.table(result, "buses", "bus"), frames.table(result, "lines", "line")
    axis, places = frames.period_axis(result), result.places
    if not places.buses:
        raise frames.NothingToDraw("this run does not say where its buses are: an earlier version wrote it")
    points = maps.placed(places.buses, places.lines.values(), places.slack)
    vm = _first(buses, "bus", ("vm_ac_pu", "vm_pu"), axis).reindex(list(points))
    loading = _first(lines, "line", ("loading_percent",), axis).reindex(list(places.lines))
    current = _first(lines, "line", ("i_ac_ka", "i_ka"), axis).reindex(list(places.lines))
    flow = _first(lines, "line", ("p_mw",), axis).reindex(list(places.lines))
    load = _first(buses, "bus", ("p_load_mw",), axis).reindex(list(points))
    rank = loading.to_numpy() if np.isfinite(loading.to_numpy()).any() else current.to_numpy()
    kept = maps.worst(list(places.lines), rank)
    figure = maps.canvas(TITLE, points, places.buses)
    drawn = maps.strokes({name: places.lines[name] for name in kept}, points, _EDGES, _LABELS)
    figure.add_trace(drawn.base())
    for trace in drawn.classes():
        figure.add_trace(trace)
    figure.add_trace(_pointed(drawn))
    figure.add_trace(_buses(result, points, places.slack, vm))
    for k, label in enumerate(axis.labels):
        of_lines = np.stack([part.loc[kept].to_numpy()[:, k] for part in (loading, current, flow)], axis=1)
        of_buses = np.stack([vm.to_numpy()[:, k], load.to_numpy()[:, k]], axis=1)
        marks = {"customdata": maps.shown(of_buses), "marker": {"color": [row[0] for row in maps.shown(of_buses)]}}
        moves = [*drawn.coloured(of_lines[:, 0]), {"customdata": maps.shown(of_lines)}, marks]
        figure.add_frame(label, dict(enumerate(moves, start=1)))
    if len(kept) < len(places.lines):
        figure.update_layout(title={"text": f"{TITLE}: the {len(kept)} most loaded of {len(places.lines)} lines"})
    return figure


def _first(table: pd.DataFrame, rows: str, columns: tuple[str, ...], axis: frames.PeriodAxis) -> pd.DataFrame:
    """Return the first of these columns that has numbers, by row and period; NaN if none has."""
    for column in columns:
        if frames.known(table, column):
            return frames.matrix(table, rows, column, axis)
    ids = sorted(set(table[rows].astype(str)), key=frames.natural)
    return frames.matrix(table.assign(none=np.nan), rows, "none", axis).reindex(ids)


def _pointed(lines: maps.Strokes) -> dict[str, object]:
    """Return invisible marks that tell the numbers of their line."""
    hover = (
        "Line %{text}<br>%{customdata[0]:.1f} % of its limit, %{customdata[1]:.4f} kA<br>"
        "%{customdata[2]:.4f} MW<extra></extra>"
    )
    return scatter(
        maps.shown(lines.middle[:, 0])[0], maps.shown(lines.middle[:, 1])[0], mode="markers",
        marker={"size": 13, "opacity": 0}, text=[style.escape(name) for name in lines.names], hovertemplate=hover,
        showlegend=False, meta=_LINES,
    )  # fmt: skip


def _buses(result: RunResult, points: dict[str, Point], slack: str | None, vm: pd.DataFrame) -> dict[str, object]:
    """Return the buses in the colour of their voltage, centred at 1 pu."""
    stations = (
        set(result["stations"]["bus"].astype(str)) if "stations" in result and "bus" in result["stations"] else ()
    )
    symbols = ["diamond" if name == slack else "square" if name in stations else "circle" for name in points]
    sizes = [16 if symbol == "diamond" else 13 if symbol == "square" else 10 for symbol in symbols]
    reach = max(float(np.nanmax(np.abs(vm.to_numpy() - 1.0), initial=0.0)), 1e-3)
    scale = [[k / (len(style.VOLTAGE_SCALE) - 1), colour] for k, colour in enumerate(style.VOLTAGE_SCALE)]
    x, y = zip(*points.values(), strict=True)
    bar = {"title": {"text": "pu", "font": {"size": 11}}, "thickness": 10, "len": 0.7, "outlinewidth": 0}
    return scatter(
        x, y, mode="markers", text=[style.escape(name) for name in points], showlegend=False, meta=_BUSES,
        hovertemplate="Bus %{text}<br>%{customdata[0]:.5f} pu, load %{customdata[1]:.4f} MW<extra></extra>",
        marker={
            "symbol": symbols, "size": sizes, "line": {"color": style.MUTED, "width": 1}, "colorscale": scale,
            "cmin": 1.0 - reach, "cmax": 1.0 + reach, "showscale": True,
            "colorbar": bar | {"tickfont": {"size": 10}, "tickformat": ".3f"},
        },
    )  # fmt: skip
