"""What the buses of a feeder are called in the user's net besides their index, and where they lie."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.grid.feeder import no_layout
from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.net_rules import Frame


def bus_names(table: Frame, users: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Return the name of each bus, the first one of those that closed switches make one; () where none has any."""
    words = table["name"].to_dict() if "name" in table else {}
    found = tuple(next((word for one in ids if isinstance(word := words.get(one), str) and word), "") for ids in users)
    return found if any(found) else ()


def layout(table: Frame, users: Sequence[Sequence[int]], feeder: BranchTable) -> Array:
    """Return the coordinates of the buses, shape (n, 2); none where a bus of the user's has none.

    A bus inside an element lies where the one does that supplies it.

    Parameters
    ----------
    table
        The user's buses, with a GeoJSON point each in ``geo``.
    users
        Which of them each bus of the feeder is.
    feeder
        The feeder.
    """
    known = {index: point_of(text) for index, text in table["geo"].items()} if "geo" in table else {}
    at = [next((point for one in ids if (point := known.get(one)) is not None), None) for ids in users]
    for parent, child in zip(feeder.parent.tolist(), feeder.child.tolist(), strict=True):
        if not users[child]:
            at[child] = at[parent]
    found = [point for point in at if point is not None]
    return np.array(found, dtype=np.float64) if found and len(found) == len(at) else no_layout()


def point_of(text: object) -> tuple[float, float] | None:
    """Return the coordinates of a GeoJSON point; None of anything else."""
    if not isinstance(text, str):
        return None
    try:
        x, y = json.loads(text)["coordinates"][:2]
        point = float(x), float(y)
    except (TypeError, ValueError, KeyError):
        return None
    return point if np.isfinite(point).all() else None
