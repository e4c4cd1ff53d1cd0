"""Build the simulators of a scenario, connect them, run them.

A run counts only if every simulator finished every period: mosaik itself can end quietly before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosim import watchdog
from cosim.coupling.checkpoint import Checkpoint
from cosim.errors import ComponentError, CosimError, DependencyError
from cosim.guard import passes, words
from cosim.scenario.case import SimulationCase
from cosim.simulators import SIM_CONFIG

if TYPE_CHECKING:
    import asyncio

    from cosim.simulators.recorder import Keep, Sink  # itself it is loaded with mosaik

SETPOINTS = ("P_load[MW]", "Q_load[MVar]", "P_gen[MW]", "Q_gen[MVar]")


@dataclass(frozen=True, slots=True)
class Wire:
    """One kind of connection between two simulators: what flows, and how.

    ``weak`` closes the price-flow loop within a period.
    """

    source: str
    source_entity: str
    target: str
    target_entity: str
    attrs: tuple[str, ...]
    weak: bool = False


def wires(case: SimulationCase) -> list[Wire]:
    """Return the connections of a scenario; `run_world` makes exactly these, ``cosim plan`` prints them."""
    roads, grid = case.roads is not None, case.dispatch is not None
    found: list[Wire] = []
    loads = ("P_demand[MW]", "P_forecast[MW]")
    if roads and grid:
        found.append(Wire("Traffic", "Station", "Dispatch", "Port", loads))
        if case.iterated:
            day = "_day" if case.whole_day else ""
            back = (f"price{day}[CNY/MWh]", f"P_offer{day}[MW]")
            found.append(Wire("Traffic", "Road", "Dispatch", "Dispatch", ("query",)))
            found.append(Wire("Dispatch", "Port", "Traffic", "Station", back, weak=True))
            found.append(Wire("Dispatch", "Dispatch", "Traffic", "Road", ("answer",), weak=True))
    if grid and not roads and case.given_load_mw is not None:
        found.append(Wire("Profiles", "Series", "Dispatch", "Port", loads))
    if roads and not grid and case.announced_price_per_mwh() is not None:
        found.append(Wire("Profiles", "Series", "Traffic", "Station", ("price[CNY/MWh]",)))
    if grid:
        found.append(Wire("Dispatch", "Bus", "Grid", "Bus", SETPOINTS))
        found.append(Wire("Dispatch", "Dispatch", "Grid", "Grid", ("record",)))
        found.append(Wire("Dispatch", "Dispatch", "Recorder", "Recorder", ("record", "state")))
        found.append(Wire("Grid", "Grid", "Recorder", "Recorder", ("record",)))
    if roads:
        found.append(Wire("Traffic", "Road", "Recorder", "Recorder", ("record", "state")))
    return found + _micro_wires(case)


def _micro_wires(case: SimulationCase) -> list[Wire]:
    """Return the connections of the microscopic simulation, and of the grid under its load."""
    if case.roads is None or case.microsim.mode == "off":
        return []
    found = [
        Wire("Traffic", "Road", "Sumo", "Micro", ("path_flow[veh/h]",)),
        Wire("Sumo", "Micro", "Recorder", "Recorder", ("record", "state") if case.one_simulation else ("record",)),
    ]
    if case.dispatch is not None and case.microsim.mode != "meso":
        found.append(Wire("Dispatch", "Port", "Sumo", "Station", ("P_set[MW]",)))
    if case.measured_grid:
        found.append(Wire("Dispatch", "Bus", "Measured", "Bus", SETPOINTS))
        found.append(Wire("Dispatch", "Dispatch", "Measured", "Measured", ("record",)))
        found.append(Wire("Sumo", "Station", "Measured", "Port", ("P[MW]",)))
        found.append(Wire("Measured", "Measured", "Recorder", "Recorder", ("record",)))
    return found


RENAMED = {("Grid", "record"): "reference", ("Measured", "record"): "reference"}
"""Where the receiving attribute has another name: the dispatch's record is the grid's reference."""


ROOTS = {"Traffic": "Road", "Profiles": "Series", "Sumo": "Micro"}
"""The entity of a simulator that is created, where it is not called as the simulator is."""
TOGETHER = ("Traffic", "Dispatch")
"""Simulators of the price-flow loop: they share a group."""


def most_rounds(case: SimulationCase) -> int:
    """Return mosaik's limit on rounds within a period, which our own limit always comes before."""
    return (2 * case.coupling.round_limit + 10) * (1 + case.coupling.random_starts)


def series(case: SimulationCase) -> int:
    """Return how many given series a half scenario has."""
    given = case.given_load_mw if case.dispatch is not None else case.announced_price_per_mwh()
    return 0 if given is None else len(given)


