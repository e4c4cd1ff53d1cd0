"""A shorter window as a cut of a longer one's form: its rows and columns by period, exactly, without padding.

Every column and every parameter belongs to a period, or to the window as a whole; the last axis of a leaf tells, for a
shorter model's is shorter there. A row goes with the last period that it holds: balances of a period, steps from
one to the next. A single row of the first period stays, one of the last (the end of the day's storage) follows the last
period, and one of all periods (a balance over the window) keeps what is left of them. What fits none of that is not
cut: such a model is compiled for each length by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.dispatch.backends.base import Cones

if TYPE_CHECKING:
    import scipy.sparse as sp

    from cosim.dispatch.form import Form
    from cosim.dispatch.model import Model

WHOLE = -1
"""Tag of what belongs to no period."""
SHORTEST = 3
"""Periods from which on first, last, successive and all of them are different things."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tags:
    """Periods of a form's columns, parameters, rows and products; how far apart a leaf's periods are.

    ``last`` are the rows that hold the last period alone, whichever it is.
    """

    periods: int
    columns: IntArray
    column_steps: IntArray
    parameters: IntArray
    parameter_steps: IntArray
    rows: IntArray
    last: BoolArray
    products: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cutting:
    """How a form is cut; None: not at all."""

    tags: Tags | None

    @property
    def nbytes(self) -> int:
        """Memory of the tags."""
        return 0 if self.tags is None else int(self.tags.rows.nbytes + self.tags.columns.nbytes)


def tags_of(form: Form, model: Model, shorter: Model) -> Tags | None:
    """Return the tags of a model's form; None where it cannot be cut.

    Parameters
    ----------
    form, model
        The form and its model.
    shorter
        The same model of one period less.
    """
    periods, pairs = model.frame.periods, list(zip(model.leaves(), shorter.leaves(), strict=True))
    auxiliary = form.c_0.size - sum(size for _, size in form.columns)
    if auxiliary or periods < SHORTEST or any(len(long) != len(short) for long, short in pairs):
        return None
    leaves = [[_leaf(a.shape, b.shape, periods) for a, b in zip(long, short, strict=True)] for long, short in pairs]
    if any(tag is None for part in leaves for tag in part):
        return None
    held = [tag for tag, (_, size) in zip(leaves[0], form.columns, strict=True) if size]
    columns, parameters = (_joined(part) for part in (held, leaves[1]))
    products = _product_tags(form, columns[0], parameters[0])
    rows = _row_tags(form, columns[0], parameters[0], products, periods)
    if rows is None:
        return None
    return Tags(
        periods=periods, columns=columns[0], column_steps=columns[1], parameters=parameters[0],
        parameter_steps=parameters[1], rows=rows[0], last=rows[1], products=products,
    )  # fmt: skip


def _leaf(long: tuple[int, ...], short: tuple[int, ...], periods: int) -> tuple[IntArray, IntArray] | None:
    """Return period and step of every entry of a leaf, column by column; None if its shape tells neither."""
    size = int(np.prod(long, dtype=int))
    if long == short:
        return np.full(size, WHOLE), np.zeros(size, dtype=np.intp)
    if long[:-1] != short[:-1] or long[-1] != short[-1] + 1 or not 0 <= periods - long[-1] <= 1:
        return None
    step = size // long[-1]
    return np.repeat(np.arange(long[-1]) + periods - long[-1], step), np.full(size, step)


def _joined(tags: Sequence[Any]) -> tuple[IntArray, IntArray]:
    nothing = np.zeros(0, dtype=np.intp)
    return np.concatenate([nothing, *(t for t, _ in tags)]), np.concatenate([nothing, *(s for _, s in tags)])


def _product_tags(form: Form, columns: IntArray, parameters: IntArray) -> IntArray:
    """Return the period of every product: that of its factor, else the first one of its expression."""
    _, factor = _span(form.factor, parameters)
    first, _ = _span(form.right, columns)
    return np.where(factor != WHOLE, factor, first)


