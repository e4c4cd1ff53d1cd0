"""All tables of a run at once: CSV, a workbook, netCDF."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.plain import inert
from cosim.quantities import COLUMNS
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 1_048_576
"""Rows of a sheet."""
_MEANING = {(column.table, column.name): (column.unit, column.meaning) for column in COLUMNS}
_AXES = {"links": "link", "buses": "bus", "lines": "line", "stations": "station", "devices": "device", "paths": "path"}


def meanings(result: RunResult) -> pd.DataFrame:
    """Return table, column, unit and meaning of every column of a run."""
    import pandas as pd

    there = [(name, str(column)) for name in result.tables for column in result[name]]
    rows = [(*column, *_MEANING.get(column, ("", ""))) for column in there]
    return pd.DataFrame(rows, columns=["table", "column", "unit", "meaning"])


def csv_files(result: RunResult) -> dict[str, bytes]:
    """Return one file a table, and ``columns.csv`` with units and meanings."""
    frames = {"columns": meanings(result), **{name: result[name] for name in result.tables}}
    return {f"{name}.csv": frame.to_csv(index=False).encode() for name, frame in frames.items()}


def workbook(result: RunResult) -> bytes:
    """Return an Excel workbook: a sheet a table, ``columns`` first; what a sheet would take for a formula is marked."""
    import pandas as pd

    content = io.BytesIO()
    with pd.ExcelWriter(content, engine="openpyxl") as writer:
        for name, frame in {"columns": meanings(result), **{name: result[name] for name in result.tables}}.items():
            text = {str(column): frame[column].map(inert) for column in frame if frame[column].dtype == object}
            frame.assign(**text).to_excel(writer, sheet_name=name[:31], index=False)
    return content.getvalue()


def write_netcdf(result: RunResult, path: Path) -> None:
    """Write netCDF 4: a variable a column, ``buses_vm_pu(period, bus)``; units and meanings are its attributes.

    Columns that are no numbers are text; tables without one row an id and period have an axis of rows.
    """
    import xarray as xr

    dataset = xr.Dataset(attrs={"title": str(result.manifest.get("title", "")), "source": "cosim"})
    for name in result.tables:
        frame = result[name]
        axis = _AXES.get(name)
        keys = ["period"] if name == "periods" else ["period", axis] if axis is not None else []
        if not keys or frame.duplicated(keys).any():
            keys = [f"{name}_row"]
            frame = frame.assign(**{keys[0]: np.arange(len(frame))})
        indexed = frame.set_index(keys).to_xarray()
        for column in indexed.data_vars:
            unit, meaning = _MEANING.get((name, str(column)), ("", ""))
            values = indexed[column]
            values = values.astype(str) if values.dtype == object else values
            dataset[f"{name}_{column}"] = values.assign_attrs(_attributes(unit, meaning))
    dataset.to_netcdf(path, engine="h5netcdf")


def _attributes(unit: str, meaning: str) -> dict[str, Any]:
    return {"units": unit if unit != "-" else "1", "long_name": meaning} if meaning else {}
