"""Which limits a net brings: of voltages, of elements, of its supply, and those that have no place in a feeder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.grid.formats.feeder_tables import Supply
from cosim.grid.reduction.net_rules import Frame, in_service, voltage_limits
from cosim.grid.reduction.own_net import ReducedNet

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_OF_POWER = MappingProxyType(
    {"max_p_mw": "p_max_mw", "min_p_mw": "p_min_mw", "max_q_mvar": "q_max_mvar", "min_q_mvar": "q_min_mvar"}
)
_ELSEWHERE = ("load", "sgen", "storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedElements:
    """Elements of one kind: how many there are, have a rating, and a loading of their own that is allowed."""

    kind: str
    number: int
    rated: int
    own_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a feeder's elements.

    Attributes
    ----------
    buses, limited
        Number of its buses, and of those with both limits of voltage.
    vm_pu
        The widest of them; nothing if there is none.
    elements
        Lines, transformers and others, by kind.
    supply
        Limits of the external grid.
    not_taken
        Number of elements whose own limits of power have no place in a feeder, by kind.
    """

    buses: int
    limited: int
    vm_pu: tuple[float, float] | None
    elements: tuple[RatedElements, ...]
    supply: Supply
    not_taken: Mapping[str, int]

    def __str__(self) -> str:
        """Return what is taken."""
        voltage = f"voltage of {self.limited} of {self.buses} buses"
        if self.vm_pu:
            voltage += f" ({self.vm_pu[0]:g} to {self.vm_pu[1]:g} pu)"
        parts = [f"{one.rated} of {one.number} {one.kind}" for one in self.elements]
        own = [f"{one.own_percent} {one.kind}" for one in self.elements if one.own_percent]
        allowed = f", max_loading_percent of {', '.join(own)}" if own else ""
        return f"{voltage}; rating of {', '.join(parts)}{allowed}"


def limits_of(net: pandapowerNet, found: ReducedNet) -> Limits:
    """Return the limits that a net brings into the feeder that was made of it."""
    buses = net.bus.loc[list(found.vm_pu)]
    low, high = voltage_limits(buses)
    both = np.isfinite(low) & np.isfinite(high)
    grids = in_service(net.ext_grid)
    at = grids[grids.bus == found.supply]
    supply = {
        name: float(values.sum())
        for column, name in _OF_POWER.items()
        if len(values := _finite(at, column)) and np.isfinite(values).all()
    }
    not_taken = {kind: _with_limits(in_service(net[kind])) for kind in _ELSEWHERE}
    return Limits(
        buses=len(buses), limited=int(both.sum()), supply=Supply(**supply), elements=tuple(_elements(net, found)),
        vm_pu=(float(low[both].min()), float(high[both].max())) if both.any() else None,
        not_taken={kind: count for kind, count in not_taken.items() if count},
    )  # fmt: skip


def _finite(table: Frame, column: str) -> Array:
    """Return a column, NaN where it says nothing."""
    values = np.asarray(table[column], dtype=np.float64) if column in table else np.full(len(table), np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _with_limits(table: Frame) -> int:
    given = [np.isfinite(_finite(table, column)) for column in _OF_POWER]
    return int(np.any(given, axis=0).sum())


def _elements(net: pandapowerNet, found: ReducedNet) -> list[RatedElements]:
    rows = found.table.rows
    rated = np.isfinite(rows.rated_from_pu) | np.isfinite(rows.rated_to_pu)
    kinds: dict[str, dict[int, bool]] = {}
    for one, has in zip(rows.elements, rated.tolist(), strict=True):
        known = kinds.setdefault(one.kind, {})
        known[one.index] = known.get(one.index, False) or has
    return [
        RatedElements(
            kind=kind, number=len(known), rated=sum(known.values()),
            own_percent=int(np.isfinite(_finite(net[kind].loc[list(known)], "max_loading_percent")).sum()),
        ) for kind, known in kinds.items()
    ]  # fmt: skip
