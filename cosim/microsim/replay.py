"""A day again: asked the same in the same order, an engine answers the same to the bit.

So another engine takes the place of one that died, and an interrupted day goes on behind what was asked before. Every
answer goes into a chain of digests, which tells whether it was the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, freeze
from cosim.errors import ComponentError, SumoError
from cosim.microsim import measurements
from cosim.microsim.day import Day
from cosim.microsim.pool import Stop
from cosim.microsim.states import MicroState, StationNow
from cosim.microsim.stations import StationQueues

EXACT_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayStep:
    """What a day is asked in one coupling step.

    Attributes
    ----------
    period
        Number of the period, from 1.
    until_s
        End of the step, s.
    p_set_mw
        Power that each station may draw, MW, shape (S,).
    path_flow_vph
        Flows of the period that begins, veh/h, shape (K,); None later in it.
    last
        Whether the simulation ends with the step.
    """

    period: int
    until_s: float
    p_set_mw: Array
    path_flow_vph: Array | None = None
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayAnswer:
    """What a day answers to a step.

    Attributes
    ----------
    energy_kwh, drawn_kwh
        Energy that each station has drawn since the start, and in this step, kWh, shape (S,).
    stations
        Who is in each station.
    measured
        The period, where it ends with the step.
    digest
        SHA-256 of this and all earlier answers.
    """

    energy_kwh: Array
    drawn_kwh: Array
    stations: tuple[StationNow, ...]
    measured: MicroState | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayClaim:
    """What a day was asked in one period so far; with those of the periods before it is all that its state depends on.

    Attributes
    ----------
    period
        Number of the period, from 1.
    path_flow_vph
        Flows of the period, veh/h, shape (K,).
    until_s, p_set_mw
        End of each of n steps, s, shape (n,), and the stations' caps in it, MW, shape (n, S).
    digest
        SHA-256 of all answers from the beginning of the day to the last of these steps.
    """

    period: int
    path_flow_vph: Array
    until_s: Array
    p_set_mw: Array
    digest: str

    def __post_init__(self) -> None:
        freeze(self)

    def steps(self) -> Iterator[DayStep]:
        """Yield the steps."""
        flows: Array | None = self.path_flow_vph
        for until_s, caps in zip(self.until_s.tolist(), self.p_set_mw, strict=True):
            yield DayStep(period=self.period, until_s=until_s, p_set_mw=caps, path_flow_vph=flows)
            flows = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayLog:
    """All that a day was asked, from its beginning to the end of a period: its engine's state, in other words."""

    claims: tuple[DayClaim, ...]

    @property
    def position(self) -> int:
        """The period that is over, from 0."""
        return self.claims[-1].period - 1


def extended(claims: Sequence[DayClaim], step: DayStep, digest: str) -> tuple[DayClaim, ...]:
    """Return the claims with one more step.

    Raises
    ------
    ComponentError
        If the step begins a period without flows.
    """
    if step.path_flow_vph is not None:
        first = DayClaim(
            period=step.period, path_flow_vph=step.path_flow_vph, until_s=np.array([step.until_s]),
            p_set_mw=step.p_set_mw[None, :], digest=digest,
        )  # fmt: skip
        return (*claims, first)
    if not claims or claims[-1].period != step.period:
        raise ComponentError(f"period {step.period} of the simulation begins without path flows")
    now = claims[-1]
    until_s, caps = np.append(now.until_s, step.until_s), np.vstack([now.p_set_mw, step.p_set_mw])
    return (*claims[:-1], replace(now, until_s=until_s, p_set_mw=caps, digest=digest))


