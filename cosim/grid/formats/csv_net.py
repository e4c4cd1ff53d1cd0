"""A feeder folder with transformers, shunts, switches, cables' charging or several voltage levels, as a pandapower net.

Columns are pandapower's. A folder of lines at one voltage is no net: `cosim.grid.model.read_feeder` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cosim.errors import InputError, Problem
from cosim.grid.lean import pandapower
from cosim.grid.model import FILES, NO_LIMIT_KA, check_files
from cosim.grid.net_table_rules import (
    NET_COLUMNS,
    SWITCHED,
    level_problems,
    net_line_problems,
    shunt_problems,
    switch_problems,
    trafo_problems,
)
from cosim.grid.table_rules import (
    BUS,
    BUS_OPTIONAL,
    LINE,
    LINE_OPTIONAL,
    LOAD,
    LOAD_OPTIONAL,
    bus_row_problems,
    load_problems,
)
from cosim.tables import Table, scan_table

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

NET_FILES = tuple(NET_COLUMNS)
_COLUMNS = MappingProxyType(
    {
        "bus.csv": (BUS, BUS_OPTIONAL), "line.csv": (LINE, LINE_OPTIONAL), "load.csv": (LOAD, LOAD_OPTIONAL),
        **NET_COLUMNS,
    }
)  # fmt: skip
_CHARGING = ("c_nf_per_km", "g_us_per_km")
Tables = dict[str, Table]


def is_net(folder: Path) -> bool:
    """Return whether a feeder folder holds more than lines at one voltage."""
    if any((folder / file).exists() for file in NET_FILES):
        return True
    bus, line = (scan_table(folder / file, *_COLUMNS[file])[0] for file in FILES[:2])
    levels = set() if bus is None else set(bus.columns["vn_kv"])
    charging = [] if line is None else [value for name in _CHARGING for value in line.columns.get(name, ())]
    return len(levels) > 1 or any(charging)


def net_of_folder(folder: Path, *, slack_bus: str, slack_vm_pu: float) -> pandapowerNet:
    """Return the net of a folder; its indices are the rows of the tables, its names their ids.

    Parameters
    ----------
    folder
        The folder, with ``bus.csv``, ``line.csv``, ``load.csv``, and any of ``trafo.csv``, ``shunt.csv``,
        ``switch.csv``.
    slack_bus, slack_vm_pu
        The bus that the upstream grid supplies, and the voltage held there.

    Raises
    ------
    InputError
        With every mistake, each with file, line and column.
    """
    check_files(folder, (*FILES, *NET_FILES))
    tables, problems, whole = _read(folder)
    problems += [problem for rule in _RULES for problem in rule(tables, whole)]
    if whole and slack_bus not in tables["bus.csv"].columns["id"]:
        problems.append(Problem(field="slack_bus", reason=f"bus {slack_bus!r} is not in bus.csv", remedy="name one"))
    if problems:
        raise InputError(problems)
    net = pandapower().create_empty_network(name=folder.name)
    for make in (_buses, _lines, _loads, _trafos, _shunts, _switches):
        make(net, tables)
    pandapower().create_ext_grid(net, _at(tables["bus.csv"])[slack_bus], vm_pu=slack_vm_pu, name="slack")
    return net


def _read(folder: Path) -> tuple[Tables, list[Problem], bool]:
    """Return what is sound of the files, the mistakes of all of them, and whether the buses have none.

    Raises
    ------
    InputError
        If a file or its header is wrong.
    """
    scanned = {
        file: scan_table(folder / file, *columns)
        for file, columns in _COLUMNS.items()
        if file in FILES or (folder / file).exists()
    }
    problems = [one for _, found in scanned.values() for one in found]
    tables = {file: table for file, (table, _) in scanned.items() if table is not None}
    if len(tables) < len(scanned):
        raise InputError(problems)
    return tables, problems, not scanned["bus.csv"][1]


_RULES: tuple[Callable[[Tables, bool], Iterator[Problem] | list[Problem]], ...] = (
    lambda tables, _: bus_row_problems(tables["bus.csv"]),
    lambda tables, whole: net_line_problems(_known(tables, whole), tables["line.csv"]),
    lambda tables, whole: load_problems(_known(tables, whole), tables["load.csv"]),
    lambda tables, whole: level_problems(tables["bus.csv"], tables["line.csv"]) if whole else [],
    lambda tables, whole: trafo_problems(_known(tables, whole), tables["trafo.csv"]) if "trafo.csv" in tables else [],
    lambda tables, whole: shunt_problems(_known(tables, whole), tables["shunt.csv"]) if "shunt.csv" in tables else [],
    lambda tables, whole: switch_problems(tables) if "switch.csv" in tables and whole else [],
)


def _known(tables: Tables, whole: bool) -> Table | None:
    return tables["bus.csv"] if whole else None


def _at(table: Table) -> dict[str, int]:
    """Return the row of each id."""
    return {one: row for row, one in enumerate(table.columns["id"])}


def _rows(table: Table) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and fields of each row, empty ones left out."""
    for row in range(len(table)):
        fields = {name: values[row] for name, values in table.columns.items()}
        yield row, {name: value for name, value in fields.items() if value is not None}


