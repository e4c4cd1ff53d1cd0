"""Statistics of a study: means and quantiles with intervals, shares, pairs, indices.

Each number says of how many rows it is, of how many there are. Rows without a trusted answer are counted, never used.
An interval is given where the design has one: by Student's t over independent draws, by block means where a block's
points are not independent of one another (Sobol, Latin hypercube), none for grids, lists and single blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.studies.store import STATUSES, TRUSTED
from cosim.studies.study_file import Study

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}
LEAST_FACTOR = 1.2
"""A control variate that makes the variance less than this many times smaller is dropped."""
_FOLDS = 10
_RESAMPLES = 300
"""Of the bootstrap around an index."""
_NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate and its interval of 95 %; the ends are NaN where the design gives none."""

    value: float
    low: float = _NAN
    high: float = _NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Tables of statistics, as columns by name: of measures, statuses, pairs of alternatives, Sobol's indices."""

    measures: list[dict[str, Any]]
    shares: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    indices: list[dict[str, Any]]
    remarks: tuple[str, ...] = ()


def statistics(study: Study, rows: pd.DataFrame, names: Sequence[str]) -> Statistics:
    """Return the statistics of collected rows.

    Parameters
    ----------
    study
        The study.
    rows
        Its collected rows (`cosim.studies.collecting.read_rows`).
    names
        The measures among their columns.
    """
    ended = rows[rows["status"] != ""]
    groups = {name: ended[ended["alternative"] == name] for name in study.alternatives}
    measures = [
        {"measure": name, "alternative": alternative, **row}
        for alternative, group in groups.items()
        for name in names
        if (row := _measure(study, group, name)) is not None
    ]
    shares = [row for alternative, group in groups.items() for row in _shares(alternative, group)]
    indices = list(_all_indices(study, groups, names)) if study.design.kind == "saltelli" else []
    return Statistics(
        measures=measures, shares=shares, pairs=list(_pairs(study, groups, names)), indices=indices,
        remarks=tuple(_remarks(study, rows, ended)),
    )  # fmt: skip


def _remarks(study: Study, rows: pd.DataFrame, ended: pd.DataFrame) -> Iterator[str]:
    if len(ended) < len(rows):
        yield f"{len(ended):,} of {len(rows):,} rows ended; all numbers are of those"
    doubtful = int((~ended["status"].isin(TRUSTED)).sum())
    if doubtful:
        yield f"{doubtful:,} rows have no trusted answer; means, quantiles and pairs are of those that have one"
    if study.design.kind in ("sobol", "lhs") and study.design.blocks == 1:
        yield f"one block of a {study.design.kind} design tells no error of its means; give design.blocks"


def by_draw(study: Study, group: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the trusted values of a measure, one a draw (or a replicate, where nothing is drawn), with its block."""
    trusted = group[group["status"].isin(TRUSTED) & group[name].notna()]
    unit = "draw" if study.factors or study.design.kind == "list" else "replicate"
    found = trusted.groupby(unit, sort=True).agg(value=(name, "mean"), block=("block", "first"))
    return found.reset_index(drop=False)


def _measure(study: Study, group: pd.DataFrame, name: str) -> dict[str, Any] | None:
    """Return mean, spread and quantiles of a measure; None where no row has it."""
    trusted = group[group["status"].isin(TRUSTED)]
    values = trusted[name].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    mean = mean_of(study, by_draw(study, group, name))
    row: dict[str, Any] = {"rows": int(values.size), "of": len(group), "mean": mean.value}
    row |= {"mean_low": mean.low, "mean_high": mean.high, "sd": float(values.std(ddof=1)) if values.size > 1 else _NAN}
    row |= {"min": float(values.min()), "max": float(values.max())}
    for key, share in QUANTILES.items():
        found = quantile(values, share, interval=study.design.kind == "random" and study.replicates == 1)
        row |= {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}
    controlled, factor = _controlled(study, group, name) if study.control else (None, _NAN)
    row |= {
        "controlled_mean": _NAN if controlled is None else controlled.value,
        "controlled_low": _NAN if controlled is None else controlled.low,
        "controlled_high": _NAN if controlled is None else controlled.high,
        "variance_factor": factor,
    }
    return row


def mean_of(study: Study, drawn: pd.DataFrame) -> Interval:
    """Return the mean over draws, with the interval that the design has."""
    values = drawn["value"].to_numpy(dtype=float)
    value = math.fsum(values) / values.size
    kind = study.design.kind
    if kind == "random" or not study.factors:
        return t_interval(values) if kind not in ("grid", "list") else Interval(value=value)
    if kind in ("sobol", "lhs") and study.design.blocks > 1:
        means = drawn.groupby("block")["value"].mean().to_numpy(dtype=float)
        around = t_interval(means)
        return Interval(value=value, low=value + around.low - around.value, high=value + around.high - around.value)
    return Interval(value=value)


def t_interval(values: Array) -> Interval:
    """Return the mean of independent values, shape (n,), and Student's interval."""
    from scipy import stats

    mean = math.fsum(values) / values.size
    if values.size < 2:  # noqa: PLR2004 - a spread needs two
        return Interval(value=mean)
    half = (
        float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, values.size - 1)) * float(values.std(ddof=1)) / math.sqrt(values.size)
    )
    return Interval(value=mean, low=mean - half, high=mean + half)


