"""Radial MATPOWER cases (version 2) as our tables; what the feeder cannot hold is refused by bus and branch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.grid.formats.feeder_tables import FeederTables, Supply
from cosim.grid.formats.matpower_file import CaseFile, Row, read_case_file
from cosim.grid.topology import listed
from cosim.plain import Cells
from cosim.units import base_impedance_ohm

_SLACK, _ISOLATED = 3, 4
_TYPES = (1, 2, _SLACK, _ISOLATED)


@dataclass(frozen=True, slots=True)
class _InService:
    """The rows of a case that are in service."""

    buses: dict[int, Row]
    branches: list[tuple[int, Row]]
    units: list[Row]
    slacks: list[int]


def read_matpower(path: Path | str) -> FeederTables:
    """Read a radial MATPOWER case.

    Branches and generators out of service and isolated buses are left out; lines get a length of 1 km. A limit that
    is infinite, or a rating of 0, is none.

    Raises
    ------
    InputError
        With everything that is not data, incomplete, or not representable.
    """
    path = Path(path)
    case = read_case_file(path)
    if problems := list(number_problems(case)):
        raise InputError(problems)
    active = _InService(
        buses={int(row["bus_i"]): row for row in case.bus if int(row["type"]) != _ISOLATED},
        branches=[(number, row) for number, row in enumerate(case.branch, 1) if row["status"]],
        units=[row for row in case.gen if row["status"] > 0.0],
        slacks=[int(row["bus_i"]) for row in case.bus if int(row["type"]) == _SLACK],
    )
    problems = [*_bus_problems(active), *_branch_problems(active), *_unit_problems(active)]
    if len(active.slacks) != 1:
        reason = f"{len(active.slacks)} buses are of type 3 (reference); a radial feeder has one supply"
        problems.append(Problem(file=path.name, field="mpc.bus", reason=reason, remedy="keep one"))
    if problems:
        raise InputError(problems)
    slack = active.slacks[0]
    names = dict(zip((int(row["bus_i"]) for row in case.bus), case.bus_names, strict=False))
    return FeederTables(
        bus=[_bus(number, row) | {"name": names.get(number) or None} for number, row in active.buses.items()],
        line=[_line(case.base_mva, row, number, active.buses) for number, row in active.branches],
        load=[_load(number, row) for number, row in active.buses.items() if row["Pd"] or row["Qd"]],
        slack_bus=str(slack),
        slack_vm_pu=float(active.units[0]["Vg"] if active.units else active.buses[slack]["Vm"]),
        base_mva=case.base_mva,
        supply=supply_of(active.units),
        remarks=tuple(_remarks(case, active)),
    )


def number_problems(case: CaseFile) -> Iterator[Problem]:
    """Yield bus numbers that are none or stand twice, and types that are unknown."""
    first: dict[float, Row] = {}
    for row in case.bus:
        number = row["bus_i"]
        if not (number >= 1.0 and number == int(number)):
            yield replace(row.at, reason=f"bus number {number:g} is not a whole number >= 1")
        elif first.setdefault(number, row) is not row:
            yield replace(row.at, reason=f"bus {number:g} stands already in line {first[number].at.line}")
        if row["type"] not in _TYPES:
            yield replace(row.at, reason=f"type {row['type']:g} of bus {number:g} is unknown; known: 1, 2, 3, 4")


def _bus_problems(active: _InService) -> Iterator[Problem]:
    for number, row in active.buses.items():
        if row["Gs"] or row["Bs"]:
            reason, remedy = "a shunt (Gs, Bs) is not modelled", "give it as a load or a device"
            yield replace(row.at, field=f"bus {number}", reason=reason, remedy=remedy)
        if not row["Vmin"] <= row["Vmax"]:
            yield replace(row.at, field=f"bus {number}", reason=f"Vmin {row['Vmin']:g} is above Vmax {row['Vmax']:g}")


def _branch_problems(active: _InService) -> Iterator[Problem]:
    for _, row in active.branches:
        at = replace(row.at, field=f"branch {row['fbus']:g}-{row['tbus']:g}")
        if row["b"]:
            yield replace(at, reason=f"b {row['b']:g} must be 0: the branch flow has no line charging")
        if row["angle"] or row["ratio"] not in (0.0, 1.0):
            yield replace(at, reason="a transformer is not modelled", remedy="refer it to one voltage level")
        if row["rateA"] < 0.0:
            yield replace(at, reason=f"rateA {row['rateA']:g} must be >= 0", remedy="give 0 for no limit")
        for end in ("fbus", "tbus"):
            if row[end] not in active.buses:
                yield replace(at, reason=f"bus {row[end]:g} is not in service")


def _unit_problems(active: _InService) -> Iterator[Problem]:
    held: dict[float, float] = {}
    for row in active.units:
        at = replace(row.at, field=f"gen at bus {row['bus']:g}")
        if row["bus"] not in active.slacks:
            remedy = "set its status to 0 and give it as a device of the scenario"
            yield replace(at, reason="a generator is not modelled", remedy=remedy)
        elif (first := held.setdefault(row["bus"], row["Vg"])) != row["Vg"]:
            reason = f"Vg {row['Vg']:g} pu, but another generator of the bus holds {first:g} pu"
            yield replace(at, reason=reason, remedy="give one voltage")


def voltage_limits(row: Row) -> dict[str, float | None]:
    """Return the limits of a bus; equal ones are no band."""
    equal = row["Vmin"] == row["Vmax"]
    low = row["Vmin"] if row["Vmin"] > 0.0 and not equal else None
    high = row["Vmax"] if math.isfinite(row["Vmax"]) and not equal else None
    return {"min_vm_pu": low, "max_vm_pu": high}


def _bus(number: int, row: Row) -> Cells:
    return {"id": str(number), "vn_kv": row["baseKV"], **voltage_limits(row)}


def _line(base_mva: float, row: Row, number: int, buses: dict[int, Row]) -> Cells:
    """Return a branch as a line of 1 km; impedance in ohm, rating in kA."""
    level = buses[int(row["fbus"])]["baseKV"]
    ohm, rating = base_impedance_ohm(base_mva, level), row["rateA"]
    limited = 0.0 < rating < math.inf and level > 0.0
    return {
        "id": str(number), "from_bus": str(int(row["fbus"])), "to_bus": str(int(row["tbus"])), "length_km": 1.0,
        "r_ohm_per_km": row["r"] * ohm, "x_ohm_per_km": row["x"] * ohm, "c_nf_per_km": 0.0,
        "max_i_ka": rating / (math.sqrt(3.0) * level) if limited else None,
    }  # fmt: skip


def _load(number: int, row: Row) -> Cells:
    return {"id": str(number), "bus": str(number), "p_mw": row["Pd"], "q_mvar": row["Qd"]}


def supply_of(units: list[Row]) -> Supply:
    """Return the limits of all generators at a slack bus together."""
    return Supply(
        p_max_mw=sum(row.get("Pmax", math.inf) for row in units) if units else math.inf,
        p_min_mw=sum(row.get("Pmin", -math.inf) for row in units) if units else -math.inf,
        q_max_mvar=sum(row["Qmax"] for row in units) if units else math.inf,
        q_min_mvar=sum(row["Qmin"] for row in units) if units else -math.inf,
    )


def case_remarks(case: CaseFile) -> tuple[str, ...]:
    """Return what of a case was computed, and what has no place in a feeder."""
    costs = "costs of generators (gencost) are left out: tariff and devices are the scenario's"
    return (*(f"evaluated, {statement}" for statement in case.evaluated), *((costs,) if case.has_costs else ()))


def equal_limits(buses: Mapping[int, Row]) -> Iterator[str]:
    """Yield which buses have limits that are no band."""
    if equal := [f"{number}" for number, row in buses.items() if row["Vmin"] == row["Vmax"]]:
        yield f"Vmin and Vmax of bus {listed(equal)} are equal, which is no band; it is left to the scenario"


def _remarks(case: CaseFile, active: _InService) -> Iterator[str]:
    yield from case_remarks(case)
    if out := len(case.branch) - len(active.branches):
        yield f"{out} branches out of service are left out"
    isolated = [row for row in case.bus if int(row["type"]) == _ISOLATED]
    if isolated:
        p, q = (sum(row[name] for row in isolated) for name in ("Pd", "Qd"))
        yield f"{len(isolated)} isolated buses are left out, with {p:g} MW and {q:g} Mvar"
    yield from equal_limits(active.buses)
    if not active.units:
        yield f"no generator stands at the slack bus; its voltage is the start voltage Vm of bus {active.slacks[0]}"
