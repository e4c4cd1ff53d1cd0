"""AC power flows of a feeder with ratios and shunts by sweeps over its tree, the linear part exact, many at once.

Between two updates of the loads' currents the feeder is a linear circuit; one backward pass brings each subtree to its
Norton equivalent (admittance and current), one forward pass gives the voltages. Shunts of any size thus cost no
iterations, and the first voltages are those of the unloaded feeder at its ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray, ComplexArray, IntArray
from cosim.grid.circuit import levels_of

TOLERANCE_PU = 1e-14
MAX_ITERATIONS = 500
STALLED_PU = 1e-11
"""Movement that round-off can sustain where a branch is very short; below it the sweeps may end without resting."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Passive:
    """A feeder of n buses and m branches without its loads, in one or K variants.

    Attributes
    ----------
    parent, child
        Ends of the branches, breadth-first from the supply.
    root
        Voltage of the supply, shape () or (K,).
    series, shunt_parent, shunt_child
        Impedance of each branch, and its shunts behind the ratios, shape (m, 1) or (m, K).
    ratio_parent, ratio_child
        Shape (m, 1).
    shunt_bus
        Admittance at each bus, shape (n, 1) or (n, K).
    """

    parent: IntArray
    child: IntArray
    root: Array
    series: ComplexArray
    shunt_parent: ComplexArray
    shunt_child: ComplexArray
    ratio_parent: Array
    ratio_child: Array
    shunt_bus: ComplexArray


def sweep_circuit(
    passive: Passive, drawn: Callable[[ComplexArray], ComplexArray], cases: int
) -> tuple[ComplexArray, ComplexArray, BoolArray]:
    """Return voltages (n, K), currents through the series impedances (m, K), and which cases came to rest (K,).

    Parameters
    ----------
    passive
        The feeder.
    drawn
        Currents that the loads draw at some voltages, shape (n, K) both.
    cases
        K.
    """
    circuit = _Circuit(passive)
    voltage, current = circuit.answer(np.zeros((len(passive.shunt_bus), cases), dtype=np.complex128))
    moved = np.full(cases, np.inf)
    with np.errstate(all="ignore"):  # without a state it overflows; the outcome is judged by its movement
        for _ in range(MAX_ITERATIONS):
            before, last = voltage, moved
            voltage, current = circuit.answer(drawn(voltage))
            moved = np.abs(voltage - before).max(axis=0)
            if not ((moved > TOLERANCE_PU) & ~((moved >= last) & (moved <= STALLED_PU))).any():
                break
    return voltage, current, np.asarray(moved <= STALLED_PU)


class _Circuit:
    """What the voltages of a feeder answer to currents drawn at its buses."""

    def __init__(self, passive: Passive) -> None:
        self._of = of = passive
        self._levels = levels_of(of.parent, of.child)
        variants = np.broadcast_shapes(of.shunt_bus.shape[1:], of.series.shape[1:], of.shunt_child.shape[1:])
        admittance = np.broadcast_to(of.shunt_bus, (len(of.shunt_bus), *variants)).copy()
        below = np.zeros((len(of.child), *variants), dtype=np.complex128)
        shrink = np.ones_like(below)
        for level in reversed(self._levels):
            below[level] = of.ratio_child[level] ** 2 * admittance[of.child[level]] + of.shunt_child[level]
            shrink[level] = 1.0 / (1.0 + of.series[level] * below[level])
            seen = (below[level] * shrink[level] + of.shunt_parent[level]) / of.ratio_parent[level] ** 2
            np.add.at(admittance, of.parent[level], seen)
        self._below, self._shrink = below, shrink

    def answer(self, drawn: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """Return bus voltages, and series currents from parent to child, to currents drawn at the buses."""
        of = self._of
        total = drawn.copy()
        behind = np.zeros((len(of.child), drawn.shape[1]), dtype=np.complex128)
        for level in reversed(self._levels):
            behind[level] = of.ratio_child[level] * total[of.child[level]]
            np.add.at(total, of.parent[level], behind[level] * self._shrink[level] / of.ratio_parent[level])
        voltage = np.broadcast_to(np.asarray(of.root, dtype=np.complex128), drawn.shape).copy()
        current = np.zeros_like(behind)
        for level in self._levels:
            start = voltage[of.parent[level]] / of.ratio_parent[level]
            current[level] = (self._below[level] * start + behind[level]) * self._shrink[level]
            voltage[of.child[level]] = of.ratio_child[level] * (start - of.series[level] * current[level])
        return voltage, current
