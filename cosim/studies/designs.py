"""Points of a design in [0, 1): one row a draw, one column a factor.

Random numbers hang on their purpose, never on the order in which rows run: each stream is the child of the study's
seed by (replicate, purpose, ...).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.studies.distributions import Values
from cosim.studies.study_file import Design, Factor

DESIGN, SCENARIO = 0, 1
"""Purposes of random numbers: the design's points, and the seed of a row's scenario."""


def stream(seed: int, *purpose: int) -> np.random.SeedSequence:
    """Return the seed sequence of a purpose; equal purposes have equal numbers."""
    return np.random.SeedSequence(seed, spawn_key=purpose)


def scenario_seed(seed: int, replicate: int) -> int:
    """Return the seed of the scenarios of a replicate: equal in all draws and alternatives (common random numbers)."""
    return int(stream(seed, replicate, SCENARIO).generate_state(1, np.uint32)[0])


def grid_points(factors: Sequence[Factor]) -> Array:
    """Return every combination of listed values, shape (rows, factors); the last factor changes fastest."""
    middles = []
    for factor in factors:
        count = len(factor.law.values) if isinstance(factor.law, Values) else 1  # others are refused with the file
        middles.append([(k + 0.5) / count for k in range(count)])
    return np.array(list(itertools.product(*middles))).reshape(-1, len(factors))


def points(design: Design, factors: Sequence[Factor], seed: int) -> Array:
    """Return the points of a design, shape (rows, factors); of ``saltelli`` (rows (factors + 2), factors).

    ``random`` and ``sobol`` in one block keep their points where more are asked for; a Latin hypercube, and all designs
    in blocks, keep their blocks.
    """
    if design.kind == "grid":
        return grid_points(factors)
    if design.kind == "saltelli":
        return _saltelli(design, len(factors), seed)
    size = design.rows // design.blocks
    blocks = [_block(design.kind, size, factors, seed, block) for block in range(design.blocks)]
    return np.concatenate(blocks, axis=0)


def _block(kind: str, size: int, factors: Sequence[Factor], seed: int, block: int) -> Array:
    if not factors:
        return np.empty((size, 0))
    if kind == "random":  # a stream a factor, so that another factor leaves the others as they are
        columns = [
            np.random.default_rng(stream(seed, 0, DESIGN, block, zlib.crc32(factor.path.encode()))).random(size)
            for factor in factors
        ]
        return np.column_stack(columns)
    generator = np.random.default_rng(stream(seed, 0, DESIGN, block))
    if kind == "lhs":
        from scipy.stats import qmc

        return np.asarray(qmc.LatinHypercube(len(factors), rng=generator).random(size), dtype=float)
    return _sobol(size, len(factors), generator)


def _sobol(size: int, count: int, generator: np.random.Generator) -> Array:
    """Return a scrambled Sobol sequence, shape (size, count).

    Raises
    ------
    ComponentError
        If it is none: scipy goes on with points of its own making where it cannot read its table of direction numbers.
    """
    from scipy.stats import qmc

    found = np.asarray(qmc.Sobol(count, rng=generator).random(size), dtype=float)
    # 2^m scrambled points have one in each of 2^m equal intervals, in every column (Owen 1995)
    if any(np.unique((column * size).astype(int)).size != size for column in found.T):
        raise ComponentError("scipy's Sobol sequence is not balanced; is the installation of scipy whole?")
    return found


def _saltelli(design: Design, count: int, seed: int) -> Array:
    """Return the points A, B and, for each factor, A with its column of B, behind one another.

    Saltelli et al. (2010), Computer Physics Communications 181, 259-270.
    """
    generator = np.random.default_rng(stream(seed, 0, DESIGN, 0))
    both = _sobol(design.rows, 2 * count, generator)
    a, b = both[:, :count], both[:, count:]
    mixed = []
    for factor in range(count):
        one = a.copy()
        one[:, factor] = b[:, factor]
        mixed.append(one)
    return np.concatenate([a, b, *mixed], axis=0)
