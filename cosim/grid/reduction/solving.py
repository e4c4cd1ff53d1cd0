"""pandapower's power flow of a net, from starts that depend on no earlier results."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.grid.reduction.branch_table import BranchTable, branch_table
from cosim.grid.reduction.flows import turned_degree
from cosim.grid.reduction.pandapower_rows import has_voltages, read_solved
from cosim.grid.reduction.sweep import sweep
from cosim.grid.reduction.voltage_dependence import rewritten

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

TOLERANCES = (1e-10, 1e-8, 1e-6)
_SETTLED_PU = 1e-7
"""Movement below which constant current is exact: its error is of the second order."""
_PASSES = 20
_NO_STATE = "no state"
_MOST_ITERATIONS = 30


def solved_net(net: pandapowerNet, name: str) -> pandapowerNet:
    """Solve a net: at the voltages of a DC start, of the unloaded feeder, and of a flat one, until one is answered.

    The tolerance is a share of the load; round-off of very short branches can keep Newton's method from the finest, and
    what it ends with is judged by the proofs.

    Raises
    ------
    InputError
        If it has no state, or is no feeder.
    """
    loads = [net[kind] for kind in ("load", "sgen", "storage")]
    load = sum(float(np.hypot(one.p_mw, one.q_mvar).sum()) for one in loads) or float(net.sn_mva)
    hindered = _NO_STATE
    for start in _starts(net, name):
        for share in TOLERANCES:
            hindered = _hindered(net, share * load / float(net.sn_mva), start)
            if not hindered:
                return net
            if hindered != _NO_STATE:
                reason = f"pandapower cannot solve it: {hindered}"
                raise InputError(Problem(file=name, reason=reason, remedy="run pandapower.diagnostic"))
    reason = "the power flow of its loads does not converge"
    raise InputError(Problem(file=name, reason=reason, remedy="kW given as MW? Run pandapower.diagnostic"))


def solved_from(net: pandapowerNet, vm_pu: Array, va_degree: Array, *, load_mva: float) -> bool:
    """Solve a net as exactly as round-off allows; return whether it has a state.

    It starts as `solved_net` does; the voltages of its unloaded buses are known.

    The tolerance is a share of the load: pandapower compares its ``tolerance_mva`` with the mismatch in per unit of
    ``sn_mva``, in spite of its name.
    """
    starts = ({"init": "dc"}, {"init_vm_pu": vm_pu, "init_va_degree": va_degree}, {"init": "flat"})
    return any(_answered(net, start, load_mva) for start in starts)


def solved_on(net: pandapowerNet, vm_pu: Array, va_degree: Array, *, load_mva: float) -> bool:
    """Solve a net from the voltages of another flow of it alone; return whether it has a state."""
    return _answered(net, {"init_vm_pu": vm_pu, "init_va_degree": va_degree}, load_mva)


def _answered(net: pandapowerNet, start: Mapping[str, Any], load_mva: float) -> bool:
    return any(not _hindered(net, share * load_mva / float(net.sn_mva), start) for share in TOLERANCES)


def _starts(net: pandapowerNet, name: str) -> Iterator[Mapping[str, Any]]:
    yield {"init": "dc"}
    if _hindered(net, 1.0, {"init": "flat"}, most=1) in ("", _NO_STATE):
        yield _unloaded(net, name)
    yield {"init": "flat"}


def _hindered(net: pandapowerNet, tolerance: float, start: Mapping[str, Any], most: int = _MOST_ITERATIONS) -> str:
    """Solve a net; return nothing, or why it has no voltages."""
    import pandapower as pp

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # it overflows on its way; DC divides by an x of 0
            warnings.simplefilter("ignore", DeprecationWarning)  # of pandapower's own older nets
            pp.runpp(
                net, algorithm="nr", numba=False, lightsim2grid=False, max_iteration=most,
                calculate_voltage_angles=True, tolerance_mva=tolerance, **start,
            )  # fmt: skip
    except pp.LoadflowNotConverged:
        return _NO_STATE
    except (UserWarning, ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError,
            NotImplementedError) as error:  # fmt: skip
        if start.get("init") == "dc" and isinstance(error, ArithmeticError):
            return _NO_STATE
        return f"{type(error).__name__}: {error}"
    return "" if net.converged and has_voltages(net) else _NO_STATE


def _unloaded(net: pandapowerNet, name: str) -> dict[str, Array]:
    """Return the voltages of the unloaded feeders of a net that has been asked once, as ``runpp`` takes them.

    Very short branches with ratios (regulators) throw Newton's method far off from any other start. What is no feeder
    is refused here by name.
    """
    there = read_solved(net, name)
    vm_pu, va_degree = np.ones(len(there.buses)), np.zeros(len(there.buses))
    slacks = there.slacks.tolist()
    for source in slacks:
        table, kept = branch_table(there.base_mva, there.buses, there.rows, slacks, source, name=name)
        vm_pu[kept], va_degree[kept] = _at_rest(table)
        va_degree[kept] += there.buses.va_degree[source]
    seen = there.position >= 0
    return {
        "init_vm_pu": np.where(seen, vm_pu[there.position], 1.0),
        "init_va_degree": np.where(seen, va_degree[there.position], 0.0),
    }


def _at_rest(table: BranchTable) -> tuple[Array, Array]:
    nothing = np.zeros(len(table.buses))
    voltage = sweep(table, nothing, nothing).flows.voltage_pu
    return np.abs(voltage), np.angle(voltage, deg=True) - turned_degree(table)


def solved_with_shares(net: pandapowerNet, name: str) -> pandapowerNet:
    """Solve a net with voltage-dependent loads: a fixed point of the voltage at which constant current is exact."""
    vm_pu = np.ones(len(net.load))
    for _ in range(_PASSES):
        work = solved_net(rewritten(net, vm_pu), name)
        found = work.res_bus.vm_pu.loc[net.load.bus].fillna(1.0).to_numpy(dtype=np.float64)
        if np.abs(found - vm_pu).max(initial=0.0) <= _SETTLED_PU:
            return work
        vm_pu = found
    reason = "the voltages of its voltage-dependent loads do not settle"
    raise InputError(Problem(file=name, field="load", reason=reason, remedy="set the const_i columns to 0"))
