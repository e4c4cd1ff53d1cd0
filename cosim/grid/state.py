"""The state of a feeder, relaxed or AC, in one period or in many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cosim.arrays import Array, BoolArray, freeze
from cosim.grid.feeder import Feeder


def _unknown() -> Array:
    return np.array(np.nan)


def _none() -> Array:
    return np.array(0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridState:
    """The state of a feeder of n buses and m lines; of T periods, time is the last axis of every array.

    Attributes
    ----------
    vm_pu
        Voltage of each bus, shape (n,) or (n, T).
    i_ka
        Current of each line, in an AC state the larger of its two ends, shape (m,) or (m, T).
    p_from_mw, q_from_mvar
        Power that enters each line at its sending end, of the shape of `i_ka`.
    loss_mw, slack_mw, slack_mvar
        Active power lost in all lines, and power drawn from the upstream grid (negative: exported), shape () or (T,).
    converged
        Whether there is a state, shape () or (T,); where there is none, all numbers are NaN.
    va_degree, loss_mvar
        Angle of the voltages, and reactive power lost, where the state knows them; else NaN.
    injection_error_mw
        Largest deviation, over buses, P and Q, of what was injected from what was asked; NaN where nobody measured it.
    mismatch_mva
        Largest violation of the power balance of a bus (slack included), recomputed from voltages and impedances; NaN
        where nobody did.
    shunt_mw
        Active power that shunts at buses draw, shape () or (T,); none in a plain feeder.
    current_sq_pu
        Squared current through the series impedance of each branch of a feeder with a circuit, of the shape of `i_ka`:
        its ends carry others. NaN of a plain one.
    reached
        Share of the injections up to which there is a state, where there is none of all; NaN elsewhere.
    """

    vm_pu: Array
    i_ka: Array
    p_from_mw: Array
    q_from_mvar: Array
    loss_mw: Array
    slack_mw: Array
    slack_mvar: Array
    converged: BoolArray
    va_degree: Array = field(default_factory=_unknown)
    loss_mvar: Array = field(default_factory=_unknown)
    injection_error_mw: Array = field(default_factory=_unknown)
    mismatch_mva: Array = field(default_factory=_unknown)
    shunt_mw: Array = field(default_factory=_none)
    current_sq_pu: Array = field(default_factory=_unknown)
    reached: Array = field(default_factory=_unknown)

    def __post_init__(self) -> None:
        freeze(self)

    def at(self, k: int) -> Self:
        """Return the state of period column ``k``."""
        return self._with(lambda array, _: array[..., k] if array.ndim else array)

    def replaced(self, states: Mapping[int, Self]) -> Self:
        """Return the states with those of some period columns replaced by single ones."""

        def put(array: NDArray[Any], name: str) -> NDArray[Any]:
            changed = array.copy()
            for k, state in states.items() if array.ndim else ():
                changed[..., k] = getattr(state, name)
            return changed

        return self._with(put)

    def _with(self, change: Callable[[NDArray[Any], str], NDArray[Any]]) -> Self:
        return type(self)(**{item.name: change(getattr(self, item.name), item.name) for item in fields(self)})


def together(states: Sequence[GridState]) -> GridState:
    """Return single states as those of many periods."""
    return GridState(
        **{item.name: np.stack([getattr(one, item.name) for one in states], axis=-1) for item in fields(GridState)}
    )


def no_state(feeder: Feeder, periods: tuple[int, ...] = (), *, reached: float = math.nan) -> GridState:
    """Return what there is of a flow that found no state: NaN everywhere, in one period or of some shape.

    ``reached`` is the share of its injections that has one.
    """
    bus, line, one = (np.full((*size, *periods), np.nan) for size in ((feeder.n_buses,), (feeder.n_lines,), ()))
    of_circuit = {} if feeder.plain else {"shunt_mw": one, "current_sq_pu": line}
    return GridState(
        vm_pu=bus, va_degree=bus, i_ka=line, p_from_mw=line, q_from_mvar=line, loss_mw=one, slack_mw=one,
        slack_mvar=one, converged=np.zeros(periods, dtype=bool), reached=np.full(periods, reached), **of_circuit,
    )  # fmt: skip
