"""The stations of a simulation: SUMO parks the vehicles, our queue decides who charges and who leaves.

SUMO's own charging stations serve everybody on a lane and have no queue. So a station is a parking area with room for
all, and `cosim.charging.fifo` says which of the parked vehicles are plugged in.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.arrays import Array
from cosim.charging import fifo
from cosim.errors import ComponentError
from cosim.microsim.model import MicroStation
from cosim.microsim.states import Session, StationNow, StationSeries
from cosim.units import SECONDS_PER_HOUR, kw_s_to_kwh, kw_to_mw, mw_to_kw, s_to_min

ROW_S = 60.0
IDENTITY_KWH = 1e-9
DONE, QUEUED, PLUGGED, DWELLING = "charged", "queued", "plugged", "dwelling"
MEDIAN, HIGH = 50.0, 95.0
RECENT = 2000
"""Visits among which the waits of the last hour are sought."""


@dataclass(slots=True)
class _Interval:
    """What is counted between two rows of one station."""

    energy_kwh: float = 0.0
    arrivals: int = 0
    sessions: int = 0
    waits_s: list[float] = field(default_factory=list)


class StationQueues:
    """The queues of all stations, advanced behind SUMO, which must stop where somebody is to leave.

    Parameters
    ----------
    stations
        The stations; several lots of one share its queue.
    p_set_mw
        Power that each may draw, MW; infinity means what is installed.
    step_s
        Step at whose ends vehicles arrive, are plugged in and leave, s.

    Raises
    ------
    ComponentError
        If a vehicle parks where it should not, or energy is lost.
    """

    def __init__(self, stations: Sequence[MicroStation], p_set_mw: Array, step_s: float = 1.0) -> None:
        self.step_s, self.steps, self.row = step_s, 0, round(ROW_S / step_s)
        self.banks = tuple(
            fifo.ChargerBank(
                name=one.name,
                chargers=one.chargers,
                charger_kw=one.charger_kw,
                energy_kwh=one.energy_kwh,
                dwell_s=one.dwell_s,
            )
            for one in stations
        )
        self.states = [fifo.FifoState() for _ in stations]
        self.station_at = {lot: n for n, one in enumerate(stations) for lot in one.lots}
        self.lot_of: dict[str, str] = {}
        self.waiting: list[dict[str, int]] = [{} for _ in stations]
        self.finished: list[tuple[int, fifo.Session]] = []
        self.recent: deque[tuple[int, fifo.Session]] = deque(maxlen=RECENT)
        self.rows = array("d")  # end and nine values of every station: a day of numbers, not of objects
        self.intervals = [_Interval() for _ in stations]
        self.set_caps(p_set_mw)

    def set_caps(self, p_set_mw: Array) -> None:
        """Set the stations' caps, MW; they hold from the next step."""
        self.caps_kw = [mw_to_kw(float(cap)) for cap in p_set_mw]

    def expect(self, lot_of: Mapping[str, str]) -> None:
        """Tell at which lot each of some vehicles will park."""
        self.lot_of.update(lot_of)

    def park(self, vehicle: str, at_s: float) -> None:
        """Take note of a vehicle that parked at the end of a step; it joins its queue in the next one."""
        lot = self.lot_of.get(vehicle)
        if lot is None:
            raise ComponentError(f"vehicle '{vehicle}' parked at {at_s:g} s, but is not to charge anywhere")
        step = round(at_s / self.step_s)
        if step < self.steps:
            raise ComponentError(f"vehicle '{vehicle}' parked at {at_s:g} s, before the {self.now_s:g} s of its queue")
        self.waiting[self.station_at[lot]][vehicle] = step

    @property
    def now_s(self) -> float:
        """Time up to which the queues have come, s."""
        return self._at_s(self.steps)

    def _at_s(self, step: int) -> float:
        return round(step * self.step_s, 3)

    def quiet_until(self, limit: int) -> int:
        """Return the step at whose beginning SUMO must be told who leaves, at most the limit, whoever arrives."""
        first_s = min(
            fifo.leaves_not_before_s(bank, state, now_s=self.now_s, p_set_kw=cap)
            for bank, state, cap in zip(self.banks, self.states, self.caps_kw, strict=True)
        )  # waiting ones are plugged in later than now
        steps = (first_s - 2.0 * fifo.EARLY_S) / self.step_s
        return limit if steps >= limit else max(self.steps, math.floor(steps))

    def advance(self, step: int) -> list[str]:
        """Advance all queues to the end of a step, counted from 1; return the vehicles that leave."""
        gone = len(self.finished)
        while self.steps < step:
            until = min(step, (self.steps // self.row + 1) * self.row)
            for n in range(len(self.banks)):
                self._advance(n, until)
            self.steps = until
            if until % self.row == 0:
                self._close_row(self.now_s)
        return [one.vehicle for _, one in self.finished[gone:]]

    def _advance(self, n: int, until: int) -> None:
        """Advance one queue from event to event."""
        now, bank, waiting = self.steps, self.banks[n], self.waiting[n]
        while now < until:
            here = [vehicle for vehicle, step in waiting.items() if step <= now]
            for vehicle in here:
                del waiting[vehicle]
            after = now + 1
            if not here and after < until:
                quiet = fifo.quiet_steps(
                    bank, self.states[n], now_s=self._at_s(now), step_s=self.step_s, p_set_kw=self.caps_kw[n]
                )
                after = max(after, round(min(now + quiet, until, *waiting.values())))
            self._step(n, here, now, after)
            now = after

    def _step(self, n: int, arrivals: Sequence[str], begin: int, end: int) -> None:
        """Advance one queue over one step, or over several in which nothing happens."""
        step_s = (end - begin) * self.step_s
        done = fifo.advance(
            self.banks[n], self.states[n], arrivals=arrivals, now_s=self._at_s(begin), step_s=step_s,
            p_set_kw=self.caps_kw[n],
        )  # fmt: skip
        count = self.intervals[n]
        count.arrivals += done.state.arrivals - self.states[n].arrivals
        count.sessions += done.state.sessions - self.states[n].sessions
        count.energy_kwh += kw_s_to_kwh(done.p_kw * step_s)
        count.waits_s += [one.wait_s for one in done.plugged]
        self.states[n] = done.state
        self.finished += [(n, one) for one in done.left]
        self.recent += [(n, one) for one in done.left]

    def _close_row(self, end_s: float) -> None:
        row = [end_s]
        for bank, state, count in zip(self.banks, self.states, self.intervals, strict=True):
            lost = fifo.identity_error_kwh(bank, state)
            if not lost <= IDENTITY_KWH:
                raise ComponentError(f"station '{bank.name}': the ledger and its sessions differ by {lost:g} kWh")
            waits = [s_to_min(one) for one in count.waits_s]
            spread = (
                (float(np.mean(waits)), *np.percentile(waits, (MEDIAN, HIGH)).tolist()) if waits else (math.nan,) * 3
            )
            p_mw = kw_to_mw(count.energy_kwh * 3600.0 / ROW_S)
            sizes = (float(len(state.plugged)), float(len(state.queue)), float(count.arrivals), float(count.sessions))
            row += [p_mw, *sizes, *spread, state.delivered_kwh]
        self.rows.extend(row)
        self.intervals = [_Interval() for _ in self.banks]

    def inside(self) -> dict[str, set[str]]:
        """Return the vehicles that should stand in each lot."""
        found: dict[str, set[str]] = {lot: set() for lot in self.station_at}
        for state, waiting in zip(self.states, self.waiting, strict=True):
            for vehicle in [*waiting, *(one.vehicle for one in (*state.queue, *state.plugged, *state.dwelling))]:
                found[self.lot_of[vehicle]].add(vehicle)
        return found

    def energy_kwh(self) -> Array:
        """Return the energy delivered since the start, kWh, shape (S,)."""
        return np.array([state.delivered_kwh for state in self.states])

    def mean_wait_s(self, n: int, since_s: float) -> float:
        """Return the mean wait of the vehicles plugged in at a station since a time, s; 0 if there was none."""
        own = (one for m, one in reversed(self.recent) if m == n)
        waits = [one.wait_s for one in (*own, *self.states[n].plugged) if one.plug_s >= since_s]
        return float(np.mean(waits)) if waits else 0.0

    @property
    def parked(self) -> int:
        """Vehicles that stand at any station."""
        return sum(len(ids) for ids in self.inside().values())

    def counts(self, now_s: float) -> tuple[StationNow, ...]:
        """Return who is in each station."""
        return tuple(
            StationNow(
                plugged=len(state.plugged),
                queue=len(state.queue),
                wait_min=s_to_min(self.mean_wait_s(n, now_s - SECONDS_PER_HOUR)),
            )
            for n, state in enumerate(self.states)
        )

    def take_series(self) -> StationSeries:
        """Return the stations in the intervals since the last call, and keep them no longer."""
        told = self.series()
        del self.rows[:]
        return told

    def series(self) -> StationSeries:
        """Return the stations in intervals of 60 s, from the start or the last `take_series` on."""
        rows = np.array(self.rows).reshape(-1, 1 + 9 * len(self.banks))
        values = rows[:, 1:].reshape(len(rows), len(self.banks), 9)
        p_mw, plugged, queue, arrivals, sessions, mean, median, high, ledger = values.transpose(2, 1, 0)
        return StationSeries(
            names=tuple(bank.name for bank in self.banks),
            end_s=rows[:, 0],
            p_mw=p_mw,
            plugged=plugged.astype(np.intp),
            queue=queue.astype(np.intp),
            arrivals=arrivals.astype(np.intp),
            sessions=sessions.astype(np.intp),
            wait_mean_min=mean,
            wait_p50_min=median,
            wait_p95_min=high,
            ledger_kwh=ledger,
        )

    def take_ended(self) -> tuple[Session, ...]:
        """Return the visits that ended since the last call, in that order, and keep them no longer."""
        told = self._ended()
        self.finished.clear()
        for one in told:
            del self.lot_of[one.vehicle_id]
        return told

    def _ended(self) -> tuple[Session, ...]:
        return tuple(self._session(n, one, DONE) for n, one in self.finished)

    def sessions(self) -> tuple[Session, ...]:
        """Return every visit that was not taken, also those that have not ended, in order of arrival."""
        return _by_arrival((*self._ended(), *self.inside_now()))

    def inside_now(self) -> tuple[Session, ...]:
        """Return the visits that have not ended, in order of arrival."""
        visits: list[tuple[int, fifo.Session, str]] = []
        for n, state in enumerate(self.states):
            visits += [(n, one, QUEUED) for one in state.queue]
            visits += [(n, one, PLUGGED) for one in state.plugged]
            visits += [(n, one, DWELLING) for one in state.dwelling]
            late = [fifo.Session(vehicle=one, arrive_s=self._at_s(at)) for one, at in self.waiting[n].items()]
            visits += [(n, one, QUEUED) for one in late]
        return _by_arrival(self._session(n, one, reason) for n, one, reason in visits)

    def _session(self, n: int, one: fifo.Session, reason: str) -> Session:
        return Session(
            vehicle_id=one.vehicle,
            station=self.banks[n].name,
            lot_id=self.lot_of[one.vehicle],
            arrive_s=one.arrive_s,
            wait_s=one.wait_s,
            plug_s=one.plug_s,
            energy_kwh=one.energy_kwh,
            leave_s=one.leave_s if reason == DONE else math.nan,
            reason=reason,
        )


def _by_arrival(sessions: Iterable[Session]) -> tuple[Session, ...]:
    return tuple(sorted(sessions, key=lambda one: (one.arrive_s, one.vehicle_id)))
