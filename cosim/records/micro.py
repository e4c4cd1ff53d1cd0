"""What the microscopic simulation tells of a period, and the power flows with the load that it measured.

Times of links are told at full length: a network of ``length_scale`` 0.25 has links of a quarter, whose times are
multiplied by four.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.microsim.port import MicroState, StationSeries
from cosim.plain import Cells
from cosim.quantities.checks import Figure
from cosim.records.base import Columns, Rows, Told, Words
from cosim.units import s_to_min

STATION_COLUMNS = tuple(item.name for item in fields(StationSeries) if item.name not in ("names", "end_s"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroPeriod(Told):
    """What single vehicles did in a period, one run per seed; no run where it was not simulated.

    Attributes
    ----------
    link_ids
        Ids of the road links.
    length_scale
        Of the SUMO network.
    continuous
        Whether one simulation runs through all periods, and tells each at its end.
    """

    link_ids: Words
    length_scale: float
    runs: tuple[MicroState, ...]
    continuous: bool = False

    @property
    def late(self) -> bool:
        """Whether it is told at the end of the period."""
        return self.continuous

    @property
    def notes(self) -> Words:
        """Why an engine was started a second time."""
        return tuple(f"retried: {one.repeated}" for one in self.runs if one.repeated)

    def tables(self) -> Iterator[tuple[str, Columns]]:
        """Yield what belongs to each table."""
        if self.runs:
            yield "micro_links", _joined(self._links(one) for one in self.runs)
            yield "micro_quality", _joined(_quality(one) for one in self.runs)
        if any(one.stations is not None for one in self.runs):
            yield "micro_stations", _joined(_stations(one) for one in self.runs)
            yield "micro_sessions", _joined(_sessions(one) for one in self.runs)

    def judged(self) -> dict[str, Figure | None]:
        """Return shares of the vehicles, of the worst seed."""
        if not self.runs:
            return {}
        shares = [(q.teleports, q.never_inserted, one.late_vehicles) for one in self.runs for q in (one.quality,)]
        loaded = [max(one.quality.loaded, 1) for one in self.runs]
        worst = (np.array(shares, dtype=float) / np.array(loaded)[:, None]).max(axis=0)
        return dict(zip(("teleported_share", "not_inserted_share", "unfinished_share"), worst.tolist(), strict=True))

    def _links(self, one: MicroState) -> Columns:
        return {
            "seed": [one.seed] * len(self.link_ids),
            "link": self.link_ids,
            "flow_vph": one.links.link_flow_vph.tolist(),
            "travel_time_min": (one.links.link_time_min / self.length_scale).tolist(),
            "vehicles": one.links.link_time_n.tolist(),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredRows(Rows):
    """Power flows with the measured charging load, one a coupling step; NaN where there is no state."""

    end_min: Array
    ev_mw: Array
    ev_planned_mw: Array
    converged: BoolArray
    vmin_ac_pu: Array
    vmax_ac_pu: Array
    ac_loss_mw: Array
    ac_slack_mw: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredPeriod(Told):
    """The power flows of a period with the measured charging load; they judge nothing."""

    ac_measured: MeasuredRows
    vmin_measured_pu: float | None = None
    vmax_measured_pu: float | None = None

    @property
    def late(self) -> bool:
        """True."""
        return True


def _quality(one: MicroState) -> Columns:
    last: Cells = {"unfinished": one.late_vehicles, "digest": one.digest}
    row: Cells = {"seed": one.seed, "model": one.model, **asdict(one.quality), **last}
    return {name: [value] for name, value in row.items()}


def _stations(one: MicroState) -> Columns:
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


def _sessions(one: MicroState) -> Columns:
    visits, begin_s = one.sessions, one.links.begin_s
    return {
        "seed": [one.seed] * len(visits),
        "vehicle": [visit.vehicle_id for visit in visits],
        "station": [visit.station for visit in visits],
        "lot": [visit.lot_id for visit in visits],
        "arrive_min": [s_to_min(visit.arrive_s - begin_s) for visit in visits],
        "wait_min": [s_to_min(visit.wait_s) for visit in visits],
        "plug_min": [s_to_min(visit.plug_s - begin_s) for visit in visits],
        "energy_kwh": [visit.energy_kwh for visit in visits],
        "leave_min": [s_to_min(visit.leave_s - begin_s) for visit in visits],
        "reason": [visit.reason for visit in visits],
    }


def _joined(parts: Iterable[Columns]) -> Columns:
    told = list(parts)
    return {name: [cell for one in told for cell in one.get(name, ())] for name in told[0]}
