"""A MATPOWER case as a pandapower net: branches keep their ratio and charging, buses their shunts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.errors import InputError, Problem
from cosim.grid.formats.matpower import case_remarks, equal_limits, number_problems, supply_of, voltage_limits
from cosim.grid.formats.matpower_file import CaseFile, Row, read_case_file
from cosim.grid.model import NO_LIMIT_KA
from cosim.units import base_impedance_ohm

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_PQ, _PV, _SLACK, _ISOLATED = 1, 2, 3, 4
_HZ = 50.0
_FARAD_TO_NF = 1e9
_NO_LIMIT = 2.0 * NO_LIMIT_KA


def net_of_case(path: Path) -> tuple[pandapowerNet, tuple[str, ...]]:
    """Return a case as a net, and what there is to say of it.

    A branch between buses of one base voltage without ratio and angle is a line of 1 km, any other a transformer whose
    high-voltage side is the ``from`` end. A generator at a bus of type 3 is an external grid, at one of type 2 a
    ``gen``, at one of type 1 an ``sgen``. Buses keep their numbers; branches have those of their rows, from 1.

    Raises
    ------
    InputError
        With everything that is not data, incomplete, or no net.
    """
    import pandapower as pp

    case = read_case_file(path)
    buses = {int(row["bus_i"]): row for row in case.bus}
    if problems := [*number_problems(case), *_branch_problems(case, buses)]:
        raise InputError(problems)
    net = pp.create_empty_network(sn_mva=case.base_mva, f_hz=_HZ)
    net["user_pf_options"] = {"trafo_loading": "power"}
    names = case.bus_names or ("",) * len(case.bus)
    for (number, row), name in zip(buses.items(), names, strict=True):
        _put_bus(net, number, row, name)
    for index, row in enumerate(case.branch, 1):
        _put_branch(net, index, row, buses, case.base_mva)
    _put_units(net, case, buses)
    return net, (*case_remarks(case), *equal_limits(buses))


def _branch_problems(case: CaseFile, buses: dict[int, Row]) -> Iterator[Problem]:
    """Yield buses without a base voltage, and branches whose ends, impedance or rating make no branch."""
    for number, row in buses.items():
        if not row["baseKV"] > 0.0:
            remedy = "give it in kV; any value does where all are alike"
            yield replace(row.at, field=f"bus {number}", reason=f"baseKV {row['baseKV']:g} must be > 0", remedy=remedy)
    for row in case.branch:
        at = replace(row.at, field=f"branch {row['fbus']:g}-{row['tbus']:g}")
        for end in ("fbus", "tbus"):
            if row[end] not in buses:
                yield replace(at, reason=f"bus {row[end]:g} is not in the table of buses")
        if row["rateA"] < 0.0:
            yield replace(at, reason=f"rateA {row['rateA']:g} must be >= 0", remedy="give 0 for no limit")
        turns = not (row[end] in buses for end in ("fbus", "tbus")) or _is_transformer(row, buses)
        if turns and row["b"]:
            reason = f"b {row['b']:g} of a transformer is not carried"
            yield replace(at, reason=reason, remedy="give it as shunts (Bs) at its buses")
        if turns and row["r"] < 0.0:
            yield replace(at, reason=f"r {row['r']:g} of a transformer must be >= 0")


def _is_transformer(row: Row, buses: dict[int, Row]) -> bool:
    ends = [buses[int(row[end])]["baseKV"] for end in ("fbus", "tbus") if row[end] in buses]
    return bool(row["angle"]) or row["ratio"] not in (0.0, 1.0) or len(set(ends)) > 1


def _put_bus(net: pandapowerNet, number: int, row: Row, name: str) -> None:
    import pandapower as pp

    pp.create_bus(
        net, row["baseKV"], index=number, name=name or None, in_service=int(row["type"]) != _ISOLATED,
        **{name: math.nan if limit is None else limit for name, limit in voltage_limits(row).items()},
    )  # fmt: skip
    if row["Pd"] or row["Qd"]:
        pp.create_load(net, number, row["Pd"], row["Qd"], index=number)
    if row["Gs"] or row["Bs"]:
        pp.create_shunt(net, number, q_mvar=-row["Bs"], p_mw=row["Gs"], index=number)


def _put_branch(net: pandapowerNet, index: int, row: Row, buses: dict[int, Row], base_mva: float) -> None:
    import pandapower as pp

    start, end = (int(row[side]) for side in ("fbus", "tbus"))
    level, in_service = buses[start]["baseKV"], bool(row["status"])
    limited = 0.0 < row["rateA"] < math.inf
    if not _is_transformer(row, buses):
        ohm = base_impedance_ohm(base_mva, level)
        pp.create_line_from_parameters(
            net, start, end, 1.0, row["r"] * ohm, row["x"] * ohm,
            row["b"] / ohm / (2.0 * math.pi * _HZ) * _FARAD_TO_NF, index=index, in_service=in_service,
            max_i_ka=row["rateA"] / (math.sqrt(3.0) * level) if limited else math.nan,
        )  # fmt: skip
        return
    rated = row["rateA"] if limited else _NO_LIMIT * math.sqrt(3.0) * max(level, buses[end]["baseKV"])
    percent = 100.0 * rated / base_mva
    pp.create_transformer_from_parameters(
        net, start, end, sn_mva=rated, vn_hv_kv=level * (row["ratio"] or 1.0), vn_lv_kv=buses[end]["baseKV"],
        vk_percent=math.copysign(math.hypot(row["r"], row["x"]), row["x"]) * percent, vkr_percent=row["r"] * percent,
        pfe_kw=0.0, i0_percent=0.0, shift_degree=row["angle"], index=index, in_service=in_service,
    )  # fmt: skip


def _given(limit: float) -> float:
    """Return a limit, NaN for none."""
    return limit if math.isfinite(limit) else math.nan


def _put_units(net: pandapowerNet, case: CaseFile, buses: dict[int, Row]) -> None:
    """Add what feeds in: sources, generators that hold a voltage, and fixed ones."""
    import pandapower as pp

    units = [row for row in case.gen if row["status"] > 0.0 and int(row["bus"]) in buses]
    held = {int(row["bus"]): row["Vg"] for row in reversed(units)}
    for number, row in buses.items():
        if int(row["type"]) == _SLACK:
            supply = supply_of([unit for unit in units if int(unit["bus"]) == number])
            pp.create_ext_grid(
                net, number, vm_pu=held.get(number, row["Vm"]), max_p_mw=_given(supply.p_max_mw),
                min_p_mw=_given(supply.p_min_mw), max_q_mvar=_given(supply.q_max_mvar),
                min_q_mvar=_given(supply.q_min_mvar),
            )  # fmt: skip
    for row in units:
        number = int(row["bus"])
        if int(buses[number]["type"]) == _PV:
            pp.create_gen(net, number, row["Pg"], vm_pu=row["Vg"], name=f"bus {number}")
        elif int(buses[number]["type"]) == _PQ:
            pp.create_sgen(net, number, row["Pg"], row["Qg"])
