"""What pandapower's power flow solved, read from its own matrices by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, BoolArray, ComplexArray, IntArray
from cosim.errors import InputError, Problem
from cosim.grid.model import NO_LIMIT_KA
from cosim.grid.reduction.rows import BranchRows, BusRows, Element

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_ISOLATED, _REFERENCE = 4, 3
_WINDINGS = ("hv", "mv", "lv")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """A net after its power flow.

    Attributes
    ----------
    base_mva
        Power base of everything per unit: the load of the net.
    buses, rows
        All that is in service.
    told_mva
        pandapower's flows into both ends of each row, shape (rows, 2).
    slacks
        Positions of the buses that a source holds.
    position
        Position of each bus of ``net.bus``, in its order; -1 where it is isolated or out of service.
    """

    base_mva: float
    buses: BusRows
    rows: BranchRows
    told_mva: ComplexArray
    slacks: IntArray
    position: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What pandapower says of the live buses and of the branches in service.

    Attributes
    ----------
    vm_pu, va_degree, drawn_mva
        Voltage of each bus, and the constant power that it draws.
    flows_mva
        Power that enters each branch at both ends, shape (rows, 2).
    """

    vm_pu: Array
    va_degree: Array
    drawn_mva: ComplexArray
    flows_mva: ComplexArray


def told_state(net: pandapowerNet) -> Told:
    """Read the state of a net that ``runpp`` has solved."""
    from pandapower.pypower import idx_brch, idx_bus

    ppc = net._ppc
    bus, branch = ppc["bus"].real, ppc["branch"].real[ppc["internal"]["branch_is"]]
    bus = bus[bus[:, idx_bus.BUS_TYPE] != _ISOLATED]
    ends = ((idx_brch.PF, idx_brch.QF), (idx_brch.PT, idx_brch.QT))
    return Told(
        vm_pu=bus[:, idx_bus.VM], va_degree=bus[:, idx_bus.VA], drawn_mva=bus[:, idx_bus.PD] + 1j * bus[:, idx_bus.QD],
        flows_mva=np.stack([branch[:, p] + 1j * branch[:, q] for p, q in ends], axis=1),
    )  # fmt: skip


def read_solved(net: pandapowerNet, name: str) -> Solved:
    """Read a net that ``runpp`` has solved.

    Raises
    ------
    InputError
        If a branch has no impedance, or one that differs by direction; by name.
    """
    from pandapower.pypower import idx_brch, idx_bus

    ppc = net._ppc
    all_buses, in_service = ppc["bus"].real, ppc["internal"]["branch_is"]
    live = np.flatnonzero(all_buses[:, idx_bus.BUS_TYPE] != _ISOLATED)
    place = np.full(len(all_buses), -1, dtype=np.intp)
    place[live] = np.arange(len(live))
    bus, branch = all_buses[live], ppc["branch"].real[in_service]
    elements = [one for one, on in zip(_elements(net), in_service, strict=True) if on]
    _check_branches(branch, elements, name)
    told = told_state(net)
    power = -told.drawn_mva
    base = float(np.abs(power).sum()) or float(net.sn_mva)
    from_bus, to_bus = (place[branch[:, end].astype(np.intp)] for end in (idx_brch.F_BUS, idx_brch.T_BUS))
    base_kv = bus[:, idx_bus.BASE_KV]
    ends = [np.flatnonzero(in_service), base_kv[from_bus], base_kv[to_bus]]
    rows = BranchRows(
        elements=tuple(elements), from_bus=from_bus, to_bus=to_bus,
        by_power=_by_power(net)[in_service], **_circuits(branch, base / net.sn_mva), **_ratings(net, base, *ends),
    )  # fmt: skip
    lookup = net._pd2ppc_lookups["bus"][net.bus.index.to_numpy()]
    position = np.where(lookup >= 0, place[lookup], -1).astype(np.intp)
    buses = BusRows(
        labels=tuple(_labels(net, position, rows, len(live))),
        inside=~np.isin(np.arange(len(live)), position), base_kv=base_kv,
        g_pu=bus[:, idx_bus.GS] / base, b_pu=bus[:, idx_bus.BS] / base, p_mw=power.real, q_mvar=power.imag,
        vm_pu=told.vm_pu, va_degree=told.va_degree,
    )  # fmt: skip
    return Solved(
        base_mva=base, buses=buses, rows=rows, told_mva=told.flows_mva,
        slacks=np.flatnonzero(bus[:, idx_bus.BUS_TYPE] == _REFERENCE), position=position,
    )  # fmt: skip


