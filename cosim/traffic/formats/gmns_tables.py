"""The tables of a GMNS folder with the names and spellings that its dialects use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cosim.errors import InputError, Problem
from cosim.tables import Table, read_table

NODE_COLUMNS: dict[str, type] = {"node_id": str, "x_coord": float, "y_coord": float}
DEMAND_COLUMNS: dict[str, type] = {"o_zone_id": str, "d_zone_id": str, "volume": float}
_LINK_COLUMNS: dict[str, type] = {"link_id": str, "from_node_id": str, "to_node_id": str}
_LINK_NUMBERS: dict[str, type] = {
    "directed": bool,
    **dict.fromkeys(("dir_flag", "length", "free_speed", "capacity", "lanes", "toll"), float),
}
_VDF_NUMBERS = ("fftt", "cap", "alpha", "beta", "phf", "plf", "peak_load_factor", "toll", "toll_auto", "preload")
_OTHERS: dict[str, type] = {"*": str}
_ID_COLUMNS = ("node_id", "link_id", "from_node_id", "to_node_id", "zone_id", "o_zone_id", "d_zone_id")
_FLOAT_ID = re.compile(r"(-?[0-9]+)\.0+")
_VDF = re.compile(r"vdf_([a-z_]+?)_?([0-9]*)", re.IGNORECASE)
_FIRST_PERIOD = ("", "1")

_OF_CARS = frozenset(
    (
        *("all", "any", "general", "traffic", "auto", "autos", "car", "cars", "drive", "driving", "motor"),
        *("motor_vehicle", "motor_vehicles", "vehicle", "vehicles", "passenger", "private", "sov", "da"),
    )
)
_NOT_OF_CARS = frozenset(
    (
        *("walk", "walking", "pedestrian", "pedestrians", "ped", "foot", "bike", "bikes", "bicycle", "bicycles"),
        *("cycle", "cycling", "bus", "buses", "transit", "rail", "railway", "train", "tram", "light_rail", "metro"),
        *("subway", "ferry", "truck", "trucks", "hov", "hov2", "hov3", "taxi", "shoulder", "parking", "none", "closed"),
    )
)
_SEPARATORS = re.compile(r"[^A-Za-z0-9_]+")

_NOT_READ = MappingProxyType(
    {
        "movement.csv": "every turn is allowed",
        "movement_tod.csv": "every turn is allowed at all times",
        "link_tod.csv": "links are the same at all times",
        "segment.csv": "links are the same over their length",
        "segment_tod.csv": "links are the same at all times",
        "lane_tod.csv": "lanes are open to all at all times",
        "settings.csv": "periods and classes are those of the command",
        "settings.yml": "periods and classes are those of the command",
    }
)
"""Tables that can change an equilibrium, and what holds without them."""


def read_nodes(path: Path | str) -> Table:
    """Return the table of nodes; ids written ``1.0`` are the id ``1``."""
    return _plain_ids(read_table(path, NODE_COLUMNS, _OTHERS))


def read_demand(path: Path | str) -> Table:
    """Return a table of trips, ids as `read_nodes` has them."""
    return _plain_ids(read_table(path, DEMAND_COLUMNS, _OTHERS))


def read_links(path: Path | str) -> Table:
    """Return the table of links; columns ``VDF_*`` of the first period have lower-case names without a number.

    Raises
    ------
    InputError
        If two columns mean the same, or none tells the direction.
    """
    patterns = {_any_case(f"vdf_{name}") + "*": float for name in _VDF_NUMBERS}
    table = _plain_ids(read_table(path, _LINK_COLUMNS, _LINK_NUMBERS | patterns | _OTHERS))
    names = {name: canonical(name) for name in table.columns}
    if twice := [name for name, other in names.items() if list(names.values()).count(other) > 1]:
        raise InputError(Problem(table.file, 1, 0, twice[0], f"columns {', '.join(twice)} mean the same", "keep one"))
    table = replace(
        table,
        columns={names[name]: values for name, values in table.columns.items()},
        field_numbers={names[name]: number for name, number in table.field_numbers.items()},
    )
    return _with_direction(table)


def canonical(name: str) -> str:
    """Return the name of a column as it is used here.

    >>> canonical("VDF_alpha1"), canonical("VDF_alpha2"), canonical("lanes")
    ('vdf_alpha', 'VDF_alpha2', 'lanes')
    """
    found = _VDF.fullmatch(name)
    return f"vdf_{found[1].lower()}" if found and found[2] in _FIRST_PERIOD else name


def _any_case(name: str) -> str:
    """Return a pattern for a name in any case."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in name)