def answered(day: Day, step: DayStep, before: str, stop: Stop | None = None) -> DayAnswer:
    """Ask a day one step; ``before`` is the digest of the answer before, empty at the beginning."""
    if step.path_flow_vph is not None:
        day.begin(step.path_flow_vph, step.period)
    energy_kwh, drawn_kwh = day.advance(step.until_s, step.p_set_mw, stop)
    ends = abs(step.until_s - step.period * day.period_s) < EXACT_S
    stations, measured = day.counts(), day.end(last=step.last) if ends else None
    total = hashlib.sha256(before.encode())
    for values in (energy_kwh, drawn_kwh):
        total.update(np.asarray(values, dtype="<f8").tobytes())
    total.update(repr(stations).encode())
    if measured is not None:
        total.update(_digest(measured).encode())
    return DayAnswer(
        energy_kwh=energy_kwh, drawn_kwh=drawn_kwh, stations=stations, measured=measured, digest=total.hexdigest()
    )


def _digest(state: MicroState) -> str:
    series = StationQueues((), np.zeros(0)).series() if state.stations is None else state.stations
    found = measurements.digest((state.links,), {}, series, state.sessions, state.quality)
    return f"{found} {state.late_vehicles}"


def replayed(open_day: Callable[[], Day], claims: Sequence[DayClaim], stop: Stop | None = None) -> Day:
    """Return a new day that was asked, and answered, all that is claimed.

    Parameters
    ----------
    open_day
        Starts the simulation at 0.
    claims
        What the day was asked from its beginning on, period by period.
    stop
        Called every simulated minute; ends the replay by raising.

    Raises
    ------
    ComponentError
        If it answers anything else than before.
    """
    day = open_day()
    try:
        _repeat(day, claims, stop)
    except BaseException:
        day.close()
        raise
    return day


def _repeat(day: Day, claims: Sequence[DayClaim], stop: Stop | None) -> None:
    digest = ""
    for claim in claims:
        for step in claim.steps():
            digest = answered(day, step, digest, stop).digest
        if digest != claim.digest:
            raise ComponentError(
                f"the simulation of period {claim.period}, asked what it was asked before, answered otherwise (digest "
                f"{digest[:12]}..., was {claim.digest[:12]}...): are inputs, seed and version of the engine the same?"
            )


class RepeatableDay:
    """A day whose engine may die once a period: another one is asked all over again, unseen by who asks.

    Parameters
    ----------
    open_day
        Starts the simulation at 0.
    claims
        What the day was asked before, by an interrupted run; it is asked again at the first step.

    Attributes
    ----------
    claims
        What it was asked, step by step, with the digest of what it answered.
    repeated
        Why it was simulated again in the period in progress; empty if it was not.
    """

    def __init__(self, open_day: Callable[[], Day], claims: Sequence[DayClaim] = ()) -> None:
        self.open_day, self.claims, self.repeated = open_day, tuple(claims), ""
        self._day: Day | None = None

    @property
    def now_s(self) -> float:
        """Simulated time, s."""
        return float(self.claims[-1].until_s[-1]) if self.claims else 0.0

    def ask(self, step: DayStep, stop: Stop | None = None) -> DayAnswer:
        """Simulate one step; once a period again, if the engine dies.

        Raises
        ------
        SumoError
            If it dies a second time in the period.
        ComponentError
            If its repetition answers otherwise than it did.
        """
        try:
            answer = self._asked(step, stop)
        except SumoError as error:
            self.close()
            if self.repeated:
                raise error.again(f"period {step.period}") from error
            if not error.repeatable:
                raise
            self.repeated = str(error)
            return self.ask(step, stop)
        self.claims = extended(self.claims, step, answer.digest)
        if answer.measured is not None:
            answer = replace(answer, measured=replace(answer.measured, repeated=self.repeated))
            self.repeated = ""
        return answer

    def _asked(self, step: DayStep, stop: Stop | None) -> DayAnswer:
        if self._day is None:
            self._day = replayed(self.open_day, self.claims, stop)
        return answered(self._day, step, self.claims[-1].digest if self.claims else "", stop)

    def close(self) -> None:
        """Let go of the engine; does nothing the second time."""
        if self._day is not None:
            self._day.close()
        self._day = None
