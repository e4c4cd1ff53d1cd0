"""The numerics id: what the last bits of a row hang on beside its inputs.

Python, the packages, and what this machine makes of some linear algebra and elementary functions: another instruction
set moves last digits, and the id says so before rows are mixed.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys

from cosim.results.manifest import versions

_SIZE = 150
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
KERNEL = {"OPENBLAS_CORETYPE": "Haswell"}
"""One kernel of OpenBLAS on all x86-64 machines since 2013, so that their rows have the same bits."""


def environment() -> dict[str, str]:
    """Return the environment variables of workers; they hold before NumPy is loaded."""
    import platform

    return {**THREADS, **(KERNEL if platform.machine() in ("x86_64", "AMD64") else {})}


def numerics_id() -> str:
    """Return the id of this process."""
    told = {"python": sys.version, "versions": versions(), "canary": canary()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def canary() -> str:
    """Return a digest of all bits of what differs by instruction set: linear algebra, elementary functions, sums.

    OpenBLAS takes another kernel on another processor, NumPy other loops, the C library other variants of its
    functions; solvers and power flows are made of these, and of code that is the same everywhere.
    """
    import numpy as np
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    generator = np.random.default_rng(20_241_130)
    matrix, vector = generator.normal(size=(_SIZE, _SIZE)), generator.normal(size=_SIZE)
    positive = np.abs(vector) + 0.1
    sparse = csc_array(np.where(np.abs(matrix) > 1.5, matrix, 0.0) + 20.0 * np.eye(_SIZE))  # noqa: PLR2004 - a fifth
    told = [
        matrix @ matrix, matrix @ vector, vector @ vector, np.linalg.solve(matrix, vector),
        np.linalg.svd(matrix, compute_uv=False), splu(sparse).solve(vector), np.exp(vector), np.log(positive),
        positive**vector, np.sin(vector), vector.sum(), np.cumsum(vector),
        [math.exp(x) + math.sin(x) + math.pow(2.5, x) for x in vector.tolist()],
    ]  # fmt: skip
    digest = hashlib.sha256()
    for one in told:
        digest.update(np.asarray(one, dtype=float).tobytes())
    return digest.hexdigest()
