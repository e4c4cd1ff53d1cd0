"""What the tables of a feeder folder with transformers, shunts and switches may hold; each mistake with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from cosim.errors import Problem
from cosim.grid.table_rules import Rule, line_problems, reference_problems, rows_in_service, rule_problems
from cosim.grid.topology import listed
from cosim.tables import Table

TRAFO = {
    "id": str, "hv_bus": str, "lv_bus": str, "sn_mva": float, "vn_hv_kv": float, "vn_lv_kv": float,
    "vk_percent": float, "vkr_percent": float, "pfe_kw": float, "i0_percent": float,
}  # fmt: skip
TRAFO_OPTIONAL = {
    "name": str, "shift_degree": float, "tap_side": str, "tap_neutral": float, "tap_min": float, "tap_max": float,
    "tap_step_percent": float, "tap_step_degree": float, "tap_pos": float, "tap_changer_type": str, "parallel": int,
    "df": float, "max_loading_percent": float, "in_service": bool,
}  # fmt: skip
SHUNT: dict[str, type] = {"id": str, "bus": str, "p_mw": float, "q_mvar": float}
SHUNT_OPTIONAL = {"name": str, "vn_kv": float, "step": int, "in_service": bool}
SWITCH: dict[str, type] = {"id": str, "bus": str, "element": str, "et": str}
SWITCH_OPTIONAL = {"name": str, "closed": bool, "z_ohm": float}
NET_COLUMNS: Mapping[str, tuple[dict[str, type], dict[str, type]]] = MappingProxyType(
    {
        "trafo.csv": (TRAFO, TRAFO_OPTIONAL),
        "shunt.csv": (SHUNT, SHUNT_OPTIONAL),
        "switch.csv": (SWITCH, SWITCH_OPTIONAL),
    }
)
"""Required and optional columns of each table."""
SWITCHED: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {"b": ("bus.csv", ()), "l": ("line.csv", ("from_bus", "to_bus")), "t": ("trafo.csv", ("hv_bus", "lv_bus"))}
)
"""What a switch is at, by its ``et``: the table that ``element`` names a row of, and the columns of its ends."""
_POSITIVE = ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent")
_NOT_NEGATIVE = ("vkr_percent", "pfe_kw", "i0_percent")
_SIDES, _CHANGERS = ("hv", "lv"), ("Ratio", "Symmetrical", "Ideal")
_TAP = ("tap_side", "tap_neutral", "tap_step_percent", "tap_changer_type")

_LINE_RULES = (
    Rule("c_nf_per_km", lambda v: v >= 0.0, "must be >= 0", "check the sign"),
    Rule("g_us_per_km", lambda v: v >= 0.0, "must be >= 0", "check the sign"),
)
_TRAFO_RULES = (
    *(Rule(name, lambda v: v > 0.0, "must be > 0", "give it") for name in _POSITIVE),
    *(Rule(name, lambda v: v >= 0.0, "must be >= 0", "check the sign") for name in _NOT_NEGATIVE),
    Rule("tap_side", lambda v: v in _SIDES, "must be hv or lv", "name the side with the taps"),
    Rule("tap_changer_type", lambda v: v in _CHANGERS, f"must be one of {', '.join(_CHANGERS)}", "use Ratio"),
    Rule("max_loading_percent", lambda v: v > 0.0, "must be > 0", "use 100"),
    Rule("df", lambda v: 0.0 < v <= 1.0, "must be in (0, 1]", "use 1 for no derating"),
    Rule("parallel", lambda v: v >= 1, "must be >= 1", "use 1"),
)  # fmt: skip
_SHUNT_RULES = (
    Rule("vn_kv", lambda v: v > 0.0, "must be > 0", "leave it empty for the bus's own"),
    Rule("step", lambda v: v >= 0, "must be >= 0", "use 1"),
)
_SWITCH_RULES = (
    Rule("et", lambda v: v in SWITCHED, f"must be one of {', '.join(SWITCHED)}", "b: bus, l: line, t: transformer"),
    Rule("z_ohm", lambda v: v >= 0.0, "must be >= 0", "use 0"),
)


def net_line_problems(bus: Table | None, line: Table) -> list[Problem]:
    """Return the mistakes of line.csv in a folder whose lines may have charging."""
    return line_problems(bus, line, charging=_LINE_RULES)


def level_problems(bus: Table, line: Table) -> Iterator[Problem]:
    """Yield lines between voltage levels, which only a transformer joins."""
    level = dict(zip(bus.columns["id"], bus.columns["vn_kv"], strict=True))
    for row in rows_in_service(line):
        ends = [level.get(line.columns[name][row]) for name in ("from_bus", "to_bus")]
        if None not in ends and ends[0] != ends[1]:
            reason = f"joins {ends[0]:g} kV and {ends[1]:g} kV"
            yield line.problem(row, "to_bus", reason, "give a transformer in trafo.csv")


def trafo_problems(bus: Table | None, trafo: Table) -> Iterator[Problem]:
    """Yield the mistakes of trafo.csv; None: the buses are not known."""
    rows = rows_in_service(trafo)
    yield from (*trafo.duplicates("id"), *trafo.tiny(), *rule_problems(trafo, _TRAFO_RULES, rows))
    for column in ("hv_bus", "lv_bus"):
        yield from reference_problems(trafo, column, bus)
    positions = trafo.columns.get("tap_pos", [None] * len(trafo))
    for row in rows:
        given = {name: trafo.columns[name][row] if name in trafo.columns else None for name in _TAP}
        missing = [name for name, value in given.items() if value is None]
        if positions[row] is not None and missing:
            reason = f"{positions[row]:g} without {', '.join(missing)} has no effect"
            yield trafo.problem(row, "tap_pos", reason, "give them, or remove it")
        if trafo.columns["hv_bus"][row] == trafo.columns["lv_bus"][row]:
            yield trafo.problem(row, "lv_bus", "is the same bus as hv_bus", "name the bus of the other side")


def shunt_problems(bus: Table | None, shunt: Table) -> Iterator[Problem]:
    """Yield the mistakes of shunt.csv; None: the buses are not known."""
    yield from (*shunt.duplicates("id"), *shunt.tiny(), *reference_problems(shunt, "bus", bus))
    yield from rule_problems(shunt, _SHUNT_RULES, rows_in_service(shunt))


def switch_problems(tables: Mapping[str, Table]) -> Iterator[Problem]:
    """Yield the mistakes of switch.csv: what it names must be there, and end at its bus."""
    switch, bus = tables["switch.csv"], tables["bus.csv"]
    yield from (*switch.duplicates("id"), *switch.tiny(), *reference_problems(switch, "bus", bus))
    yield from rule_problems(switch, _SWITCH_RULES, range(len(switch)))
    for row in range(len(switch)):
        at, element, kind = (switch.columns[name][row] for name in ("bus", "element", "et"))
        if kind not in SWITCHED:
            continue
        file, columns = SWITCHED[kind]
        ids = tables[file].columns["id"] if file in tables else []
        if element not in ids:
            reason = f"{element!r} is not in {file}"
            yield switch.problem(row, "element", reason, f"known: {listed(ids)}" if ids else f"there is no {file}")
        elif columns and at not in (ends := [tables[file].columns[name][ids.index(element)] for name in columns]):
            reason = f"bus {at!r} is no end of {element!r}"
            yield switch.problem(row, "bus", reason, f"its ends are {' and '.join(ends)}")
