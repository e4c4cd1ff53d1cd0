"""Limits on the currents of a feeder that no plan of a window can exceed: a relaxation without them may burn any power.

The current of a line is the sum of those of the buses below it, and that of a bus is at most the largest apparent power
that loads and devices there can make, at the lowest voltage allowed. Shunts draw at most what they draw at the highest
one; a ratio turns currents over. Nothing physical is cut off, so that the optimum
under these limits bounds every plan, too, and at least as well. Most of all they end currents in lines that carry none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.dispatch.backends.base import ConeAnswer, Cones, Data
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Window
from cosim.dispatch.injection_bounds import given
from cosim.dispatch.plan import DispatchCase
from cosim.grid.feeder import Feeder

SMALLEST = 1e-4
"""Least limit, in units of the window: far below what a cone's gap is judged by."""


def possible_current_sq_pu(case: DispatchCase, window: Window) -> Array:
    """Return the largest squared current of each line and period, pu, shape (m, L); infinite where nothing bounds it.

    It holds where voltages keep their limits.
    """
    feeder = case.feeder
    most_mva = np.hypot(window.base_p_mw, window.base_q_mvar)
    np.add.at(most_mva, list(case.station_buses), np.abs(window.ev_p_mw))
    at = slice(window.start, window.start + window.length)
    for settings in case.devices:
        if catalogue()[settings.kind].side != "exchange":
            most_mva[feeder.bus_position(settings.bus)] += _apparent_mva(case, settings, at)
    lowest = np.broadcast_to(feeder.base_mva * feeder.v_min_pu[:, np.newaxis], most_mva.shape)
    below = np.divide(most_mva, lowest, out=np.where(most_mva > 0.0, np.inf, 0.0), where=lowest > 0.0)
    current = np.zeros((feeder.n_lines, window.length))
    (near, far), (at_parent, at_child, at_bus) = feeder.ratios, _most_shunt_currents(feeder)
    below += at_bus[:, np.newaxis]
    for line in range(feeder.n_lines - 1, -1, -1):  # breadth-first: leaves come last
        current[line] = far[line] * below[feeder.child[line]] + at_child[line]
        below[feeder.parent[line]] += (current[line] + at_parent[line]) / near[line]
    return np.asarray(current**2)


def _most_shunt_currents(feeder: Feeder) -> tuple[Array, Array, Array]:
    """Return the most that shunts draw, pu: of each branch behind its ratios at parent and child, and of each bus."""
    circuit, most = feeder.circuit, feeder.v_max_pu.copy()
    if circuit is None:
        return np.zeros(feeder.n_lines), np.zeros(feeder.n_lines), np.zeros(feeder.n_buses)
    most[feeder.slack] = feeder.slack_vm_pu
    ends = (
        (circuit.shunt_parent_pu, feeder.parent, feeder.ratios[0]),
        (circuit.shunt_child_pu, feeder.child, feeder.ratios[1]),
    )
    drawn = [np.asarray(np.abs(shunt) * most[bus] / ratio) for shunt, bus, ratio in ends]
    return drawn[0], drawn[1], np.asarray(np.abs(circuit.shunt_bus_pu) * most)


def _apparent_mva(case: DispatchCase, settings: Any, at: slice) -> Array:  # noqa: ANN401 - any settings
    """Return the largest apparent power of a device, by what its settings allow."""
    allowed = catalogue()[settings.kind].allowed(settings, given(case, settings, at))
    p = np.maximum(np.abs(allowed.p_max_mw), np.abs(allowed.p_min_mw))
    q = np.maximum(np.abs(allowed.q_max_mvar), np.abs(allowed.q_min_mvar))
    return np.minimum(np.hypot(p, q), allowed.s_max_mva)


def limited(data: Data, columns: IntArray, most: Array) -> Data:
    """Return a programme in which some columns are at most so much: further rows, after all inequalities.

    Parameters
    ----------
    data
        The programme, in units in which 1 is much and `SMALLEST` is nothing.
    columns, most
        Which columns, and their limits; infinite ones are left out, and none is nearer to 0 than `SMALLEST`: a solver
        needs room.
    """
    import scipy.sparse as sp

    columns, most = columns[np.isfinite(most)], np.maximum(most[np.isfinite(most)], SMALLEST)
    dims, a = data["dims"], sp.csr_array(data["A"])
    end = dims.zero + dims.nonneg
    rows = sp.csr_array((np.ones(columns.size), (np.arange(columns.size), columns)), shape=(columns.size, a.shape[1]))
    return {
        **data,
        "A": sp.csc_array(sp.vstack([a[:end], rows, a[end:]])),
        "b": np.concatenate([data["b"][:end], most, data["b"][end:]]),
        "dims": Cones(zero=dims.zero, nonneg=dims.nonneg + columns.size, soc=list(dims.soc)),
    }


def without_limits(data: Data, answer: ConeAnswer) -> ConeAnswer:
    """Return an answer to a limited programme with multipliers of the rows of the plain one only."""
    dims, z = data["dims"], answer.solution.z
    end, more = dims.zero + dims.nonneg, z.size - data["b"].size
    return replace(answer, solution=replace(answer.solution, z=np.concatenate([z[:end], z[end + more :]])))
