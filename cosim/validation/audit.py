"""The audit of a run: energy from the vehicle to the substation, and money from the driver to the objective.

Each item compares two figures that must be equal and come from different tables, or from a table and the
scenario; an item closes if they differ by at most 1e-6 of the larger side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.dispatch.devices.traits import Did
from cosim.grid.ends import shunt_mw
from cosim.grid.feeder import Feeder
from cosim.units import KILO_PER_MEGA
from cosim.validation.devices import did
from cosim.validation.ledger_entry import Ledger
from cosim.validation.stored import StoredDispatch

CLOSES_REL = 1e-6
SMALLEST = 1e-3
"""Sides below this (1 kWh, a thousandth of the currency) are compared as if they were this large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditItem:
    """Two figures that must be equal.

    ``period`` is where they differ most, ``relative`` the difference of the sums over the run, by the larger side.
    """

    item: str
    unit: str
    left_name: str
    right_name: str
    left: float
    right: float
    difference: float
    relative: float
    worst_period: int
    worst_difference: float
    closes: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredStations:
    """The stations of a run with s stations over T periods; arrays have shape (s, T).

    Attributes
    ----------
    flow_vph, demand_mw, served_mw, curtailed_mw, energy_mwh
        Vehicles, load that they ask for, load that the chargers give, what the grid did not serve of it, energy served.
    backlog_mwh, unserved_mwh
        Energy of those who wait for a charger at the end of each period, and of those who left without it.
    power_mw
        Power of each station's chargers, 0 while it is out.
    looking_vph, later_vph
        Vehicles of the scenario that look for a station, and those of them that charge later, shape (T,).
    pending_mwh
        Energy that vehicles on their way are still to draw at the end of each period; None where all is drawn in the
        period of departure.
    price_per_mwh, energy_payment
        What drivers pay per MWh, and in all as the results tell it; None where there is no price.
    energy_kwh
        Energy of one visit.
    """

    flow_vph: Array
    demand_mw: Array
    served_mw: Array
    backlog_mwh: Array
    unserved_mwh: Array
    power_mw: Array
    curtailed_mw: Array
    energy_mwh: Array
    looking_vph: Array
    later_vph: Array
    pending_mwh: Array | None
    price_per_mwh: Array | None
    energy_payment: Array | None
    energy_kwh: float

    def asked_mwh(self, period_h: float) -> Array:
        """Return the energy that vehicles ask for in each period, from the vehicles alone, shape (s, T)."""
        departed = self.flow_vph * period_h * self.energy_kwh / KILO_PER_MEGA
        if self.pending_mwh is None:
            return departed
        return np.asarray(departed - np.diff(self.pending_mwh, axis=1, prepend=0.0))

    def left_over_mwh(self) -> Array:
        """Return by how much those who wait for a charger grow in each period, and who leaves, shape (s, T)."""
        return np.asarray(np.diff(self.backlog_mwh, axis=1, prepend=0.0) + self.unserved_mwh)

    def figures(self, period_h: float) -> dict[str, Array]:
        """Return what the gate judges of the stations, recomputed from vehicles and chargers, each of shape (T,)."""
        waiting = np.pad(self.backlog_mwh[:, :-1], ((0, 0), (1, 0)))
        asked_mw = (waiting + self.asked_mwh(period_h)) / period_h
        over = (asked_mw - self.power_mw, self.served_mw - self.power_mw)
        excess, beyond = (np.maximum(one.max(axis=0), 0.0) for one in over)
        return {"station_excess_mw": excess, "station_beyond_mw": beyond}

    def possible_mwh(self, period_h: float) -> Array:
        """Return the most that chargers can give of what is there, first come, first served, shape (s, T)."""
        waiting = np.pad(self.backlog_mwh[:, :-1], ((0, 0), (1, 0)))
        return np.minimum(waiting + self.asked_mwh(period_h), self.power_mw * period_h)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoringDevice:
    """How the energy of a device follows from what it does, by its settings, and the energy before the first period."""

    gained_mwh: Callable[[Did], Array | None]
    start_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditInputs:
    """What the audit needs besides the tables.

    Attributes
    ----------
    feeder, period_h, loss_price_per_mwh
        As in the dispatch.
    base_p_mw
        Base load per bus from the scenario, shape (n, T).
    ev_mw
        Charging load demanded in all, shape (T,).
    storing
        Devices that store energy, by name.
    stations
        The stations; None in a scenario without roads.
    """

    feeder: Feeder
    period_h: float
    loss_price_per_mwh: float
    base_p_mw: Array
    ev_mw: Array
    storing: Mapping[str, StoringDevice]
    stations: StoredStations | None


