"""MATPOWER case files (version 2), read as data: nothing of them is executed.

Distribution cases often end with statements that turn kW into MW and ohm into per unit; these two are recognised
and applied. Any other statement is refused, since its effect would be lost without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosim.errors import InputError, Problem
from cosim.grid.formats.feeder_tables import FeederTables, read_text

_BUS = ("bus_i", "type", "Pd", "Qd", "Gs", "Bs", "area", "Vm", "Va", "baseKV", "zone", "Vmax", "Vmin")
_BRANCH = ("fbus", "tbus", "r", "x", "b", "rateA", "rateB", "rateC", "ratio", "angle", "status")
_GEN = ("bus", "Pg", "Qg", "Qmax", "Qmin", "Vg", "mBase", "status")
_MATRICES = {"bus": _BUS, "branch": _BRANCH, "gen": _GEN}
_IGNORED = frozenset({"version", "gencost", "bus_name", "areas", "gentype", "genfuel"})
_SLACK, _ISOLATED, _PV = 3, 4, 2

_ASSIGNMENT = re.compile(r"mpc\.(\w+)\s*=\s*(.*)", re.DOTALL)
_KW = re.compile(r"mpc\.bus\(:,\[PD,?QD\]\)=mpc\.bus\(:,\[PD,?QD\]\)/(?:1e3|1000)")
_OHM = re.compile(r"mpc\.branch\(:,\[BR_R,?BR_X\]\)=mpc\.branch\(:,\[BR_R,?BR_X\]\)/\(Vbase\^2/Sbase\)")
_HARMLESS = (
    re.compile(r"function.*"), re.compile(r"end(function)?"),
    re.compile(r"\[[A-Z0-9_,]+\]=(idx_bus|idx_brch|idx_gen|idx_cost)"),
    re.compile(r"Vbase=mpc\.bus\(1,BASE_KV\)\*1e3"), re.compile(r"Sbase=mpc\.baseMVA\*1e6"),
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a case file says: matrices as rows with their line, and whether units are turned at its end."""

    base_mva: float
    rows: dict[str, list[Row]]
    in_kw: bool
    in_ohm: bool


def read_matpower(path: Path | str) -> FeederTables:
    """Read a radial MATPOWER case.

    Branches and generators out of service and isolated buses are left out; lines get a length of 1 km.

    Raises
    ------
    InputError
        With everything that is not data, incomplete, or not representable.
    """
    path = Path(path)
    case = _case(path)
    buses = {int(row["bus_i"]): row for row in case.rows["bus"] if int(row["type"]) != _ISOLATED}
    branches = [row for row in case.rows["branch"] if row["status"]]
    units = [row for row in case.rows["gen"] if row["status"] and int(row["bus"]) in buses]
    slacks = [number for number, row in buses.items() if int(row["type"]) == _SLACK]
    problems = [*_bus_problems(buses), *_branch_problems(branches, buses), *_gen_problems(units, slacks)]
    if len(slacks) != 1:
        reason = f"{len(slacks)} buses are of type 3 (reference); a radial feeder has one supply"
        problems.append(Problem(file=path.name, field="mpc.bus", reason=reason, remedy="keep one"))
    if problems:
        raise InputError(problems)
    slack = slacks[0]
    voltage = next((float(row["Vg"]) for row in units if int(row["bus"]) == slack), float(buses[slack]["Vm"]))
    scale = 1e-3 if case.in_kw else 1.0
    return FeederTables(
        bus=[_bus(number, row, slack) for number, row in buses.items()],
        line=[_line(case, row, number, buses) for number, row in enumerate(case.rows["branch"], 1) if row["status"]],
        load=[_load(number, row, scale) for number, row in buses.items() if row["Pd"] or row["Qd"]],
        slack_bus=str(slack),
        slack_vm_pu=voltage,
        base_mva=case.base_mva,
        remarks=tuple(_remarks(case, len(buses), len(branches))),
    )


def _case(path: Path) -> _Case:
    """Return the data of a case file."""
    if path.suffix != ".m":
        raise InputError(Problem(file=path.name, field="(type)", reason="is no MATPOWER case file (.m)"))
    base, rows = math.nan, dict.fromkeys(_MATRICES, list[Row]())
    turned: set[str] = set()
    problems: list[Problem] = []
    for line, statement in _statements(read_text(path)):
        found = _ASSIGNMENT.fullmatch(statement)
        name, value = (found[1], found[2]) if found else ("", "")
        if name in _MATRICES:
            rows[name] = _matrix(path, name, value, line, problems)
        elif name == "baseMVA":
            base = _scalar(path, value, line)
        elif name not in _IGNORED and (not name or re.sub(r"[\[\]{}\s;]", "", value)):
            turned |= _code(path, statement, line, problems)
    problems += [
        Problem(file=path.name, field=f"mpc.{name}", reason="is missing or empty")
        for name in ("bus", "branch")
        if not rows[name]
    ]
    if not (math.isfinite(base) and base > 0.0):
        problems.append(Problem(file=path.name, field="mpc.baseMVA", reason="is missing or not > 0"))
    if problems:
        raise InputError(problems)
    return _Case(base_mva=base, rows=rows, in_kw="kw" in turned, in_ohm="ohm" in turned)