def has_voltages(net: pandapowerNet) -> bool:
    """Return whether every bus in service has a finite voltage."""
    from pandapower.pypower import idx_bus

    bus = net._ppc["bus"].real
    live = bus[:, idx_bus.BUS_TYPE] != _ISOLATED
    return bool(np.isfinite(bus[np.ix_(live, [idx_bus.VM, idx_bus.VA])]).all())


def _circuits(branch: Array, per_base: float) -> dict[str, Array]:
    """Return impedances, shunts and ratios per unit of our base, ``per_base`` times the net's."""
    from pandapower.pypower import idx_brch

    def column(name: str) -> Array:
        return np.asarray(branch[:, getattr(idx_brch, name)], dtype=np.float64)

    ratio = column("TAP")
    return {
        "r_pu": column("BR_R") * per_base, "x_pu": column("BR_X") * per_base,
        "g_from_pu": column("BR_G") / 2.0 / per_base, "b_from_pu": column("BR_B") / 2.0 / per_base,
        "g_to_pu": (column("BR_G") + column("BR_G_ASYM")) / 2.0 / per_base,
        "b_to_pu": (column("BR_B") + column("BR_B_ASYM")) / 2.0 / per_base,
        "ratio": np.where(ratio == 0.0, 1.0, ratio), "shift_degree": column("SHIFT"),
    }  # fmt: skip


def _elements(net: pandapowerNet) -> Iterator[Element]:
    """Yield what each row of pandapower's branch matrix is."""
    ranges = net._pd2ppc_lookups["branch"]
    for kind, _ in sorted(ranges.items(), key=lambda item: item[1]):
        table = net[kind][net._impedance_bb_switches] if kind == "switch" else net[kind]
        names = [_word(value) for value in table["name"]] if "name" in table else [""] * len(table)
        for winding in _WINDINGS if kind == "trafo3w" else ("",):
            for index, name in zip(table.index, names, strict=True):
                yield Element(kind=kind, index=int(index), name=name, winding=winding)


def _word(value: Any) -> str:  # noqa: ANN401 - a cell of a frame
    return value if isinstance(value, str) else ""


def _check_branches(branch: Array, elements: list[Element], name: str) -> None:
    """Refuse branches that no radial branch flow can carry."""
    from pandapower.pypower import idx_brch

    circuit = branch[:, [getattr(idx_brch, column) for column in ("BR_R", "BR_X", "BR_B", "BR_G", "TAP")]]
    wrong = ~np.isfinite(circuit).all(axis=1)
    uneven = (branch[:, idx_brch.BR_R_ASYM] != 0.0) | (branch[:, idx_brch.BR_X_ASYM] != 0.0)
    rules = (
        (wrong, "its data give no finite impedance", "fill in its columns"),
        (uneven, "its impedance differs by direction (rft, xft against rtf, xtf)", "even it"),
    )  # fmt: skip
    problems = [
        Problem(file=name, field=str(elements[row]), reason=reason, remedy=remedy)
        for found, reason, remedy in rules
        for row in np.flatnonzero(found)
    ]
    if problems:
        raise InputError(problems)


