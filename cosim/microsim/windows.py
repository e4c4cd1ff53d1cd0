"""Windows: a warm-up and a measured time, one result; several of them at once.

A window is a function of network, vehicles, stations, setpoints and seed, and of nothing else; so it may be run again,
and several may run side by side, each with its own SUMO.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np

from cosim import supervision
from cosim.errors import ComponentError, InputError, Problem, SumoError
from cosim.microsim import measurements
from cosim.microsim.measurements import EDGES
from cosim.microsim.model import StationSeries, WindowInput, WindowResult
from cosim.microsim.scratch import Scratch
from cosim.microsim.simulation import Outputs, Simulation, Stop
from cosim.microsim.stations import ROW_S, StationQueues

ASK_S = 0.5
"""How often the waiting thread looks for Ctrl-C."""


def run_window(given: WindowInput, *, stop: Stop | None = None) -> WindowResult:
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
    for attempt in range(given.options.tries):
        try:
            return _once(given, stop)
        except SumoError:
            if attempt + 1 == given.options.tries:
                raise
    raise ComponentError("a window needs at least one try")


def run_windows(given: Sequence[WindowInput], *, jobs: int = 1) -> list[WindowResult]:
    """Simulate several windows, up to ``jobs`` at a time; results in the order of the inputs.

    Each runs in a thread that waits for its own SUMO, so the cores are busy with SUMO. The first error, or a signal
    that `cosim.supervision` noted, ends all.
    """
    if jobs < 1:
        raise InputError(Problem(field="jobs", reason=f"{jobs} must be at least 1"))
    ended = threading.Event()

    def stop() -> None:
        if ended.is_set():
            raise ComponentError("the window was given up, because another one failed or the run was ended")

    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="window") as pool:
        futures = [pool.submit(run_window, one, stop=stop) for one in given]
        try:
            open_ones = set(futures)
            while open_ones:
                done, open_ones = wait(open_ones, timeout=ASK_S)
                supervision.check()
                for future in done:
                    future.result()
        except BaseException:
            ended.set()
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]


def _once(given: WindowInput, stop: Stop | None) -> WindowResult:
    began, own = time.perf_counter(), time.thread_time()
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
        return _result(given, simulation, outputs, time.thread_time() - own, time.perf_counter() - began)


def _result(given: WindowInput, simulation: Simulation, outputs: Outputs, own_s: float, wall_s: float) -> WindowResult:
    begin_s, end_s = given.warmup_s, given.warmup_s + given.measured_s
    (window,) = measurements.read_slices(simulation.folder / EDGES, given.net, [(begin_s, end_s)])
    slices = simulation.slices()
    departures, path_time, path_n = measurements.per_route(given.demand, outputs.trips, begin_s, end_s)
    queues = simulation.queues or StationQueues((), np.zeros(0))
    series: StationSeries = queues.series()
    sessions = queues.sessions()
    return WindowResult(
        link_flow_vph=window.link_flow_vph,
        link_time_min=window.link_time_min,
        link_time_n=window.link_time_n,
        departures=departures,
        path_time_min=path_time,
        path_time_n=path_n,
        stations=series,
        sessions=sessions,
        quality=outputs.quality,
        seed=given.seed,
        sim_time_s=simulation.now_s,
        command=simulation.process.command,
        digest=measurements.digest((window, *slices), outputs.trips, series, sessions, outputs.quality),
        slices=slices,
        cpu_s=outputs.cpu_s + own_s,
        wall_s=wall_s,
    )


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
