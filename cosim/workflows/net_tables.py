"""A checked net as a file that a scenario takes, and its power flow as two tables in the names of the user's net."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import StorageError, UsageError
from cosim.grid.formats.pandapower_net import stored
from cosim.grid.reduction.net_rules import voltage_limits
from cosim.grid.reduction.source_proof import told_voltages
from cosim.workflows.check_net import CheckedNet

BUS = ("bus", "vm_pu", "min_vm_pu", "max_vm_pu", "vm_pu_of_source")
ELEMENT = (
    "element", "index", "name", "winding", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "i_from_ka", "i_to_ka",
    "loading_percent", "max_loading_percent",
)  # fmt: skip


def write_tables(checked: CheckedNet, folder: Path) -> None:
    """Write ``net.json``, ``bus.csv`` and ``element.csv``; a winding of three is a row of its own.

    Raises
    ------
    UsageError
        If the folder holds anything.
    StorageError
        If it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"'{folder}' is not an empty folder; choose another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "net.json").write_text(stored(checked.read), encoding="utf-8")
        _write(folder / "bus.csv", BUS, _buses(checked))
        _write(folder / "element.csv", ELEMENT, _elements(checked))
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error


def _buses(checked: CheckedNet) -> list[tuple[object, ...]]:
    """Return a row a bus: its voltage, the limits of the file, and what the tool that the net comes from found."""
    theirs = told_voltages(checked.read)
    buses = checked.read.bus.index.to_list()
    limits = [
        {bus: limit for bus, limit in zip(buses, column.tolist(), strict=True) if np.isfinite(limit)}
        for column in voltage_limits(checked.read.bus)
    ]
    return [
        (bus, vm_pu, *(column.get(bus, "") for column in limits), theirs.get(bus, ""))
        for bus, vm_pu in checked.net.vm_pu.items()
    ]


def _given(table: Any, column: str) -> dict[int, float]:  # noqa: ANN401 - a pandas frame
    """Return the cells of a column that hold a finite number, by the index of their row."""
    values = table[column].to_dict() if column in table else {}
    return {
        index: float(value) for index, value in values.items() if isinstance(value, int | float) and abs(value) < np.inf
    }


def _elements(checked: CheckedNet) -> list[tuple[object, ...]]:
    """Return a row an element; a loading without a rating is empty."""
    table, flows = checked.net.table, checked.net.proof.flows
    most = {
        kind: _given(checked.read[kind], "max_loading_percent") for kind in {one.kind for one in table.rows.elements}
    }
    power, loading = flows.row_power_mva, flows.loading_percent
    kv = table.buses.base_kv[np.stack([table.rows.from_bus, table.rows.to_bus], axis=1)]
    current = np.abs(flows.row_currents_pu) * table.base_mva / (np.sqrt(3.0) * kv)
    ends = np.stack([power.real[:, 0], power.imag[:, 0], power.real[:, 1], power.imag[:, 1], *current.T], axis=1)
    return [
        (one.kind, one.index, one.name, one.winding, *numbers, percent if np.isfinite(percent) else "",
         most[one.kind].get(one.index, ""))
        for one, numbers, percent in zip(table.rows.elements, ends.tolist(), loading.tolist(), strict=True)
    ]  # fmt: skip


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
