"""Series of a scenario as arrays: constants, lists and CSV columns, one value per period."""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.scenario.files import ScenarioFiles
from cosim.tables import did_you_mean
from cosim.timeline import Series, SeriesRef


def resolve(series: Series, periods: int, files: ScenarioFiles) -> Array:
    """Return a series as an array of shape ``(periods,)``.

    Raises
    ------
    InputError
        If a list or file has not one value per period, or the file has no such column.
    """
    if isinstance(series, SeriesRef):
        columns = files.series(series.file)
        if series.column not in columns:
            reason = f"file {series.file!r} has no column {series.column!r}"
            raise InputError(Problem(field="column", reason=reason, remedy=did_you_mean(series.column, list(columns))))
        values = _right_length(np.array(columns[series.column]) * series.scale, periods, f"file {series.file!r}")
        if not np.all(np.isfinite(values)):
            raise InputError(Problem(field="scale", reason=f"{series.scale} makes values infinite"))
        return values
    if isinstance(series, tuple):
        return _right_length(np.array(series, dtype=np.float64), periods, "the list")
    return np.full(periods, float(series))


def by_name(file: str, names: tuple[str, ...], periods: int, files: ScenarioFiles) -> Array:
    """Return the columns ``names`` of a file, shape ``(periods, len(names))``; absent columns are zero."""
    columns = files.series(file)
    zero = np.zeros(periods)
    return np.column_stack(
        [
            _right_length(np.array(columns[name]), periods, f"file {file!r}") if name in columns else zero
            for name in names
        ]
        or [np.zeros((periods, 0))]
    )


def _right_length(values: Array, periods: int, what: str) -> Array:
    if len(values) != periods:
        reason = f"{what} has {len(values)} values for {periods} periods"
        raise InputError(Problem(reason=reason, remedy="give one value per period"))
    return values
