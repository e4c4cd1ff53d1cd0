"""pandapower's JSON, read as data: pandapower's own reader is not called, since it imports what the file names.

Only tables of numbers and words are taken. Any other object in the file, any element that the radial branch flow
cannot carry, and any voltage-dependent load is refused by name.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cosim.errors import InputError, Problem
from cosim.grid.formats.feeder_tables import FeederTables, Supply, read_text
from cosim.grid.reduction.bus_places import point_of
from cosim.plain import Cells
from cosim.tables import is_count

Frame = list[Mapping[str, Any]]

LONGEST_NUMBER = 400
"""Characters: floating-point numbers need no more."""
PICKLES = (".p", ".pkl", ".pickle")
_MODULES = frozenset(
    {"pandas.core.frame", "pandas.core.series", "pandapower.auxiliary", "networkx.classes.multigraph", "numpy"}
)
_CLASSES = frozenset({"DataFrame", "Series", "pandapowerNet", "MultiGraph", "dtype", "bool_", "int64", "float64"})
_NEEDED = ("bus", "line", "load", "ext_grid")
_HARMLESS = frozenset(
    {"poly_cost", "pwl_cost", "measurement", "group", "bus_geodata", "line_geodata", "characteristic"}
)
_LEFT_OUT = MappingProxyType({"poly_cost": "costs", "pwl_cost": "costs", "measurement": "measurements"})
_NAMES = MappingProxyType(
    {
        "trafo": "a transformer; refer its secondary side to one voltage level and give it as a line",
        "trafo3w": "a three-winding transformer",
        "gen": "a voltage-controlled generator; give it as a device of the scenario",
        "sgen": "a generator; give it as a device of the scenario",
        "storage": "a storage; give it as a device of the scenario",
        "shunt": "a shunt; give it as a load or a device",
        "switch": "a switch; remove closed ones, and take the line of an open one out of service",
        "ward": "a ward equivalent",
        "xward": "an extended ward equivalent",
        "impedance": "an impedance; give it as a line",
        "dcline": "a DC line",
        "motor": "a motor; give it as a load",
        "asymmetric_load": "an unbalanced load; the model is single-phase",
        "asymmetric_sgen": "an unbalanced generator; the model is single-phase",
        "controller": "a controller",
    }
)
_NO_LIMIT_PU = 2.0
_VOLTAGE_DEPENDENT = (
    "const_z_percent", "const_i_percent",
    "const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent",
)  # fmt: skip


def read_pandapower(path: Path | str) -> FeederTables:
    """Read a net that ``pandapower.to_json`` wrote.

    Elements out of service are left out. Ids are pandapower's indices.

    Raises
    ------
    InputError
        With everything in the file that is not data, incomplete, or not representable.
    """
    path = Path(path)
    frames, scalars = _frames(path)
    if missing := [name for name in _NEEDED if name not in frames]:
        raise InputError(
            Problem(file=path.name, field=name, reason="the table is missing", remedy="export the whole net")
            for name in missing
        )
    buses = {row["index"]: row for row in frames["bus"] if _in_service(row)}
    lines = [row for row in frames["line"] if _in_service(row)]
    loads = [row for row in frames["load"] if _in_service(row) and row["bus"] in buses]
    grids = [row for row in frames["ext_grid"] if _in_service(row) and row["bus"] in buses]
    problems = [*_not_modelled(path, frames), *_line_problems(path, lines, buses), *_load_problems(path, loads)]
    if len(grids) != 1:
        reason = f"{len(grids)} external grids are in service; a radial feeder has one supply"
        problems.append(Problem(file=path.name, field="ext_grid", reason=reason, remedy="keep one"))
    if problems:
        raise InputError(problems)
    slack = str(grids[0]["bus"])
    return FeederTables(
        bus=[_bus(row, slack) for row in buses.values()],
        line=[_line(row) for row in lines],
        load=[_load(row) for row in loads],
        slack_bus=slack,
        slack_vm_pu=float(grids[0]["vm_pu"]),
        base_mva=float(scalars.get("sn_mva", 1.0)),
        supply=_supply(grids[0]),
        remarks=tuple(_remarks(frames, len(lines), slack, buses)),
    )


def _frames(path: Path) -> tuple[dict[str, Frame], dict[str, float]]:
    """Return the tables of the file as rows, and its numbers."""
    content = document(path)
    net = content.get("_object", content)
    if isinstance(net, str):
        net = parsed(path, net)
    if not isinstance(net, dict):
        raise InputError(Problem(file=path.name, reason="holds no pandapower net", remedy="use pandapower.to_json"))
    frames: dict[str, Frame] = {}
    scalars: dict[str, float] = {}
    for name, value in net.items():
        if isinstance(value, dict) and value.get("_class") == "DataFrame":
            if not name.startswith(("res_", "_")):
                frames[name] = _rows(path, name, value.get("_object"))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            scalars[name] = value
    return frames, scalars


def document(path: Path) -> Mapping[str, Any]:
    """Return the parsed file after the scan for anything that is not data.

    Raises
    ------
    InputError
        With everything that is not.
    """
    if path.suffix in PICKLES:
        remedy = "open it where you trust it and use pandapower.to_json"
        raise InputError(
            Problem(file=path.name, field="(type)", reason="a pickle is refused: it runs code", remedy=remedy)
        )
    content = parsed(path, read_text(path))
    if not isinstance(content, dict):
        raise InputError(Problem(file=path.name, reason="holds no pandapower net", remedy="use pandapower.to_json"))
    if problems := list(_foreign(path, content)):
        raise InputError(problems)
    return content


def parsed(path: Path, text: str) -> Any:  # noqa: ANN401 - a JSON document
    """Return parsed JSON; keys given twice and numbers that are none are refused.

    Raises
    ------
    InputError
        At the first of them.
    """

    def unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
        if len(keys := dict(pairs)) < len(pairs):
            twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
            raise InputError(Problem(file=path.name, field=twice, reason="the key is given twice", remedy="keep one"))
        return keys

    def constant(token: str) -> float:
        line = text[: text.index(token)].count("\n") + 1
        shown = token if len(token) <= LONGEST_NUMBER else f"a number of {len(token):,} characters"
        reason = f"{shown} is not a finite number"
        raise InputError(Problem(file=path.name, line=line, column=1, reason=reason, remedy="give a finite number"))

    def whole(token: str) -> int:
        return int(token) if len(token) <= LONGEST_NUMBER else int(constant(token))

    def decimal(token: str) -> float:
        return value if len(token) <= LONGEST_NUMBER and math.isfinite(value := float(token)) else constant(token)

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=constant, parse_int=whole, parse_float=decimal)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg}"
        raise InputError(
            Problem(file=path.name, line=error.lineno, column=error.colno, reason=reason, remedy="copy it again")
        ) from None
    except RecursionError:
        raise InputError(Problem(file=path.name, reason="is nested too deeply")) from None


def _foreign(path: Path, value: Any, field: str = "") -> Iterator[Problem]:  # noqa: ANN401 - a JSON document
    """Yield every object that is not a table, a net or a plain type."""
    if isinstance(value, str) and '"_module"' in value:
        yield from _foreign(path, parsed(path, value), field)
    if isinstance(value, list):
        for item in value:
            yield from _foreign(path, item, field)
    if not isinstance(value, dict):
        return
    for key, known in (("_module", _MODULES), ("_class", _CLASSES)):
        if key in value and value[key] not in known:
            reason = f"{key} {value[key]!r} is refused: only tables are read"
            yield Problem(
                file=path.name, field=field or key, reason=reason, remedy="export with pandapower 3.5.6 or newer"
            )
    for key, item in value.items():
        yield from _foreign(path, item, key if key != "_object" else field)


def _rows(path: Path, name: str, text: Any) -> Frame:  # noqa: ANN401 - a JSON document
    """Return a table in pandas' split orientation as rows with their ``index``."""
    table = parsed(path, text) if isinstance(text, str) else text
    try:
        columns, index, data = table["columns"], table["index"], table["data"]
        return [
            {"index": number, **dict(zip(columns, row, strict=True))} for number, row in zip(index, data, strict=True)
        ]
    except (TypeError, KeyError, ValueError):
        reason = "the table is not in the split orientation that pandapower writes"
        raise InputError(Problem(file=path.name, field=name, reason=reason, remedy="export the whole net")) from None


