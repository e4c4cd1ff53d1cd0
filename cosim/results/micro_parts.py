"""What the microscopic simulation tells of a period: links, stations by the minute, sessions, quality.

Times of links are told at full length: a network of ``length_scale`` 0.25 has links of a quarter, whose times are
multiplied by four.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from cosim.microsim.port import MicroState, StationSeries
from cosim.results.parts import Part, part
from cosim.units import s_to_min

LATE = "late"
"""Mark of a part that comes at the end of its period, not at its beginning."""


def micro_part(
    period: int, link_ids: Sequence[str], measured: Sequence[MicroState], *, length_scale: float, late: bool = False
) -> Part:
    """Return tables and gate figures of a period; nothing but the period where it was not simulated.

    Parameters
    ----------
    period
        Number of the period.
    link_ids
        Ids of the road links.
    measured
        One simulation per seed.
    length_scale
        Of the SUMO network.
    late
        Whether the part comes at the end of its period.
    """
    if not measured:
        return part(period, {}, {}, {})
    tables = {
        "micro_links": _joined(_link_rows(one, link_ids, length_scale) for one in measured),
        "micro_quality": _joined(_quality_row(one) for one in measured),
    }
    if any(one.stations is not None for one in measured):
        tables["micro_stations"] = _joined(_station_rows(one) for one in measured)
        tables["micro_sessions"] = _joined(_session_rows(one) for one in measured)
    shares = [(q.teleports, q.never_inserted, one.late_vehicles) for one in measured for q in (one.quality,)]
    loaded = [max(one.quality.loaded, 1) for one in measured]
    worst = (np.array(shares, dtype=float) / np.array(loaded)[:, None]).max(axis=0)
    names = ("teleported_share", "not_inserted_share", "unfinished_share")
    told = part(period, tables, {}, dict(zip(names, worst.tolist(), strict=True)))
    return told | {LATE: True} if late else told


def measured_part(period: int, rows: Mapping[str, Sequence[Any]]) -> Part:
    """Return the power flows of a period with the measured charging load; they judge nothing."""
    vmin = [value for value, found in zip(rows["vmin_ac_pu"], rows["converged"], strict=True) if found]
    vmax = [value for value, found in zip(rows["vmax_ac_pu"], rows["converged"], strict=True) if found]
    figures = {"vmin_measured_pu": min(vmin), "vmax_measured_pu": max(vmax)} if vmin else {}
    return part(period, {"ac_measured": dict(rows)}, figures, {}) | {LATE: True}


def _link_rows(one: MicroState, link_ids: Sequence[str], scale: float) -> dict[str, list[Any]]:
    return {
        "seed": [one.seed] * len(link_ids),
        "link": list(link_ids),
        "flow_vph": one.links.link_flow_vph.tolist(),
        "travel_time_min": (one.links.link_time_min / scale).tolist(),
        "vehicles": one.links.link_time_n.tolist(),
    }


def _quality_row(one: MicroState) -> dict[str, list[Any]]:
    last = {"unfinished": one.late_vehicles, "digest": one.digest}
    row = {"seed": one.seed, "model": one.model} | asdict(one.quality) | last
    return {name: [value] for name, value in row.items()}


STATION_COLUMNS = tuple(item.name for item in fields(StationSeries) if item.name not in ("names", "end_s"))


def _station_rows(one: MicroState) -> dict[str, list[Any]]:
    series = one.stations
    if series is None:
        return {}
    inside = (series.end_s > one.links.begin_s) & (series.end_s <= one.links.end_s)
    count, names = int(inside.sum()), series.names
    values = {name: np.asarray(getattr(series, name))[:, inside].reshape(-1).tolist() for name in STATION_COLUMNS}
    minute = s_to_min(1.0) * (series.end_s[inside] - one.links.begin_s)
    return {
        "seed": [one.seed] * (count * len(names)),
        "station": [name for name in names for _ in range(count)],
        "end_min": minute.tolist() * len(names),
    } | values


def _session_rows(one: MicroState) -> dict[str, list[Any]]:
    rows = [
        {
            "seed": one.seed,
            "vehicle": visit.vehicle_id,
            "station": visit.station,
            "lot": visit.lot_id,
            "arrive_min": s_to_min(visit.arrive_s - one.links.begin_s),
            "wait_min": s_to_min(visit.wait_s),
            "plug_min": s_to_min(visit.plug_s - one.links.begin_s),
            "energy_kwh": visit.energy_kwh,
            "leave_min": s_to_min(visit.leave_s - one.links.begin_s),
            "reason": visit.reason,
        }
        for visit in one.sessions
    ]
    names = (
        "seed", "vehicle", "station", "lot", "arrive_min", "wait_min", "plug_min", "energy_kwh", "leave_min", "reason"
    )  # fmt: skip
    return {name: [row[name] for row in rows] for name in names}


def _joined(parts: Iterable[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    joined: dict[str, list[Any]] = {}
    for one in parts:
        for name, values in one.items():
            joined.setdefault(name, []).extend(values)
    return joined