def _plain_ids(table: Table) -> Table:
    """Return the table with the ids that a tool wrote as decimal numbers as whole ones."""
    changed = {
        name: [_FLOAT_ID.sub(r"\1", value) if value and _FLOAT_ID.fullmatch(value) else value for value in values]
        for name, values in table.columns.items()
        if name in _ID_COLUMNS
    }
    return replace(table, columns=table.columns | changed)


def _with_direction(table: Table) -> Table:
    """Return the table with the column ``directed``; without it every ``dir_flag`` must be 1 or empty."""
    flags = table.columns.get("dir_flag")
    if "directed" in table.columns:
        empty = [row for row, value in enumerate(table.columns["directed"]) if value is None]
        if empty:
            raise InputError(table.problem(row, "directed", "the value is empty") for row in empty)
        return table
    if flags is None:
        raise InputError(Problem(table.file, 1, 0, "directed", "column 'directed' is missing", "add it: true or false"))
    if problems := [
        table.problem(
            row, "dir_flag", f"{flag:g} does not tell the direction", "add the column directed: true or false"
        )
        for row, flag in enumerate(flags)
        if flag not in (None, 1.0)
    ]:
        raise InputError(problems)
    return replace(table, columns=table.columns | {"directed": [True] * len(table)})


def column(table: Table, name: str) -> list[Any]:
    """Return a column, empty where the table does not have it."""
    return table.columns.get(name, [None] * len(table))


def rows_for_cars(folder: Path, links: Table) -> list[int]:
    """Return the rows of the links that cars may use, by ``allowed_uses``; an empty field allows all.

    Raises
    ------
    InputError
        If a link allows only uses of which it is not known whether they are those of cars.
    """
    groups = _use_groups(folder)
    rows, problems = [], []
    for row, text in enumerate(column(links, "allowed_uses")):
        uses = set(_expanded(_SEPARATORS.split((text or "").lower()), groups))
        if not uses or uses & _OF_CARS:
            rows.append(row)
        elif unknown := sorted(uses - _NOT_OF_CARS):
            reason = f"it is not known whether {', '.join(map(repr, unknown))} are cars"
            problems.append(links.problem(row, "allowed_uses", reason, f"cars are: {', '.join(sorted(_OF_CARS))}"))
    if problems:
        raise InputError(problems)
    return rows


def _use_groups(folder: Path) -> dict[str, list[str]]:
    """Return the uses of each group of ``use_group.csv``, if it is there."""
    path = folder / "use_group.csv"
    if not path.is_file():
        return {}
    table = read_table(path, {"use_group": str, "uses": str}, _OTHERS)
    pairs = zip(table.columns["use_group"], table.columns["uses"], strict=True)
    return {group.lower(): _SEPARATORS.split(uses.lower()) for group, uses in pairs}


def _expanded(uses: Sequence[str], groups: dict[str, list[str]]) -> Iterator[str]:
    for use in filter(None, uses):
        yield from filter(None, groups.get(use, [use]))


def what_is_left_aside(folder: Path, links: Table, used: Sequence[str]) -> Iterator[str]:
    """Yield what stands in the folder, changes an equilibrium in other tools, and is not used.

    Parameters
    ----------
    folder, links
        What was read.
    used
        The columns ``vdf_*`` that are used.
    """
    others = [name for name in links.columns if name.lower().startswith("vdf_") and name not in used]
    if others:
        yield f"columns that are not used: {', '.join(others)}"
    if "directed" not in links.field_numbers:
        yield "without the column directed every link is taken for one direction, from_node_id to to_node_id"
    if any(column(links, "restricted_turn_nodes")):
        yield "restricted_turn_nodes is not used: every turn is allowed"
    for name, instead in _NOT_READ.items():
        if (folder / name).is_file():
            yield f"{name} is not read: {instead}"
