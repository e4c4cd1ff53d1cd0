"""The dispatch of a run as it was stored: setpoints, relaxed state and figures per period, as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray, freeze
from cosim.dispatch.branch_flow import flow_values
from cosim.dispatch.devices.base import DeviceOutcome
from cosim.dispatch.devices.traits import Traits
from cosim.dispatch.exactness import ConeGap, cone_gap
from cosim.errors import StorageError
from cosim.grid.feeder import Feeder
from cosim.grid.loading import series_of
from cosim.grid.own_power import own_power_mw
from cosim.grid.state import GridState, together
from cosim.records.grid import DeviceRows, DispatchPeriod
from cosim.records.period import PeriodRecord


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredDispatch:
    """T stored periods of a feeder with n buses and m lines.

    Attributes
    ----------
    plans
        What the dispatch told, by period.
    p_load_mw, q_load_mvar, p_gen_mw, q_gen_mvar, shed_mw, price_per_mwh
        Setpoints and nodal price per bus, shape (n, T).
    relaxed
        The relaxed states.
    vm_ac_pu
        AC voltage of the run, shape (n, T).
    devices
        Devices by name.
    missing
        Values of the tables that are none and may not be, shape (T,).
    """

    plans: tuple[DispatchPeriod, ...]
    p_load_mw: Array
    q_load_mvar: Array
    p_gen_mw: Array
    q_gen_mvar: Array
    shed_mw: Array
    price_per_mwh: Array
    relaxed: GridState
    vm_ac_pu: Array
    devices: Mapping[str, DeviceOutcome]
    missing: IntArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def periods(self) -> IntArray:
        """Numbers of the periods, shape (T,)."""
        return np.array([one.period for one in self.plans])

    @property
    def length(self) -> int:
        """Number of periods T."""
        return len(self.plans)

    @property
    def injection(self) -> tuple[Array, Array]:
        """Net injections P [MW] and Q [Mvar] per bus, shape (n, T)."""
        return self.p_gen_mw - self.p_load_mw, self.q_gen_mvar - self.q_load_mvar

    @property
    def tariff_per_mwh(self) -> Array:
        """Announced purchase price, shape (T,)."""
        return np.array([one.tariff_per_mwh for one in self.plans])

    @property
    def cost(self) -> Array:
        """Cost of all terms, shape (T,)."""
        return np.array([one.cost for one in self.plans])

    @property
    def elastic(self) -> BoolArray:
        """Whether the last resorts were part of the model, shape (T,)."""
        return np.array([one.elastic for one in self.plans], dtype=bool)

    def cost_terms(self) -> dict[str, Array]:
        """Return the cost by term, shape (T,); a term that a solved period does not have is zero there."""
        solved = np.isfinite(self.cost)
        terms = dict.fromkeys(term for one in self.plans for term in one.cost_terms)
        told = {term: np.array([one.cost_terms.get(term, math.nan) for one in self.plans]) for term in terms}
        return {term: np.where(solved & np.isnan(cost), 0.0, cost) for term, cost in told.items()}


def stored_dispatch(records: Sequence[PeriodRecord], kinds: Mapping[str, Traits], missing: IntArray) -> StoredDispatch:
    """Return the dispatch of some periods, in the order of the records.

    Parameters
    ----------
    records
        What was told of the periods.
    kinds
        What each kind of device is.
    missing
        Values of their tables that are none and may not be, shape (T,).

    Raises
    ------
    StorageError
        If one has no dispatch or no AC power flow, or a device of a kind that is not installed.
    """
    pairs = [(one.dispatch, one.grid) for one in records]
    plans = tuple(plan for plan, grid in pairs if plan is not None and grid is not None)
    if len(plans) != len(records):
        raise StorageError("a period has no dispatch or no AC power flow; there is no dispatch to verify")
    names = ("p_load_mw", "q_load_mvar", "p_gen_mw", "q_gen_mvar", "shed_mw", "price_per_mwh")
    return StoredDispatch(
        plans=plans,
        **{name: np.stack([getattr(one.buses, name) for one in plans], axis=1) for name in names},
        relaxed=together([one.state for one in plans]),
        vm_ac_pu=np.stack([grid.buses.vm_ac_pu for _, grid in pairs if grid is not None], axis=1),
        devices=_devices(plans, kinds),
        missing=missing,
    )


def _devices(plans: Sequence[DispatchPeriod], kinds: Mapping[str, Traits]) -> dict[str, DeviceOutcome]:
    """Return the devices; a last resort that stands in some periods only is zero in the others."""
    at: dict[str, dict[int, tuple[DeviceRows, int]]] = {}
    for k, plan in enumerate(plans):
        if plan.devices is not None:
            for row, name in enumerate(plan.devices.device):
                at.setdefault(name, {})[k] = (plan.devices, row)
    found = {}
    for name, told in at.items():
        rows, row = next(iter(told.values()))
        if (kind := rows.kind[row]) not in kinds:
            raise StorageError(f"the run has a device of kind {kind!r}, which is not installed")
        gap = 0.0 if kinds[kind].last_resort else math.nan
        values = {
            column: np.array([getattr(told[k][0], column)[told[k][1]] if k in told else gap for k in range(len(plans))])
            for column in ("p_mw", "q_mvar", "energy_mwh", "available_mw", "overlap_mw", "missed", "cost")
        }
        found[name] = DeviceOutcome(name=name, kind=kind, traits=kinds[kind], bus=rows.bus[row], **values)
    return found


def stored_gap(feeder: Feeder, stored: StoredDispatch) -> ConeGap:
    """Return the cone gap, recomputed from the stored flows, shape (m, T)."""
    own_mw = own_power_mw(feeder, stored.p_load_mw, stored.p_gen_mw)
    state = stored.relaxed
    if not feeder.plain:  # the currents at the ends are told, that of the impedance is what its cone leaves open
        told = np.stack([one.lines.cone_gap_pu2 for one in stored.plans], axis=1)
        state = replace(state, current_sq_pu=series_of(feeder, state).current_sq + told)
    return cone_gap(flow_values(state, feeder), feeder, own_mw)
