"""What every engine of power flows is asked, and how well an answer fits: independent of who answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, ComplexArray
from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.topology import listed


def injections(feeder: Feeder, p_mw: ArrayLike, q_mvar: ArrayLike) -> tuple[Array, Array]:
    """Return net injections as arrays of shape (n,) or (n, T).

    Raises
    ------
    InputError
        If there is not one per bus, or with the buses where one is not finite.
    """
    return _checked(feeder, "p_mw", p_mw), _checked(feeder, "q_mvar", q_mvar)


def _checked(feeder: Feeder, name: str, value: ArrayLike) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim not in (1, 2) or len(array) != feeder.n_buses:
        raise InputError(f"{name} has shape {array.shape}; feeder {feeder.name!r} has {feeder.n_buses} buses")
    finite = np.isfinite(array) if array.ndim == 1 else np.isfinite(array).all(axis=1)
    if not finite.all():
        wrong = [feeder.bus_ids[bus] for bus in np.flatnonzero(~finite)]
        raise InputError(f"{name} is not finite at bus {listed(wrong)} of feeder {feeder.name!r}")
    return array


def left_over_mva(feeder: Feeder, vm_pu: Array, va_degree: Array, balance: ComplexArray) -> ComplexArray:
    """Return how far what enters the lines at each bus is from the balance of the bus.

    Parameters
    ----------
    vm_pu, va_degree
        Voltage of each bus as it is told, shape (n,) or (n, T).
    balance
        Injected power with that of the upstream grid, MVA, of the same shape.
    """
    voltage = np.asarray(vm_pu * np.exp(1j * np.deg2rad(va_degree)), dtype=np.complex128)
    return np.asarray(_entering_mva(feeder, voltage) - balance, dtype=np.complex128)


def _entering_mva(feeder: Feeder, voltage: ComplexArray) -> ComplexArray:
    """Return the complex power that enters the lines, and shunts, at each bus: S = V conj(sum of their currents)."""
    wide = [1] * (voltage.ndim - 1)
    impedance = (feeder.r_pu + 1j * feeder.x_pu).reshape(-1, *wide)
    if feeder.circuit is None:
        current = (voltage[feeder.parent] - voltage[feeder.child]) / impedance
        total, leaving, arriving = np.zeros_like(voltage), current, -current
    else:
        circuit = feeder.circuit
        near, far = (ratio.reshape(-1, *wide) for ratio in feeder.ratios)
        start, end = voltage[feeder.parent] / near, voltage[feeder.child] / far
        current = (start - end) / impedance
        leaving = (circuit.shunt_parent_pu.reshape(-1, *wide) * start + current) / near
        arriving = (circuit.shunt_child_pu.reshape(-1, *wide) * end - current) / far
        total = circuit.shunt_bus_pu.reshape(-1, *wide) * voltage
    np.add.at(total, feeder.parent, leaving)
    np.add.at(total, feeder.child, arriving)
    return np.asarray(voltage * np.conj(total) * feeder.base_mva, dtype=np.complex128)
