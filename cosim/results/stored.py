"""Read the dispatch of a finished run back from its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.dispatch.devices import traits_of
from cosim.errors import StorageError
from cosim.grid.feeder import Feeder
from cosim.quantities.finite import TABLES, missing_values
from cosim.results.store import RunResult
from cosim.validation.equilibrium import EquilibriumClaim, equilibrium_claim
from cosim.validation.stored import StoredDevice, StoredDispatch

if TYPE_CHECKING:
    import pandas as pd

_BUS = ("p_load_mw", "q_load_mvar", "p_gen_mw", "q_gen_mvar", "shed_mw", "vm_pu", "price_per_mwh", "vm_ac_pu")
_LINE = {"p_line_mw": "p_mw", "q_line_mvar": "q_mvar", "i_ka": "i_ka"}
_DEVICE = ("p_mw", "q_mvar", "energy_mwh", "overlap_mw", "missed", "cost")


def read_dispatch(result: RunResult, feeder: Feeder) -> StoredDispatch:
    """Return setpoints, relaxed state and figures of the committed periods of a run.

    Parameters
    ----------
    result
        A run with tables ``periods``, ``buses`` and ``lines``.
    feeder
        The feeder of the run's scenario; gives the order of buses and lines.

    Raises
    ------
    StorageError
        If a table is missing, or has other buses or lines than the feeder.
    """
    if missing := [name for name in ("periods", "buses", "lines") if name not in result]:
        raise StorageError(f"run '{result.folder}' has no table {', '.join(missing)}; there is no dispatch to verify")
    figures = result["periods"].sort_values("period")
    periods = [int(number) for number in figures["period"]]
    buses, lines = result["buses"], result["lines"]
    return StoredDispatch(
        periods=np.array(periods, dtype=np.int64),
        **{name: matrix(buses, "bus", name, feeder.bus_ids, periods) for name in _BUS},
        **{name: matrix(lines, "line", column, feeder.line_ids, periods) for name, column in _LINE.items()},
        figures={str(name): [_plain(value) for value in figures[name]] for name in figures.columns},
        devices=_devices(result, periods),
        missing=_missing(result, periods),
    )


def stored_claim(result: RunResult) -> EquilibriumClaim | None:
    """Return what the certificates of a run's periods prove together; None for a run without roads and grid."""
    if "periods" not in result or "coupling_objection" not in result["periods"]:
        return None
    figures = result["periods"].sort_values("period")
    objections = [str(value) if isinstance(value, str) else "" for value in figures["coupling_objection"]]
    if "coupling_bound_vph" in figures:
        bound = figures["coupling_bound_vph"].to_numpy(dtype=float, na_value=math.nan)
    else:
        bound = np.full(len(objections), math.nan)
    spread = math.nan
    if "coupling_spread_vph" in figures:
        spread = float(figures["coupling_spread_vph"].max())
    return equilibrium_claim(bound, objections, spread)


def matrix(frame: pd.DataFrame, key: str, column: str, ids: Sequence[str], periods: Sequence[int]) -> Array:
    """Return a column as a matrix, one row per id and one column per period.

    Raises
    ------
    StorageError
        If the column is missing, an id stands twice, or the ids are not those given.
    """
    if column not in frame:
        raise StorageError(f"a table of {key} values has no column '{column}'; was it written by another version?")
    found = set(frame[key].astype(str))
    if found != set(ids) or len(frame) != len(ids) * len(periods):
        odd = sorted(found ^ set(ids))[:5]
        raise StorageError(f"the run's {key} ids are not those of its scenario: {', '.join(odd) or 'a row is missing'}")
    wide = frame.assign(**{key: frame[key].astype(str)}).pivot(index=key, columns="period", values=column)
    return np.array(wide.reindex(index=list(ids), columns=list(periods)).to_numpy(dtype=float))


def read_path_flows(result: RunResult, keys: Sequence[tuple[str, str]], period: int) -> Array:
    """Return the flow of every path in one period, veh/h, shape (K,).

    Parameters
    ----------
    result
        A run with roads.
    keys
        User class and name (`cosim.traffic.paths.path_name`) of every path, in the order of the answer.
    period
        Number of the period.

    Raises
    ------
    StorageError
        If the run has no paths, not this period, or other paths than its scenario.
    """
    if "paths" not in result:
        raise StorageError(f"run '{result.folder}' has no table paths; it has no roads")
    rows = result["paths"]
    rows = rows[rows["period"] == period]
    if rows.empty:
        raise StorageError(f"run '{result.folder}' has no period {period}")
    found = dict(
        zip(zip(rows["class"].astype(str), rows["path"].astype(str), strict=True), rows["flow_vph"], strict=True)
    )
    if len(found) != len(rows) or found.keys() != set(keys):
        odd = sorted(found.keys() ^ set(keys))[:3]
        raise StorageError(f"the run's paths are not those of its scenario: {odd or 'a path stands twice'}")
    return np.array([found[key] for key in keys], dtype=float)


def _missing(result: RunResult, periods: Sequence[int]) -> IntArray:
    """Return the number of values per period that are none and may not be."""
    count = np.zeros(len(periods), dtype=np.int64)
    for table in sorted(TABLES):
        if table in result:
            frame = result[table]
            for k, period in enumerate(periods):
                rows = frame[frame["period"] == period]
                count[k] += missing_values(table, {str(name): rows[name].tolist() for name in rows.columns})
    return count


def _devices(result: RunResult, periods: Sequence[int]) -> dict[str, StoredDevice]:
    """Return the devices; a last resort that stands in some periods only is zero in the others."""
    if "devices" not in result:
        return {}
    frame, kinds = result["devices"], traits_of(result.manifest.get("kinds", {}))
    found = {}
    for name, rows in frame.groupby(frame["device"].astype(str), sort=False):
        at = rows.set_index("period")
        kind = str(rows["kind"].iloc[0])
        if kind not in kinds:
            raise StorageError(f"run '{result.folder}' has a device of kind {kind!r}, which is not installed")
        resort = kinds[kind].last_resort
        values = {
            column: np.array(at[column].reindex(list(periods), fill_value=0.0 if resort else math.nan), dtype=float)
            for column in _DEVICE
        }
        found[str(name)] = StoredDevice(
            name=str(name), kind=kind, traits=kinds[kind], bus=str(rows["bus"].iloc[0]), **values
        )  # fmt: skip
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of a table
    """Return a cell as a plain value; a gap of any kind is None or NaN."""
    if isinstance(value, np.generic):
        return value.item()
    return value
