"""OpenDSS asked directly: a file is run in an engine of its own, solved, and read element by element.

What is read is what the engine solved: admittances, powers, voltages. Nothing is taken from the words of the file, so
that line geometries, codes, units and defaults mean what OpenDSS lets them mean.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosim.arrays import ComplexArray
from cosim.errors import DependencyError, InputError, Problem
from cosim.plugins import install_line

SNAPSHOT, CONTROLS_OFF = 0, -1
_TOLERANCE = 1e-10
_MOST_ITERATIONS = 300
_ALL_KEEP_THEIR_MODEL = (
    "batchedit load..* vlowpu=0.1 vminpu=0.2 vmaxpu=3", "batchedit generator..* vminpu=0.2 vmaxpu=3",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DssBus:
    """A bus: base voltage from line to neutral, and the voltage of each of its nodes, volt."""

    name: str
    base_kv: float
    voltage: Mapping[int, complex]
    position: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DssElement:
    """An element that carries power, as the engine solved it.

    Attributes
    ----------
    kind, name
        ``line``, ``transformer``, ... in lower case, and its name.
    phases
        Phases that it has.
    buses, nodes
        The bus of each terminal, and the node of each conductor there (0 is ground).
    open_conductors
        How many phases are open at each terminal.
    admittance
        Primitive admittance matrix, conductors of all terminals one after the other, siemens.
    power_mva, amperes
        Power into each terminal, and the largest current of a phase.
    loss_mw
        Active power lost in it.
    values
        Settings of its class, by name.
    """

    kind: str
    name: str
    phases: int
    buses: tuple[str, ...]
    nodes: tuple[tuple[int, ...], ...]
    open_conductors: tuple[int, ...]
    admittance: ComplexArray
    power_mva: tuple[complex, ...]
    amperes: float
    loss_mw: float
    values: Mapping[str, Any]

    def __str__(self) -> str:
        """Return how messages call it."""
        return f"{self.kind} '{self.name}'"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DssCircuit:
    """A circuit after its solution.

    Attributes
    ----------
    name, version, frequency_hz, load_multiplier
        What the circuit is called, what solved it, at which frequency and multiplier of loads.
    buses, elements
        What it has, in the order of the engine; without what is disabled.
    silent
        Number of elements that carry no power (controls, meters), by class.
    disabled
        Number of disabled elements.
    served_mw
        What loads drew in the file's own solution, and what they draw if all of them keep their model.
    remarks
        What should be known of the way it was solved.
    """

    name: str
    version: str
    frequency_hz: float
    load_multiplier: float
    buses: Mapping[str, DssBus]
    elements: tuple[DssElement, ...]
    silent: Mapping[str, int]
    disabled: int
    served_mw: tuple[float, float]
    remarks: tuple[str, ...]


SILENT = frozenset(
    {
        "regcontrol", "capcontrol", "swtcontrol", "invcontrol", "expcontrol", "storagecontroller", "gendispatcher",
        "espvlcontrol", "upfccontrol", "relay", "recloser", "fuse", "monitor", "energymeter", "sensor", "fmonitor",
    }
)  # fmt: skip
"""Classes of elements that carry no power."""


def solved_circuit(path: Path) -> DssCircuit:
    """Run a file and return its circuit, every load and generator by its own model.

    Its controls act once, as the file says; then taps and switched capacitors stay, and the same state is solved to a
    tolerance of 1e-10.

    Raises
    ------
    DependencyError
        If the engine is not installed.
    InputError
        If it does not take the file, or finds no state.
    """
    try:
        from dss import DSS, DSSException
    except ImportError as error:
        raise DependencyError(f"OpenDSS is not installed: {install_line('opendss')}") from error
    if not path.is_file():
        raise InputError(Problem(file=path.name, reason="is not a file", remedy="name the .dss file to import"))
    engine = DSS.NewContext()
    engine.AllowForms = engine.AllowEditor = engine.AllowChangeDir = engine.AllowDOScmd = False
    with tempfile.TemporaryDirectory() as folder:
        engine.DataPath = folder  # what a file exports
        try:
            engine(f'redirect "{path.resolve()}"')
            if not engine.NumCircuits:
                remedy = "name the file that begins with 'new circuit'"
                raise InputError(Problem(file=path.name, reason="makes no circuit", remedy=remedy))
            return _read(engine, path.name)
        except DSSException as error:
            reason = f"OpenDSS does not take it: {' '.join(str(error).split())}"
            remedy = "run it in OpenDSS first"
            raise InputError(Problem(file=path.name, field="(file)", reason=reason, remedy=remedy)) from error
        finally:
            engine("clearall")


def _read(engine: Any, name: str) -> DssCircuit:  # noqa: ANN401 - the engine has no types
    circuit = engine.ActiveCircuit
    solution = circuit.Solution
    remarks = []
    if solution.Mode != SNAPSHOT:
        remarks.append(f"the file ends in mode {solution.ModeID}; its snapshot is what was read")
        solution.Mode = SNAPSHOT
    solution.MaxIterations = solution.MaxControlIterations = _MOST_ITERATIONS
    _solve(solution, name, "OpenDSS finds no state of it")
    solution.ControlMode, solution.Tolerance = CONTROLS_OFF, _TOLERANCE
    _solve(solution, name, "OpenDSS finds no state of it")
    before = _load_mw(circuit)
    for command in _ALL_KEEP_THEIR_MODEL:
        engine(command)
    reason = f"its loads have no state as they are declared; below their vminpu OpenDSS serves {before:g} MW instead"
    _solve(solution, name, reason)
    counted: dict[str, int] = {}
    elements, disabled = [], 0
    for full in circuit.AllElementNames:
        circuit.SetActiveElement(full)
        kind = full.partition(".")[0].lower()
        if not circuit.ActiveCktElement.Enabled:
            disabled += kind not in SILENT
        elif kind in SILENT:
            counted[kind] = counted.get(kind, 0) + 1
        else:
            elements.append(_element(engine, circuit, full))
    return DssCircuit(
        name=circuit.Name, version="OpenDSS " + engine.Version.partition(" version ")[2].partition(" ")[0],
        frequency_hz=float(solution.Frequency), load_multiplier=float(solution.LoadMult),
        buses={bus.name: bus for bus in _buses(circuit)}, elements=tuple(elements), silent=counted, disabled=disabled,
        served_mw=(before, _load_mw(circuit)), remarks=tuple(remarks),
    )  # fmt: skip


def _solve(solution: Any, name: str, reason: str) -> None:  # noqa: ANN401
    solution.Solve()
    if not solution.Converged:
        raise InputError(Problem(file=name, field="solve", reason=reason, remedy="lower loads, or correct it"))


def _load_mw(circuit: Any) -> float:  # noqa: ANN401
    total, loads = 0.0, circuit.Loads
    following = loads.First
    while following:
        total += float(np.sum(circuit.ActiveCktElement.Powers[0::2])) / 1000.0
        following = loads.Next
    return total


def _buses(circuit: Any) -> Iterator[DssBus]:  # noqa: ANN401
    for name in circuit.AllBusNames:
        circuit.SetActiveBus(name)
        bus = circuit.ActiveBus
        voltage = np.asarray(bus.Voltages, dtype=np.float64).view(np.complex128)
        nodes = [int(node) for node in bus.Nodes]
        yield DssBus(
            name=name.lower(), base_kv=float(bus.kVBase), voltage=dict(zip(nodes, voltage.tolist(), strict=True)),
            position=(float(bus.x), float(bus.y)) if bus.Coorddefined else None,
        )  # fmt: skip


def _element(engine: Any, circuit: Any, full: str) -> DssElement:  # noqa: ANN401
    active = circuit.ActiveCktElement
    kind, _, name = full.partition(".")
    conductors, terminals, phases = int(active.NumConductors), int(active.NumTerminals), int(active.NumPhases)
    order = [int(node) for node in active.NodeOrder]
    power = np.asarray(active.Powers, dtype=np.float64).view(np.complex128).reshape(terminals, conductors)
    current = np.asarray(active.Currents, dtype=np.float64).view(np.complex128).reshape(terminals, conductors)
    flat = np.asarray(active.Yprim, dtype=np.float64).view(np.complex128)
    size = round(float(np.sqrt(len(flat))))
    opened = [sum(bool(active.IsOpen(k + 1, phase + 1)) for phase in range(phases)) for k in range(terminals)]
    return DssElement(
        kind=kind.lower(), name=name.lower(), phases=phases,
        buses=tuple(word.partition(".")[0].lower() for word in active.BusNames[:terminals]),
        nodes=tuple(tuple(order[k * conductors : (k + 1) * conductors]) for k in range(terminals)),
        open_conductors=tuple(opened), admittance=np.array(flat.reshape(size, size).T),
        power_mva=tuple((power.sum(axis=1) / 1000.0).tolist()),
        amperes=float(np.abs(current[:, :phases]).max(initial=0.0)), loss_mw=float(active.Losses[0]) / 1e6,
        values=_VALUES.get(kind.lower(), _nothing)(engine, circuit, name),
    )  # fmt: skip


def _nothing(_engine: Any, _circuit: Any, _name: str) -> Mapping[str, Any]:  # noqa: ANN401
    return {}


def _of_line(_engine: Any, circuit: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401
    circuit.Lines.Name = name
    lines = circuit.Lines
    return {"length": float(lines.Length), "unit": int(lines.Units), "ampacity": float(lines.NormAmps)}


def _of_load(_engine: Any, circuit: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401
    circuit.Loads.Name = name
    loads = circuit.Loads
    return {
        "kw": float(loads.kW), "kvar": float(loads.kvar), "kv": float(loads.kV), "model": int(loads.Model),
        "varies": int(loads.Status) == 0, "delta": bool(loads.IsDelta), "zip": tuple(map(float, loads.ZIPV)),
        "exponents": (float(loads.CVRwatts), float(loads.CVRvars)),
    }  # fmt: skip


def _of_source(_engine: Any, circuit: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401
    circuit.Vsources.Name = name
    return {"kv": float(circuit.Vsources.BasekV), "pu": float(circuit.Vsources.pu)}


def _of_transformer(engine: Any, circuit: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401
    circuit.Transformers.Name = name
    unit = circuit.Transformers
    windings = []
    for number in range(1, int(unit.NumWindings) + 1):
        unit.Wdg = number
        windings.append(
            {
                "kv": float(unit.kV), "kva": float(unit.kVA), "r_percent": float(unit.R), "tap": float(unit.Tap),
                "least": float(unit.MinTap), "most": float(unit.MaxTap), "steps": int(unit.NumTaps),
                "delta": bool(unit.IsDelta),
            }
        )  # fmt: skip
    asked = {}
    for key, word in {"iron": "%noloadloss", "magnetising": "%imag", "most_kva": "normhkva"}.items():
        engine.Text.Command = f"? transformer.{name}.{word}"
        asked[key] = float(engine.Text.Result)
    reactances = (float(unit.Xhl), float(unit.Xht), float(unit.Xlt))
    return {"windings": tuple(windings), "x_percent": reactances, **asked}


_VALUES = {"line": _of_line, "load": _of_load, "vsource": _of_source, "transformer": _of_transformer}
