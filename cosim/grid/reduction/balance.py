"""What of a net is in its feeder and what is not, by kind of element: nothing is dropped without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from cosim.grid.reduction.branch_table import BranchTable
from cosim.grid.reduction.net_rules import Frame, in_service

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_BRANCHES = ("line", "trafo", "trafo3w", "impedance")
_POWER = MappingProxyType(
    {
        "load": (("p_mw",), ("q_mvar",), "scaling"), "sgen": (("p_mw",), ("q_mvar",), "scaling"),
        "storage": (("p_mw",), ("q_mvar",), "scaling"), "shunt": (("p_mw",), ("q_mvar",), "step"),
        "ward": (("ps_mw", "pz_mw"), ("qs_mvar", "qz_mvar"), ""), "motor": ((), (), ""),
        **{kind: (tuple(f"p_{phase}_mw" for phase in "abc"), tuple(f"q_{phase}_mvar" for phase in "abc"), "scaling")
           for kind in ("asymmetric_load", "asymmetric_sgen")},
    }
)  # fmt: skip
"""The columns of each kind that add up to its power at rated voltage, and the one that multiplies it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Elements of one kind that are in service, in the feeder or not."""

    kind: str
    number: int
    p_mw: float = 0.0
    q_mvar: float = 0.0

    def __str__(self) -> str:
        """Return count and power.

        >>> str(Counted(kind="load", number=18, p_mw=44.7, q_mvar=11.0)), str(Counted(kind="line", number=12))
        ('18 load (44.7 MW, 11 Mvar)', '12 line')
        """
        power = f" ({self.p_mw:g} MW, {self.q_mvar:g} Mvar)" if self.p_mw or self.q_mvar else ""
        return f"{self.number} {self.kind}{power}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A net's elements in service.

    Attributes
    ----------
    carried, left_out
        Those in the feeder, and those that nothing of it supplies.
    merged
        Names of the elements that are one branch, a text a group.
    """

    carried: tuple[Counted, ...]
    left_out: tuple[Counted, ...]
    merged: tuple[str, ...]


def balance(net: pandapowerNet, table: BranchTable, supplied: Collection[int]) -> Balance:
    """Count a net's elements by whether they are in a feeder, whose buses are ``supplied``."""
    inside = {kind: {one.index for one in table.rows.elements if one.kind == kind} for kind in _BRANCHES}
    carried: list[Counted] = []
    left_out: list[Counted] = []
    for kind in (*_BRANCHES, *_POWER):
        rows = in_service(net[kind])
        within = rows.index.isin(inside[kind]) if kind in inside else rows.bus.isin(supplied).to_numpy(dtype=bool)
        for part, found in ((rows[within], carried), (rows[~within], left_out)):
            if len(part):
                found.append(_counted(kind, part))
    return Balance(carried=tuple(carried), left_out=tuple(left_out), merged=tuple(_groups(table)))


def _counted(kind: str, rows: Frame) -> Counted:
    active, reactive, factor = _POWER.get(kind, ((), (), ""))
    times = np.asarray(rows[factor], dtype=np.float64) if factor else np.ones(len(rows))
    p, q = (
        float(sum((np.asarray(rows[column], dtype=np.float64) * times).sum() for column in columns))
        for columns in (active, reactive)
    )
    return Counted(kind=kind, number=len(rows), p_mw=p, q_mvar=q)


def _groups(table: BranchTable) -> Iterator[str]:
    for branch in np.flatnonzero(np.bincount(table.branch_of_row[table.branch_of_row >= 0]) > 1):
        yield " + ".join(str(table.rows.elements[row]) for row in np.flatnonzero(table.branch_of_row == branch))
