"""Read what a finished run was told back from its tables: the one way from tables to records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import StorageError
from cosim.quantities.finite import TABLES, TERM, missing_values
from cosim.records.base import Figures, Rows, Told
from cosim.records.grid import DispatchPeriod, GridPeriod
from cosim.records.period import PaidRows, PeriodRecord
from cosim.records.traffic import CouplingFigures, TrafficPeriod
from cosim.results.store import RunResult
from cosim.validation.equilibrium import EquilibriumClaim, equilibrium_claim

if TYPE_CHECKING:
    import pandas as pd

OneTold = TypeVar("OneTold", bound=Told)
SomeRows = TypeVar("SomeRows", bound=Rows)
PeriodRow = Mapping[Any, Any]
"""A row of table ``periods``."""
Ids = Mapping[str, Sequence[str]]
"""The ids of a table's rows, in order, by table."""
TOLD = (DispatchPeriod, GridPeriod, TrafficPeriod)
NOTHING: dict[type, float | int | bool | str | None] = {float: math.nan, int: 0, bool: False, str: ""}
"""What stands for a figure that nobody told."""


def read_records(result: RunResult, ids: Ids | None = None, periods: Sequence[int] = ()) -> list[PeriodRecord]:
    """Return what was told of the committed periods of a run, without the microscopic simulation.

    Parameters
    ----------
    result
        The run.
    ids
        Ids that tables must have, which give the order of their rows.
    periods
        Numbers of the periods; none takes all.

    Raises
    ------
    StorageError
        If a table or a column is missing, or has other ids.
    """
    names = {name for kind in TOLD for name in hints(kind) if name in result}
    groups = {name: dict(list(result[name].groupby("period"))) for name in sorted(names)}
    reader = _Reader(result, ids or {}, groups)
    rows = result["periods"].sort_values("period").to_dict("records")
    return [reader.record(row) for row in rows if not periods or row["period"] in periods]


def missing(result: RunResult, periods: Sequence[int]) -> IntArray:
    """Return how many values of the tables are none and may not be, by period, shape (T,)."""
    count = np.zeros(len(periods), dtype=np.intp)
    for table in sorted(TABLES):
        if table not in result:
            continue
        frame = result[table]
        if not _lacking(table, frame):  # as a rule
            continue
        for k, period in enumerate(periods):
            count[k] += _lacking(table, frame[frame["period"] == period])
    return count


def _lacking(table: str, rows: pd.DataFrame) -> int:
    return missing_values(table, {str(name): rows[name].tolist() for name in rows.columns})


