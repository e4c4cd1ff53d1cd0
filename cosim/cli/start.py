"""How a process of the command line starts: without what no command needs, which is a third of the time it takes."""

from __future__ import annotations

import gc
import sys

from cosim.later import Later

_YOUNG = 100_000
"""Objects made before cycles are looked for among them: the packages to load make half a million that stay."""

_ARROW_OPERATIONS = (
    "add_checked", "and_kleene", "bit_wise_and", "bit_wise_or", "bit_wise_xor", "equal", "greater", "greater_equal",
    "less", "less_equal", "multiply_checked", "not_equal", "or_kleene", "power_checked", "subtract_checked", "xor",
)  # fmt: skip
_OTHER_SOLVERS = ("gurobipy", "highspy", "osqp", "pyscipopt", "scs")
_WAITING = {
    **dict.fromkeys(_OTHER_SOLVERS, ()),  # cvxpy imports each to see whether it is there
    "numpy.f2py": (),  # the compiler of Fortran, which scipy names with all else that numpy has
    "numpy.testing": (),
    "pyarrow.compute": _ARROW_OPERATIONS,  # for columns of Arrow's own types in pandas, which no table here has
    "scipy.interpolate": ("PchipInterpolator", "interp1d"),  # for a controller of pandapower's
    "scipy.optimize": (),  # cvxpy looks whether it is there
    "scipy.special": ("entr", "kl_div", "logsumexp", "rel_entr", "xlogy"),  # for atoms of cvxpy's without numbers
    "scipy.stats": ("entropy",),  # of quantum states, an atom of cvxpy's
}
"""What others load and hardly ever use, with what they take from it to call it."""


def lean() -> None:
    """Look for cycles seldom, and put off parts of numpy and scipy."""
    gc.set_threshold(_YOUNG, 10, 10)
    if not any(isinstance(finder, Later) for finder in sys.meta_path):
        sys.meta_path.insert(0, Later(_WAITING))
