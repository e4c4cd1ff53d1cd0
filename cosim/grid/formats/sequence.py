"""Positive-sequence equivalents of circuits whose phases are given one by one.

A part of p phases is taken to carry equal currents in all of them and to feed a balanced load; its equivalent draws the
same power and loses the same. For three phases this is the positive sequence, exactly so where the phases are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cosim.arrays import ComplexArray

PHASES = 3
_STEP_DEGREE = 60.0


def directions(voltage: Mapping[int, complex]) -> dict[int, complex]:
    """Return the unit phasors of a bus's nodes in a balanced state, by the state that was found.

    Parameters
    ----------
    voltage
        Of nodes 1, 2, 3; others are taken as neutral. Of three, what is common to all is left out, since it may float.

    >>> found = directions({1: 230.0 + 5.0j, 3: -110.0 + 200.0j})
    >>> {node: round(float(np.angle(unit, deg=True))) for node, unit in found.items()}
    {1: 0, 3: 120}
    """
    phases = {node: voltage[node] for node in sorted(voltage) if 1 <= node <= PHASES}
    if not phases:
        return {}
    common = sum(phases.values()) / PHASES if len(phases) == PHASES else 0.0
    values = np.array([value - common for value in phases.values()], dtype=np.complex128)
    degree = np.angle(values, deg=True)
    snapped = np.round((degree - degree[0]) / _STEP_DEGREE) * _STEP_DEGREE
    return dict(zip(phases, np.exp(1j * np.deg2rad(snapped)).tolist(), strict=True))


def is_balanced_set(units: Mapping[int, complex]) -> bool:
    """Return whether three unit phasors are those of three phases, in either order."""
    return abs(sum(units.values())) < 0.5  # noqa: PLR2004 - they are multiples of 60 degrees


def magnitude(voltage: Mapping[int, complex], units: Mapping[int, complex]) -> float:
    """Return the mean phasor of a bus's nodes in their directions: of three nodes, the positive sequence."""
    return float(abs(sum(np.conj(unit) * voltage[node] for node, unit in units.items())) / len(units))


def series_impedance(series: ComplexArray, units: Sequence[complex]) -> complex:
    """Return the impedance of one phase of the equivalent, from the series admittance of p conductors."""
    u = np.array(units, dtype=np.complex128)
    return complex(PHASES * (np.conj(u) @ np.linalg.solve(series, u)) / len(u) ** 2)


def shunt_admittance(admittance: ComplexArray, units: Sequence[complex]) -> complex:
    """Return the admittance to ground of one phase of the equivalent, from that of p conductors."""
    u = np.array(units, dtype=np.complex128)
    return complex(np.conj(u) @ admittance @ u) / PHASES


def alike(matrix: ComplexArray) -> bool:
    """Return whether the phases of a part are alike: its matrix is the same after any exchange of them."""
    own, size = np.diag(matrix), len(matrix)
    mutual = matrix[~np.eye(size, dtype=bool)]
    scale = 1e-6 * float(np.abs(matrix).max(initial=0.0))
    return bool(np.ptp(own.real) + np.ptp(own.imag) <= scale) and (
        not len(mutual) or bool(np.ptp(mutual.real) + np.ptp(mutual.imag) <= scale)
    )


def coils(nodes: Sequence[int], phases: int, *, delta: bool) -> list[tuple[int, int]]:
    """Return the two nodes of each coil, or each phase's load.

    >>> coils((1, 2, 3, 0), 3, delta=False), coils((1, 2, 3), 3, delta=True), coils((2, 3), 1, delta=True)
    ([(1, 0), (2, 0), (3, 0)], [(1, 2), (2, 3), (3, 1)], [(2, 3)])
    """
    if delta and phases == PHASES:
        return [(nodes[k], nodes[(k + 1) % PHASES]) for k in range(PHASES)]
    if delta or phases == 1:
        return [(nodes[k], nodes[k + 1]) for k in range(phases)]
    return [(node, nodes[phases] if len(nodes) > phases else 0) for node in nodes[:phases]]


def nominal_kv(pairs: Sequence[tuple[int, int]], units: Mapping[int, complex], base_kv: float) -> float:
    """Return the mean voltage over coils where every phase has its base voltage."""
    return base_kv * float(np.mean([abs(units.get(a, 0.0) - units.get(b, 0.0)) for a, b in pairs]))


def rated_kv(kv: float, phases: int, *, delta: bool) -> float:
    """Return the rated voltage of one coil; of two and three phases OpenDSS is told that between lines."""
    return kv if delta or phases == 1 else kv / float(np.sqrt(PHASES))
