"""A scenario as a Python script in plain mosaik: what `cosim run` starts and connects, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cosim.errors import StorageError, UsageError
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load
from cosim.scenario.shipped import SCENARIOS, find, folder
from cosim.version import __version__
from cosim.world import RENAMED, ROOTS, TOGETHER, Wire, most_rounds, series, wires

_HEAD = '''\
"""A scenario of cosim in plain mosaik: `cosim run` starts and connects the same simulators.

Change what you like: another simulator in place of one of these, more of them, other wires. `docs/mosaik.md` of cosim
tells what stands on each port. Written by cosim {version}.
"""

import mosaik
from cosim.simulators import SIM_CONFIG

SCENARIO = {scenario!r}
OVERRIDES = {overrides!r}
PERIODS, PERIOD_S = {periods}, {period_s}


def connect(world, source, kind, target, partner, *attrs, weak=False):
    """Connect the entities of one kind with those of the same id elsewhere; mosaik would not miss one."""
    found = {{entity.eid.partition("-")[2]: entity for entity in target if entity.type == partner}}
    for entity in source:
        if entity.type == kind:
            world.connect(entity, found[entity.eid.partition("-")[2]], *attrs, weak=weak)


def run(sink):
    """Run all periods; sink(told, judgement) is called with what was told of each, and what the gate says of it."""
    common = {{"scenario": SCENARIO, "overrides": OVERRIDES}}
    with mosaik.World(SIM_CONFIG, skip_greetings=True, max_loop_iterations={rounds}) as world:
'''
_TAIL = '''\
        world.run(until=PERIODS * PERIOD_S, print_progress=False)
        for name, simulator in simulators.items():  # mosaik can end early without an error
            status = simulator.status()
            if status["error"] or status["periods_done"] != PERIODS:
                raise RuntimeError(f"{name} came to period {status['periods_done']} of {PERIODS}: {status['error']}")


def show(told, judgement):
    """Print a period; `cosim.records.period.tables(told)` makes the tables of it that `cosim run` keeps."""
    grid, roads = told.grid, told.traffic
    figures = [] if roads is None else [f"R {roads.sue_residual:.1e}"]
    figures += [] if grid is None else [f"AC losses {grid.ac_loss_mw:.4f} MW"]
    print(f"period {told.period}: {judgement.status}", *figures, sep=", ")


if __name__ == "__main__":
    run(show)
'''


def to_python(scenario: str | Path, overrides: Sequence[str] = (), out: Path | None = None) -> str:
    """Return a script that runs a scenario in plain mosaik, with the same numbers.

    Parameters
    ----------
    scenario
        Shipped name, YAML file, or folder with ``scenario.yaml``. A path stands in the script as an absolute one.
    overrides
        Assignments as of ``--set``.
    out
        Where to write it, too; must not exist.

    Raises
    ------
    InputError
        If the scenario has mistakes.
    UsageError
        If ``out`` exists.
    StorageError
        If it cannot be written.
    """
    if out is not None and (out.exists() or out.is_symlink()):
        raise UsageError(f"'{out}' exists; choose another with --out")
    case = build_case(load(scenario, tuple(overrides)))
    path = find(scenario).resolve()
    shipped = path.is_relative_to(folder(SCENARIOS).resolve())
    head = _HEAD.format(
        version=__version__, scenario=path.parent.name if shipped else str(path),
        overrides=list(overrides), periods=case.timeline.periods, period_s=case.timeline.period_s,
        rounds=most_rounds(case),
    )  # fmt: skip
    text = head + "".join(f"        {line}\n" for line in _body(case)) + _TAIL
    if out is not None:
        _write(out, text)
    return text


def _body(case: SimulationCase) -> Iterator[str]:
    """Yield the lines that start, create and connect."""
    connections = wires(case)
    names = list(dict.fromkeys(name for wire in connections for name in (wire.source, wire.target)))
    yield "simulators = {}"
    if grouped := [name for name in TOGETHER if name in names]:
        yield 'with world.group("coupling"):'
        for name in grouped:
            yield f'    simulators["{name}"] = world.start("{name}", **common)'
    for name in names:
        if name not in grouped:
            more = ", sink=sink" if name == "Recorder" else ""
            yield f'simulators["{name}"] = world.start("{name}", **common{more})'
    for name in names:
        model = ROOTS.get(name, name)
        if name == "Profiles":
            yield f'{name.lower()} = simulators["{name}"].{model}.create({series(case)})'
        else:
            yield f'{name.lower()} = simulators["{name}"].{model}()'
            yield f"{name.lower()} = [{name.lower()}, *{name.lower()}.children]"
    yield from (_connection(wire) for wire in connections)


def _connection(wire: Wire) -> str:
    """Return the line that makes a connection."""
    attrs = [
        f'"{attr}"' if (there := RENAMED.get((wire.target, attr), attr)) == attr else f'("{attr}", "{there}")'
        for attr in wire.attrs
    ]
    parts = [f'{wire.source.lower()}, "{wire.source_entity}", {wire.target.lower()}, "{wire.target_entity}"', *attrs]
    return f"connect(world, {', '.join(parts)}{', weak=True' if wire.weak else ''})"


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise StorageError(f"'{out}' cannot be written: {error.strerror}") from error