def _code(path: Path, statement: str, line: int, problems: list[Problem]) -> set[str]:
    """Return which unit a statement turns; one that is not known is a problem."""
    squeezed = re.sub(r"\s+", "", re.sub(r"(?<=[A-Z0-9_])\s+(?=[A-Z])", ",", statement))
    for unit, pattern in (("kw", _KW), ("ohm", _OHM)):
        if pattern.fullmatch(squeezed):
            return {unit}
    if not any(pattern.fullmatch(squeezed) for pattern in _HARMLESS):
        reason = f"'{' '.join(statement.split())[:60]}' is not data; its effect would be lost"
        problems.append(Problem(file=path.name, line=line, column=1, reason=reason, remedy="evaluate it, use savecase"))
    return set()


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each statement; comments are gone, a matrix is one statement."""
    open_brackets, start, parts = 0, 0, list[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        code = re.sub(r"%.*", "", raw) if "'" not in raw.split("%")[0] else re.sub(r"%[^']*$", "", raw)
        continued = code.rstrip().endswith("...")
        code = code.rstrip().removesuffix("...")
        if not code.strip() and not parts:
            continue
        start = start if parts else number
        parts.append(code)
        open_brackets += sum(code.count(c) for c in "[{(") - sum(code.count(c) for c in "]})")
        if open_brackets <= 0 and not continued:
            yield start, "\n".join(parts).strip().rstrip(";").strip()
            open_brackets, parts = 0, []
    if parts:
        yield start, "\n".join(parts).strip()


def _matrix(path: Path, name: str, text: str, line: int, problems: list[Problem]) -> list[Row]:
    """Return the rows of a matrix by column name, each with its line."""
    columns, rows = _MATRICES[name], []
    for offset, part in enumerate(text.split("\n")):
        for cells in re.sub(r"[\[\]]", " ", part).split(";"):
            if not (words := cells.replace(",", " ").split()):
                continue
            at = Problem(file=path.name, line=line + offset, column=1, field=f"mpc.{name}")
            try:
                values = [float(word) for word in words]
            except ValueError:
                problems.append(replace(at, reason=f"{' '.join(words)[:40]!r} are not numbers"))
                continue
            if len(values) < len(columns):
                problems.append(replace(at, reason=f"{len(values)} columns; at least {len(columns)} are needed"))
            elif not all(math.isfinite(value) for value in values[: len(columns)]):
                problems.append(replace(at, reason="a number is not finite"))
            else:
                rows.append({**dict(zip(columns, values, strict=False)), "at": at})
    return rows


def _scalar(path: Path, text: str, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        reason = f"{text!r} is not a number"
        raise InputError(Problem(file=path.name, line=line, column=1, field="mpc.baseMVA", reason=reason)) from None


def _bus_problems(buses: dict[int, Row]) -> Iterator[Problem]:
    for number, row in buses.items():
        if row["Gs"] or row["Bs"]:
            reason, remedy = "a shunt (Gs, Bs) is not modelled", "give it as a load or a device"
            yield replace(row["at"], field=f"bus {number}", reason=reason, remedy=remedy)


def _branch_problems(branches: list[Row], buses: dict[int, Row]) -> Iterator[Problem]:
    for row in branches:
        at = replace(row["at"], field=f"branch {int(row['fbus'])}-{int(row['tbus'])}")
        if row["b"]:
            yield replace(at, reason=f"b {row['b']:g} must be 0: the branch flow has no line charging")
        if row["angle"] or row["ratio"] not in (0.0, 1.0):
            yield replace(at, reason="a transformer is not modelled", remedy="refer it to one voltage level")
        for end in ("fbus", "tbus"):
            if int(row[end]) not in buses:
                yield replace(at, reason=f"bus {int(row[end])} is not in service")


def _gen_problems(units: list[Row], slacks: list[int]) -> Iterator[Problem]:
    for row in units:
        if int(row["bus"]) not in slacks:
            remedy = "set its status to 0 and give it as a device of the scenario"
            at = replace(row["at"], field=f"gen at bus {int(row['bus'])}")
            yield replace(at, reason="a generator is not modelled", remedy=remedy)


def _bus(number: int, row: Row, slack: int) -> dict[str, Any]:
    free = number == slack and row["Vmin"] == row["Vmax"]
    return {
        "id": str(number), "vn_kv": row["baseKV"], "min_vm_pu": None if free else row["Vmin"],
        "max_vm_pu": None if free else row["Vmax"],
    }  # fmt: skip


def _line(case: _Case, row: Row, number: int, buses: dict[int, Row]) -> dict[str, Any]:
    """Return a branch as a line of 1 km; impedance in ohm, rating in kA."""
    first = next(iter(case.rows["bus"]))
    level = float(buses[int(row["fbus"])]["baseKV"])
    ohm = 1.0 if case.in_ohm else level**2 / case.base_mva
    if case.in_ohm:  # the file divides by the base of its first bus, and per unit means the bus's own
        ohm = (level / float(first["baseKV"])) ** 2
    return {
        "id": str(number), "from_bus": str(int(row["fbus"])), "to_bus": str(int(row["tbus"])), "length_km": 1.0,
        "r_ohm_per_km": row["r"] * ohm, "x_ohm_per_km": row["x"] * ohm, "c_nf_per_km": 0.0,
        "max_i_ka": row["rateA"] / (math.sqrt(3.0) * level) if row["rateA"] > 0.0 else None,
    }  # fmt: skip


def _load(number: int, row: Row, scale: float) -> dict[str, Any]:
    return {"id": str(number), "bus": str(number), "p_mw": row["Pd"] * scale, "q_mvar": row["Qd"] * scale}


def _remarks(case: _Case, buses: int, branches: int) -> Iterator[str]:
    if case.in_kw:
        yield "loads stand in kW in the file and are turned into MW, as it says at its end"
    if case.in_ohm:
        yield "impedances stand in ohm in the file, as it says at its end"
    if out := len(case.rows["branch"]) - branches:
        yield f"{out} branches out of service are left out"
    if out := len(case.rows["bus"]) - buses:
        yield f"{out} isolated buses are left out"