def quantile(values: Array, share: float, *, interval: bool) -> Interval:
    """Return a quantile of values, shape (n,), and, of independent ones, the interval between two order statistics.

    The number of values below a quantile is binomial, whatever their distribution; an end beyond the smallest or the
    largest value is not known.
    """
    from scipy import stats

    ordered = np.sort(values)
    value = float(np.quantile(ordered, share))
    if not interval:
        return Interval(value=value)
    n, tail = ordered.size, (1.0 - CONFIDENCE) / 2.0
    low, high = int(stats.binom.ppf(tail, n, share)), int(stats.binom.ppf(1.0 - tail, n, share)) + 1
    return Interval(
        value=value, low=float(ordered[low - 1]) if low >= 1 else -math.inf,
        high=float(ordered[high - 1]) if high <= n else math.inf,
    )  # fmt: skip


def _shares(alternative: str, group: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the share of each status with its exact binomial interval (Clopper, Pearson 1934)."""
    counts = group["status"].value_counts()
    for status in STATUSES:
        count = int(counts.get(status, 0))
        if len(group):
            found = binomial(count, len(group))
            yield {
                "alternative": alternative, "status": status, "rows": count, "of": len(group), "share": found.value,
                "low": found.low, "high": found.high,
            }  # fmt: skip


def binomial(count: int, of: int) -> Interval:
    """Return a share and its exact interval.

    >>> round(binomial(0, 1000).high, 5)
    0.00368
    """
    from scipy import stats

    found = stats.binomtest(count, of).proportion_ci(CONFIDENCE, method="exact")
    return Interval(value=count / of, low=float(found.low), high=float(found.high))


def _controlled(study: Study, group: pd.DataFrame, name: str) -> tuple[Interval | None, float]:
    """Return the mean with linear control variates, and how many times smaller its variance is.

    ``y - b (x - E x)`` has the mean of ``y`` and less variance; E x is known. The coefficients are those of the other
    folds (blocks, or tenths of the draws), so that a fold's values do not choose their own.
    """
    known = [one for one in study.factors if math.isfinite(one.law.mean)]
    drawn = by_draw(study, group, name)
    if not known or study.design.kind not in ("random", "sobol", "lhs") or len(drawn) < 3 * (len(known) + 2):
        return None, _NAN
    first = group.drop_duplicates("draw").set_index("draw").loc[drawn["draw"]]
    x = np.column_stack([first[one.path].to_numpy(dtype=float) - one.law.mean for one in known])
    x = x / np.where(x.std(axis=0) > 0.0, x.std(axis=0), 1.0)
    y = drawn["value"].to_numpy(dtype=float)
    folds = drawn["block"].to_numpy() if study.design.blocks > 1 else np.arange(y.size) % _FOLDS
    left = y.copy()
    for fold in np.unique(folds):
        rest, own = folds != fold, folds == fold
        design = np.column_stack([np.ones(int(rest.sum())), x[rest]])
        slopes = np.linalg.lstsq(design, y[rest], rcond=None)[0][1:]
        left[own] = y[own] - x[own] @ slopes
    factor = float(y.var(ddof=1) / left.var(ddof=1)) if left.var(ddof=1) > 0.0 else math.inf
    if factor < LEAST_FACTOR:
        return None, factor
    return mean_of(study, drawn.assign(value=left)), factor


def _pairs(study: Study, groups: Mapping[str, pd.DataFrame], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield differences from the first alternative, draw by draw and replicate by replicate."""
    first, *others = groups
    key = ["draw", "replicate"]
    for other in others:
        both = groups[first].merge(groups[other], on=key, suffixes=("_first", "_other"))
        trusted = both["status_first"].isin(TRUSTED) & both["status_other"].isin(TRUSTED)
        for name in names:
            differences = both[f"{name}_other"] - both[f"{name}_first"]
            used = trusted & differences.notna()
            if not used.any():
                continue
            drawn = both[used].assign(value=differences[used], block=both.loc[used, "block_first"])
            unit = "draw" if study.factors or study.design.kind == "list" else "replicate"
            found = mean_of(
                study, drawn.groupby(unit).agg(value=("value", "mean"), block=("block", "first")).reset_index()
            )
            yield {
                "measure": name, "alternative": other, "less": first, "pairs": int(used.sum()), "of": len(both),
                "mean": found.value, "low": found.low, "high": found.high, "min": float(differences[used].min()),
                "max": float(differences[used].max()),
            }  # fmt: skip


def _all_indices(study: Study, groups: Mapping[str, pd.DataFrame], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for alternative, group in groups.items():
        for name in names:
            yield from sobol_indices(study, group, name, alternative)


def sobol_indices(study: Study, group: pd.DataFrame, name: str, alternative: str) -> Iterator[dict[str, Any]]:
    """Yield first-order and total indices of a measure (Saltelli et al. 2010), with intervals by bootstrap.

    None where a row has no trusted value: the estimators need every point of the design.
    """
    from scipy import stats

    n, count = study.design.rows, len(study.factors)
    drawn = by_draw(study, group, name)
    if len(drawn) < n * (count + 2) or float(drawn["value"].std()) == 0.0:
        return
    values = drawn["value"].to_numpy(dtype=float).reshape(count + 2, 1, n)
    values = values - values[:2].mean()  # the estimators of f's product moments are best around its mean
    func: Any = {"f_A": values[0], "f_B": values[1], "f_AB": values[2:]}
    generator = np.random.default_rng(study.seed)
    found: Any = stats.sobol_indices(func=func, n=n, rng=generator)
    around = found.bootstrap(confidence_level=CONFIDENCE, n_resamples=_RESAMPLES)
    first, total = around.first_order.confidence_interval, around.total_order.confidence_interval
    for k, factor in enumerate(study.factors):
        yield {
            "measure": name, "alternative": alternative, "factor": factor.path,
            "first": float(found.first_order[k]), "first_low": float(first.low[k]), "first_high": float(first.high[k]),
            "total": float(found.total_order[k]), "total_low": float(total.low[k]), "total_high": float(total.high[k]),
        }  # fmt: skip