def _by_power(net: pandapowerNet) -> BoolArray:
    """Return which rows of pandapower's branch matrix are loaded by apparent power and not by current."""
    ranges = net._pd2ppc_lookups["branch"]
    marked = np.zeros(max((end for _, end in ranges.values()), default=0), dtype=bool)
    if net._options["trafo_loading"] == "power":
        for kind in {"trafo", "trafo3w"} & set(ranges):
            marked[slice(*ranges[kind])] = True
    return marked


def _ratings(net: pandapowerNet, base_mva: float, kept: IntArray, kv_from: Array, kv_to: Array) -> dict[str, Array]:
    """Return what is 100 % loading at both ends of the rows ``kept``, as pandapower defines it; NaN for no limit."""
    ranges = net._pd2ppc_lookups["branch"]
    by_power = _by_power(net)
    ends, kv = np.full((2, 2, len(by_power)), np.nan)
    kv[:, kept] = kv_from, kv_to
    for kind in {"line", "switch"} & set(ranges):
        at = slice(*ranges[kind])
        ends[:, at] = _rated_ka(net, kind) * np.sqrt(3.0) * kv[:, at] / base_mva
    if "trafo" in ranges:
        at = slice(*ranges["trafo"])
        rated = _numbers(net.trafo, "sn_mva") * _numbers(net.trafo, "parallel") * _numbers(net.trafo, "df") / base_mva
        untapped = np.stack([_numbers(net.trafo, "vn_hv_kv"), _numbers(net.trafo, "vn_lv_kv")])
        ends[:, at] = np.where(by_power[at], rated, rated * kv[:, at] / untapped)
    if "trafo3w" in ranges:
        first, count = ranges["trafo3w"][0], len(net.trafo3w)
        for number, winding in enumerate(_WINDINGS):
            at = slice(first + number * count, first + (number + 1) * count)
            outer = 0 if winding == "hv" else 1
            rated = _numbers(net.trafo3w, f"sn_{winding}_mva") / base_mva
            ratio = kv[outer, at] / _numbers(net.trafo3w, f"vn_{winding}_kv")
            ends[outer, at] = np.where(by_power[at], rated, rated * ratio)
    none = NO_LIMIT_KA * np.sqrt(3.0) * kv / base_mva
    ends = np.where((ends > 0.0) & (ends < none), ends, np.nan)
    return {"rated_from_pu": ends[0, kept], "rated_to_pu": ends[1, kept]}


def _numbers(table: Any, column: str) -> Array:  # noqa: ANN401 - a pandas frame
    return np.asarray(table[column], dtype=np.float64)


def _rated_ka(net: pandapowerNet, kind: str) -> Array:
    """Return the rated current of lines, or of switches that have an impedance."""
    if kind == "line":
        return np.asarray(net.line.max_i_ka * net.line.df * net.line.parallel, dtype=np.float64)
    switches = net.switch[net._impedance_bb_switches]
    return np.asarray(switches["in_ka"] if "in_ka" in switches else np.full(len(switches), np.nan), dtype=np.float64)


def _labels(net: pandapowerNet, position: IntArray, rows: BranchRows, count: int) -> Iterator[str]:
    """Yield how messages call each bus: the user's buses there, or the element that an auxiliary bus belongs to."""
    users: list[list[str]] = [[] for _ in range(count)]
    for bus, at in zip(net.bus.index, position, strict=True):
        if at >= 0:
            users[at].append(str(bus))
    beside = {int(bus): row for bus, row in zip(rows.from_bus, range(len(rows)), strict=True)}
    beside |= {int(bus): row for bus, row in zip(rows.to_bus, range(len(rows)), strict=True)}
    for at, names in enumerate(users):
        if names:
            yield f"bus {'='.join(names) if len(names) <= 3 else names[0] + '=...=' + names[-1]}"  # noqa: PLR2004
        else:
            element = rows.elements[beside[at]] if at in beside else None
            star = element is not None and element.kind == "trafo3w"
            yield f"{'star point' if star else 'open end'} of {element}"