def run_world(
    case: SimulationCase,
    sink: Sink,
    *,
    keep: Keep | None = None,
    start: Checkpoint | None = None,
    periods: int | None = None,
) -> None:
    """Run all periods of a scenario, or those that are to come.

    Parameters
    ----------
    case
        The scenario's domain objects.
    sink
        Called once per period, in order, with what was told of it and the gate's judgement.
    keep
        Called before it with where everything stands after the period.
    start
        Where the day stands; None at its beginning. A world of mosaik runs once, from time 0: that is the end of the
        period then.
    periods
        Number of the last period; None is the day's.

    Raises
    ------
    ComponentError
        If a simulator raises, or did not finish every period.
    """
    import mosaik

    connections = wires(case)
    names = dict.fromkeys(name for wire in connections for name in (wire.source, wire.target))
    world = mosaik.World(
        {name: {"python": start["python"]} for name, start in SIM_CONFIG.items()},
        time_resolution=1.0,
        max_loop_iterations=most_rounds(case),
        skip_greetings=True,
        configure_logging=False,
    )
    try:
        with watchdog.at_work("mosaik"), world, _ending_tasks(world.loop):
            simulators = _start(world, names, {"case": case, "start": start}, {"sink": sink, "keep": keep})
            entities = {name: _create(simulators[name], name, case) for name in names}
            for wire in connections:
                _connect(world, wire, entities)
            done, last = 0 if start is None else start.period, periods or case.timeline.periods
            world.run(until=(last - done) * case.timeline.period_s, print_progress=False)
            check_complete(simulators, last)
    except BaseException as error:  # mosaik's own, or a simulator's outside its step
        if passes(error):
            raise
        kind = DependencyError if isinstance(error, ImportError) else ComponentError
        raise kind(f"the simulation stopped: {words(error)}") from error


@contextmanager
def _ending_tasks(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """End the tasks that mosaik leaves pending where one raises; the one error that is raised on tells enough."""
    import asyncio  # mosaik has loaded it

    try:
        yield
    except BaseException:
        loop.set_exception_handler(lambda _loop, _context: None)
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        raise


def _start(
    world: Any,  # noqa: ANN401 - mosaik's object
    names: dict[str, None],
    common: dict[str, Any],
    recorder: dict[str, Any],
) -> dict[str, Any]:
    """Start the simulators; those of the price-flow loop share a group."""
    simulators: dict[str, Any] = {}
    with world.group("coupling"):
        for name in TOGETHER:
            if name in names:
                simulators[name] = world.start(name, **common)
    for name in names:
        if name not in simulators:
            simulators[name] = world.start(name, **common, **(recorder if name == "Recorder" else {}))
    return simulators


def _create(simulator: Any, name: str, case: SimulationCase) -> list[Any]:  # noqa: ANN401 - mosaik's objects
    """Create a simulator's entities; return them all, children included."""
    model = ROOTS.get(name, name)
    if name == "Profiles":
        return list(getattr(simulator, model).create(series(case)))
    root = getattr(simulator, model)()
    return [root, *root.children]


def _connect(world: Any, wire: Wire, entities: dict[str, list[Any]]) -> None:  # noqa: ANN401 - mosaik's objects
    """Connect entities of equal id (or the only ones); a missing partner is an error, since mosaik sees none."""
    sources = [e for e in entities[wire.source] if e.type == wire.source_entity]
    targets = {_tail(e.eid): e for e in entities[wire.target] if e.type == wire.target_entity}
    for source in sources:
        target = targets.get(_tail(source.eid))
        if target is None:
            raise ComponentError(f"{wire.source} {source.eid} finds no {wire.target_entity} in {wire.target}")
        pairs = [(attr, RENAMED.get((wire.target, attr), attr)) for attr in wire.attrs]
        world.connect(source, target, *pairs, weak=wire.weak)


def _tail(eid: str) -> str:
    """Return the id in ``Kind-id``."""
    return eid.split("-", 1)[1]


def check_complete(simulators: dict[str, Any], periods: int) -> None:
    """Ask every simulator how far it came; mosaik can end quietly without having finished.

    Raises
    ------
    ComponentError
        Naming simulator, periods done and its own error.
    """
    for name, simulator in simulators.items():
        try:
            status = simulator.status()
        except CosimError:
            raise
        except Exception as error:
            raise ComponentError(f"{name} does not answer after the run: {error}") from error
        if status["error"] or status["periods_done"] != periods:
            done = status["periods_done"]
            raise ComponentError(f"{name} finished {done} of {periods} periods: {status['error'] or 'no error seen'}")
