"""Lines side by side between the same two buses, as one: a radial feeder has one line between two buses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from cosim.grid.formats.feeder_tables import FeederTables
from cosim.plain import Cell, Cells

_OF_THE_LIMIT = ("max_i_ka", "df", "parallel", "max_loading_percent")


def merged(tables: FeederTables) -> FeederTables:
    """Return the tables with every group of parallel lines as its first one.

    The admittances add up. The current divides in proportion to them, so that the line which reaches its limit first
    sets that of the group.
    """
    groups: dict[frozenset[Cell], list[Mapping[str, Cell]]] = {}
    for row in tables.line:
        groups.setdefault(frozenset((row["from_bus"], row["to_bus"])), []).append(row)
    lines: list[Mapping[str, Cell]] = []
    remarks = []
    for group in groups.values():
        whole = len(group) > 1 and all(_impedance(row) for row in group)
        lines += [_one(group)] if whole else group
        if whole:
            names = ", ".join(str(row["id"]) for row in group)
            remarks.append(
                f"lines {names} lie side by side between buses {group[0]['from_bus']} and {group[0]['to_bus']} and are "
                f"merged into line {group[0]['id']}"
            )
    return replace(tables, line=lines, remarks=(*tables.remarks, *remarks)) if remarks else tables


def _one(group: list[Mapping[str, Cell]]) -> Cells:
    shares = [1.0 / _impedance(row) for row in group]
    together = sum(shares)
    limit = min(_limit_ka(row) * abs(together) / abs(share) for row, share in zip(group, shares, strict=True))
    length = _number(group[0], "length_km", 1.0)
    ohm = 1.0 / together / length
    return {
        **group[0], "r_ohm_per_km": ohm.real, "x_ohm_per_km": ohm.imag,
        **dict.fromkeys(_OF_THE_LIMIT), "max_i_ka": limit if math.isfinite(limit) else None,
    }  # fmt: skip


def _impedance(row: Mapping[str, Cell]) -> complex:
    """Return the impedance of a line, ohm."""
    per_km = complex(_number(row, "r_ohm_per_km", 0.0), _number(row, "x_ohm_per_km", 0.0))
    return per_km * _number(row, "length_km", 1.0) / _number(row, "parallel", 1.0)


def _limit_ka(row: Mapping[str, Cell]) -> float:
    usable = _number(row, "df", 1.0) * _number(row, "max_loading_percent", 100.0) / 100.0
    return _number(row, "max_i_ka", math.inf) * usable * _number(row, "parallel", 1.0)


def _number(row: Mapping[str, Cell], column: str, default: float) -> float:
    value = row.get(column)
    return float(value) if isinstance(value, int | float) else default