def _buses(net: pandapowerNet, tables: Tables) -> None:
    for row, one in _rows(tables["bus.csv"]):
        given: dict[str, Any] = {name: one[name] for name in ("min_vm_pu", "max_vm_pu") if name in one}
        if {"x", "y"} <= one.keys():
            given["geodata"] = (one["x"], one["y"])
        pandapower().create_bus(net, one["vn_kv"], name=one["id"], index=row, **given)


def _lines(net: pandapowerNet, tables: Tables) -> None:
    at = _at(tables["bus.csv"])
    for row, one in _rows(tables["line.csv"]):
        given = {name: one[name] for name in ("df", "parallel", "in_service", "max_loading_percent", "g_us_per_km")
                 if name in one}  # fmt: skip
        pandapower().create_line_from_parameters(
            net, at[one["from_bus"]], at[one["to_bus"]], one["length_km"], one["r_ohm_per_km"], one["x_ohm_per_km"],
            one["c_nf_per_km"], one.get("max_i_ka", NO_LIMIT_KA), name=one["id"], index=row, **given,
        )  # fmt: skip


def _loads(net: pandapowerNet, tables: Tables) -> None:
    at = _at(tables["bus.csv"])
    for row, one in _rows(tables["load.csv"]):
        given = {name: one[name] for name in ("scaling", "in_service") if name in one}
        pandapower().create_load(
            net, at[one["bus"]], one["p_mw"], one["q_mvar"], name=one["id"], index=row, **given
        )  # fmt: skip


def _trafos(net: pandapowerNet, tables: Tables) -> None:
    if "trafo.csv" not in tables:
        return
    at = _at(tables["bus.csv"])
    for row, one in _rows(tables["trafo.csv"]):
        given = {name: value for name, value in one.items() if name not in ("id", "name", "hv_bus", "lv_bus")}
        pandapower().create_transformer_from_parameters(
            net, at[one["hv_bus"]], at[one["lv_bus"]], name=one["id"], index=row, **given
        )


def _shunts(net: pandapowerNet, tables: Tables) -> None:
    if "shunt.csv" not in tables:
        return
    at = _at(tables["bus.csv"])
    for row, one in _rows(tables["shunt.csv"]):
        given = {name: one[name] for name in ("vn_kv", "step", "in_service") if name in one}
        pandapower().create_shunt(
            net, at[one["bus"]], one["q_mvar"], p_mw=one["p_mw"], name=one["id"], index=row, **given
        )  # fmt: skip


def _switches(net: pandapowerNet, tables: Tables) -> None:
    if "switch.csv" not in tables:
        return
    at = {kind: _at(tables[file]) for kind, (file, _) in SWITCHED.items() if file in tables}
    for row, one in _rows(tables["switch.csv"]):
        given = {name: one[name] for name in ("closed", "z_ohm") if name in one}
        pandapower().create_switch(
            net, at["b"][one["bus"]], at[one["et"]][one["element"]], one["et"], name=one["id"], index=row, **given
        )  # fmt: skip
