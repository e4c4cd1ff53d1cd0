"""What a dispatch is asked and what it answers: frozen data, per period along the last axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from cosim.arrays import Array, BoolArray, freeze, read_only
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import DeviceOutcome, Lost, State, Window
from cosim.dispatch.exactness import ConeGap
from cosim.dispatch.repairs import Exclusivity, Restoration
from cosim.dispatch.settings import DispatchSettings
from cosim.errors import InputError
from cosim.grid.feeder import NO_VM_PU, Feeder
from cosim.grid.state import GridState
from cosim.grid.topology import listed
from cosim.outages import Outage, out
from cosim.quantities.checks import GateLimits

SHARE_ROUNDING = 1e-9
Refine = Callable[[Window, Mapping[str, State]], "DispatchPlan | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchCase:
    """Everything that the dispatch of a day needs, apart from the charging load.

    Attributes
    ----------
    feeder
        Radial feeder with n buses.
    period_h
        Length of one of the T periods, h.
    devices
        Settings of the devices, with unique names and exactly one substation.
    series
        Values of the settings that vary, ``series[device][field]`` of shape ``(T,)``.
    base_p_mw, base_q_mvar
        Base load per bus, shape ``(n, T)``.
    tariff_per_mwh
        Announced purchase price, shape ``(T,)``.
    station_names, station_buses
        Charging stations (s of them) and the positions of their buses.
    settings
        Mode, prices and solver.
    limits
        Of the gate: what they flag is tried to be repaired.
    seed
        Of the noisy forecast.
    outages
        Of lines. Buses that one cuts off draw and give nothing while it lasts.
    """

    feeder: Feeder
    period_h: float
    devices: tuple[Any, ...]
    series: Mapping[str, Mapping[str, Array]]
    base_p_mw: Array
    base_q_mvar: Array
    tariff_per_mwh: Array
    station_names: tuple[str, ...] = ()
    station_buses: tuple[int, ...] = ()
    settings: DispatchSettings = DispatchSettings()
    limits: GateLimits = GateLimits()
    seed: int = 1
    outages: tuple[Outage, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)
        series = {device: {key: read_only(v) for key, v in rows.items()} for device, rows in self.series.items()}
        object.__setattr__(self, "series", series)
        if problems := [
            *_array_problems(self),
            *_station_problems(self),
            *_device_problems(self),
            *_share_problems(self),
        ]:
            raise InputError("; ".join(problems))

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return int(self.tariff_per_mwh.size)

    def supplied(self, seen_in: int | None = None) -> BoolArray:
        """Return which buses are supplied in which periods, as known in one of them (None: in the end), ``(n, T)``."""
        return self.feeder.supplied(out(self.outages, self.feeder.n_lines, self.periods, seen_in))

    @property
    def supplied_mva(self) -> tuple[Array, Array]:
        """Base load P [MW] and Q [Mvar] of the buses while they are supplied, shape ``(n, T)`` each."""
        if not self.outages:
            return self.base_p_mw, self.base_q_mvar
        on = self.supplied()
        return np.where(on, self.base_p_mw, 0.0), np.where(on, self.base_q_mvar, 0.0)

    def feeder_in(self, position: int) -> Feeder:
        """Return the feeder of one period: buses without supply have no voltage to keep within limits."""
        if not self.outages or (on := self.supplied()[:, position]).all():
            return self.feeder
        low, high = np.where(on, self.feeder.v_min_pu, NO_VM_PU[0]), np.where(on, self.feeder.v_max_pu, NO_VM_PU[1])
        return replace(self.feeder, v_min_pu=low, v_max_pu=high)

    def foreseen(self) -> Self:
        """Return the same day with every outage known beforehand."""
        return replace(self, outages=tuple(replace(one, announced=True) for one in self.outages))


def _array_problems(case: DispatchCase) -> list[str]:
    """Return which arrays have a wrong shape or are not finite."""
    rows, periods = (case.feeder.n_buses, case.periods), (case.periods,)
    expected: dict[str, tuple[Array, tuple[int, ...]]] = {
        "base_p_mw": (case.base_p_mw, rows),
        "base_q_mvar": (case.base_q_mvar, rows),
        "tariff_per_mwh": (case.tariff_per_mwh, periods),
    }
    for device, rows_of in case.series.items():
        expected |= {f"{device}.{name}": (values, periods) for name, values in rows_of.items()}
    problems = [
        f"{name} has shape {array.shape}, not {shape}"
        for name, (array, shape) in expected.items()
        if array.shape != shape
    ]
    if case.outages and not case.feeder.plain:
        problems.append(
            f"outages of lines are for feeders of lines at one voltage; {case.feeder.name!r} has transformers or shunts"
        )
    problems += [f"{name} is not finite" for name, (array, _) in expected.items() if not np.isfinite(array).all()]
    if not case.periods:
        problems.append("tariff_per_mwh is empty; a day has at least one period")
    if not (np.isfinite(case.period_h) and case.period_h > 0.0):
        problems.append(f"period_h: {case.period_h} must be > 0")
    return problems


def _station_problems(case: DispatchCase) -> list[str]:
    """Return what is wrong with the charging stations."""
    problems = []
    if len(case.station_names) != len(case.station_buses):
        problems.append(f"{len(case.station_names)} station names for {len(case.station_buses)} station buses")
    n = case.feeder.n_buses
    problems += [f"station bus position {bus} is outside 0..{n - 1}" for bus in case.station_buses if not 0 <= bus < n]
    return problems


def _share_problems(case: DispatchCase) -> list[str]:
    """Return the buses of which devices could together cut more than the base load: that would be generation."""
    shares: dict[str, dict[str, float]] = {}
    for settings in case.devices:
        device = catalogue().get(settings.kind)
        if device is not None and device.traits().moves_load and (share := device.cut_share(settings)):
            shares.setdefault(settings.bus, {})[settings.name] = share
    return [
        f"devices {', '.join(devices)} at bus {bus!r} may together cut {total:g} of its base load; it has only 1, "
        "so lower their shares"
        for bus, devices in shares.items()
        if (total := sum(devices.values())) > 1.0 + SHARE_ROUNDING
    ]


def _device_problems(case: DispatchCase) -> list[str]:
    """Return what is wrong with the devices and their series."""
    feeder, kinds = case.feeder, catalogue()
    names = [settings.name for settings in case.devices]
    problems = [f"device name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
    problems += [f"there is a series for {name!r}, which is no device" for name in case.series if name not in names]
    known = [kinds[settings.kind] for settings in case.devices if settings.kind in kinds]
    if (count := sum(device.side == "exchange" for device in known)) != 1:
        problems.append(f"{count} substations; the feeder has one slack bus and needs exactly one")
    for settings in case.devices:
        if hasattr(settings, "bus") and settings.bus not in feeder.bus_ids:
            problems.append(
                f"device {settings.name!r} is at bus {settings.bus!r}, which feeder {feeder.name!r} does not have; "
                f"its buses are {listed(feeder.bus_ids)}"
            )
        if settings.kind not in kinds:
            problems.append(
                f"device {settings.name!r} is of kind {settings.kind!r}; known kinds are {', '.join(kinds)}"
            )
            continue
        given = case.series.get(settings.name, {})
        problems += [
            f"device {settings.name!r} has no series {name!r}; give one value per period"
            for name in kinds[settings.kind].series_fields
            if name not in given
        ]
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRecord:
    """How the answer was found; residuals are our own, not the solver's.

    ``status`` is ``optimal``, ``optimal_inaccurate`` (own residuals pass), ``infeasible``, ``not_converged`` or
    ``failed``. ``suboptimality`` bounds what the window's cost lies above its optimum. ``retries`` tells what was tried
    before.
    """

    backend: str
    status: str
    raw_status: str
    elastic: bool
    primal_residual: float
    dual_residual: float
    gap: float
    primal_objective: float
    dual_objective: float
    iterations: int
    solve_time_s: float
    suboptimality: float = math.nan
    retries: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is a point to apply."""
        return self.status in {"optimal", "optimal_inaccurate"}


