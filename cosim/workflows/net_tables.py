"""The power flow of a checked net as two tables, in the names and the order of the user's net."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from cosim.errors import StorageError, UsageError
from cosim.grid.reduction.own_net import ReducedNet

BUS = ("bus", "vm_pu")
ELEMENT = (
    "element", "index", "name", "winding", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "i_from_ka", "i_to_ka",
    "loading_percent",
)  # fmt: skip


def write_tables(net: ReducedNet, folder: Path) -> None:
    """Write ``bus.csv`` and ``element.csv``; a winding of a three-winding transformer is a row of its own.

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
        _write(folder / "bus.csv", BUS, list(net.vm_pu.items()))
        _write(folder / "element.csv", ELEMENT, _elements(net))
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error


def _elements(net: ReducedNet) -> list[tuple[object, ...]]:
    """Return a row an element; a loading without a rating is empty."""
    table, flows = net.table, net.proof.flows
    power, loading = flows.row_power_mva, flows.loading_percent
    kv = table.buses.base_kv[np.stack([table.rows.from_bus, table.rows.to_bus], axis=1)]
    current = np.abs(flows.row_currents_pu) * table.base_mva / (np.sqrt(3.0) * kv)
    ends = np.stack([power.real[:, 0], power.imag[:, 0], power.real[:, 1], power.imag[:, 1], *current.T], axis=1)
    return [
        (one.kind, one.index, one.name, one.winding, *numbers, percent if np.isfinite(percent) else "")
        for one, numbers, percent in zip(table.rows.elements, ends.tolist(), loading.tolist(), strict=True)
    ]


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
