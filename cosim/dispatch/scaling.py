"""A window's programme in units of its own feeder: what the solver sees never depends on `base_mva` or on MW or kW.

Every column is counted in what the window itself makes of it, every row divided by its largest coefficient, money by
a small part of what the feeder's own power costs in a period. Flows are counted in the line's own power, between the
loads and ratings below the line and those of the feeder: then the cones of trunk and leaf are alike, while the rows of
small buses keep their weight. A line's cone ``P^2 + Q^2 <= l v`` holds for ``l = c p^2 l'``, too, with P and Q
over p: the map between the two is one of the cone onto itself.

Residuals, tolerances and thresholds of solvers and of `cosim.dispatch.polish` all act on these units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.dispatch.backends.base import ConeAnswer, Data
from cosim.dispatch.branch_flow import BranchFlow
from cosim.dispatch.devices.base import Window
from cosim.dispatch.injection_bounds import ratings_mva
from cosim.dispatch.plan import DispatchCase
from cosim.grid.own_power import SMALLEST_POWER_MW

if TYPE_CHECKING:
    import scipy.sparse as sp

CURRENT_SCALE = 0.1
"""Unit of the squared current over the squared power of its line."""
SHARE_POWER = 0.6
"""Exponent of a line's share in the feeder's power. With these two every window of 33 and 300 buses that was tried,
hard or elastic, was solved to 1e-9 at once, and polished; a current scale of 0.3 or 1, or an exponent of 0.5 or less,
leaves every third at 1e-8, for three to six iterations less."""
COST_SCALE = 1e4
"""What the feeder's own power costs in a period: Gurobi's tolerance of reduced costs is absolute, Clarabel's is not."""
MOST_RATING = 4.0
"""Rating of a device, over the load of the feeder, up to which it is taken for what may flow."""
SMALLEST_SHARE = 1e-3
"""Share of the feeder's power that a line is taken to carry at least."""
LARGEST_RIGHT = 100.0
"""Right-hand side of a row up to which its coefficients decide its scale: a limit that nothing comes near, or a row of
rounding alone, would else be what residuals are relative to."""
ROUNDING = 1e-12
"""Coefficients up to which a row says nothing."""
LINE_CONE = 4
"""Rows of a line's cone: l + v, 2 P, 2 Q, l - v."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What a window's powers, flows and money are counted in.

    Attributes
    ----------
    power_mw
        The feeder's own power: loads at their peak, and ratings of devices as far as they are of that order.
    line_mw
        Power of each line, shape (m,).
    price_per_mwh
        A price of the window's size.
    """

    power_mw: float
    line_mw: Array
    price_per_mwh: float

    def money(self, period_h: float) -> float:
        """Return what the feeder's own power costs in a period."""
        return self.price_per_mwh * self.power_mw * period_h

    @property
    def money_root(self) -> float:
        """Unit of a column whose square is money per hour."""
        return float(np.sqrt(self.price_per_mwh * self.power_mw))


def units_of(case: DispatchCase, window: Window) -> Units:
    """Return the units of a window, from its loads and the ratings of the devices: nothing is solved."""
    feeder = case.feeder
    load = np.hypot(window.base_p_mw, window.base_q_mvar).max(axis=1)
    np.add.at(load, list(case.station_buses), np.abs(window.ev_p_mw).max(axis=1))
    rating = ratings_mva(case)
    whole = float(load.sum())
    below = load + (np.minimum(rating, MOST_RATING * whole) if whole > 0.0 else rating)
    below = below + feeder.base_mva * np.abs(feeder.shunts_at_bus_pu)
    flow = np.zeros(feeder.n_lines)
    for line in range(feeder.n_lines - 1, -1, -1):  # breadth-first: leaves come last
        flow[line] = below[feeder.child[line]]
        below[feeder.parent[line]] += flow[line]
    power = max(float(below[feeder.slack]), SMALLEST_POWER_MW)
    share = np.maximum(flow / power, SMALLEST_SHARE)
    price = float((np.abs(window.tariff_per_mwh) + np.abs(window.loss_price_per_mwh)).mean()) or 1.0
    return Units(power_mw=power, line_mw=power * share**SHARE_POWER, price_per_mwh=price)


def case_power_mw(case: DispatchCase) -> float:
    """Return the power that a day's feeder is of before any charging load is known: its peak load, or its ratings."""
    load = float(np.hypot(case.base_p_mw, case.base_q_mvar).max(axis=1).sum())
    return max(load, float(ratings_mva(case).sum()), SMALLEST_POWER_MW)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaled:
    """A compiled programme in other units.

    Attributes
    ----------
    data
        The programme for the solver.
    columns
        Unit of every column: ``x = columns * x'``.
    rows
        Two maps of the rows, in turn: ``A' = rows_2 (rows_1 A columns)``, so ``z = rows_1' rows_2' z' / cost``. Their
        product would lose the voltage beside ``1 / current`` where `base_mva` is far from the feeder's own power.
    cost
        Factor of the objective.
    """

    data: Data
    columns: Array
    rows: tuple[sp.csr_array, sp.csr_array]
    cost: float

    def restored(self, answer: ConeAnswer) -> ConeAnswer:
        """Return the answer in the programme's own units; residuals stay those of the scaled one."""
        old = answer.solution
        point = replace(old, x=self.columns * old.x, z=self._multipliers(old.z), obj_val=old.obj_val / self.cost)
        return replace(
            answer,
            solution=point,
            primal_objective=answer.primal_objective / self.cost,
            dual_objective=answer.dual_objective / self.cost,
            suboptimality=answer.suboptimality / self.cost,
        )

    def _multipliers(self, z: Array) -> Array:
        apart, together = self.rows
        return np.asarray(apart.T @ (together.T @ z) / self.cost)