def shifted(record: SolveRecord, change: float) -> SolveRecord:
    """Return the record with both objectives changed by the same amount."""
    return replace(
        record,
        primal_objective=record.primal_objective + change,
        dual_objective=record.dual_objective + change,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPlan:
    """A solved window of L periods from ``start`` on; arrays carry the periods along the last axis.

    `grid` is the relaxed state, or the AC state where a repair took it. Per bus ``(n, L)``: `price_per_mwh`,
    `p_load_mw`, `q_load_mvar`, `p_gen_mw`, `q_gen_mvar`, `shed_mw`. Per line ``(m, L)``: the cone gap. Per station
    ``(s, L)``: `ev_mw`, `ev_curtailed_mw`, `station_price_per_mwh` (marginal cost of its load: its bus's price; where
    all of it is curtailed, what that costs). `own_power_mw` is the size of the feeder that limits are in proportion to,
    ``(L,)``.
    `next_state` and `end_state` are the devices' states after the first and the last period; `diagnosis` says per
    period what was not served and which limits bind, empty where all was served. `lower_bound` is min(primal, dual)
    objective of the first, unmodified programme, which no plan of the window can undercut; `restoration` and
    `exclusivity` tell how the plan departs from that programme's answer, None if it does not. `lost` is what outages of
    lines cut off, None on a day without any. `refine` looks for the local optimum of the AC problem next to the plan,
    at the numbers of a window; None where the plan cannot be refined.
    """

    start: int
    record: SolveRecord
    grid: GridState
    price_per_mwh: Array
    station_price_per_mwh: Array
    p_load_mw: Array
    q_load_mvar: Array
    p_gen_mw: Array
    q_gen_mvar: Array
    shed_mw: Array
    voltage_slack_pu2: Array
    cone: ConeGap
    own_power_mw: Array
    ev_mw: Array
    ev_curtailed_mw: Array
    devices: Mapping[str, DeviceOutcome]
    cost: Mapping[str, Array]
    next_state: Mapping[str, Mapping[str, float]]
    end_state: Mapping[str, Mapping[str, float]]
    lower_bound: float = float("nan")
    restoration: Restoration | None = None
    exclusivity: Exclusivity | None = None
    diagnosis: tuple[str, ...] = ()
    lost: Lost | None = None
    refine: Refine | None = None

    def __post_init__(self) -> None:
        if not self.diagnosis:
            object.__setattr__(self, "diagnosis", ("",) * self.length)
        freeze(self)

    @property
    def length(self) -> int:
        """Number of periods L."""
        return int(self.own_power_mw.size)

    @property
    def total_cost(self) -> Array:
        """Cost of all terms per period, shape ``(L,)``; NaN without an answer."""
        total: Array = np.sum(list(self.cost.values()), axis=0) if self.cost else np.full(self.length, np.nan)
        return total

    def energy_balance_mw(self) -> Array:
        """Return generation + import - load - loss - shunts per period, which is zero on a correct answer."""
        grid = self.grid
        balance: Array = self.p_gen_mw.sum(axis=0) + grid.slack_mw - self.p_load_mw.sum(axis=0) - grid.loss_mw
        return balance - grid.shunt_mw

    def overlap_mw(self) -> Array:
        """Return the largest simultaneous charge and discharge of a device per period, shape ``(L,)``."""
        overlaps = [d.overlap_mw for d in self.devices.values() if d.traits.exclusive]
        return np.max(np.nan_to_num(overlaps), axis=0) if overlaps else np.zeros(self.length)

    def recursion_error_mwh(self, k: int) -> float | None:
        """Return the largest deviation of stored energy from its recursion in period column ``k``; None without it."""
        errors = [abs(float(d.recursion_mwh[k])) for d in self.devices.values() if d.recursion_mwh is not None]
        return float(np.max(errors)) if errors else None
