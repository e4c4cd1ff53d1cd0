"""Devices held to their settings: limits, cost, and what they bring into the grid, from results alone.

Neither the model nor the solver is asked: a constraint or a term that the programme forgot shows here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import DeviceOutcome
from cosim.dispatch.devices.traits import Allowed, Did, Traits
from cosim.dispatch.injection_bounds import given
from cosim.dispatch.plan import DispatchCase
from cosim.grid.feeder import Feeder
from cosim.grid.own_power import own_power_mw
from cosim.quantities.checks import relative
from cosim.records.grid import HeldFigures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Injected:
    """What the grid of n buses was given over T periods.

    Attributes
    ----------
    p_gen_mw, q_gen_mvar
        Generation of the buses, shape (n, T).
    exchange
        Import P [MW] and Q [Mvar], shape (2, T).
    unlowered_mw
        Base load and charging load demanded, all buses together, shape (T,).
    p_load_mw
        Load of the buses as served, shape (n, T).
    """

    p_gen_mw: Array
    q_gen_mvar: Array
    exchange: Array
    unlowered_mw: Array
    p_load_mw: Array


def did(device: DeviceOutcome) -> Did:
    """Return what a device did."""
    return Did(**{item.name: np.asarray(getattr(device, item.name), dtype=np.float64) for item in fields(Did)})


def excess_mw(case: DispatchCase, devices: Mapping[str, DeviceOutcome], at: slice) -> Array | None:
    """Return how far the worst device is beyond what its settings allow, MW, Mvar, MVA or MWh; None without any.

    Parameters
    ----------
    case
        The day, with the settings.
    devices
        Results of the periods ``at``, by name; last resorts have no settings and are left out.
    at
        The periods.
    """
    kinds = catalogue()
    found = [
        _beyond(kinds[one.kind].allowed(one, given(case, one, at)), did(devices[one.name]), devices[one.name].traits)
        for one in case.devices
        if one.name in devices
    ]
    return np.max(found, axis=0) if found else None


def _beyond(allowed: Allowed, done: Did, traits: Traits) -> Array:
    """Return the largest excess of one device per period; NaN where a quantity that it must have is none."""
    apparent = np.hypot(done.p_mw, done.q_mvar)
    parts = [
        done.p_mw - allowed.p_max_mw, allowed.p_min_mw - done.p_mw, done.q_mvar - allowed.q_max_mvar,
        allowed.q_min_mvar - done.q_mvar, apparent - allowed.s_max_mva,
    ]  # fmt: skip
    if traits.stores:
        parts += [done.energy_mwh - allowed.energy_max_mwh, allowed.energy_min_mwh - done.energy_mwh]
    # An infinite limit less a NaN is NaN: a power that is none is beyond every limit.
    worst: Array = np.maximum(np.max(np.broadcast_arrays(*parts), axis=0), 0.0)
    return worst


def cost_error_rel(case: DispatchCase, devices: Mapping[str, DeviceOutcome], at: slice, own_mw: Array) -> Array | None:
    """Return how far the worst device's cost is from what its settings say, relative; None where none says it.

    Parameters
    ----------
    case, devices, at
        As in `excess_mw`.
    own_mw
        Own power of the feeder in these periods: below a share of what it costs, a difference is rounding.
    """
    kinds, found = catalogue(), []
    price = float((np.abs(case.tariff_per_mwh) + abs(case.settings.loss_price_per_mwh)).mean()) or 1.0
    money = case.period_h * price * own_mw
    for one in case.devices:
        if one.name in devices:
            done = did(devices[one.name])
            booked = kinds[one.kind].booked(one, given(case, one, at), done)
            if booked is not None:
                found.append(relative("device_cost_rel", done.cost - booked, booked, money))
    return np.max(found, axis=0) if found else None


def overlap_mw(devices: Iterable[DeviceOutcome]) -> Array | None:
    """Return the largest smaller-of-two-opposite-powers of devices where it must be zero; None without any."""
    found = [one.overlap_mw for one in devices if one.traits.exclusive]
    return np.max(found, axis=0) if found else None


def imbalance_mw(feeder: Feeder, devices: Iterable[DeviceOutcome], injected: Injected) -> Array:
    """Return the largest difference between the devices' powers and what is injected, per period, shape (T,).

    Parameters
    ----------
    feeder
        Ids of n buses.
    devices
        Results of T periods, the last resorts included.
    injected
        What the grid was given.
    """
    by_bus = np.zeros((2, *injected.p_gen_mw.shape))
    upstream, lowered = np.zeros_like(injected.exchange), np.zeros_like(injected.unlowered_mw)
    for one in devices:
        power = np.stack([one.p_mw, one.q_mvar])
        if one.traits.side == "exchange":
            upstream = upstream + power
        elif one.traits.side == "load":
            lowered = lowered + one.p_mw
        else:
            by_bus[:, feeder.bus_position(one.bus)] += power
    apart = np.abs(by_bus - np.stack([injected.p_gen_mw, injected.q_gen_mvar])).max(axis=(0, 1))
    outside = np.abs(upstream - injected.exchange).max(axis=0)
    load = np.abs(injected.unlowered_mw - lowered - injected.p_load_mw.sum(axis=0))
    worst: Array = np.max([apart, outside, load], axis=0)
    return worst


def device_figures(
    case: DispatchCase, devices: Mapping[str, DeviceOutcome], injected: Injected, start: int, k: int
) -> HeldFigures:
    """Return the gate's figures of the devices in column ``k`` of results that begin at period ``start``."""
    at = slice(start, start + injected.unlowered_mw.size)
    own_mw = own_power_mw(case.feeder, injected.p_load_mw, injected.p_gen_mw)

    def of(values: Array | None) -> float | None:
        return None if values is None else float(values[k])

    return HeldFigures(
        storage_overlap_mw=of(overlap_mw(devices.values())),
        device_excess_mw=of(excess_mw(case, devices, at)),
        device_cost_rel=of(cost_error_rel(case, devices, at, own_mw)),
        device_balance_mw=of(imbalance_mw(case.feeder, devices.values(), injected)) if devices else None,
    )