def _in_service(row: Mapping[str, Any]) -> bool:
    return row.get("in_service") is not False


def _named(kind: str, row: Mapping[str, Any]) -> str:
    name = row.get("name")
    return f"{kind} {row['index']}" + (f" '{name}'" if name not in (None, "") else "")


def _not_modelled(path: Path, frames: Mapping[str, Frame]) -> Iterator[Problem]:
    """Yield the elements in service that the feeder cannot hold."""
    for kind, rows in frames.items():
        if kind in _NEEDED or kind in _HARMLESS or kind.startswith("std_types"):
            continue
        what = _NAMES.get(kind, f"this element ({kind})")
        for row in rows:
            if _in_service(row):
                yield Problem(file=path.name, field=_named(kind, row), reason=f"a feeder cannot hold {what}")


def _line_problems(path: Path, lines: Frame, buses: Mapping[Any, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the lines in service."""
    for row in lines:
        field = _named("line", row)
        for column in ("c_nf_per_km", "g_us_per_km"):
            if row.get(column):
                reason = f"{column} {row[column]:g} must be 0: the branch flow has no line charging"
                yield Problem(file=path.name, field=field, reason=reason, remedy="give 0, or its power as loads")
        for end in ("from_bus", "to_bus"):
            if row[end] not in buses:
                reason = f"{end} {row[end]} is not a bus in service"
                yield Problem(file=path.name, field=field, reason=reason, remedy="take the line out of service")


def _load_problems(path: Path, loads: Frame) -> Iterator[Problem]:
    for row in loads:
        for column in _VOLTAGE_DEPENDENT:
            if row.get(column):
                reason = f"{column} {row[column]:g} must be 0: loads have constant power"
                yield Problem(file=path.name, field=_named("load", row), reason=reason, remedy="set it to 0")


def _bus(row: Mapping[str, Any], slack: str) -> Cells:
    # pandapower fills 0 and 2 pu into all other buses once one of them has a limit
    low, high = row.get("min_vm_pu") or None, row.get("max_vm_pu")
    high = None if high == _NO_LIMIT_PU else high
    if str(row["index"]) == slack and low is not None and low == high:
        low = high = None
    x, y = point_of(row.get("geo")) or (None, None)
    return {
        "id": str(row["index"]), "name": _word(row), "vn_kv": row["vn_kv"], "min_vm_pu": low, "max_vm_pu": high,
        "x": x, "y": y,
    }  # fmt: skip


def _line(row: Mapping[str, Any]) -> Cells:
    columns = (
        "length_km", "r_ohm_per_km", "x_ohm_per_km", "max_i_ka", "df", "parallel", "max_loading_percent",
    )  # fmt: skip
    return {
        "id": str(row["index"]), "name": _word(row), "from_bus": str(row["from_bus"]), "to_bus": str(row["to_bus"]),
        "c_nf_per_km": 0.0, **{name: row.get(name) for name in columns},
    }  # fmt: skip


def _load(row: Mapping[str, Any]) -> Cells:
    return {
        "id": str(row["index"]), "name": _word(row), "bus": str(row["bus"]), "p_mw": row["p_mw"],
        "q_mvar": row["q_mvar"], "scaling": row.get("scaling"),
    }  # fmt: skip


def _supply(row: Mapping[str, Any]) -> Supply:
    """Return the limits of the external grid; a field that is empty is no limit."""
    columns = {"max_p_mw": "p_max_mw", "min_p_mw": "p_min_mw", "max_q_mvar": "q_max_mvar", "min_q_mvar": "q_min_mvar"}
    return Supply(**{name: float(row[column]) for column, name in columns.items() if row.get(column) is not None})


def _word(row: Mapping[str, Any]) -> str | None:
    name = row.get("name")
    return None if name in (None, "") else str(name)


def _remarks(frames: Mapping[str, Frame], lines: int, slack: str, buses: Mapping[Any, Any]) -> Iterator[str]:
    if out := len(frames["line"]) - lines:
        yield f"{out} lines out of service are left out"
    if out := len(frames["bus"]) - len(buses):
        yield f"{out} buses out of service are left out, with their loads"
    for kind, what in _LEFT_OUT.items():
        if frames.get(kind):
            yield f"{len(frames[kind])} rows of {kind} are left out: {what} are the scenario's"
    row = buses.get(int(slack)) if is_count(slack) else None
    if row is not None and row.get("min_vm_pu") is not None and row.get("min_vm_pu") == row.get("max_vm_pu"):
        yield f"the limits of the slack bus {slack} are equal and left to the scenario"
