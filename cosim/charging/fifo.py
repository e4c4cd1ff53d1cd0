"""A charging station as a queue: first come, first served, equal shares of a power cap.

One call of `advance` covers one time step ``[t, t + dt]`` of a station with ``N`` chargers of ``P_ch`` kW each, at
which every vehicle takes ``E_s`` kWh, under a cap ``P_set`` on the whole station::

    1. who arrived at t joins the queue Q (those of one step in order of their ids)
    2. while a charger is free, the first of Q is plugged in: wait = t - arrival
    3. each of the B plugged vehicles gets min(P_ch, P_set / B) dt / 3600 kWh, the last step only what is missing
    4. who has E_s kWh leaves its charger; it leaves the station at once, or after ``dwell_s`` away from the charger

Energy is counted where it enters a vehicle, so that ``ledger = sessions E_s + sum of the plugged vehicles' energy``
holds to rounding; the ledger is a compensated sum (Neumaier), since a day adds up a million small amounts.

Steps in which nobody arrives, is plugged in, has its energy or leaves may be made in one: `quiet_steps` says how many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, MinLen

from cosim.bounds import NonNegative, Positive, check_bounds
from cosim.errors import InputError, Problem
from cosim.units import kw_s_to_kwh, kwh_to_kw_s

ROUNDING = 1e-12
"""Share of a vehicle's energy that counts as none missing; without it, rounding would cost a step now and then."""
EARLY_S = 1e-6
"""Who is to leave so short after the end of a step leaves with it; without it, rounding would decide, s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerBank:
    """The chargers of one station.

    Attributes
    ----------
    name
        Name of the station.
    chargers, charger_kw
        Number of chargers, and power of each, kW.
    energy_kwh
        Energy that every vehicle takes from the grid, kWh.
    dwell_s
        Time that a vehicle stays after charging without occupying a charger, s.

    Raises
    ------
    InputError
        Naming every value that breaks its rule.
    """

    name: Annotated[str, MinLen(1)]
    chargers: Annotated[int, Ge(1)]
    charger_kw: Positive
    energy_kwh: Positive
    dwell_s: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, f"station {self.name}")

    @property
    def installed_kw(self) -> float:
        """Power of all chargers together, kW."""
        return self.chargers * self.charger_kw


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One vehicle's visit, as far as it has come.

    Attributes
    ----------
    vehicle
        Id of the vehicle.
    arrive_s, plug_s, unplug_s, leave_s
        When it arrived, was plugged in, had its energy, and left, s; NaN where that has not happened.
    energy_kwh
        Energy taken so far, kWh.
    """

    vehicle: str
    arrive_s: float
    plug_s: float = math.nan
    unplug_s: float = math.nan
    leave_s: float = math.nan
    energy_kwh: float = 0.0

    @property
    def wait_s(self) -> float:
        """Time between arrival and plugging in, s; NaN while waiting."""
        return self.plug_s - self.arrive_s


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoState:
    """Who is in the station, and what has been counted so far.

    Attributes
    ----------
    queue, plugged, dwelling
        Those who wait, charge, and stay on after charging, each in order.
    arrivals, sessions
        Vehicles that arrived, and that got all their energy.
    ledger_kwh, ledger_rest_kwh
        Energy delivered, and the part of it that rounding would have lost, kWh.
    """

    queue: tuple[Session, ...] = ()
    plugged: tuple[Session, ...] = ()
    dwelling: tuple[Session, ...] = ()
    arrivals: int = 0
    sessions: int = 0
    ledger_kwh: float = 0.0
    ledger_rest_kwh: float = 0.0

    @property
    def delivered_kwh(self) -> float:
        """Energy delivered since the beginning, kWh."""
        return self.ledger_kwh + self.ledger_rest_kwh

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in the station."""
        return not (self.queue or self.plugged or self.dwelling)


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoStep:
    """What one step did.

    Attributes
    ----------
    state
        The station at the end of the step.
    p_kw
        Mean power over the step, kW; never above the cap.
    plugged
        Those who were plugged in at its beginning.
    left
        Those who left the station during the step, with all their times.
    """

    state: FifoState
    p_kw: float
    plugged: tuple[Session, ...] = ()
    left: tuple[Session, ...] = ()


def advance(
    bank: ChargerBank, state: FifoState, *, arrivals: Iterable[str], now_s: float, step_s: float, p_set_kw: float
) -> FifoStep:
    """Advance a station by one step.

    Parameters
    ----------
    bank
        The station's chargers.
    state
        The station at ``now_s``.
    arrivals
        Ids of the vehicles that arrived since the last step.
    now_s, step_s
        Beginning and length of the step, s.
    p_set_kw
        Cap on the whole station, kW, >= 0; infinity caps nothing, 0 stops all charging.

    Raises
    ------
    InputError
        If the cap or the step is negative or no number, or a vehicle arrives that is there already.

    Examples
    --------
    >>> bank = ChargerBank(name="8", chargers=1, charger_kw=60.0, energy_kwh=1.5)
    >>> step = advance(bank, FifoState(), arrivals=["a", "b"], now_s=0.0, step_s=60.0, p_set_kw=60.0)
    >>> step.p_kw, [one.vehicle for one in step.state.plugged], [one.vehicle for one in step.state.queue]
    (60.0, ['a'], ['b'])
    >>> step = advance(bank, step.state, arrivals=[], now_s=60.0, step_s=60.0, p_set_kw=60.0)
    >>> [(one.vehicle, one.leave_s) for one in step.left], step.p_kw
    ([('a', 90.0)], 30.0)
    """
    _check(bank, state, p_set_kw, step_s)
    arrived = tuple(Session(vehicle=vehicle, arrive_s=now_s) for vehicle in sorted(arrivals))
    if state.is_empty and not arrived:
        return FifoStep(state=state, p_kw=0.0)
    _check_new(bank, state, arrived)
    queue = state.queue + arrived
    entering = tuple(replace(one, plug_s=now_s) for one in queue[: bank.chargers - len(state.plugged)])
    before = state.plugged + entering
    after, energies = _charged(bank, before, now_s=now_s, step_s=step_s, p_set_kw=p_set_kw)
    full = tuple(one for one in after if not math.isnan(one.unplug_s))
    staying = state.dwelling + tuple(replace(one, leave_s=one.unplug_s + bank.dwell_s) for one in full)
    end_s = now_s + step_s + EARLY_S
    left = tuple(one for one in staying if one.leave_s <= end_s)
    ledger, rest = _compensated(state.ledger_kwh, state.ledger_rest_kwh, energies)
    grown = FifoState(
        queue=queue[len(entering) :],
        plugged=tuple(one for one in after if math.isnan(one.unplug_s)),
        dwelling=tuple(one for one in staying if one.leave_s > end_s),
        arrivals=state.arrivals + len(arrived),
        sessions=state.sessions + len(full),
        ledger_kwh=ledger,
        ledger_rest_kwh=rest,
    )
    p_kw = min(kwh_to_kw_s(math.fsum(energies)) / step_s, p_set_kw, bank.installed_kw)
    return FifoStep(state=grown, p_kw=p_kw, plugged=entering, left=left)


def quiet_steps(bank: ChargerBank, state: FifoState, *, now_s: float, step_s: float, p_set_kw: float) -> float:
    """Return how many steps pass, if nobody arrives, in which nobody is plugged in, has its energy or leaves.

    One call of `advance` over so many steps does what so many calls do. Who arrives meanwhile takes power from those
    who charge, never adds to it: nobody is done earlier than without arrivals.

    Parameters
    ----------
    bank, state
        The station, and its state at ``now_s``.
    now_s, step_s, p_set_kw
        Beginning and length of the steps, s, and the cap in them, kW.

    Returns
    -------
    float
        A whole number, infinite if nothing will ever happen.
    """
    if state.queue and len(state.plugged) < bank.chargers:
        return 0.0
    step_kwh = kw_s_to_kwh(_share_kw(bank, state.plugged, p_set_kw) * step_s)
    steps = [_steps(one.leave_s - EARLY_S - now_s, step_s) for one in state.dwelling]
    if step_kwh > 0.0:
        enough = bank.energy_kwh * (1.0 - ROUNDING)
        steps += [_steps(enough - one.energy_kwh, step_kwh) for one in state.plugged]
    return max(0.0, min(steps, default=math.inf) - 1.0)


def leaves_not_before_s(bank: ChargerBank, state: FifoState, *, now_s: float, p_set_kw: float) -> float:
    """Return a time before which nobody leaves as long as the cap holds, also of those who may yet arrive, s.

    Parameters
    ----------
    bank, state
        The station, and its state at ``now_s``.
    now_s, p_set_kw
        The present, s, and the cap from now on, kW.
    """
    whole_s = kwh_to_kw_s(bank.energy_kwh) / bank.charger_kw
    first_s = now_s + whole_s + bank.dwell_s  # of one that is plugged in from now on
    p_kw = _share_kw(bank, state.plugged, p_set_kw)
    if p_kw > 0.0:  # the share grows when somebody is done, not before
        missing_kwh = min((bank.energy_kwh - one.energy_kwh for one in state.plugged), default=math.inf)
        first_s = min(first_s, now_s + kwh_to_kw_s(missing_kwh) / p_kw + bank.dwell_s)
    return min([first_s, *(one.leave_s for one in state.dwelling)])


def identity_error_kwh(bank: ChargerBank, state: FifoState) -> float:
    """Return ``|ledger - sessions E_s - sum of the plugged vehicles' energy|``, kWh; rounding alone makes it differ."""
    inside = math.fsum(one.energy_kwh for one in state.plugged)
    return abs(math.fsum((state.ledger_kwh, state.ledger_rest_kwh, -state.sessions * bank.energy_kwh, -inside)))


