"""Tap changers of a user's net that a dispatch may set, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.grid.circuit import Taps
from cosim.grid.reduction.net_rules import Frame, called
from cosim.grid.reduction.own_net import ReducedNet

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_RANGE = ("tap_pos", "tap_neutral", "tap_min", "tap_max", "tap_step_percent")


def taps_of_net(net: pandapowerNet, found: ReducedNet) -> Taps:
    """Return the tap changers of the transformers of a feeder.

    One that has no range, or no step, is none.

    Parameters
    ----------
    net
        The user's net.
    found
        Its reduction, of ``found.table`` the branches.

    Raises
    ------
    InputError
        Naming every transformer whose ratio is not in proportion to its position, whose impedance depends on it, or
        that has another beside it.
    """
    table = found.table
    rows = [row for row, one in enumerate(table.rows.elements) if one.kind in ("trafo", "trafo3w")]
    problems, kept = [], []
    members = np.bincount(table.branch_of_row[table.inner], minlength=len(table.child))
    for row in rows:
        element = table.rows.elements[row]
        if not _moves(net[element.kind], element.index):
            continue
        beside = table.branch_of_row[row] < 0 or members[table.branch_of_row[row]] > 1
        reasons = list(_reasons(net[element.kind], element.index, element.kind, beside=beside))
        where = called(element.kind, net[element.kind], element.index)
        problems += [
            Problem(
                file=found.name, field=where, reason=reason, remedy="give taps: fixed, or set its tap_min = tap_max"
            )
            for reason in reasons
        ]
        if not reasons:
            kept.append(row)
    if problems:
        raise InputError(problems)
    return _taps(net.trafo, found, kept)


def _moves(table: Frame, index: int) -> bool:
    """Return whether a transformer has a tap changer with more than one position."""
    if not set(_RANGE) <= set(table.columns):
        return False
    values = np.array([table[name][index] for name in ("tap_neutral", "tap_min", "tap_max")], dtype=np.float64)
    kind = table["tap_changer_type"][index] if "tap_changer_type" in table else None
    return bool(np.isfinite(values).all() and values[1] < values[2] and isinstance(kind, str) and kind)


def _reasons(table: Frame, index: int, kind: str, *, beside: bool) -> Iterator[str]:
    """Yield why the ratio of a transformer cannot be chosen."""
    changer, degrees = table["tap_changer_type"][index], float(table.get("tap_step_degree", {}).get(index, 0.0))
    if kind == "trafo3w":
        yield "taps of three-winding transformers are not chosen"
    if beside:
        yield "it lies beside another one, with which it is one branch"
    if changer not in ("Ratio", "Symmetrical") or (np.isfinite(degrees) and degrees != 0.0):
        yield f"its tap changer ({changer}) turns the phase or follows a table: the ratio is not in proportion to it"
    if bool(np.nan_to_num(float(table.get("tap_dependency_table", {}).get(index, False) or 0.0))):
        yield "its impedance depends on the tap (tap_dependency_table)"
    positions = [float(table[name][index]) for name in ("tap_pos", "tap_neutral", "tap_min", "tap_max")]
    if any(np.isfinite(one) and one != round(one) for one in positions):
        yield f"tap_pos, tap_neutral, tap_min, tap_max are {', '.join(f'{one:g}' for one in positions)}, not all whole"
    if not float(table["tap_step_percent"][index] or 0.0) > 0.0:
        yield "tap_step_percent is not above 0"


def _taps(trafo: Frame, found: ReducedNet, rows: list[int]) -> Taps:
    elements = [found.table.rows.elements[row] for row in rows]
    indices = [one.index for one in elements]

    def column(name: str) -> Array:
        return np.array([trafo[name][index] for index in indices], dtype=np.float64)

    neutral, position = column("tap_neutral"), column("tap_pos")
    at_high = np.array([trafo["tap_side"][index] == "hv" for index in indices], dtype=bool)
    return Taps(
        names=tuple(str(one) for one in elements), index=np.array(indices, dtype=np.intp),
        branch=found.table.branch_of_row[rows],
        at_parent=at_high == found.table.from_parent[rows], neutral=neutral.astype(np.intp),
        position=np.where(np.isnan(position), neutral, position).astype(np.intp),
        lowest=column("tap_min").astype(np.intp), highest=column("tap_max").astype(np.intp),
        step=column("tap_step_percent") / 100.0,
    )  # fmt: skip