def _span(matrix: sp.csr_array, tags: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first and the last period of the entries of every row; `WHOLE` twice where there is none."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    tag = tags[matrix.indices]
    held = (tag != WHOLE) & (matrix.data != 0.0)
    low, high = np.full(matrix.shape[0], np.iinfo(np.intp).max), np.full(matrix.shape[0], WHOLE)
    np.minimum.at(low, rows[held], tag[held])
    np.maximum.at(high, rows[held], tag[held])
    return np.where(high == WHOLE, WHOLE, low), high


def _row_tags(
    form: Form, columns: IntArray, parameters: IntArray, products: IntArray, periods: int
) -> tuple[IntArray, BoolArray] | None:
    """Return the period of every row, and which rows follow the last one; None where a row fits no rule."""
    spans = [_span(form.a, columns), _span(form.slope, parameters), _span(form.left, products)]
    low = _least(*(span[0] for span in spans))
    high = np.maximum.reduce([span[1] for span in spans])
    multiplied = np.diff(form.left.indptr) > 0
    tag, last, start = np.full(high.size, WHOLE), np.zeros(high.size, dtype=bool), 0
    for first, unit, count in _blocks(form):
        rows = slice(first, first + unit * count)
        ends = _of_units(low[rows], unit, least=True), _of_units(high[rows], unit, least=False)
        kind = _kind(*ends, count, periods)
        if kind is None or (kind == "last" and multiplied[rows].any()):
            return None
        if kind == "each":
            tag[rows] = np.repeat(ends[1], unit)
        last[rows] = kind == "last"
        start = rows.stop
    return (tag, last) if start == high.size else None


def _least(*parts: IntArray) -> IntArray:
    most = np.iinfo(np.intp).max
    least = np.minimum.reduce([np.where(part == WHOLE, most, part) for part in parts])
    return np.where(least == most, WHOLE, least)


def _blocks(form: Form) -> list[tuple[int, int, int]]:
    """Return first row, rows of a unit and number of units of every constraint; units are rows or cones."""
    blocks, at, single = [], 0, form.cones.zero + form.cones.nonneg
    sizes = iter(form.cones.soc)
    for count in form.units:
        unit = 1 if at < single else [next(sizes) for _ in range(count)][0]
        blocks.append((at, unit, count))
        at += unit * count
    return blocks


def _of_units(values: IntArray, unit: int, *, least: bool) -> IntArray:
    """Return the first or last period of every unit."""
    whole = values.reshape(-1, unit)
    return _least(*whole.T) if least else whole.max(axis=1)


def _kind(low: IntArray, high: IntArray, count: int, periods: int) -> str | None:
    """Return whether the units of a constraint go with a period each, all stay, or one follows the last period."""
    if (high == WHOLE).all() or (high == 0).all():
        return "all"
    if count == 1:
        if low[0] == high[0]:
            return "last" if low[0] == periods - 1 else None
        return "all" if low[0] == 0 and high[0] == periods - 1 else None
    if (high == WHOLE).any():
        return None
    number = np.bincount(high, minlength=periods)
    even = (number[1:] == number[1]).all() and number[0] in (0, number[1])
    return "each" if even else None


def cut(form: Form, tags: Tags, periods: int) -> Form:
    """Return the form of the first ``periods`` periods."""
    kept = _Kept(
        columns=np.flatnonzero(tags.columns < periods), parameters=np.flatnonzero(tags.parameters < periods),
        rows=np.flatnonzero(tags.rows < periods), products=np.flatnonzero(tags.products < periods),
    )  # fmt: skip
    back, end = tags.periods - periods, tags.periods - 1
    column = np.arange(tags.columns.size), np.where(tags.columns == end, tags.column_steps * back, 0)
    parameter = np.arange(tags.parameters.size), np.where(tags.parameters == end, tags.parameter_steps * back, 0)
    a = _followed(form.a, tags.last, column[0] - column[1])
    slope = _followed(form.slope, tags.last, parameter[0] - parameter[1])
    single = form.cones.zero + form.cones.nonneg
    kept_row = tags.rows < periods
    firsts = single + np.cumsum([0, *form.cones.soc])[:-1].astype(np.intp)
    sizes = np.asarray(form.cones.soc, dtype=np.intp)[kept_row[firsts]]
    return replace(
        form,
        quadratic=form.quadratic[:, kept.columns][kept.columns],
        a=a[kept.rows][:, kept.columns],
        c_0=form.c_0[kept.columns],
        b_0=form.b_0[kept.rows],
        slope=slope[kept.rows][:, kept.parameters],
        left=form.left[kept.rows][:, kept.products],
        right=form.right[kept.products][:, kept.columns],
        right_0=form.right_0[kept.products],
        cost=form.cost[kept.products],
        factor=form.factor[kept.products][:, kept.parameters],
        factor_0=form.factor_0[kept.products],
        cones=Cones(
            zero=int(kept_row[: form.cones.zero].sum()), nonneg=int(kept_row[form.cones.zero : single].sum()),
            soc=sizes.tolist(),
        ),
        columns=tuple(
            (int(first), int(end - first))
            for first, end in np.searchsorted(kept.columns, [(start, start + size) for start, size in form.columns])
        ),
        units=(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kept:
    """What a shorter window has."""

    columns: IntArray
    parameters: IntArray
    rows: IntArray
    products: IntArray


def _followed(matrix: sp.csr_array, last: BoolArray, moved: IntArray) -> sp.csr_array:
    """Return the matrix with the entries of some rows in other columns."""
    import scipy.sparse as sp

    if not last.any():
        return matrix
    rows = np.repeat(last, np.diff(matrix.indptr))
    places = np.where(rows, moved[matrix.indices], matrix.indices)
    return sp.csr_array((matrix.data, places, matrix.indptr), shape=matrix.shape)


def agrees(form: Form, model: Model, seed: int = 0) -> bool:
    """Whether a form says at a random point what the model itself says there, row by row."""
    from cosim.dispatch.form import values_of

    random = np.random.default_rng(seed)
    variables, parameters = model.leaves()
    for leaf in (*variables, *parameters):
        leaf.save_value(random.uniform(0.5, 1.5, leaf.shape) if leaf.shape else random.uniform(0.5, 1.5))
    data = form.data(values_of(parameters))
    x = np.zeros(data["c"].size)
    for variable, (start, size) in zip(variables, form.columns, strict=True):
        x[start : start + size] = np.ravel(variable.value, order="F")[:size]
    slack, said = data["b"] - data["A"] @ x, _said(model)
    slack[: form.cones.zero] *= -1.0  # equations are compiled as left side less right side
    curved = 0.0 if data["P"] is None else 0.5 * float(x @ (data["P"] @ x))
    cost = float(data["c"] @ x) + curved
    same = slack.shape == said.shape and bool(np.allclose(slack, said, rtol=1e-9, atol=1e-9))
    return same and bool(np.isclose(cost, float(np.asarray(model.objective.value)), rtol=1e-9, atol=1e-9))


def _said(model: Model) -> Array:
    """Return what the model's rows leave: of equations left less right side, of others what is positive inside."""
    import cvxpy as cp

    parts: list[list[Array]] = [[], [], []]
    for constraint in model.constraints:
        if isinstance(constraint, cp.SOC):
            head, rest = (np.asarray(part.value, dtype=float) for part in constraint.args)
            parts[2].append(np.vstack([np.atleast_2d(head), rest.reshape(-1, head.size)]).ravel(order="F"))
            continue
        kind = 0 if isinstance(constraint, cp.constraints.Equality | cp.constraints.Zero) else 1
        sign = -1.0 if isinstance(constraint, cp.constraints.Inequality | cp.constraints.NonPos) else 1.0
        parts[kind].append(sign * np.ravel(np.asarray(constraint.expr.value, dtype=float), order="F"))
    return np.concatenate([np.zeros(0), *(part for kind in parts for part in kind)])