def scaled(
    data: Data, flow: BranchFlow, units: Units, others: dict[int, float], period_h: float,
    current_scale: float = CURRENT_SCALE,
) -> Scaled:  # fmt: skip
    """Return the programme in the window's own units.

    Parameters
    ----------
    data
        The compiled programme (see `cosim.dispatch.backends.base`).
    flow
        Its branch flow.
    units
        Of the window.
    others
        Units of variables that are neither flows nor powers, by their id.
    period_h
        Length of a period, h.
    current_scale
        Another one can help where the solver stalls.
    """
    import scipy.sparse as sp

    line = np.tile(units.line_mw / flow.feeder.base_mva, flow.periods)
    current = current_scale * line**2
    columns = _columns(data, flow, units, others, line, current)
    apart, together = _on_cones(data, flow, current)
    matrix = sp.csr_array(together @ (apart @ sp.csr_array(data["A"]) @ sp.diags_array(columns)))
    matrix.eliminate_zeros()
    right = together @ (apart @ data["b"])
    weight = _row_weights(matrix, right, data["dims"])
    cost = COST_SCALE / units.money(period_h)
    quadratic, spread = data.get("P"), sp.diags_array(columns)
    return Scaled(
        data={
            **data,
            "A": sp.csc_array(sp.diags_array(weight) @ matrix),
            "b": weight * right,
            "c": cost * columns * data["c"],
            "P": None if quadratic is None else sp.csc_array(cost * (spread @ sp.csc_array(quadratic) @ spread)),
        },
        columns=columns,
        rows=(apart, sp.csr_array(sp.diags_array(weight) @ together)),
        cost=cost,
    )


def _columns(
    data: Data, flow: BranchFlow, units: Units, others: dict[int, float], line: Array, current: Array
) -> Array:
    """Return the unit of every column: what is no flow, no voltage and none of ``others`` is a power or energy."""
    unit = np.full(data["c"].size, units.power_mw)
    own: dict[int, Array | float] = {flow.p.id: line, flow.q.id: line, flow.current_sq.id: current, **others}
    own |= {variable.id: 1.0 for variable in flow.voltages()}
    for variable, value in own.items():
        start, size = data["columns"][variable]
        unit[start : start + size] = value
    return unit


def _on_cones(data: Data, flow: BranchFlow, current: Array) -> tuple[sp.csr_array, sp.csr_array]:
    """Return the maps of the rows, to be applied in turn: the line cones for ``l / current``, all else as it is."""
    count = data["b"].size
    heads, of = _line_cones(data, flow)
    inverse, root = 1.0 / current[of], 1.0 / np.sqrt(current[of])
    rest = np.ones(count)
    rest[heads], rest[heads + LINE_CONE - 1] = 0.0, 0.0
    rest[heads + 1], rest[heads + 2] = root, root
    ends = (heads, heads + LINE_CONE - 1)
    # First l and v themselves, exactly, then their sum and difference: a wide range of units costs no digits.
    half = np.full(heads.size, 0.5)
    apart = _blocks(ends, ((half, half), (half, -half)), count, rest)
    together = _blocks(ends, ((inverse, half + half), (inverse, -half - half)), count, np.where(rest == 0.0, 0.0, 1.0))
    return apart, together


def _blocks(
    ends: tuple[IntArray, IntArray], values: tuple[tuple[Array, Array], tuple[Array, Array]], count: int,
    diagonal: Array,
) -> sp.csr_array:  # fmt: skip
    """Return a matrix with 2 x 2 blocks at the two ends of cones, and the diagonal elsewhere."""
    import scipy.sparse as sp

    kept = np.flatnonzero(diagonal)
    rows, columns, entries = [kept], [kept], [diagonal[kept]]
    for row in (0, 1):
        for column in (0, 1):
            rows.append(ends[row])
            columns.append(ends[column])
            entries.append(values[row][column])
    places = (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_array((np.concatenate(entries), places), shape=(count, count))


def _line_cones(data: Data, flow: BranchFlow) -> tuple[IntArray, IntArray]:
    """Return the first row of every line's cone, and its position among the columns of P."""
    import scipy.sparse as sp

    dims = data["dims"]
    sizes = np.asarray(dims.soc, dtype=np.intp)
    heads = dims.zero + dims.nonneg + np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)[:-1]
    heads = heads[sizes == LINE_CONE]
    a = sp.csr_array(data["A"])
    single = np.diff(a.indptr)[heads + 1] == 1
    heads = heads[single]
    first, _ = data["columns"][flow.p.id]
    of = a.indices[a.indptr[heads + 1]].astype(np.intp) - first
    ours = (of >= 0) & (of < flow.p.size)
    return heads[ours], of[ours]


def _row_weights(matrix: sp.csr_array, right: Array, dims: Any) -> Array:  # noqa: ANN401 - cvxpy's cone sizes
    """Return one over the largest coefficient of every row; of all rows of a cone together.

    Where the right-hand side is far larger it decides.
    """
    single, sizes = dims.zero + dims.nonneg, np.asarray(dims.soc, dtype=np.intp)
    group = np.concatenate([np.arange(single), single + np.repeat(np.arange(sizes.size), sizes)])
    largest = np.full(single + sizes.size, ROUNDING)
    np.maximum.at(largest, group, np.abs(right) / LARGEST_RIGHT)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    np.maximum.at(largest, group[row], np.abs(matrix.data))
    return np.asarray(1.0 / largest[group])
