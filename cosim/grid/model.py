"""The feeder's files (pandapower's column names) and its pandapower net.

A folder holds ``bus.csv``, ``line.csv`` and ``load.csv``. What the radial branch flow cannot
represent is refused with its place in the file; nothing is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.grid.feeder import Feeder, no_layout
from cosim.grid.lean import empty_net, pandapower
from cosim.grid.state import GridState
from cosim.grid.table_rules import (
    BUS,
    BUS_OPTIONAL,
    LIMITS,
    LINE,
    LINE_OPTIONAL,
    LOAD,
    LOAD_OPTIONAL,
    bus_problems,
    limits_pu,
    line_problems,
    load_problems,
    rows_in_service,
    setting_problems,
    tree_problems,
)
from cosim.grid.topology import order_lines
from cosim.tables import Table, scan_table
from cosim.units import base_impedance_ohm

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

NO_LIMIT_KA = 99999.0
"""The current limit with which pandapower says that there is none."""

FILES = ("bus.csv", "line.csv", "load.csv")
_REFUSED_FILES = MappingProxyType(
    {
        "trafo.csv": "a transformer; refer its secondary side to one voltage level and give it as a line",
        "trafo3w.csv": "a three-winding transformer",
        "switch.csv": "a switch; remove it, or give the line in_service = false if it is open",
        "shunt.csv": "a shunt; give it as a load, or as a device of the scenario",
        "sgen.csv": "a generator; give it as a device of the scenario",
        "gen.csv": "a voltage-controlled generator; give a turbine as a device of the scenario",
        "ext_grid.csv": "an external grid; name slack_bus and slack_vm_pu in the scenario",
        "storage.csv": "a storage; give it as a device of the scenario",
    }
)


def read_feeder(
    folder: Path | str,
    *,
    slack_bus: str | Sequence[str],
    slack_vm_pu: float = 1.0,
    base_mva: float = 10.0,
    v_min_pu: float | None = None,
    v_max_pu: float | None = None,
    own_limits: bool = False,
    name: str | None = None,
) -> Feeder:
    """Read a radial feeder from ``bus.csv``, ``line.csv`` and ``load.csv``.

    Lines out of service are left out; ``parallel`` divides the impedance and multiplies the limit;
    ``df`` and ``max_loading_percent`` scale the limit; several loads of one bus are summed.

    Parameters
    ----------
    folder
        The folder with the three files.
    slack_bus
        Id of the bus that the upstream grid supplies.
    slack_vm_pu
        Voltage held there.
    base_mva
        Power base of the per-unit system.
    v_min_pu, v_max_pu
        Voltage limits of all buses; None takes the columns ``min_vm_pu``, ``max_vm_pu`` of bus.csv.
    own_limits
        Whether those columns go first; ``v_min_pu``, ``v_max_pu`` then hold for the buses whose fields are empty.
    name
        How messages call the feeder; the folder's name by default.

    Returns
    -------
    Feeder
        Buses in the order of bus.csv, lines breadth-first.

    Raises
    ------
    InputError
        With every mistake of a stage (files, values, topology), each with file, line and column.
    """
    folder = Path(folder)
    check_files(folder)
    (bus, line, load), problems, whole = _read_tables(folder)
    limits = [
        limits_pu(bus, column, given, own=own_limits)
        for column, given in zip(LIMITS, (v_min_pu, v_max_pu), strict=True)
    ]
    known = bus if whole else None  # a bus of a wrong row is not unknown
    problems += setting_problems(known, slack_bus, slack_vm_pu, base_mva)
    problems += bus_problems(bus, limits) + line_problems(known, line) + load_problems(known, load)
    if problems:
        raise InputError(problems)
    slack = bus.columns["id"].index(slack_bus if isinstance(slack_bus, str) else slack_bus[0])
    active = rows_in_service(line)
    position = {bus_id: row for row, bus_id in enumerate(bus.columns["id"])}
    from_bus, to_bus = ([position[line.columns[end][row]] for row in active] for end in ("from_bus", "to_bus"))
    tree = order_lines(len(bus), from_bus, to_bus, slack)
    if problems := tree_problems(bus, line, tree):
        raise InputError(problems)
    feeder = Feeder(
        name=name or folder.name,
        bus_ids=tuple(bus.columns["id"]),
        slack=slack,
        parent=tree.parent,
        child=tree.child,
        base_mva=base_mva,
        base_kv=bus.columns["vn_kv"][0],
        slack_vm_pu=slack_vm_pu,
        v_min_pu=np.array(limits[0], dtype=np.float64),
        v_max_pu=np.array(limits[1], dtype=np.float64),
        layout=_layout(bus),
        line_ids=tuple(line.columns["id"][active[k]] for k in tree.order),
        **_line_arrays(line, [active[k] for k in tree.order], base_mva, bus.columns["vn_kv"][0]),
        **_load_arrays(load, position),
    )
    _check_plausible(feeder, load)
    return feeder


def to_pandapower(feeder: Feeder) -> pandapowerNet:
    """Build the pandapower net of a feeder: one load per bus, one external grid, no generators.

    Bus and load indices are bus positions, line indices are line positions, and lines point away
    from the slack.

    Parameters
    ----------
    feeder
        The feeder; its nominal load becomes the load.

    Returns
    -------
    pandapowerNet
        A new net that can be changed freely.
    """
    feeder.require_plain("the net of a feeder's own lines")
    pp = pandapower()
    n, m = feeder.n_buses, feeder.n_lines
    limit = np.where(np.isinf(feeder.i_max_ka), NO_LIMIT_KA, feeder.i_max_ka)
    layout = [tuple(point) for point in feeder.layout.tolist()] or None
    net = empty_net()
    net.name, net.sn_mva = feeder.name, feeder.base_mva
    pp.create_buses(
        net, n, vn_kv=feeder.base_kv, name=list(feeder.bus_ids), geodata=layout,
        min_vm_pu=feeder.v_min_pu, max_vm_pu=feeder.v_max_pu,
    )  # fmt: skip
    pp.create_ext_grid(net, feeder.slack, vm_pu=feeder.slack_vm_pu)
    pp.create_lines_from_parameters(
        net, feeder.parent.tolist(), feeder.child.tolist(), length_km=np.ones(m),
        r_ohm_per_km=feeder.r_ohm, x_ohm_per_km=feeder.x_ohm, c_nf_per_km=np.zeros(m),
        max_i_ka=limit, name=list(feeder.line_ids),
    )  # fmt: skip
    pp.create_loads(net, list(range(n)), p_mw=feeder.p_mw, q_mvar=feeder.q_mvar, name=list(feeder.bus_ids))
    return net


def state_of(net: pandapowerNet) -> GridState:
    """Return the state that pandapower found last."""
    lines, supply = net.res_line, net.res_ext_grid
    return GridState(
        vm_pu=net.res_bus.vm_pu.to_numpy(), va_degree=net.res_bus.va_degree.to_numpy(),
        i_ka=np.maximum(lines.i_from_ka.to_numpy(), lines.i_to_ka.to_numpy()),
        p_from_mw=lines.p_from_mw.to_numpy(), q_from_mvar=lines.q_from_mvar.to_numpy(),
        loss_mw=lines.pl_mw.sum(), loss_mvar=lines.ql_mvar.sum(), slack_mw=supply.p_mw.sum(),
        slack_mvar=supply.q_mvar.sum(), converged=np.array(True),
    )  # fmt: skip


def check_files(folder: Path, known: Sequence[str] = FILES) -> None:
    """Refuse a folder that is missing or holds a table that would be ignored."""
    if not folder.is_dir():
        raise InputError(f"feeder folder {str(folder)!r} does not exist; it must hold {', '.join(FILES)}")
    others = sorted(path.name for path in folder.glob("*.csv") if path.name not in known)
    if others:
        raise InputError(
            Problem(
                file=str(folder / other),
                reason=f"a feeder cannot hold {_REFUSED_FILES.get(other, 'this table')}",
                remedy=f"a feeder folder holds {', '.join(known)} and no other CSV file",
            )
            for other in others
        )


def _read_tables(folder: Path) -> tuple[tuple[Table, Table, Table], list[Problem], bool]:
    """Return what is sound of the three files, the mistakes of all of them, and whether the buses have none.

    Raises
    ------
    InputError
        If a file or its header is wrong, with the mistakes of the other files.
    """
    columns = ((BUS, BUS_OPTIONAL), (LINE, LINE_OPTIONAL), (LOAD, LOAD_OPTIONAL))
    scanned = [
        scan_table(folder / file, required, optional) for file, (required, optional) in zip(FILES, columns, strict=True)
    ]
    problems = [one for _, found in scanned for one in found]
    bus, line, load = (table for table, _ in scanned)
    if bus is None or line is None or load is None:
        for table, judged in ((line, line_problems), (load, load_problems)):
            problems += [] if table is None else judged(None, table)
        raise InputError(problems)
    return (bus, line, load), problems, not scanned[0][1]


def _filled(table: Table, column: str, default: float) -> list[float]:
    """Return an optional column with its default where it is absent or empty."""
    values = table.columns.get(column, [None] * len(table))
    return [default if value is None else value for value in values]


def _layout(bus: Table) -> Array:
    """Return the coordinates, or the empty layout if a bus has none."""
    pairs = list(zip(bus.columns.get("x", []), bus.columns.get("y", []), strict=True))
    if not pairs or any(value is None for pair in pairs for value in pair):
        return no_layout()
    return np.array(pairs, dtype=np.float64)


def _line_arrays(line: Table, rows: list[int], base_mva: float, base_kv: float) -> dict[str, Any]:
    """Return impedances and limits of the lines of the tree, in its order."""
    length = np.array(line.columns["length_km"])[rows]
    parallel = np.array(_filled(line, "parallel", 1.0))[rows]
    per_unit = length / parallel / base_impedance_ohm(base_mva, base_kv)
    limit = np.array(_filled(line, "max_i_ka", NO_LIMIT_KA))[rows]
    usable = np.array(_filled(line, "df", 1.0)) * np.array(_filled(line, "max_loading_percent", 100.0)) / 100.0
    return {
        "r_pu": np.array(line.columns["r_ohm_per_km"])[rows] * per_unit,
        "x_pu": np.array(line.columns["x_ohm_per_km"])[rows] * per_unit,
        "length_km": length,
        "i_max_ka": np.where(limit >= NO_LIMIT_KA, np.inf, limit * parallel * usable[rows]),
    }


def _load_arrays(load: Table, position: dict[str, int]) -> dict[str, Any]:
    """Return the nominal load of each bus; several loads of a bus are summed."""
    scaling = _filled(load, "scaling", 1.0)
    p_mw, q_mvar = np.zeros(len(position)), np.zeros(len(position))
    for row in rows_in_service(load):
        bus = position[load.columns["bus"][row]]
        p_mw[bus] += scaling[row] * load.columns["p_mw"][row]
        q_mvar[bus] += scaling[row] * load.columns["q_mvar"][row]
    return {"p_mw": p_mw, "q_mvar": q_mvar}


def _check_plausible(feeder: Feeder, load: Table) -> None:
    """Refuse a nominal load that no power flow can carry: even without losses the voltage collapses."""
    voltage = feeder.loss_free_voltage_pu(feeder.p_mw, feeder.q_mvar)
    if np.isnan(voltage).any():
        bus = feeder.bus_ids[int(np.isnan(voltage).argmax())]
        reason = (
            f"total {feeder.p_mw.sum():g} MW, {feeder.q_mvar.sum():g} Mvar cannot reach bus {bus!r} "
            f"of this {feeder.base_kv:g} kV feeder"
        )
        raise InputError(Problem(load.file, field="p_mw", reason=reason, remedy="kW? Give MW"))
