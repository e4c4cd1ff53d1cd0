"""What the three tables of a feeder may hold: columns, bounds and references, each mistake with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.errors import Problem
from cosim.grid.feeder import SLACK_VM_RANGE_PU
from cosim.grid.topology import Tree, listed
from cosim.tables import Table, is_tiny

BUS = {"id": str, "vn_kv": float}
BUS_OPTIONAL = {
    "name": str, "x": float, "y": float, "min_vm_pu": float, "max_vm_pu": float, "in_service": bool,
}  # fmt: skip
LEAST_OHM = 1e-6
"""Least impedance of a line: a hundredth of what a centimetre of cable has."""
LIMITS = ("min_vm_pu", "max_vm_pu")
LINE = {
    "id": str, "from_bus": str, "to_bus": str,
    "length_km": float, "r_ohm_per_km": float, "x_ohm_per_km": float, "c_nf_per_km": float,
}  # fmt: skip
LINE_OPTIONAL = {
    "name": str, "g_us_per_km": float, "max_i_ka": float, "max_loading_percent": float, "df": float,
    "parallel": int, "in_service": bool,
}  # fmt: skip
LOAD = {"id": str, "bus": str, "p_mw": float, "q_mvar": float}
LOAD_OPTIONAL = {"name": str, "scaling": float, "in_service": bool}


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound of one column, and the way out."""

    column: str
    holds: Callable[[Any], bool]
    reason: str
    remedy: str


_BUS_RULES = (
    Rule("vn_kv", lambda v: v > 0.0, "must be > 0", "give the nominal voltage in kV"),
    Rule(
        "in_service", lambda v: v, "must be true: a bus out of service is not modelled", "remove the bus and its lines"
    ),
    Rule("min_vm_pu", lambda v: v >= 0.0, "must be >= 0", "give pu"),
    Rule("max_vm_pu", lambda v: v > 0.0, "must be > 0", "give pu"),
)
_LINE_RULES = (
    Rule("length_km", lambda v: v > 0.0, "must be > 0", "give km"),
    Rule("r_ohm_per_km", lambda v: v >= 0.0, "must be >= 0", "check the sign"),
    Rule("x_ohm_per_km", lambda v: v >= 0.0, "must be >= 0", "check the sign"),
    Rule("max_i_ka", lambda v: v > 0.0, "must be > 0", "leave the field empty if there is no limit"),
    Rule("max_loading_percent", lambda v: v > 0.0, "must be > 0", "use 100"),
    Rule("df", lambda v: 0.0 < v <= 1.0, "must be in (0, 1]", "use 1 for no derating"),
    Rule("parallel", lambda v: v >= 1, "must be >= 1", "use 1"),
)
_NO_CHARGING = (
    Rule(
        "c_nf_per_km",
        lambda v: v == 0.0,
        "must be 0: line charging is not modelled by the branch flow (100 nF/km moves the voltage by 0.003 pu)",
        "give 0, or its reactive power as loads",
    ),
    Rule("g_us_per_km", lambda v: v == 0.0, "must be 0: shunt conductance is not modelled", "give 0"),
)
_LOAD_RULES = (Rule("scaling", lambda v: v >= 0.0, "must be >= 0", "use 1"),)


def setting_problems(
    bus: Table | None, slack_bus: str | Sequence[str], slack_vm_pu: float, base_mva: float
) -> list[Problem]:
    """Return the mistakes of the arguments that do not come from the files; None: the buses are not known."""
    problems = []
    names = [slack_bus] if isinstance(slack_bus, str) else list(slack_bus)
    if len(names) != 1:
        reason = f"{len(names)} slack buses ({listed(names)}); a radial feeder has one supply"
        problems.append(Problem(field="slack_bus", reason=reason, remedy="name one bus"))
    for name in names:
        if bus is not None and name not in bus.columns["id"]:
            reason = f"bus {name!r} is not in {bus.file}; its buses are {listed(bus.columns['id'])}"
            problems.append(Problem(field="slack_bus", reason=reason, remedy="name one of them"))
    low, high = SLACK_VM_RANGE_PU
    if not low <= slack_vm_pu <= high:
        reason = f"{slack_vm_pu} outside {low}..{high}"
        problems.append(Problem(field="slack_vm_pu", reason=reason, remedy="kV? Give pu"))
    if not (math.isfinite(base_mva) and base_mva > 0.0):
        problems.append(Problem(field="base_mva", reason=f"{base_mva} must be finite and > 0"))
    return problems


def rows_in_service(table: Table) -> list[int]:
    """Return the rows in service; an absent column or empty field means in service."""
    states = table.columns.get("in_service", [True] * len(table))
    return [row for row, state in enumerate(states) if state is not False]


def rule_problems(table: Table, rules: Sequence[Rule], rows: Sequence[int]) -> list[Problem]:
    """Return the fields that break a rule; empty fields and absent columns break none."""
    judged = frozenset(rows)
    return [
        table.problem(row, rule.column, f"{_text(value)} {rule.reason}", rule.remedy)
        for rule in rules
        for row, value in enumerate(table.columns.get(rule.column, []))
        if row in judged and value is not None and not rule.holds(value)
    ]