def stored_claim(result: RunResult) -> EquilibriumClaim | None:
    """Return what the certificates of a run's periods prove together; None for a run without roads and grid."""
    if "periods" not in result or "coupling_objection" not in result["periods"]:
        return None
    rows = result["periods"].sort_values("period").to_dict("records")
    told = [CouplingFigures(**_figures(CouplingFigures, row)) for row in rows]
    bounds = [math.nan if one.coupling_bound_vph is None else one.coupling_bound_vph for one in told]
    spreads = [one.coupling_spread_vph for one in told if one.coupling_spread_vph is not None]
    spread = float(np.fmax.reduce(spreads)) if spreads else math.nan
    return equilibrium_claim(np.array(bounds), [one.coupling_objection or "" for one in told], spread)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the periods of one run from its tables, grouped by period."""

    result: RunResult
    ids: Ids
    groups: Mapping[str, Mapping[Any, pd.DataFrame]]

    def record(self, row: PeriodRow) -> PeriodRecord:
        """Return what was told of a period."""
        period = int(row["period"])
        stations = self.groups.get("stations", {}).get(period)
        paid = stations is not None and "fee_payment" in stations
        return PeriodRecord(
            period=period, clock=str(row.get("clock", "")), dispatch=self._told(DispatchPeriod, row),
            grid=self._told(GridPeriod, row), traffic=self._told(TrafficPeriod, row),
            paid=self._rows(PaidRows, "stations", period) if paid else None, status=str(row.get("status", "")),
            flags=tuple(str(row.get("flags") or "").split()),
        )  # fmt: skip

    def _told(self, kind: type[OneTold], row: PeriodRow) -> OneTold | None:
        """Return what one simulator told; None if none of its own figures stands in the row."""
        if not any(item.name in row for item in fields(kind) if item.name != "period" and item.default is MISSING):
            return None
        rows: PeriodRow = {
            item.name: self._rows(hint, item.name, int(row["period"]), needed=item.default is MISSING)
            for item in fields(kind)
            if issubclass(hint := hints(kind)[item.name], Rows)
        }
        return kind(**_figures(kind, row), **rows)

    def _rows(self, kind: type[SomeRows], table: str, period: int, *, needed: bool = True) -> SomeRows | None:
        """Return a period's rows of a table, in the order of the ids; None where they need not be."""
        frame, names = self.groups.get(table, {}).get(period), {item.name: item for item in fields(kind)}
        told = [name for name in names if frame is not None and name.rstrip("_") in frame]
        lacking = [name for name, item in names.items() if name not in told and item.default is MISSING]
        if lacking and not needed:
            return None
        if frame is None:
            raise StorageError(f"run '{self.result.folder}' has no table {table} of period {period}")
        key = next(iter(names))
        if lacking:
            reason = f"a table of {key} values has no column '{lacking[0]}'"
            raise StorageError(f"{reason}; was it written by another version?")
        frame = self._ordered(table, frame, key)
        return kind(**{name: _column(frame[name.rstrip("_")], hints(kind)[name]) for name in told})

    def _ordered(self, table: str, frame: pd.DataFrame, key: str) -> pd.DataFrame:
        """Return the rows in the order of the ids."""
        ids, told = list(self.ids.get(table, ())), list(frame[key].astype(str))
        if not ids or told == ids:
            return frame
        if set(told) != set(ids) or len(told) != len(ids):
            odd = ", ".join(sorted(set(told) ^ set(ids))[:5]) or "a row is missing"
            raise StorageError(f"the run's {key} ids are not those of its scenario: {odd}")
        return frame.set_index(frame[key].astype(str)).loc[ids]


def _figures(kind: type[Figures], row: PeriodRow) -> dict[str, Any]:
    """Return the fields of figures as they stand in a period's row; of earlier versions some are not told."""
    found: dict[str, Any] = {}
    for item in fields(kind):
        hint: Any = hints(kind)[item.name]
        if issubclass(hint, Figures):
            found[item.name] = hint(**_figures(hint, row))
        elif issubclass(hint, Mapping):
            costs = {name.removeprefix(TERM): row[name] for name in row if name.startswith(TERM)}
            found[item.name] = {term: float(cost) for term, cost in costs.items() if not _none(cost)}
        elif hint in NOTHING and (item.name in row or item.default is MISSING):
            value, unknown = row.get(item.name), None if item.default is None and hint is not float else NOTHING[hint]
            found[item.name] = unknown if _none(value) else hint(value)
    return found


def hints(kind: type) -> dict[str, type]:
    """Return the types of a record's fields, without None and without what they are made of."""
    return _hints(kind)


@cache
def _hints(kind: type) -> dict[str, type]:
    found = {}
    for name, hint in get_type_hints(kind).items():
        plain = next(one for one in (get_args(hint) if NoneType in get_args(hint) else (hint,)) if one is not NoneType)
        found[name] = get_origin(plain) or plain
    return found


def _column(values: pd.Series[Any], hint: type) -> Array | tuple[Any, ...]:
    if issubclass(hint, tuple):
        return tuple(values)
    return np.asarray(values, dtype=bool if values.dtype == bool else np.float64)


def _none(value: object) -> bool:
    """Whether a cell of a table is a gap of any kind."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def path_flows(roads: TrafficPeriod, keys: Sequence[tuple[str, str]]) -> Array:
    """Return the flow of every path in a period, veh/h, shape (K,).

    Parameters
    ----------
    roads
        What was told of the roads.
    keys
        User class and name (`cosim.traffic.paths.path_name`) of every path, in the order of the answer.

    Raises
    ------
    StorageError
        If they have other paths than the scenario.
    """
    rows = roads.paths
    told = list(zip(rows.class_, rows.path, strict=True))
    found = dict(zip(told, rows.flow_vph.tolist(), strict=True))
    if len(found) != len(told) or found.keys() != set(keys):
        odd = sorted(found.keys() ^ set(keys))[:3]
        raise StorageError(f"the run's paths are not those of its scenario: {odd or 'a path stands twice'}")
    return np.array([found[key] for key in keys], dtype=float)
