"""A run of SUMO with our queues at its stations; windows and the continuous day are made of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from cosim.arrays import Array
from cosim.errors import ComponentError, InputError, Problem, StorageError
from cosim.microsim import measurements
from cosim.microsim.checks import cross_check
from cosim.microsim.measurements import SLICES, STATISTICS, TRIPS, Counted, Trip, write_measured
from cosim.microsim.metering import Meters
from cosim.microsim.model import MicroDemand, MicroNet, MicroRoute, MicroStation, RunOptions
from cosim.microsim.pool import Stop
from cosim.microsim.process import SumoProcess
from cosim.microsim.states import LinkSlice, RunQuality
from cosim.microsim.stations import ROW_S, StationQueues
from cosim.microsim.vehicles import DEPART_LANE, DEPART_SPEED, FOREVER_S, LOT_SPACES, write_lots, write_routes

ROUTES, LOTS, MEASURED, SIGNALS = "routes.rou.xml", "lots.add.xml", "measured.add.xml", "signals.add.xml"
BYTES_PER_VEHICLE, BYTES_PER_EDGE = 1_000, 600
"""Size of SUMO's files, for the question whether they fit."""
ROOM = 3
"""So many times as much must be free."""
EXACT = 1e-9
STEP_RANGE_S = (0.1, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What SUMO wrote of single vehicles and of the whole run, and the CPU time that it took, s."""

    trips: Mapping[str, Trip]
    quality: RunQuality
    cpu_s: float


class Simulation:
    """SUMO and the queues at its stations, advanced together; a context manager.

    Parameters
    ----------
    net, routes
        Network, and all routes that any vehicle will take.
    demand
        Vehicles that are known from the beginning; more can be added with `add`.
    stations, p_set_mw
        The stations, and the power that each may draw, MW, shape (S,).
    folder
        Empty folder for SUMO's files.
    step_s, seed, options
        Step of SUMO, its seed, and the rest.
    window_s
        Begin and end of the measured time, s; None measures slices only.
    arguments
        Further options of SUMO.

    Attributes
    ----------
    now_s
        Simulated time, s.
    """

    def __init__(
        self,
        net: MicroNet,
        routes: Sequence[MicroRoute],
        *,
        demand: MicroDemand | None,
        stations: Sequence[MicroStation],
        p_set_mw: Array,
        folder: Path,
        step_s: float,
        seed: int,
        options: RunOptions,
        window_s: tuple[float, float] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        check_step(step_s)
        self.net, self.folder, self.options = net, folder, options
        self.steps, self.step_s = 0, step_s
        self.loaded, self.departed, self.arrived = 0, 0, 0
        self.teleports, self.collisions, self.emergency_stops = 0, 0, 0
        self.queues = StationQueues(stations, p_set_mw, step_s) if stations else None
        self.meters = Meters(net.meters, net.length_scale)
        known = no_vehicles(routes) if demand is None else demand
        cross_check(net, known, stations)
        self._expect(known)
        _check_room(folder, len(known) or LOT_SPACES, sum(len(one) for one in net.link_edges))
        try:
            write_routes(known, folder / ROUTES)
            write_lots(net, folder / LOTS, self.meters.elements())
            write_measured(folder / MEASURED, window_s=window_s, slice_s=options.slice_s, junctions=net.own is not None)
            if net.own is not None and net.own.signals is not None:
                shutil.copyfile(net.own.signals, folder / SIGNALS)
        except OSError as error:
            reason = f"the files for SUMO cannot be written to '{folder}': {error.strerror}"
            raise StorageError(f"{reason}; make room there, or point TMPDIR to another disk") from error
        command = _arguments(net, step_s=step_s, seed=seed)
        self.process = SumoProcess(
            [*command, *arguments],
            folder,
            hang_limit_s=options.hang_limit_s,
            file_limit_bytes=options.file_limit_bytes,
        )

    def __enter__(self) -> Self:
        self.process.__enter__()
        try:
            self._subscribe()
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()

    @property
    def now_s(self) -> float:
        """Simulated time, s."""
        return round(self.steps * self.step_s, 3)

    def _subscribe(self) -> None:
        from traci import constants

        self.parking = constants.VAR_PARKING_STARTING_VEHICLES_IDS
        self.numbers = {
            "departed": constants.VAR_DEPARTED_VEHICLES_NUMBER,
            "arrived": constants.VAR_ARRIVED_VEHICLES_NUMBER,
            "teleports": constants.VAR_TELEPORT_STARTING_VEHICLES_NUMBER,
            "collisions": constants.VAR_COLLIDING_VEHICLES_NUMBER,
            "emergency_stops": constants.VAR_EMERGENCYSTOPPING_VEHICLES_NUMBER,
        }
        domain = self.process.connection.simulation
        self.process.call("simulation.subscribe", domain.subscribe, [self.parking, *self.numbers.values()])

    def _expect(self, demand: MicroDemand) -> None:
        self.loaded += len(demand)
        if self.queues is None:
            return
        lots = [route.lot_id for route in demand.routes]
        routes = demand.route.tolist()
        self.queues.expect({v: lots[r] for v, r in zip(demand.vehicle_ids, routes, strict=True) if lots[r]})

    def add(self, demand: MicroDemand) -> None:
        """Add vehicles that depart from now on."""
        vehicle = self.process.connection.vehicle
        self._expect(demand)
        for name, at, depart_s in zip(demand.vehicle_ids, demand.route.tolist(), demand.depart_s.tolist(), strict=True):
            route = demand.routes[at]
            words = (name, route.route_id, route.vehicle_type, f"{depart_s:.2f}", DEPART_LANE, route.depart_pos,
                     DEPART_SPEED, "current", route.arrive_pos)  # fmt: skip
            self.process.call(f"vehicle.add({name})", vehicle.add, *words)
            if route.lot_id:
                stop = (name, route.lot_id, float(FOREVER_S))
                self.process.call(f"vehicle.setParkingAreaStop({name})", vehicle.setParkingAreaStop, *stop)

    def advance(self, until_s: float, stop: Stop | None = None) -> None:
        """Simulate up to a time, a multiple of the step, s.

        SUMO stops every minute, and where a vehicle leaves a station. The queues are one step ahead there, to say who
        leaves in it, and follow behind.
        """
        row = round(ROW_S / self.step_s)
        last = round(until_s / self.step_s)
        while self.steps < last:
            until = min(last, (self.steps // row + 1) * row)
            if self.queues is not None:
                for vehicle in self.queues.advance(self.steps + 1):
                    self.process.call(f"vehicle.resume({vehicle})", self.process.connection.vehicle.resume, vehicle)
                until = self.queues.quiet_until(until)
            self.steps = until
            self.process.step_to(self.now_s)
            self._take()
            if self.steps % row == 0:
                self._compare_lots()
                self.meters.update(self.process.connection, self.process.call)
                if stop is not None:
                    stop()

    def _take(self) -> None:
        """Take note of who departed, arrived, teleported and parked, since the last time."""
        told: dict[int, Any] = self.process.connection.simulation.getSubscriptionResults()
        self.departed += told[self.numbers["departed"]]
        self.arrived += told[self.numbers["arrived"]]
        self.teleports += told[self.numbers["teleports"]]
        self.collisions += told[self.numbers["collisions"]]
        self.emergency_stops += told[self.numbers["emergency_stops"]]
        if self.queues is None:
            return
        for vehicle in told[self.parking]:
            self.queues.park(vehicle, self._parked_s(vehicle))
        if gone := self.queues.advance(self.steps):
            raise ComponentError(f"vehicle '{gone[0]}' was done before {self.now_s:g} s, when SUMO was not asked")

    def _parked_s(self, vehicle: str) -> float:
        """Return the end of the step in which a vehicle parked, s; SUMO tells its beginning."""
        get_stops = self.process.connection.vehicle.getStops
        (stop,) = self.process.call(f"vehicle.getStops({vehicle})", get_stops, vehicle, 1)
        return round(float(stop.arrival) + self.step_s, 3)

    def _compare_lots(self) -> None:
        """Compare who stands in the lots with whom our queues know."""
        if self.queues is None:
            return
        area = self.process.connection.parkingarea
        for lot, ours in self.queues.inside().items():
            if len(ours) >= LOT_SPACES:
                raise ComponentError(f"lot '{lot}' at {self.now_s:g} s is full: it holds {LOT_SPACES} vehicles")
            theirs = set(self.process.call(f"parkingarea.getVehicleIDs({lot})", area.getVehicleIDs, lot))
            if theirs != ours:
                differ = ", ".join(sorted(theirs ^ ours)[:5])
                raise ComponentError(
                    f"lot '{lot}' at {self.now_s:g} s: SUMO and the station's queue differ on {differ}"
                )

    def finish(self) -> Outputs:
        """End SUMO, and return what it measured."""
        cpu_s = _cpu_s(self.process.pid)
        self.process.finish()
        counted = Counted(departed=self.departed, arrived=self.arrived, teleports=self.teleports)
        parked = 0 if self.queues is None else self.queues.parked
        trips = measurements.read_trips(self.folder / TRIPS)
        measurements.check_trips(self.folder / TRIPS, trips, counted)
        quality = measurements.read_quality(
            self.folder / STATISTICS, loaded=self.loaded, counted=counted, parked=parked
        )
        return Outputs(trips=trips, quality=quality, cpu_s=cpu_s)

    def slices(self) -> tuple[LinkSlice, ...]:
        """Return the links in the intervals of the options, after `finish`; none without."""
        length_s = self.options.slice_s
        if length_s <= 0.0:
            return ()
        starts = np.arange(0.0, self.now_s - 1e-6, length_s).tolist()
        bounds = [(begin, min(begin + length_s, self.now_s)) for begin in starts]
        return measurements.read_slices(self.folder / SLICES, self.net, bounds)


def _arguments(net: MicroNet, *, step_s: float, seed: int) -> list[str]:
    """Return SUMO's options; every path is relative to its working folder but the network's."""
    signals = f"{SIGNALS}," if net.own is not None and net.own.signals is not None else ""
    files = ["-n", str(net.net_file.resolve()), "-r", ROUTES, "-a", f"{signals}{LOTS},{MEASURED}"]
    clock = ["--begin", "0", "--step-length", f"{step_s:g}", "--seed", str(seed), "--no-step-log"]
    outputs = ["--statistic-output", STATISTICS, "--duration-log.statistics", "--error-log", "errors.txt"]
    trips = ["--tripinfo-output", TRIPS, "--tripinfo-output.write-unfinished"]
    return [*files, *clock, *outputs, *trips]


def no_vehicles(routes: Sequence[MicroRoute]) -> MicroDemand:
    """Return a demand of routes alone."""
    none = np.zeros(0)
    return MicroDemand(
        routes=tuple(routes), vehicle_ids=(), route=none.astype(int), depart_s=none, begin_s=0.0, duration_s=0.0, seed=0
    )


def check_step(step_s: float) -> None:
    """Refuse a step of which no whole number makes the minute in which queues, lots and meters are told.

    A step above a second is refused, too: SUMO's drivers react within a second, and would collide.

    Raises
    ------
    InputError
        With the steps that are possible.
    """
    steps = ROW_S / step_s if step_s > 0.0 else 0.0
    low, high = STEP_RANGE_S
    if not (low <= step_s <= high and abs(steps - round(steps)) < EXACT):
        reason = f"{step_s:g} s must go into {ROW_S:g} s a whole number of times, and lie in {low:g}..{high:g} s"
        raise InputError(Problem(field="step_s", reason=reason, remedy="take 1, 0.5, 0.25, 0.2 or 0.1"))


def _check_room(folder: Path, vehicles: int, edges: int) -> None:
    """Refuse to start on a disk that would fill; SUMO would end well with truncated files."""
    needed = ROOM * (vehicles * BYTES_PER_VEHICLE + edges * BYTES_PER_EDGE)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"'{folder}' has {free / 2**20:.1f} MiB free, a run of {vehicles} vehicles needs {needed / 2**20:.1f} MiB; "
            "make room there, or point TMPDIR to another disk"
        )


def _cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken, s."""
    cells = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    ticks: int = os.sysconf("SC_CLK_TCK")
    return (int(cells[11]) + int(cells[12])) / ticks
