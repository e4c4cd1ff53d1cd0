"""Branches side by side between two buses, as one branch of exactly the same terminal behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.errors import InputError, Problem
from cosim.grid.reduction.rows import BranchRows

_SAME_SHIFT_DEGREE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The circuit of one branch, from its parent to its child, and the members that start at the parent."""

    series: complex
    shunt_parent: complex
    shunt_child: complex
    ratio_parent: float
    ratio_child: float
    from_parent: tuple[int, ...]


def groups(rows: BranchRows) -> dict[tuple[int, int], list[int]]:
    """Return the rows between each pair of buses, in either direction; rows with both ends at one bus are none."""
    found: dict[tuple[int, int], list[int]] = {}
    for row, (a, b) in enumerate(zip(rows.from_bus.tolist(), rows.to_bus.tolist(), strict=True)):
        if a != b:
            found.setdefault((min(a, b), max(a, b)), []).append(row)
    return found


def merged(rows: BranchRows, group: list[int], parent: int, name: str) -> Merged:
    """Return the one branch that a group of rows makes below the bus ``parent``.

    Rows of one ratio in one direction keep it, and their admittances add up. For any others the two-port matrices add
    up, and the ratio goes into shunts, of which a conductance may be negative.

    Raises
    ------
    InputError
        If their phase shifts differ: such a group drives a current around itself.
    """
    direction = np.where(rows.from_bus[group] == parent, 1.0, -1.0)
    _check_shifts(rows, group, direction, name)
    at_parent = tuple(row for row, sign in zip(group, direction, strict=True) if sign > 0.0)
    y, start, end = (array[group] for array in (rows.series_pu, rows.shunt_from_pu, rows.shunt_to_pu))
    ratio = rows.ratio[group]
    alike = bool((direction == direction[0]).all() and (ratio == ratio[0]).all())
    if alike:
        total = complex(y.sum())
        shunts = complex(start.sum()), complex(end.sum())
        ratios = float(ratio[0]), 1.0
        if direction[0] < 0.0:
            shunts, ratios = shunts[::-1], ratios[::-1]
        series = complex(rows.r_pu[group[0]], rows.x_pu[group[0]]) if len(group) == 1 else 1.0 / total
        return Merged(
            series=series, shunt_parent=shunts[0], shunt_child=shunts[1], ratio_parent=ratios[0],
            ratio_child=ratios[1], from_parent=at_parent,
        )  # fmt: skip
    start_own, end_own, across = (y + start) / ratio**2, y + end, y / ratio
    forward = direction > 0.0
    total = complex(across.sum())
    return Merged(
        series=1.0 / total,
        shunt_parent=complex(np.where(forward, start_own, end_own).sum()) - total,
        shunt_child=complex(np.where(forward, end_own, start_own).sum()) - total,
        ratio_parent=1.0, ratio_child=1.0, from_parent=at_parent,
    )  # fmt: skip


def _check_shifts(
    rows: BranchRows, group: list[int], direction: np.ndarray[tuple[int], np.dtype[np.float64]], name: str
) -> None:
    shift = rows.shift_degree[group] * direction
    apart = np.abs((shift - shift[0] + 180.0) % 360.0 - 180.0)
    if (other := int(apart.argmax())) and apart[other] > _SAME_SHIFT_DEGREE:
        one, two = rows.elements[group[0]], rows.elements[group[other]]
        reason = f"lies beside {one}, but their phase shifts differ by {apart[other]:g} degrees (vector groups)"
        raise InputError(Problem(file=name, field=str(two), reason=reason, remedy="take one of them out of service"))
