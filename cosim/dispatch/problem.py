"""Feeder, devices and window become one compiled cone programme; its solution becomes a `DispatchPlan`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cached_property, partial

import numpy as np

from cosim.dispatch.answer import collect, empty_plan
from cosim.dispatch.backends import CONTINUOUS, Choice, choose
from cosim.dispatch.backends.base import HAS_POINT, Backend, ConeAnswer, Data, Size
from cosim.dispatch.branch_flow import FlowValues
from cosim.dispatch.closing import closed
from cosim.dispatch.consent import Proposal
from cosim.dispatch.cut import Cutting, agrees, cut, tags_of
from cosim.dispatch.devices.base import State, Window
from cosim.dispatch.form import Form, compiled, values_of
from cosim.dispatch.forms import Store, key_of
from cosim.dispatch.local_optimum import Surface, local_optimum
from cosim.dispatch.model import Model
from cosim.dispatch.plan import DispatchCase, DispatchPlan, SolveRecord, shifted
from cosim.dispatch.polish import polished
from cosim.dispatch.possible_currents import limited, possible_current_sq_pu, without_limits
from cosim.dispatch.scaling import CURRENT_SCALE, Scaled, scaled, units_of

FORMS: Store[Form] = Store()
"""Compiled forms, and the cuts of shorter windows."""
CUTTINGS: Store[Cutting] = Store()
"""How the forms of the longest windows are cut."""


class DispatchProblem:
    """The programme of all windows up to a length (Eqs 12-21): hard or elastic, relaxed or with the cones' other side.

    Parameters
    ----------
    case
        Feeder, devices, loads and prices of the day.
    periods
        Length of the longest window.
    elastic
        Whether the last resorts are part of the model.
    other_side
        Whether the linearised other side of the cones is part of the model (`solve` then needs the point).
    movable
        Whether the charging loads of the periods to be applied may move (`solve` then needs a proposal).
    """

    def __init__(
        self, case: DispatchCase, periods: int, *, elastic: bool, other_side: bool = False,
        movable: bool = False,
    ) -> None:  # fmt: skip
        self.case, self.periods = case, periods
        self.elastic, self.other_side, self.movable = elastic, other_side, movable
        self._models: dict[int, Model] = {}

    def model(self, periods: int) -> Model:
        """Return the model of a window, with its own variables and parameters."""
        if periods not in self._models:
            self._models[periods] = Model(
                self.case, periods, elastic=self.elastic, other_side=self.other_side, movable=self.movable
            )
        return self._models[periods]

    @cached_property
    def _key(self) -> Hashable:
        return key_of(self.model(self.periods).content())

    def form(self, periods: int) -> Form:
        """Return the compiled form of a window."""
        return FORMS.get((self._key, periods), partial(self._built, periods))

    def _built(self, periods: int) -> Form:
        model = self.model(periods)
        if periods == self.periods:
            return compiled(model)
        longest = self.form(self.periods)
        cutting = CUTTINGS.get(self._key, partial(self._cutting, longest))
        return compiled(model) if cutting.tags is None else cut(longest, cutting.tags, periods)

    def _cutting(self, longest: Form) -> Cutting:
        """Return how the longest form is cut: not at all, if the cut to one period less is not the model stated so."""
        shorter = Model(
            self.case, self.periods - 1, elastic=self.elastic, other_side=self.other_side, movable=self.movable
        )
        tags = tags_of(longest, self.model(self.periods), shorter)
        same = tags is not None and agrees(cut(longest, tags, self.periods - 1), shorter)
        return Cutting(tags=tags if same else None)

    def solve(
        self, window: Window, states: Mapping[str, State], *, backend: Backend | None = None,
        at: FlowValues | None = None, slack_price: float = 0.0, residual_limit: float | None = None,
        proposal: Proposal | None = None, polish: bool = False, current_scale: float = CURRENT_SCALE,
        limited_currents: bool = False,
    ) -> DispatchPlan:  # fmt: skip
        """Solve one window from the given device states.

        The answer is a value: look at ``record.usable`` before applying it.

        Parameters
        ----------
        window, states
            The numbers of the window, and the devices' states before it.
        backend
            Solver in place of the scenario's.
        at, slack_price
            Where the other side of the cones is linearised (all columns of the window), and the price of its slack.
        residual_limit
            Up to which own residual and duality gap an answer counts as one; None: those of the gate.
        proposal
            How the charging loads may move. The plan is then that of the loads consented to, and the record's
            objectives are its cost and a bound on it.
        polish
            Whether an answer is refined to rounding where that is possible.
        current_scale
            Unit of the squared current; another one can help where the solver stalls.
        limited_currents
            Whether currents are kept to what is possible (see `cosim.dispatch.possible_currents`).
        """
        if backend is None:
            backend = self.backend
        model, form = self.model(window.length), self.form(window.length)
        if at is not None:
            model.linearise(at, slack_price)
        own = self.scaled(self.compiled(window, states, proposal), window, current_scale)
        posed = self._limited(own, window) if limited_currents else own.data
        answer = backend.solve(posed)
        if answer.status in HAS_POINT:
            answer = closed(posed, polished(posed, answer) if polish else answer)
        answer = without_limits(own.data, answer) if limited_currents else answer
        record = self._record(own.restored(answer), backend, residual_limit)
        if not record.usable:
            return empty_plan(self.case, window, record)
        model.take(form, own.restored(answer).solution)
        if model.consent is not None:
            window, record = model.consent.settled(window), shifted(record, -model.consent.paid())
            return collect(model, window, states, record)
        return replace(
            collect(model, window, states, record), refine=partial(self._refined, answer, backend, current_scale)
        )

    def _limited(self, own: Scaled, window: Window) -> Data:
        """Return the scaled programme with limits on its currents."""
        start, size = own.data["columns"][self.model(window.length).flow.current_sq.id]
        columns = np.arange(start, start + size)
        most = possible_current_sq_pu(self.case, window).ravel(order="F")
        return limited(own.data, columns, most / own.columns[columns])

    def _refined(
        self, answer: ConeAnswer, backend: Backend, scale: float, window: Window, states: Mapping[str, State]
    ) -> DispatchPlan | None:
        """Return the plan of the AC problem's local optimum next to a scaled answer of this programme; None without."""
        model = self.model(window.length)
        own = self.scaled(self.compiled(window, states), window, scale)
        lines = int(model.flow.p.size)
        surface = Surface(equal=lines, dropped=lines if self.other_side else 0)
        scaled_found = local_optimum(own.data, answer, surface)
        if scaled_found is None:
            return None
        found = own.restored(scaled_found)
        model.take(self.form(window.length), found.solution)
        return collect(model, window, states, self._record(found, backend, None))

    def choose(self) -> Choice:
        """Return the solver of the scenario's choice, if it fits this model."""
        return choose(self.case.settings.solver, size=self.columns())

    @cached_property
    def backend(self) -> Backend:
        """The solver."""
        return CONTINUOUS[self.choose().name]

    def columns(self) -> Size:
        """Return the size that a licence may limit."""
        count = self.size()
        return Size(columns=count["variables"], rows=count["linear rows"], cones=count["second-order cones"])

    def compiled(self, window: Window, states: Mapping[str, State], proposal: Proposal | None = None) -> Data:
        """Return the programme of one window."""
        model = self.model(window.length)
        model.load(window, states, proposal)
        variables, parameters = model.leaves()
        form = self.form(window.length)
        columns = {variable.id: place for variable, place in zip(variables, form.columns, strict=True)}
        return {**form.data(values_of(parameters)), "columns": columns}

    def scaled(self, data: Data, window: Window, current_scale: float = CURRENT_SCALE) -> Scaled:
        """Return a compiled window in the units of its own feeder."""
        model, units = self.model(window.length), units_of(self.case, window)
        others: dict[int, float] = {}
        if model.other_side is not None:
            others[model.other_side.slack.id] = 1.0
            # Money in units of the slack's price, which is soon a thousand times the others: else no digits are left.
            units = replace(units, price_per_mwh=max(units.price_per_mwh, model.other_side.price_per_mwh()))
        if model.consent is not None:
            others[model.consent.y.id] = units.money_root
        return scaled(data, model.flow, units, others, self.case.period_h, current_scale)

    def size(self) -> dict[str, int]:
        """Return variables, parameters and cones of the longest programme."""
        return self.model(self.periods).size()

    def _record(self, answer: ConeAnswer, backend: Backend, residual_limit: float | None) -> SolveRecord:
        """Judge the answer by its own residuals; the solver's word alone is not enough."""
        status = answer.status
        if status in {"optimal", "optimal_inaccurate"}:
            limits = self.case.limits
            most = (limits.primal_residual, limits.duality_gap_rel) if residual_limit is None else (residual_limit,) * 2
            passes = answer.primal_residual <= most[0] and answer.gap <= most[1]
            status = status if passes else "not_converged"
        elif status == "user_limit":
            status = "not_converged"
        elif status != "infeasible":
            status = "failed"
        return SolveRecord(
            backend=backend.name,
            status=status,
            raw_status=answer.raw_status,
            elastic=self.elastic,
            primal_residual=answer.primal_residual,
            dual_residual=answer.dual_residual,
            gap=answer.gap,
            primal_objective=answer.primal_objective,
            dual_objective=answer.dual_objective,
            iterations=answer.iterations,
            solve_time_s=answer.solve_time_s,
            suboptimality=answer.suboptimality,
        )
