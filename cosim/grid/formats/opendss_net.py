"""An OpenDSS circuit as a pandapower net: its balanced equivalent, with OpenDSS's own answer beside it.

pandapower's converter is not used: it drops generation, source impedance, iron losses, load models and multipliers
without a word, puts open lines back, takes ratios from base voltages, and makes loss-ridden parallels of regulators;
and what it needs (OpenDSSDirect.py) has no permissive licence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import ComplexArray
from cosim.errors import InputError, Problem
from cosim.grid.formats.opendss_engine import DssCircuit, DssElement, solved_circuit
from cosim.grid.formats.opendss_loads import load_problems, load_row
from cosim.grid.formats.opendss_transformers import Unit, Units, bank_row, banks, taps_differ, unit_of, unit_problems
from cosim.grid.formats.sequence import (
    PHASES,
    alike,
    directions,
    is_balanced_set,
    magnitude,
    series_impedance,
    shunt_admittance,
)
from cosim.grid.reduction.source_proof import IMPORTED
from cosim.plain import Cell

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_GENERATION = ("generator", "pvsystem", "windgen")
_SHUNTS = ("capacitor", "reactor")
_BRANCHES = ("line", "reactor")
_OF_PHASES = ("line", "load")
_CARRIED = frozenset({"vsource", "line", "transformer", "load", "storage", *_GENERATION, *_SHUNTS})
_KM = (1.0, 1.609344, 0.3048, 1.0, 1e-3, 3.048e-4, 2.54e-5, 1e-5, 1e-6)
"""OpenDSS's units of length; none counts as km."""
_DEAD_PU = 1e-3
_NOMINAL = {1: 1.0 + 0.0j, 2: complex(np.exp(-2j * np.pi / 3)), 3: complex(np.exp(2j * np.pi / 3))}
_JUMPER_PU = 1e-3
"""Impedance below which a line across a bank is its jumper."""
_NANO = 1e9
_ROUND_OFF = 1e-9


def net_of_dss(path: Path) -> tuple[pandapowerNet, tuple[str, ...]]:
    """Return the balanced equivalent of a circuit, and what there is to say of it.

    Raises
    ------
    DependencyError
        If OpenDSS is not installed.
    InputError
        With everything that OpenDSS or the equivalent does not take, by name.
    """
    circuit = solved_circuit(path)
    if problems := [*_circuit_problems(circuit, path.name)]:
        raise InputError(problems)
    return _Reading(circuit).net()


def _circuit_problems(circuit: DssCircuit, file: str) -> Iterator[Problem]:
    """Yield everything that has no place in a balanced feeder."""
    for bus in circuit.buses.values():
        if not bus.base_kv > 0.0:
            remedy = "set voltagebases and calcvoltagebases in the file"
            yield Problem(file=file, field=f"bus '{bus.name}'", reason="has no voltage base", remedy=remedy)
    sources = [one for one in circuit.elements if one.kind == "vsource"]
    for extra in sources[1:]:
        remedy = "disable it, or give it as a generator"
        yield Problem(file=file, field=str(extra), reason="a second source; a feeder has one", remedy=remedy)
    if not sources:
        yield Problem(file=file, field="vsource", reason="no source is in service", remedy="enable one")
    for element in circuit.elements:
        for reason, remedy in _element_problems(element, circuit.load_multiplier):
            yield Problem(file=file, field=str(element), reason=reason, remedy=remedy)


def _element_problems(element: DssElement, multiplier: float) -> Iterator[tuple[str, str]]:
    if element.kind not in _CARRIED:
        yield "this class is not carried", "disable it, or give its power as a load"
        return
    if element.kind == "vsource" and element.phases != PHASES:
        yield f"it has {element.phases} phases; a balanced feeder needs three", "give phases=3"
    if element.kind == "capacitor" and _in_series(element):
        yield "a series capacitor is not carried", "give its reactance with that of its line"
    for bus, nodes in zip(element.buses, element.nodes, strict=True) if element.kind in _OF_PHASES else ():
        if sum(1 <= node <= PHASES for node in nodes) < min(element.phases, len(nodes)) and any(nodes):
            yield f"its {element.phases} phases are at nodes {_listed(nodes)} of bus '{bus}'", "use nodes 1, 2, 3"
    if any(0 < count < element.phases for count in element.open_conductors):
        yield f"only {max(element.open_conductors)} of {element.phases} phases are open", "open all, or none"
    if element.kind == "load":
        yield from load_problems(element, multiplier)
    if element.kind == "transformer":
        yield from unit_problems(element)