def _charged(
    bank: ChargerBank, plugged: Sequence[Session], *, now_s: float, step_s: float, p_set_kw: float
) -> tuple[list[Session], list[float]]:
    """Return the plugged vehicles after the step, and what each of them got, kWh."""
    if not plugged:
        return [], []
    p_kw = _share_kw(bank, plugged, p_set_kw)
    after, energies = [], []
    for one in plugged:
        reached = one.energy_kwh + kw_s_to_kwh(p_kw * step_s)
        if p_kw > 0.0 and reached >= bank.energy_kwh * (1.0 - ROUNDING):
            used_s = min(kwh_to_kw_s(bank.energy_kwh - one.energy_kwh) / p_kw, step_s)
            after.append(replace(one, energy_kwh=bank.energy_kwh, unplug_s=now_s + used_s))
        else:
            after.append(replace(one, energy_kwh=reached))
        energies.append(after[-1].energy_kwh - one.energy_kwh)
    return after, energies


def _share_kw(bank: ChargerBank, plugged: Sequence[Session], p_set_kw: float) -> float:
    """Return the power of each plugged vehicle, kW."""
    return min(bank.charger_kw, p_set_kw / len(plugged)) if plugged else 0.0


def _steps(amount: float, of_one: float) -> float:
    """Return the number of the step, from 1, in which an amount is reached."""
    steps = amount / of_one
    return float(math.ceil(steps)) if steps < math.inf else math.inf