def audit(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> list[AuditItem]:
    """Return every item of the audit, energy first.

    Parameters
    ----------
    inputs
        Scenario side.
    stored
        Tables of the run.
    ledger
        AC side.
    """
    return [
        _item(stored, *sides)
        for part in (_vehicles, _loads, _grid, _storages, _payments, _costs)
        for sides in part(inputs, stored, ledger)
    ]


def audit_columns(items: list[AuditItem]) -> dict[str, list[Any]]:
    """Return the audit as a table."""
    return {item.name: [getattr(one, item.name) for one in items] for item in fields(AuditItem)}


Sides = tuple[str, Literal["MWh", "money"], str, ArrayLike, str, ArrayLike]


def _item(
    stored: StoredDispatch, item: str, unit: str, left_name: str, left: ArrayLike, right_name: str, right: ArrayLike
) -> AuditItem:
    """Compare two sides per period and over the run; what is not a number does not close."""
    first, second = (np.broadcast_to(np.asarray(side, dtype=np.float64), stored.length) for side in (left, right))
    apart = first - second
    sums = math.fsum(first), math.fsum(second)
    size = max(float(np.abs(first).sum()), float(np.abs(second).sum()), SMALLEST)
    worst = int(np.argmax(np.abs(apart)))  # finds NaN first
    total = float(np.abs(apart).sum()) / size
    return AuditItem(
        item=item, unit=unit, left_name=left_name, right_name=right_name, left=sums[0], right=sums[1],
        difference=sums[0] - sums[1], relative=total, worst_period=int(stored.periods[worst]),
        worst_difference=float(apart[worst]), closes=bool(total <= CLOSES_REL),
    )  # fmt: skip


def _vehicles(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> Iterator[Sides]:
    """Go from trips to vehicle to station to charger: at a station or later, in its queue, served less curtailed."""
    if (at := inputs.stations) is None:
        return
    dt = inputs.period_h
    visit_mwh = dt * at.energy_kwh / KILO_PER_MEGA
    demand, cut = dt * at.demand_mw.sum(axis=0), dt * at.curtailed_mw.sum(axis=0)
    served = dt * at.served_mw.sum(axis=0)
    yield (
        "trips to vehicles", "MWh", "charging trips x energy", visit_mwh * at.looking_vph,
        "(at stations + later) x energy", visit_mwh * (at.flow_vph.sum(axis=0) + at.later_vph),
    )  # fmt: skip
    energy = at.asked_mwh(dt).sum(axis=0)
    how = "vehicles x energy" if at.pending_mwh is None else "vehicles x energy - growth of what is on its way"
    yield "vehicles to stations", "MWh", how, energy, "load demanded", demand
    yield (
        "stations to chargers", "MWh", "demanded - growth of the queue - unserved",
        demand - at.left_over_mwh().sum(axis=0), "given by the chargers", served,
    )  # fmt: skip
    yield (
        "chargers", "MWh", "queue + demanded, at most their power", at.possible_mwh(dt).sum(axis=0),
        "given by the chargers", served,
    )  # fmt: skip
    yield "stations", "MWh", "given - not served", served - cut, "energy served", at.energy_mwh.sum(axis=0)


def _loads(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> Iterator[Sides]:
    """Go from station to bus: base load and charging, less what devices and last resorts took away."""
    dt = inputs.period_h
    lowered = sum((d.p_mw for d in stored.devices.values() if d.traits.side == "load"), start=np.zeros(stored.length))
    should = inputs.base_p_mw.sum(axis=0) + inputs.ev_mw - lowered
    yield (
        "stations and base load to buses", "MWh", "base + charging - cut", dt * should,
        "load of the buses", dt * stored.p_load_mw.sum(axis=0),
    )  # fmt: skip


def _grid(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> Iterator[Sides]:
    """Go from bus to dispatch to AC: sources against uses, relaxed and AC, and the two imports."""
    dt = inputs.period_h
    load, generation = stored.p_load_mw.sum(axis=0), stored.p_gen_mw.sum(axis=0)
    generators = (d.p_mw for d in stored.devices.values() if d.traits.side == "generation")
    given = sum(generators, start=np.zeros(stored.length))
    imported, loss = stored.relaxed.slack_mw, stored.relaxed.loss_mw
    slack = np.array([entry.ac_slack_mw for entry in ledger.entries])
    ac_loss = np.array([entry.ac_loss_mw for entry in ledger.entries])
    # What shunts at buses draw is nobody's load and no loss.
    drawn, ac_drawn = (
        np.zeros(stored.length) if inputs.feeder.plain else shunt_mw(inputs.feeder, vm_pu)
        for vm_pu in (stored.relaxed.vm_pu, stored.vm_ac_pu)
    )
    shunts = "" if inputs.feeder.plain else " + shunts"
    yield "devices to buses", "MWh", "generation of devices", dt * given, "generation at buses", dt * generation
    yield (
        "buses to dispatch", "MWh", "generation + import", dt * (generation + imported), f"load + loss{shunts}",
        dt * (load + loss + drawn),
    )  # fmt: skip
    yield (
        "buses to AC flow", "MWh", "generation + AC import", dt * (generation + slack), f"load + AC loss{shunts}",
        dt * (load + ac_loss + ac_drawn),
    )  # fmt: skip
    yield "dispatch to AC flow", "MWh", "import of the dispatch", dt * imported, "AC import", dt * slack


def _storages(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> Iterator[Sides]:
    """Compare stored energy with charge and discharge."""
    for name, device in stored.devices.items():
        if name not in inputs.storing:
            continue
        gained = inputs.storing[name].gained_mwh(did(device))
        if gained is not None:
            change = np.diff(device.energy_mwh, prepend=inputs.storing[name].start_mwh)
            yield f"storage {name}", "MWh", "charged - discharged", gained, "change of stored energy", change


def _payments(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> Iterator[Sides]:
    """Compare what drivers pay, by vehicle and price, and as the results tell it."""
    at = inputs.stations
    if at is None or at.price_per_mwh is None or at.energy_payment is None:
        return
    dt = inputs.period_h
    paid = ((at.asked_mwh(dt) - at.left_over_mwh() - dt * at.curtailed_mw) * at.price_per_mwh).sum(axis=0)
    told = at.energy_payment.sum(axis=0)
    yield "payments of drivers", "money", "vehicles x energy x price", paid, "payments for energy", told


def _costs(inputs: AuditInputs, stored: StoredDispatch, ledger: Ledger) -> Iterator[Sides]:
    """Compare terms of the objective with the quantities that they price, and their sum."""
    dt, terms, tariff = inputs.period_h, stored.cost_terms(), stored.tariff_per_mwh
    zero = np.zeros(stored.length)
    total = np.sum(list(terms.values()), axis=0) if terms else zero
    yield "cost", "money", "sum of terms", total, "cost of the run", stored.cost
    imported = dt * tariff * stored.relaxed.slack_mw
    yield "energy from upstream", "money", "tariff x import", imported, "term energy", terms.get("energy", zero)
    loss = dt * inputs.loss_price_per_mwh * stored.relaxed.loss_mw
    yield "losses", "money", "weight x loss", loss, "term losses", terms.get("losses", zero)
    by_device = sum((device.cost for device in stored.devices.values()), start=zero)
    booked = total - terms.get("losses", zero) - terms.get("voltage_slack", zero)
    yield "devices", "money", "cost of devices", by_device, "their terms", booked
