"""Where all parts of a day stand after a period: what a day needs to go on behind it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cosim.coupling.day import DayState
from cosim.coupling.dispatch_day import DispatchState
from cosim.errors import ComponentError
from cosim.microsim.port import DayLog

State = DayState | DispatchState | DayLog
"""What one simulator carries from a period to the next; those that carry nothing have none."""
S = TypeVar("S", DayState, DispatchState, DayLog)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Where a day stands.

    Attributes
    ----------
    period
        Number of the period that is over, from 1.
    roads, dispatch
        Where roads and dispatch stand; None of a part that the scenario does not have.
    micro
        What a microscopic simulation of all periods was asked; None if there is none, or of single windows.
    """

    period: int
    roads: DayState | None = None
    dispatch: DispatchState | None = None
    micro: DayLog | None = None

    def __post_init__(self) -> None:
        for name, part in (("roads", self.roads), ("dispatch", self.dispatch), ("simulation", self.micro)):
            if part is not None and part.position != self.period - 1:
                raise ComponentError(
                    f"the state of the {name} is that of period {part.position + 1}, not of period {self.period}"
                )


def checkpoint(period: int, states: Iterable[State]) -> Checkpoint:
    """Join the states of the simulators after a period."""
    known = list(states)
    return Checkpoint(
        period=period, roads=_of(DayState, known), dispatch=_of(DispatchState, known), micro=_of(DayLog, known)
    )


def _of(kind: type[S], states: Iterable[State]) -> S | None:
    return next((one for one in states if isinstance(one, kind)), None)