def _compensated(total: float, rest: float, terms: Iterable[float]) -> tuple[float, float]:
    """Add terms to a total and keep what rounding loses apart (Neumaier 1974)."""
    for term in terms:
        grown = total + term
        rest += (total - grown) + term if abs(total) >= abs(term) else (term - grown) + total
        total = grown
    return total, rest


def _check(bank: ChargerBank, state: FifoState, p_set_kw: float, step_s: float) -> None:
    problems = []
    if not p_set_kw >= 0.0:
        problems.append(Problem(field="p_set_kw", reason=f"station {bank.name!r}: {p_set_kw} must be >= 0"))
    if not 0.0 < step_s < math.inf:
        problems.append(Problem(field="step_s", reason=f"{step_s} must be > 0 and finite"))
    if problems:
        raise InputError(problems)


def _check_new(bank: ChargerBank, state: FifoState, arrived: Sequence[Session]) -> None:
    if not arrived:
        return
    known = {one.vehicle for part in (state.queue, state.plugged, state.dwelling) for one in part}
    new = [one.vehicle for one in arrived]
    if twice := sorted(known.intersection(new)) or sorted({one for one in new if new.count(one) > 1}):
        reason = f"station {bank.name!r}: {', '.join(twice)} arrived, but is there already"
        raise InputError(Problem(field="arrivals", reason=reason, remedy="give each vehicle one id and one visit"))