def _listed(nodes: Sequence[int]) -> str:
    return ".".join(str(node) for node in nodes)


def _in_series(element: DssElement) -> bool:
    return len(element.buses) > 1 and element.buses[0] != element.buses[1]


class _Reading:
    """A circuit on its way to a net."""

    def __init__(self, circuit: DssCircuit) -> None:
        self.circuit = circuit
        self.place = {name: k for k, name in enumerate(circuit.buses)}
        self.units: Units = {name: self._directions(name) for name in circuit.buses}
        self.told: list[str] = list(circuit.remarks)
        self.uneven: Counter[str] = Counter()
        self.percent: dict[str, float] = {}

    def _directions(self, name: str) -> dict[int, complex]:
        bus = self.circuit.buses[name]
        if max((abs(value) for value in bus.voltage.values()), default=0.0) > _DEAD_PU * 1000.0 * bus.base_kv:
            return directions(bus.voltage)
        return {node: _NOMINAL[node] for node in bus.voltage if node in _NOMINAL}

    def of_kind(self, *kinds: str) -> list[DssElement]:
        return [element for element in self.circuit.elements if element.kind in kinds]

    def net(self) -> tuple[pandapowerNet, tuple[str, ...]]:
        """Build the net."""
        import pandapower as pp

        self._count_phases()
        net = pp.create_empty_network(name=self.circuit.name, f_hz=self.circuit.frequency_hz)
        self._put_buses(net)
        source = self._put_source(net)
        groups = banks([unit_of(one, self.circuit, self.units) for one in self.of_kind("transformer")])
        self._put_transformers(net, groups)
        self._put_lines(net, [one for one in self.of_kind(*_BRANCHES) if _in_series(one)], groups)
        self._put_shunts(net)
        self._put_powers(net)
        net[IMPORTED] = self._found(source)
        self._tell()
        return net, tuple(self.told)

    def _count_phases(self) -> None:
        """Count what makes the circuit an unbalanced one."""
        for element in self.circuit.elements:
            if element.phases < PHASES:
                self.uneven[f"{element.kind} of {element.phases} phase{'s' * (element.phases > 1)}"] += 1
            elif element.kind in _BRANCHES and _in_series(element) and not alike(_blocks(element)[1]):
                self.uneven["line of unequal phases"] += 1
        for name, units in self.units.items():
            if len(units) == PHASES and not is_balanced_set(units):
                self.uneven["bus whose phases are no balanced set"] += 1
                self.told.append(f"the phases of bus '{name}' are no balanced set")

    def _put_buses(self, net: pandapowerNet) -> None:
        import pandapower as pp

        buses = list(self.circuit.buses.values())
        pp.create_buses(
            net, len(buses), vn_kv=[bus.base_kv * np.sqrt(PHASES) for bus in buses], name=[bus.name for bus in buses],
            geodata=[bus.position for bus in buses] if all(bus.position for bus in buses) else None,
        )  # fmt: skip

    def _put_source(self, net: pandapowerNet) -> int:
        """Add the source behind its impedance; return the line that stands for this."""
        import pandapower as pp

        (element,) = self.of_kind("vsource")
        at = self.place[element.buses[0]]
        level = float(net.bus.vn_kv[at])
        behind = pp.create_bus(net, level, name=f"behind {element}")
        pp.create_ext_grid(net, behind, vm_pu=element.values["pu"] * element.values["kv"] / level, name=element.name)
        _, series, _ = _blocks(element)
        z = series_impedance(series, [self.units[element.buses[0]][node] for node in element.nodes[0][:PHASES]])
        line = pp.create_line_from_parameters(
            net, behind, at, 1.0, z.real, z.imag, 0.0, float("nan"), name=f"impedance of {element}"
        )
        return int(line)

    def _put_transformers(self, net: pandapowerNet, groups: Sequence[Sequence[Unit]]) -> None:
        import pandapower as pp

        rows = [bank_row(group, self.place) for group in groups]
        magnetised = any(row["i0_percent"] for row in rows)
        for group, row in zip(groups, rows, strict=True):
            kept = {key: value for key, value in row.items() if magnetised or not key.startswith("leakage")}
            index = pp.create_transformer_from_parameters(net, **kept)
            if len(group) > 1:
                uneven = taps_differ(group)
                self.uneven["bank at unequal taps"] += uneven
                self.told.append(f"transformers {row['name']} are one bank" + ", at their mean tap" * uneven)
            for k, side in enumerate(group[0].sides):
                if any(_is_open(unit.element, side.bus) for unit in group):
                    bus = self.place[side.bus]
                    pp.create_switch(net, bus, index, et="t", closed=False, name=f"end {k} of {row['name']}")

    def _put_lines(self, net: pandapowerNet, lines: Sequence[DssElement], groups: Sequence[Sequence[Unit]]) -> None:
        import pandapower as pp

        across = {frozenset(side.bus for side in group[0].sides) for group in groups if _is_open_delta(group)}
        kept = []
        for element in lines:
            if frozenset(element.buses) in across and self._is_jumper(element):
                self.told.append(f"{element} lies across a bank and is left out: the bank carries its phase")
            elif any(element.open_conductors):
                self._put_open_line(net, element)
            else:
                kept.append(element)
        if kept:
            rows = [self._line(net, element) for element in kept]
            made = pp.create_lines_from_parameters(net, **{name: [row[name] for row in rows] for name in rows[0]})
            for element, index in zip(kept, made, strict=True):
                if rated := element.values.get("ampacity"):
                    self.percent[str(index)] = 100.0 * element.amperes / rated

    def _is_jumper(self, element: DssElement) -> bool:
        base = self.circuit.buses[element.buses[0]].base_kv ** 2 * PHASES  # ohm at 1 MVA
        _, series, units = self._active(element)
        return element.phases < PHASES and abs(series_impedance(series, units)) < _JUMPER_PU * base

    def _active(self, element: DssElement) -> tuple[ComplexArray, ComplexArray, list[complex]]:
        """Return shunt and series admittance of the phases that are there, and their directions."""
        shunt, series, nodes = _blocks(element)
        units = self.units[element.buses[0]]
        kept = [k for k, node in enumerate(nodes) if node in units]
        return shunt[np.ix_(kept, kept)], series[np.ix_(kept, kept)], [units[nodes[k]] for k in kept]

    def _line(self, net: pandapowerNet, element: DssElement) -> dict[str, Any]:
        shunt, series, units = self._active(element)
        z, y = series_impedance(series, units), 2.0 * shunt_admittance(shunt, units)
        values = element.values
        km = values["length"] * _KM[values["unit"]] if values and values["length"] > 0.0 else 1.0
        rated = values.get("ampacity", 0.0)
        return {
            "from_buses": self.place[element.buses[0]], "to_buses": self.place[element.buses[1]], "length_km": km,
            "r_ohm_per_km": z.real / km, "x_ohm_per_km": z.imag / km, "g_us_per_km": 1e6 * y.real / km,
            "c_nf_per_km": _NANO * y.imag / (2.0 * np.pi * net.f_hz) / km, "name": element.name,
            "max_i_ka": rated * len(units) / PHASES / 1000.0 if rated else float("nan"),
        }  # fmt: skip

    def _put_open_line(self, net: pandapowerNet, element: DssElement) -> None:
        """Keep the charging of a line that is open at one end; what is open at both is out of service."""
        closed = [k for k, count in enumerate(element.open_conductors) if not count]
        self.told.append(f"{element} is open at {' and '.join(b for b, n in _ends(element) if n)}")
        for k in closed:
            self._shunt(net, element, k, f"open {element}")

    def _put_shunts(self, net: pandapowerNet) -> None:
        for element in self.of_kind(*_SHUNTS):
            if not _in_series(element) and not any(element.open_conductors):
                self._shunt(net, element, 0, element.name)

    def _shunt(self, net: pandapowerNet, element: DssElement, k: int, name: str) -> None:
        """Add the admittance that an element shows at one of its ends."""
        import pandapower as pp

        units, nodes = self.units[element.buses[k]], element.nodes[k]
        kept = [position for position, node in enumerate(nodes) if node in units]
        at = k * len(nodes) + np.array(kept, dtype=np.intp)
        y = shunt_admittance(element.admittance[np.ix_(at, at)], [units[nodes[position]] for position in kept])
        bus = self.place[element.buses[k]]
        power = _clean(float(net.bus.vn_kv[bus]) ** 2 * y.conjugate())
        if power:
            pp.create_shunt(net, bus, q_mvar=power.imag, p_mw=power.real, name=name)

    def _put_powers(self, net: pandapowerNet) -> None:
        import pandapower as pp

        loads = [one for one in self.of_kind("load") if not any(one.open_conductors)]
        if loads:
            rows: list[dict[str, Cell]] = [
                {
                    "buses": self.place[one.buses[0]], "name": one.name,
                    **load_row(one, self.units[one.buses[0]], self.circuit.buses[one.buses[0]].base_kv,
                               self.circuit.load_multiplier),
                } for one in loads
            ]  # fmt: skip
            pp.create_loads(net, **{name: [row[name] for row in rows] for name in rows[0]})
        for one in self.of_kind(*_GENERATION):
            power = _clean(-one.power_mva[0])
            pp.create_sgen(net, self.place[one.buses[0]], power.real, power.imag, name=one.name, type=one.kind)
        for one in self.of_kind("storage"):
            power, bus = _clean(one.power_mva[0]), self.place[one.buses[0]]
            pp.create_storage(net, bus, power.real, float("nan"), q_mvar=power.imag, name=one.name)

    def _found(self, source: int) -> dict[str, Any]:
        """Return what OpenDSS found, under the names of pandapower's converter and some more."""
        (supply,) = self.of_kind("vsource")
        lost = [one.loss_mw for one in self.circuit.elements if one.kind == "transformer"]
        lost += [one.loss_mw for one in self.of_kind(*_BRANCHES) if _in_series(one)]
        phases = [one.phases for one in self.of_kind("line")]
        return {
            "vm_pu_opendss": {
                name: magnitude(bus.voltage, self.units[name]) / (1000.0 * bus.base_kv)
                for name, bus in self.circuit.buses.items() if self.units[name]
            },
            "bus_phases": {name: len(units) for name, units in self.units.items()},
            "single_phase_lines": phases.count(1), "two_phase_lines": phases.count(2), "warnings": [],
            "uneven": dict(self.uneven), "source_line": source, "version": self.circuit.version,
            "load_multiplier": self.circuit.load_multiplier, "mode": "snapshot",
            "p_mw": -supply.power_mva[0].real, "q_mvar": -supply.power_mva[0].imag, "loss_mw": sum(lost),
            "loading_percent": self.percent,
        }  # fmt: skip

    def _tell(self) -> None:
        circuit, (before, after) = self.circuit, self.circuit.served_mw
        if circuit.load_multiplier != 1.0:
            self.told.append(f"the load multiplier {circuit.load_multiplier:g} is applied")
        if abs(before - after) > 1e-5 * abs(after):
            self.told.append(
                f"OpenDSS serves {before:g} MW of the loads' {after:g} MW, for voltages beyond their vminpu to vmaxpu; "
                "here every load keeps its model"
            )
        if circuit.silent:
            controls = ", ".join(f"{count} {kind}" for kind, count in sorted(circuit.silent.items()))
            self.told.append(f"controls and meters stay as they stood in the snapshot: {controls}")
        if circuit.disabled:
            self.told.append(f"{circuit.disabled} disabled elements are left out")
        for kind in _GENERATION:
            if count := len(self.of_kind(kind)):
                self.told.append(f"{count} {kind} give the power of the snapshot, whatever the voltage")


def _clean(power: complex) -> complex:
    """Return a power without a part that is its round-off."""
    p, q = (part if abs(part) > _ROUND_OFF * abs(power) else 0.0 for part in (power.real, power.imag))
    return complex(p, q)


def _ends(element: DssElement) -> Iterator[tuple[str, int]]:
    yield from zip(element.buses, element.open_conductors, strict=True)


def _is_open(element: DssElement, bus: str) -> bool:
    return any(count for name, count in _ends(element) if name == bus)


def _is_open_delta(group: Sequence[Unit]) -> bool:
    return len(group) > 1 and sum(unit.phases for unit in group) < PHASES


def _blocks(element: DssElement) -> tuple[ComplexArray, ComplexArray, tuple[int, ...]]:
    """Return shunt and series admittance of a branch, and the nodes of its conductors at its first end."""
    nodes = element.nodes[0]
    size = len(nodes)
    series = -element.admittance[:size, size : 2 * size]
    return element.admittance[:size, :size] - series, series, nodes
