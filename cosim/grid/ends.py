"""What a branch flow comes to at the ends of its branches, in a feeder with a circuit: powers, currents, losses."""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array
from cosim.grid.circuit import Circuit
from cosim.grid.feeder import Feeder


def at_ends(
    feeder: Feeder, circuit: Circuit, voltage_sq: Array, p: Array, q: Array, current_sq: Array
) -> dict[str, Array]:
    """Return the fields of a `GridState` that follow from a branch flow of many periods.

    Currents follow from powers and voltages: where an impedance is tiny, a relaxed ``current_sq`` is known to the
    solver's tolerance over that impedance only.

    Parameters
    ----------
    feeder, circuit
        The feeder and its circuit.
    voltage_sq
        Squared voltage of each bus, shape (n, T).
    p, q, current_sq
        Power that enters the series impedance of each branch, and its squared current, per unit, shape (m, T).
    """
    base, (near, far) = feeder.base_mva, (ratio[:, None] for ratio in feeder.ratios)
    start, end = voltage_sq[feeder.parent] / near**2, voltage_sq[feeder.child] / far**2
    series = (feeder.r_pu + 1j * feeder.x_pu)[:, None]
    leaving = p + 1j * q + np.conj(circuit.shunt_parent_pu)[:, None] * start
    reaching = p + 1j * q - series * current_sq - np.conj(circuit.shunt_child_pu)[:, None] * end
    with np.errstate(divide="ignore", invalid="ignore"):
        currents = [
            base * np.abs(power) / (np.sqrt(3.0 * voltage_sq[bus]) * circuit.bus_kv[bus][:, None])
            for power, bus in ((leaving, feeder.parent), (reaching, feeder.child))
        ]
    shunt, lossy = feeder.shunts_at_bus_pu, feeder.lossy_shunts_pu
    return {
        "i_ka": np.maximum(*currents), "p_from_mw": base * leaving.real, "q_from_mvar": base * leaving.imag,
        "loss_mw": base * (feeder.r_pu @ current_sq + lossy @ voltage_sq),
        "loss_mvar": base * (feeder.x_pu @ current_sq - shunt.imag @ voltage_sq),
        "shunt_mw": base * ((shunt.real - lossy) @ voltage_sq), "current_sq_pu": current_sq,
    }  # fmt: skip
