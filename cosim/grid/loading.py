"""How loaded lines and transformers are, from the state of a feeder: as the user's tool says it, in percent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.grid.circuit import WHOLE_PERCENT
from cosim.grid.feeder import Feeder
from cosim.grid.state import GridState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """What drives and passes the series impedance of each branch, per unit, shape (m,) or (m, T).

    Attributes
    ----------
    voltage_sq
        Squared voltage behind the ratio and the shunt at the parent's end.
    p, q
        Power that enters the impedance there.
    current_sq
        Squared current.
    """

    voltage_sq: Array
    p: Array
    q: Array
    current_sq: Array

    def stacked(self) -> Array:
        """Return voltage_sq, current_sq, p, q along a new first axis."""
        return np.stack([self.voltage_sq, self.current_sq, self.p, self.q])


def series_of(feeder: Feeder, state: GridState) -> Series:
    """Return what the impedances see of a state, from voltages and powers alone."""
    p, q, v = state.p_from_mw / feeder.base_mva, state.q_from_mvar / feeder.base_mva, state.vm_pu[feeder.parent] ** 2
    if feeder.circuit is not None:
        g, b, ratio = (
            array.reshape(-1, *[1] * (v.ndim - 1))
            for array in (feeder.circuit.g_parent_pu, feeder.circuit.b_parent_pu, feeder.circuit.ratio_parent)
        )
        v = v / ratio**2
        p, q = p - g * v, q + b * v
    with np.errstate(divide="ignore", invalid="ignore"):
        return Series(voltage_sq=v, p=p, q=q, current_sq=(p**2 + q**2) / v)


def element_ids(feeder: Feeder) -> tuple[str, ...]:
    """Return the ids of the elements that loading is told of, K of them."""
    return feeder.line_ids if feeder.circuit is None else feeder.circuit.elements.ids


def most_percent(feeder: Feeder) -> Array:
    """Return the loading that is allowed of each element, shape (K,); infinite for any."""
    return np.full(feeder.n_lines, WHOLE_PERCENT) if feeder.circuit is None else feeder.circuit.elements.most_percent


def loading_percent(feeder: Feeder, state: GridState) -> Array:
    """Return the loading of each element, the larger of its rated ends; NaN without a rating, shape (K,) or (K, T).

    By current, or by apparent power where the rating is one.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if feeder.circuit is None:
            limit = np.where(np.isfinite(feeder.i_max_ka), feeder.i_max_ka, np.nan)
            return np.asarray(WHOLE_PERCENT * state.i_ka / limit.reshape(-1, *[1] * (state.i_ka.ndim - 1)))
        elements = feeder.circuit.elements
        seen = series_of(feeder, state).stacked()[:, elements.branch]  # (4, K[, T])
        current = np.sqrt(np.maximum(np.einsum("kec,ck...->ke...", elements.current_sq, seen), 0.0))
        power = np.abs(np.einsum("kec,ck...->ke...", elements.power(feeder.circuit, feeder.series_pu), seen))
        wide = [1] * (seen.ndim - 2)
        size = np.where(elements.by_power.reshape(-1, 1, *wide), power, current)
        return np.asarray(WHOLE_PERCENT * np.fmax.reduce(size / elements.rated_pu.reshape(-1, 2, *wide), axis=1))


def line_loading_percent(feeder: Feeder, state: GridState) -> tuple[Array, Array | None]:
    """Return the loading of each branch in one period, and the loading that is allowed of it, shape (m,) both.

    Of elements side by side it is that of the one nearest to what is allowed of it; NaN without a rating. What is
    allowed is NaN for any, and None where it is the rating of all.
    """
    percent, most = loading_percent(feeder, state), most_percent(feeder)
    if feeder.circuit is None:
        return percent, None
    branch, any_loading = feeder.circuit.elements.branch, np.isinf(most)
    full = np.nan_to_num(percent / np.where(any_loading, WHOLE_PERCENT, most), nan=-1.0)
    order = np.lexsort((full, branch))  # the last of each branch is the fullest
    nearest = order[np.append(np.flatnonzero(np.diff(branch[order])), len(order) - 1)]
    told = bool((any_loading | (most == WHOLE_PERCENT)).all())
    return percent[nearest], None if told else np.where(any_loading, np.nan, most)[nearest]


def over_limit_rel(feeder: Feeder, state: GridState) -> Array:
    """Return how far each element is loaded beyond what is allowed, relative; negative inside, (K,) or (K, T)."""
    wide = [1] * (state.i_ka.ndim - 1)
    if feeder.circuit is None:
        return np.asarray(state.i_ka / feeder.i_max_ka.reshape(-1, *wide) - 1.0)
    over = loading_percent(feeder, state) / most_percent(feeder).reshape(-1, *wide) - 1.0
    return np.where(np.isnan(over) & state.converged, -1.0, over)
