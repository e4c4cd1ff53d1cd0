"""Windows of SUMO: a warm-up and a measured time, one result.

A window is a function of network, vehicles, stations, setpoints and seed, and of nothing else; so it may be run again,
and several may run side by side, each with its own SUMO.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosim.errors import InputError, Problem, SumoError
from cosim.microsim import measurements
from cosim.microsim.chargers import SPUR_S
from cosim.microsim.measurements import EDGES
from cosim.microsim.model import WindowInput
from cosim.microsim.pool import Stop
from cosim.microsim.scratch import Scratch
from cosim.microsim.simulation import Outputs, Simulation
from cosim.microsim.states import MicroState
from cosim.microsim.stations import ROW_S, StationQueues


def run_window(given: WindowInput, stop: Stop | None = None) -> MicroState:
    """Simulate one window.

    Parameters
    ----------
    given
        Everything that the result depends on.
    stop
        Called every simulated minute; ends the run by raising.

    Raises
    ------
    InputError
        If vehicles, stations and network do not belong together; SUMO has not been started then.
    SumoError
        If SUMO died, hung or refused a command, also the second time.
    StorageError
        If the disk is full; SUMO itself would end well with truncated files.
    """
    _check(given)
    try:
        return _once(given, stop)
    except SumoError as error:
        if given.options.tries == 1 or not error.repeatable:
            raise
        repeated = str(error)
    if stop is not None:
        stop()
    try:
        return replace(_once(given, stop), repeated=repeated)
    except SumoError as error:
        raise error.again("one window") from error


def _once(given: WindowInput, stop: Stop | None) -> MicroState:
    own = time.thread_time()
    begin_s, end_s = given.warmup_s, given.warmup_s + given.measured_s
    with Scratch() as name:
        simulation = Simulation(
            given.net,
            given.demand.routes,
            demand=given.demand,
            stations=given.stations,
            p_set_mw=given.p_set_mw,
            folder=Path(name),
            step_s=given.step_s,
            seed=given.seed,
            options=given.options,
            window_s=(begin_s, end_s),
        )
        with simulation:
            simulation.advance(end_s, stop)
            outputs = simulation.finish()
        return _result(given, simulation, outputs, time.thread_time() - own)


def _result(given: WindowInput, simulation: Simulation, outputs: Outputs, own_s: float) -> MicroState:
    begin_s, end_s = given.warmup_s, given.warmup_s + given.measured_s
    (links,) = measurements.read_slices(simulation.folder / EDGES, given.net, [(begin_s, end_s)])
    queues = simulation.queues or StationQueues((), np.zeros(0))
    cpu_s = outputs.cpu_s + own_s
    return measurements.window_state(
        given.demand, links, simulation.slices(), outputs.trips, queues, outputs.quality,
        spur_s=SPUR_S if given.net.own is None else 0.0, seed=given.seed, cpu_s=cpu_s,
    )  # fmt: skip


def _check(given: WindowInput) -> None:
    """Refuse times that the steps do not meet."""
    problems = [
        Problem(field=name, reason=f"{value:g} s must be >= 0 and a multiple of the step of {given.step_s:g} s")
        for name, value in (("warmup_s", given.warmup_s), ("measured_s", given.measured_s))
        if not (value >= 0.0 and abs(value / given.step_s - round(value / given.step_s)) < 1e-9)  # noqa: PLR2004
    ]
    if given.stations:
        problems += [
            Problem(field=name, reason=f"{value:g} s must be whole minutes: the stations are told by the minute")
            for name, value in (("warmup_s", given.warmup_s), ("measured_s", given.measured_s))
            if value % ROW_S != 0.0
        ]
    if not given.measured_s > 0.0:
        problems.append(Problem(field="measured_s", reason=f"{given.measured_s} must be > 0"))
    if problems:
        raise InputError(problems)
