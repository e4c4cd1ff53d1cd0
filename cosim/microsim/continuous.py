"""One SUMO for a whole row of periods: vehicles are added period by period, setpoints reach the chargers as they come.

What one period leaves behind - vehicles on their way, queues at the stations - the next one begins with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from cosim.arrays import Array
from cosim.errors import ComponentError, InputError, Problem, StorageError
from cosim.microsim.measurements import SLICES, read_slices
from cosim.microsim.model import MicroDemand, MicroNet, MicroRoute, MicroStation, RunOptions
from cosim.microsim.pool import Stop
from cosim.microsim.scratch import Scratch
from cosim.microsim.simulation import Outputs, Simulation
from cosim.microsim.states import LinkSlice, RunQuality, Session, StationNow, StationSeries

END = b"</interval>"
INTERVAL = "interval.xml"
EXACT = 1e-6


class ContinuousDay:
    """A simulation that is advanced from outside; a context manager.

    Parameters
    ----------
    net, routes
        Network, and all routes that any vehicle will take.
    stations
        The S stations.
    step_s, seed
        Step of SUMO, and its seed.
    period_s
        Length of the periods in which links are measured, s.
    hang_limit_s
        A call of SUMO that takes longer counts as hung, s; None: what the watchdog allows.
    mesoscopic
        Let SUMO move queues of vehicles instead of single ones: fast, for flows over a whole day, on a network of the
        variant ``plain``, without stations.
    """

    def __init__(
        self,
        net: MicroNet,
        routes: Sequence[MicroRoute],
        stations: Sequence[MicroStation],
        *,
        step_s: float,
        seed: int,
        period_s: float,
        hang_limit_s: float | None = None,
        mesoscopic: bool = False,
    ) -> None:
        if mesoscopic and (stations or net.variant != "plain"):
            reason = f"the mesoscopic model knows no stations and no '{net.variant}' network"
            raise InputError(Problem(field="variant", reason=reason, remedy="use variant 'plain' without stations"))
        self.folder = Scratch()
        self.period_s, self.read_bytes, self.periods = period_s, 0, 0
        self.simulation = Simulation(
            net,
            routes,
            demand=None,
            stations=stations,
            p_set_mw=np.full(len(stations), np.inf),
            folder=Path(self.folder.name),
            step_s=step_s,
            seed=seed,
            options=RunOptions(slice_s=period_s, hang_limit_s=hang_limit_s, tries=1),
            arguments=("--mesosim",) if mesoscopic else (),
        )

    def __enter__(self) -> Self:
        try:
            self.simulation.__enter__()
        except BaseException:
            self.folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End SUMO and remove its files; does nothing the second time."""
        self.simulation.process.kill()
        self.folder.cleanup()

    @property
    def now_s(self) -> float:
        """Simulated time, s."""
        return self.simulation.now_s

    def add(self, demand: MicroDemand) -> None:
        """Add the vehicles of a stretch that begins now.

        Raises
        ------
        InputError
            If the stretch has begun already.
        """
        if demand.begin_s < self.now_s - EXACT:
            reason = f"vehicles from {demand.begin_s:g} s on come too late, it is {self.now_s:g} s"
            raise InputError(
                Problem(field="begin_s", reason=reason, remedy="add them at the beginning of their stretch")
            )
        self.simulation.add(demand)

    def set_caps(self, p_set_mw: Array) -> None:
        """Set the power that each station may draw, MW, shape (S,); it holds from the next step."""
        if self.simulation.queues is not None:
            self.simulation.queues.set_caps(p_set_mw)

    def advance(self, until_s: float, stop: Stop | None = None) -> None:
        """Simulate up to a time, s."""
        self.simulation.advance(until_s, stop)

    def energy_kwh(self) -> Array:
        """Return the energy that each station has drawn since the start, kWh, shape (S,)."""
        queues = self.simulation.queues
        return np.zeros(0) if queues is None else queues.energy_kwh()

    def period(self) -> LinkSlice:
        """Return the links in the period that ends now; SUMO writes each interval as it ends.

        Raises
        ------
        ComponentError
            If no period ends now.
        StorageError
            If SUMO could not write it.
        """
        begin_s, end_s = self.periods * self.period_s, (self.periods + 1) * self.period_s
        if abs(self.now_s - end_s) > EXACT:
            raise ComponentError(
                f"period {self.periods + 1} of the simulation ends at {end_s:g} s, not {self.now_s:g} s"
            )
        folder = Path(self.folder.name)
        new = _written(folder / SLICES, self.read_bytes)
        (folder / INTERVAL).write_bytes(b"<meandata>" + new[max(new.find(b"<interval"), 0) :] + b"</meandata>")
        (found,) = read_slices(folder / INTERVAL, self.simulation.net, [(begin_s, end_s)])
        self.read_bytes += len(new)
        self.periods += 1
        return found

    def quality(self) -> RunQuality:
        """Return the counters so far, by what SUMO told as it ran (both cars of a collision count)."""
        run = self.simulation
        return RunQuality(
            loaded=run.loaded,
            inserted=run.departed,
            arrived=run.arrived,
            running=run.departed - run.arrived,
            never_inserted=run.loaded - run.departed,
            teleports=run.teleports,
            collisions=run.collisions,
            emergency_stops=run.emergency_stops,
            parked=0 if run.queues is None else run.queues.parked,
        )

    def counts(self) -> tuple[StationNow, ...]:
        """Return who is in each station."""
        return () if self.simulation.queues is None else self.simulation.queues.counts(self.now_s)

    def stations(self) -> StationSeries | None:
        """Return the stations in the intervals of 60 s since the last call; None without stations."""
        return None if self.simulation.queues is None else self.simulation.queues.take_series()

    def ended_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that ended since the last call."""
        return () if self.simulation.queues is None else self.simulation.queues.take_ended()

    def open_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that have not ended: who waits, charges or stays on, with the energy so far."""
        return () if self.simulation.queues is None else self.simulation.queues.inside_now()

    def finish(self) -> Outputs:
        """End SUMO in order, and return what it wrote of the whole run, counted."""
        return self.simulation.finish()


def _written(path: Path, begin: int) -> bytes:
    """Return what a file holds after a position, up to the end of its last whole interval."""
    try:
        with path.open("rb") as file:
            file.seek(begin)
            new = file.read()
    except OSError as error:
        raise StorageError(f"SUMO's output '{path}' cannot be read: {error.strerror}") from error
    return new[: new.rfind(END) + len(END)] if END in new else b""
