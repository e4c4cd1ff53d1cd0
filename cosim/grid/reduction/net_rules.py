"""What a pandapower net must be before its power flow is believed: everything wrong with it, by name."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.errors import Problem

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

Frame = Any
"""A pandas frame; pandas belongs to pandapower and is not imported here."""

REFUSED = MappingProxyType(
    {
        "gen": ("a generator that holds a voltage", "give its power as an sgen"),
        "xward": ("an extended ward holds a voltage", "give it as a ward"),
        "dcline": ("a DC line is not carried", "give the power of its ends as loads and sgens"),
        "svc": ("a controlled compensator is not carried", "give it as a shunt"),
        "tcsc": ("a controlled series compensator is not carried", "give it as an impedance"),
        "ssc": ("a controlled compensator is not carried", "give it as a shunt"),
        "vsc": ("a converter is not carried", "give its power as a load or an sgen"),
        "vsc_stacked": ("a converter is not carried", "give its power as a load or an sgen"),
        "vsc_bipolar": ("a converter is not carried", "give its power as a load or an sgen"),
        "b2b_vsc": ("a converter is not carried", "give its power as a load or an sgen"),
        "bus_dc": ("a DC grid is not carried", "take it out of service"),
        "line_dc": ("a DC grid is not carried", "take it out of service"),
        "load_dc": ("a DC grid is not carried", "take it out of service"),
        "source_dc": ("a DC grid is not carried", "take it out of service"),
    }
)
_NOTHING = ("no such element is known here", "take it out of service")
_SILENT = ("group", "bus_geodata", "line_geodata", "characteristic", "trafo_characteristic_table",
           "shunt_characteristic_table", "q_capability_curve_table", "q_capability_characteristic", "poly_cost",
           "pwl_cost", "measurement", "controller")  # fmt: skip
"""Tables that no power flow reads; those of which the user is told stand in `cosim.grid.reduction.remarks`."""
_AT_BUS = ("load", "sgen", "storage", "shunt", "ward", "motor", "asymmetric_load", "asymmetric_sgen", "ext_grid")
BUSES = MappingProxyType(
    {
        "line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus"), "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
        "impedance": ("from_bus", "to_bus"), "switch": ("bus",), **dict.fromkeys(_AT_BUS, ("bus",)),
    }
)  # fmt: skip
"""The columns of each table that name buses."""
_CARRIED = ("bus", *BUSES)
_POWER = ("p_mw", "q_mvar", "scaling")
_NUMBERS = MappingProxyType(
    {
        "bus": ("vn_kv",),
        "line": ("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "g_us_per_km", "parallel", "df"),
        "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent", "shift_degree",
                  "parallel", "df"),
        "trafo3w": tuple(f"{name}_{side}_{unit}" for name, unit in (("sn", "mva"), ("vn", "kv"), ("vk", "percent"),
                         ("vkr", "percent")) for side in ("hv", "mv", "lv")) + ("pfe_kw", "i0_percent"),
        "impedance": ("rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "sn_mva"),
        "load": _POWER, "sgen": _POWER, "storage": _POWER,
        "shunt": ("p_mw", "q_mvar", "step", "vn_kv"),
        "ward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"),
        "ext_grid": ("vm_pu",),
    }
)  # fmt: skip
"""Columns that must hold a finite number in every row in service."""
_POSITIVE = ("vn_kv", "length_km", "parallel", "df", "sn_mva", "vn_hv_kv", "vn_lv_kv", "vn_mv_kv", "vm_pu", "sn_hv_mva",
             "sn_mv_mva", "sn_lv_mva")  # fmt: skip
_NOT_ZERO = ("vk_percent", "vk_hv_percent", "vk_mv_percent", "vk_lv_percent")
"""A negative one stands for a capacitive transformer."""
_WHOLE_PERCENT = 100.0
_NO_LIMIT_PU = 2.0
_SWITCHED = MappingProxyType({"l": "line", "t": "trafo", "t3": "trafo3w"})


def called(kind: str, table: Frame, index: object) -> str:
    """Return how messages call an element."""
    name = table["name"][index] if "name" in table else None
    return f"{kind} {index}" + (f" '{name}'" if isinstance(name, str) and name else "")


def in_service(table: Frame) -> Frame:
    """Return the rows of a table that are in service."""
    return table[table["in_service"].astype(bool)] if "in_service" in table else table


def voltage_limits(table: Frame) -> tuple[Array, Array]:
    """Return the limits of buses, NaN for none.

    pandapower fills 0 and 2 pu into all other buses once one of them has a limit; and two equal ones are no band.
    """
    low, high = (
        table[column].to_numpy(dtype=np.float64, na_value=np.nan) if column in table else np.full(len(table), np.nan)
        for column in ("min_vm_pu", "max_vm_pu")
    )
    band = ~(low == high)
    return (
        np.where(band & np.isfinite(low) & (low > 0.0), low, np.nan),
        np.where(band & np.isfinite(high) & (high < _NO_LIMIT_PU), high, np.nan),
    )


def net_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    """Yield everything in a net that cannot be carried or does not hold together."""
    for rule in _RULES:
        yield from rule(net, file)


def _tables(net: pandapowerNet) -> Iterator[tuple[str, Frame]]:
    for kind, table in net.items():
        if hasattr(table, "columns") and len(table) and not kind.startswith(("res_", "_")):
            yield kind, table


def _kind_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    for kind, table in _tables(net):
        if kind in _SILENT or kind in _CARRIED:
            continue
        reason, remedy = REFUSED.get(kind, _NOTHING)
        for index in in_service(table).index if "in_service" in table or kind in REFUSED else ():
            yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy=remedy)
    if bool(net.get("user_pf_options", {}).get("tdpf")):
        reason = "temperature-dependent line resistances (tdpf) are not carried"
        yield Problem(file=file, field="user_pf_options", reason=reason, remedy="set tdpf to False")


def _number_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    for kind, columns in _NUMBERS.items():
        table = in_service(net[kind])
        for column in columns if len(table) else ():
            if column not in table:
                yield Problem(file=file, field=kind, reason=f"column {column} is missing", remedy="fill it in")
                continue
            values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
            yield from _told(file, kind, table, column, ~np.isfinite(values), "is empty or no finite number")
            if column in _POSITIVE:
                yield from _told(file, kind, table, column, values <= 0.0, "must be > 0")
            if column in _NOT_ZERO:
                yield from _told(file, kind, table, column, values == 0.0, "must not be 0")


def _impedance_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    for kind, (r, x) in {"line": ("r_ohm_per_km", "x_ohm_per_km"), "impedance": ("rft_pu", "xft_pu")}.items():
        table = in_service(net[kind])
        if {r, x} <= set(table.columns):
            for index in table.index[(table[r] == 0.0) & (table[x] == 0.0)]:
                reason, remedy = f"{r} and {x} are 0", "give a closed bus-bus switch in its place"
                yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy=remedy)


def _share_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    """Yield loads whose shares of constant impedance and current are no shares."""
    table = in_service(net.load)
    for power in ("p", "q"):
        pair = [column for column in (f"const_z_{power}_percent", f"const_i_{power}_percent") if column in table]
        shares = table[pair].fillna(0.0)
        for index in table.index[(shares < 0.0).any(axis=1) | (shares.sum(axis=1) > _WHOLE_PERCENT)]:
            given = ", ".join(f"{column} {table[column][index]:g}" for column in pair)
            reason = f"{given} must be >= 0 and at most 100 together"
            yield Problem(file=file, field=called("load", net.load, index), reason=reason, remedy="correct them")


def _told(file: str, kind: str, table: Frame, column: str, wrong: BoolArray, rule: str) -> Iterator[Problem]:
    for index in table.index[wrong]:
        reason = f"{column} {table[column][index]} {rule}"
        yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy="fill it in")


def _bus_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    for kind in _CARRIED:
        if not net[kind].index.is_unique:
            yield Problem(file=file, field=kind, reason="an index stands twice", remedy="number the rows anew")
    for kind, columns in BUSES.items():
        table = net[kind]
        for column in columns:
            for index in table.index[~table[column].isin(net.bus.index)]:
                reason = f"{column} {table[column][index]} is no bus of the net"
                yield Problem(file=file, field=called(kind, table, index), reason=reason, remedy="name one that is")


def _switch_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    for index, bus, element, kind in zip(
        net.switch.index, net.switch.bus, net.switch.element, net.switch.et, strict=True
    ):
        if reason := _of_switch(net, bus, element, kind):
            yield Problem(
                file=file, field=called("switch", net.switch, index), reason=reason, remedy="remove it, or name one"
            )


def _of_switch(net: pandapowerNet, bus: object, element: object, kind: str) -> str:
    """Return what is wrong with a switch, or nothing."""
    if kind == "b":
        return "" if element in net.bus.index else f"element {element} is no bus of the net"
    if kind not in _SWITCHED:
        return f"et {kind!r} is unknown; known: b, {', '.join(_SWITCHED)}"
    table = _SWITCHED[kind]
    if element not in net[table].index:
        return f"element {element} is no {table} of the net"
    if bus not in net[table].loc[element, list(BUSES[table])].to_list():
        return f"bus {bus} is no end of {called(table, net[table], element)}"
    return ""


def _source_problems(net: pandapowerNet, file: str) -> Iterator[Problem]:
    live = in_service(net.bus).index
    if not in_service(net.ext_grid).bus.isin(live).any():
        reason = "no external grid is in service; a feeder has one supply"
        yield Problem(file=file, field="ext_grid", reason=reason, remedy="add one")


_RULES = (
    _kind_problems, _number_problems, _impedance_problems, _share_problems, _bus_problems, _switch_problems,
    _source_problems,
)  # fmt: skip
