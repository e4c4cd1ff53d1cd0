"""SCS (MIT): a first-order solver, slow and coarse but hard to upset; the last step of the retry chain."""

from __future__ import annotations

import numpy as np

from cosim import watchdog
from cosim.dispatch.backends.base import Capabilities, ConeAnswer, Data, judged
from cosim.dispatch.backends.licences import Licence, installed
from cosim.units import ms_to_s

name = "scs"
capabilities = Capabilities()

SETTINGS = {
    "eps_abs": 1e-7,
    "eps_rel": 1e-7,
    "eps_infeas": 1e-9,
    "max_iters": 100_000,
    "verbose": False,
}
STATUS = {
    1: "optimal",
    2: "optimal_inaccurate",
    -1: "unbounded",
    -2: "infeasible",
    -6: "unbounded",
    -7: "infeasible",
}


def licence() -> Licence:
    """Return that it is free."""
    return installed("scs", "MIT")


def solve(data: Data) -> ConeAnswer:
    """Solve from the origin, and judge the answer ourselves."""
    import scipy.sparse as sp
    import scs

    dims, size = data["dims"], data["c"].size
    quadratic = data.get("P")
    programme = {
        "P": sp.csc_matrix((size, size)) if quadratic is None else sp.csc_matrix(sp.triu(quadratic)),
        "A": sp.csc_matrix(data["A"]),
        "b": data["b"],
        "c": data["c"],
    }
    cone = {"z": dims.zero, "l": dims.nonneg, "q": list(dims.soc)}
    watchdog.beat(f"solver {name}")
    found = scs.SCS(programme, cone, **SETTINGS).solve()
    info = found["info"]
    return judged(
        data, status=STATUS.get(info["status_val"], "solver_error"), raw_status=info["status"],
        x=np.asarray(found["x"]), z=np.asarray(found["y"]), iterations=int(info["iter"]),
        seconds=ms_to_s(info["setup_time"] + info["solve_time"]),
    )  # fmt: skip
