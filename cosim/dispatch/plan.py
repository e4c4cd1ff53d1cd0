"""What a dispatch is asked and what it answers: frozen data, per period along the last axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import DeviceOutcome
from cosim.dispatch.exactness import ConeGap
from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.topology import listed

Array = NDArray[np.float64]
Mode = Literal["rolling", "day_ahead", "single_period"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """How the feeder is dispatched.

    Attributes
    ----------
    mode
        ``rolling`` re-solves every period to the end of the day and applies the first; ``day_ahead`` solves the day
        once; ``single_period`` looks at one period alone (no demand response, no end condition of storage).
    loss_price_per_mwh
        Weight of losses in the objective (mu of Eq 21).
    ev_curtailment_price_per_mwh, shedding_price_per_mwh
        Prices of the last resorts; they enter only where the hard model has no answer.
    voltage_slack_price
        Price of missed voltage limits per pu^2 and hour; None keeps them hard.
    solver
        ``auto`` or the name of a backend.
    """

    mode: Mode = "rolling"
    loss_price_per_mwh: NonNegative = 100.0
    ev_curtailment_price_per_mwh: NonNegative = 2000.0
    shedding_price_per_mwh: NonNegative = 10000.0
    voltage_slack_price: Annotated[float, Gt(0)] | None = None
    solver: str = "auto"

    def __post_init__(self) -> None:
        check_bounds(self, "dispatch")


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

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise InputError("; ".join(problems))

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return int(self.tariff_per_mwh.size)

    def _problems(self) -> list[str]:
        n, periods, feeder = self.feeder.n_buses, self.periods, self.feeder
        problems = [
            f"{name} has shape {array.shape}, not {(n, periods)}"
            for name, array in (("base_p_mw", self.base_p_mw), ("base_q_mvar", self.base_q_mvar))
            if array.shape != (n, periods)
        ]
        arrays = {"base_p_mw": self.base_p_mw, "base_q_mvar": self.base_q_mvar, "tariff": self.tariff_per_mwh}
        arrays |= {f"{device}.{field}": v for device, fields in self.series.items() for field, v in fields.items()}
        problems += [f"{name} is not finite" for name, array in arrays.items() if not np.isfinite(array).all()]
        names = [settings.name for settings in self.devices]
        problems += [f"device name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
        if (count := sum(settings.kind == "substation" for settings in self.devices)) != 1:
            problems.append(f"{count} substations; the feeder has one slack bus and needs exactly one")
        problems += [
            f"device {settings.name!r} is at bus {settings.bus!r}, which feeder {feeder.name!r} does not have; "
            f"its buses are {listed(feeder.bus_ids)}"
            for settings in self.devices
            if hasattr(settings, "bus") and settings.bus not in feeder.bus_ids
        ]
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRecord:
    """How the answer was found; residuals are our own, not the solver's.

    ``status`` is ``optimal``, ``optimal_inaccurate`` (own residuals pass), ``infeasible``, ``not_converged`` or
    ``failed``.
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

    @property
    def usable(self) -> bool:
        """Whether there is a point to apply."""
        return self.status in {"optimal", "optimal_inaccurate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPlan:
    """A solved window of L periods from ``start`` on; arrays carry the periods along the last axis.

    Per bus ``(n, L)``: `vm_pu`, `price_per_mwh`, `p_load_mw`, `q_load_mvar`, `p_gen_mw`, `q_gen_mvar`, `shed_mw`.
    Per line ``(m, L)``: `p_line_mw`, `q_line_mvar`, `i_ka`, and the cone gap. Per station ``(s, L)``: `ev_mw`,
    `ev_curtailed_mw`. `slack_mw`, `slack_mvar` are the import, `loss_mw` the relaxed loss, ``(L,)``.
    `next_state` is the devices' state after the first period.
    """

    start: int
    record: SolveRecord
    vm_pu: Array
    price_per_mwh: Array
    p_load_mw: Array
    q_load_mvar: Array
    p_gen_mw: Array
    q_gen_mvar: Array
    shed_mw: Array
    voltage_slack_pu2: Array
    p_line_mw: Array
    q_line_mvar: Array
    i_ka: Array
    cone: ConeGap
    ev_mw: Array
    ev_curtailed_mw: Array
    slack_mw: Array
    slack_mvar: Array
    loss_mw: Array
    devices: Mapping[str, DeviceOutcome]
    cost: Mapping[str, Array]
    next_state: Mapping[str, Mapping[str, float]]

    @property
    def length(self) -> int:
        """Number of periods L."""
        return int(self.slack_mw.size)

    @property
    def total_cost(self) -> Array:
        """Cost of all terms per period, shape ``(L,)``."""
        return np.sum(list(self.cost.values()), axis=0)

    def energy_balance_mw(self) -> Array:
        """Return generation + import - load - loss per period, which is zero on a correct answer."""
        return self.p_gen_mw.sum(axis=0) + self.slack_mw - self.p_load_mw.sum(axis=0) - self.loss_mw

    def recursion_error_mwh(self, k: int) -> float | None:
        """Return the largest deviation of stored energy from its recursion in period column ``k``; None without storage."""
        errors = [abs(float(d.recursion_mwh[k])) for d in self.devices.values() if np.isfinite(d.energy_mwh).any()]
        return max(errors, default=None)