def _text(value: float | bool | str) -> str:
    """Return a value as the file would spell it."""
    if isinstance(value, str):
        return repr(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def reference_problems(table: Table, column: str, bus: Table | None) -> list[Problem]:
    """Return the fields that name a bus which is not in bus.csv; none where the buses are not known."""
    if bus is None:
        return []
    known = set(bus.columns["id"])
    return [
        table.problem(row, column, f"bus {value!r} is not in {Path(bus.file).name}", _known_buses(bus))
        for row, value in enumerate(table.columns[column])
        if value not in known
    ]


def _known_buses(bus: Table) -> str:
    return f"its buses are {listed(bus.columns['id'])}"


def bus_row_problems(bus: Table) -> list[Problem]:
    """Return the mistakes of the rows of bus.csv, each by itself."""
    return bus.duplicates("id") + bus.tiny() + rule_problems(bus, _BUS_RULES, range(len(bus)))


def bus_problems(bus: Table, limits: Sequence[Sequence[float | None]]) -> list[Problem]:
    """Return the mistakes of bus.csv and of the voltage limits, lower and upper, of its buses."""
    problems = bus_row_problems(bus)
    levels = bus.columns["vn_kv"]
    problems += [
        bus.problem(
            row, "vn_kv", f"{level:g} kV, but bus {bus.columns['id'][0]!r} has {levels[0]:g} kV",
            "a transformer is not modelled: give one voltage level",
        )
        for row, level in enumerate(levels)
        if level != levels[0]
    ]  # fmt: skip
    if ("x" in bus.columns) != ("y" in bus.columns):
        problems.append(Problem(file=bus.file, reason="columns x and y stand only together"))
    missing = [name for name, values in zip(LIMITS, limits, strict=True) if name not in bus.columns and None in values]
    if missing:
        reason = f"no voltage limit: column {' and '.join(missing)} is missing"
        return [*problems, Problem(bus.file, reason=reason, remedy="give v_min_pu and v_max_pu")]
    for row, (least, most) in enumerate(zip(*limits, strict=True)):
        if least is None or most is None:
            problems.append(bus.problem(row, "id", "the voltage limit is empty", "give pu"))
        elif not least < most:
            reason = f"{least:g} is not below max_vm_pu {most:g}"
            problems.append(bus.problem(row, "min_vm_pu", reason, "swap them"))
    return problems


def line_problems(bus: Table | None, line: Table, *, charging: Sequence[Rule] = _NO_CHARGING) -> list[Problem]:
    """Return the mistakes of line.csv, apart from the topology; None: the buses are not known.

    ``charging`` are the rules of what a line draws by its voltage alone.
    """
    rows = rows_in_service(line)
    problems = line.duplicates("id") + line.tiny() + rule_problems(line, (*_LINE_RULES, *charging), rows)
    for column in ("from_bus", "to_bus"):
        problems += reference_problems(line, column, bus)
    r, x, length = (line.columns[name] for name in ("r_ohm_per_km", "x_ohm_per_km", "length_km"))
    start, end = line.columns["from_bus"], line.columns["to_bus"]
    for row in rows_in_service(line):
        ohm = abs(math.hypot(r[row], x[row]) * length[row])
        if r[row] == 0.0 and x[row] == 0.0:
            remedy = "use a switch: merge its two buses into one"
            problems.append(line.problem(row, "r_ohm_per_km", "r and x are both 0", remedy))
        elif 0.0 < ohm < LEAST_OHM and not is_tiny(ohm):
            reason = f"r and x make {ohm:g} ohm, less than {LEAST_OHM:g}: no line is that short"
            problems.append(line.problem(row, "r_ohm_per_km", reason, "merge its two buses into one"))
        if start[row] == end[row]:
            problems.append(line.problem(row, "to_bus", f"same bus {end[row]!r} as from_bus", "remove the line"))
    return problems


def load_problems(bus: Table | None, load: Table) -> list[Problem]:
    """Return the mistakes of load.csv; None: the buses are not known."""
    problems = load.duplicates("id") + load.tiny() + reference_problems(load, "bus", bus)
    return problems + rule_problems(load, _LOAD_RULES, rows_in_service(load))


def tree_problems(bus: Table, line: Table, tree: Tree) -> list[Problem]:
    """Return the loops and the buses without supply."""
    ids = bus.columns["id"]
    active = rows_in_service(line)
    field = "in_service" if "in_service" in line.columns else "id"
    problems = [
        line.problem(active[k], field, f"closes loop {'-'.join(ids[b] for b in loop)}", "open one line")
        for k, loop in tree.loops
    ]
    problems += [bus.problem(b, "id", f"bus {ids[b]!r} has no supply", "close or add a line") for b in tree.unsupplied]
    return problems


def limits_pu(bus: Table, column: str, value: float | None, *, own: bool) -> list[float | None]:
    """Return a voltage limit of every bus.

    Parameters
    ----------
    bus
        The table of buses.
    column
        Its column of this limit, which may be absent.
    value
        What holds for all buses; None takes the column.
    own
        Whether the column goes first, so that ``value`` fills its empty fields.
    """
    given = bus.columns.get(column, [None] * len(bus))
    if value is None:
        return list(given)
    return [value if cell is None or not own else cell for cell in given]
