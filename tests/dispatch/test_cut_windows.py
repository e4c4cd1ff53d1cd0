"""A shorter window is cut from the longest one: the same programme as one stated and compiled for its length."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.dispatch import problem as problem_module
from cosim.dispatch.controller import Controller, carried, initial_states, make_window
from cosim.dispatch.devices.base import Injection, solved
from cosim.dispatch.devices.photovoltaic import Photovoltaic
from cosim.dispatch.form import compiled
from cosim.dispatch.forms import content
from cosim.dispatch.model import Model
from cosim.dispatch.problem import DispatchProblem
from cosim.errors import ComponentError

SUBSTATIONS = ({}, {"export": False}, {"export_max_mw": 1.0, "import_max_mw": 6.0})
TURBINES = (None, {"ramp_mw_per_h": 0.2}, {"p_initial_mw": 0.3, "q_min_mvar": -0.1})
STORAGES = (
    None, {}, {"soc_end": "equal"}, {"soc_end": "free", "reactive": False, "s_max_mva": 0.2},
    {"soc_end": "equal", "wear_cost_per_mwh": 5.0},
)  # fmt: skip
SUNS = (None, {}, {"curtailable": False}, {"reactive": False, "power_factor": -0.9})
LOADS = (None, {"kind": "demand_response"}, {"kind": "interruptible_load", "share": 0.2})


@st.composite
def models(draw):
    """Settings of devices of every kind, what the model holds besides, and two lengths."""
    rows = [{"kind": "substation", "name": "grid", **draw(st.sampled_from(SUBSTATIONS))}]
    kinds = (
        ("gas_turbine", TURBINES, {"bus": "33", "p_max_mw": 0.5, "q_max_mvar": 0.4, "cost_quadratic_per_mw2h": 0.02}),
        ("storage", STORAGES, {"bus": "18", "capacity_mwh": 1.6, "p_max_mw": 0.4, "s_max_mva": 0.48}),
        ("photovoltaic", SUNS, {"bus": "28", "s_max_mva": 0.8, "available_mw": 0.0}),
        ("wind", SUNS, {"bus": "14", "s_max_mva": 0.6, "available_mw": 0.0}),
        ("load", LOADS, {"bus": "24", "pay_per_mwh": 105.0}),
        ("load2", LOADS, {"bus": "24", "pay_per_mwh": 90.0}),
    )
    for name, choices, needed in kinds:
        chosen = draw(st.sampled_from(choices))
        if chosen is not None:
            rows.append({"kind": name, "name": name, **needed, **chosen})
    periods = draw(st.integers(2, 9))
    elastic = draw(st.booleans())
    return {
        "rows": rows, "periods": periods, "shorter": draw(st.integers(1, periods)),
        "voltage_slack_price": draw(st.sampled_from((None, 1e5))),
        "flags": {"elastic": elastic, "other_side": draw(st.booleans()), "movable": draw(st.booleans())},
        "limited": draw(st.booleans()),
    }  # fmt: skip


def case_of(day, drawn, mode="rolling"):
    few = slice(10, 10 + drawn["periods"])
    devices = tuple(day.device(**row) for row in drawn["rows"])
    powers = {"photovoltaic": day.pv_mw, "wind": day.wind_mw}
    feeder = day.feeder
    if drawn["limited"]:
        feeder = replace(feeder, i_max_ka=np.where(np.arange(feeder.n_lines) % 3 == 0, 0.4, np.inf))
    return day.case(
        feeder, periods=few, mode=mode, devices=devices,
        series={d.name: {"available_mw": powers[d.kind][few]} for d in devices if d.kind in powers},
        settings={"voltage_slack_price": drawn["voltage_slack_price"]},
    )  # fmt: skip


def numbers(form, seed):
    """The programme at parameters drawn by seed."""
    return form.data(np.random.default_rng(seed).uniform(0.5, 1.5, form.slope.shape[1]))


def assert_same(one, other):
    """To the bit: the cut drops rows and columns and computes nothing."""
    assert one["dims"] == other["dims"]
    for key in ("b", "c"):
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    assert (one["P"] is None) == (other["P"] is None)
    for key in ("A", "P"):
        if one[key] is not None:
            assert one[key].shape == other[key].shape
            assert abs(one[key] - other[key]).max() == 0.0, key


@given(drawn=models(), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_cut_is_the_form_of_a_model_of_its_length(day, drawn, seed):
    case = case_of(day, drawn)
    k, problem = drawn["shorter"], DispatchProblem(case, drawn["periods"], **drawn["flags"])
    fresh = compiled(Model(case, k, **drawn["flags"]))
    cut = problem.form(k)
    assert cut.columns == fresh.columns
    assert_same(numbers(cut, seed), numbers(fresh, seed))


@pytest.mark.parametrize("flags", [(False, False, False), (True, False, True), (True, True, False)])
def test_every_model_of_the_default_day_is_cut(day, flags):
    """None falls back to a compile of its own: shapes tell the periods of all their rows."""
    problem = DispatchProblem(
        day.case(day.feeder, mode="rolling"), 24, elastic=flags[0], other_side=flags[1], movable=flags[2]
    )
    assert problem._cutting(problem.form(24)).tags is not None


@pytest.fixture
def compiles(monkeypatch):
    """How often a model was compiled, by its length; nothing is kept from before."""
    lengths: list[int] = []

    def counted(model):
        lengths.append(model.frame.periods)
        return compiled(model)

    monkeypatch.setattr(problem_module, "compiled", counted)
    problem_module.FORMS.clear()
    problem_module.CUTTINGS.clear()
    return lengths


def dispatched(case, ev_mw):
    """The costs of a rolling day."""
    controller, states, costs = Controller(case), initial_states(case), []
    for k in range(case.periods):
        plan = controller.plan(k, ev_mw[:, k:], states=states)
        states = carried(states, plan)
        costs.append(float(plan.total_cost[0]))
    return costs


def test_a_day_compiles_once_and_another_run_of_it_not_at_all(day, compiles):
    few = slice(14, 20)
    case = day.case(day.feeder, periods=few, mode="rolling")
    first = dispatched(case, day.ev_mw[:, few])
    assert compiles == [6]
    assert dispatched(day.case(day.read(), periods=few, mode="rolling"), day.ev_mw[:, few]) == first
    assert compiles == [6]


def test_other_content_is_compiled_anew(day, compiles):
    few = slice(14, 18)
    for feeder in (day.feeder, replace(day.feeder, r_pu=day.feeder.r_pu * 1.01)):
        dispatched(day.case(feeder, periods=few, mode="rolling"), day.ev_mw[:, few])
    other = day.devices(ess={"charge_efficiency": 0.9})
    dispatched(day.case(day.feeder, periods=few, mode="rolling", devices=other), day.ev_mw[:, few])
    assert compiles == [4, 4, 4]


def test_other_loads_and_prices_are_not(day, compiles):
    for few in (slice(2, 6), slice(15, 19)):
        dispatched(day.case(day.feeder, periods=few, mode="rolling"), day.ev_mw[:, few])
    assert compiles == [4]


def test_the_end_of_the_storage_holds_at_the_end_of_every_window(day):
    """A day whose last periods are worth charging in: a cut that forgot the end would leave the storage full."""
    few = slice(16, 22)
    devices = day.devices(ess={"soc_end": "equal"})
    case = day.case(day.feeder, periods=few, mode="rolling", devices=devices)
    ev, states = day.ev_mw[:, few], {**initial_states(case), "ess": {"energy_mwh": 1.2}}
    for k in range(case.periods):
        plan = DispatchProblem(case, 6, elastic=False).solve(make_window(case, k, 6, ev[:, k:]), states)
        if plan.record.usable:
            assert plan.devices["ess"].energy_mwh[-1] == pytest.approx(0.8, abs=1e-7)
        soft = DispatchProblem(case, 6, elastic=True).solve(make_window(case, k, 6, ev[:, k:]), states)
        assert soft.record.usable
        missed = soft.devices["ess"].missed
        assert not missed[:-1].any()
        assert missed[-1] == pytest.approx(abs(soft.devices["ess"].energy_mwh[-1] - 0.8), abs=1e-7)


class Looped(Photovoltaic):
    """Rows stated one by one: nothing tells that the last of them is a period's and not the window's."""

    def constraints(self) -> Iterator:
        yield self.p_mw >= 0
        for t in range(self.frame.periods):
            yield self.p_mw[t] <= self.forecast_mw[t]
        yield self.q_mvar == 0


class Averaged(Photovoltaic):
    """A coefficient that depends on the length of the window."""

    def constraints(self) -> Iterator:
        yield from super().constraints()
        yield sum(self.p_mw) / self.frame.periods <= 0.4


class Absolute(Photovoltaic):
    """An auxiliary variable of cvxpy's own."""

    def constraints(self) -> Iterator:
        import cvxpy as cp

        yield from super().constraints()
        yield cp.abs(self.q_mvar) <= 0.1


class Own(Photovoltaic):
    """A variable that the device keeps to itself."""

    def constraints(self) -> Iterator:
        import cvxpy as cp

        yield from super().constraints()
        yield self.p_mw + cp.Variable(self.frame.periods) <= 1


class Squared(Photovoltaic):
    """A parameter times a parameter."""

    def injections(self) -> Iterator[Injection]:
        yield Injection(buses=(self.bus,), p_mw=(self.forecast_mw * self.forecast_mw[0]) @ np.eye(6) + self.p_mw)


@pytest.fixture
def with_kind(day, monkeypatch):
    """A day whose sun is of another class."""

    def case(device):
        kinds = {**problem_module_catalogue(), "photovoltaic": device}
        monkeypatch.setattr("cosim.dispatch.model.catalogue", lambda: kinds)
        return day.case(day.feeder, periods=slice(10, 16), mode="rolling")

    return case


def problem_module_catalogue():
    from cosim.dispatch.devices import catalogue

    return catalogue()


@pytest.mark.parametrize("device", [Looped, Averaged, Absolute])
def test_what_cannot_be_cut_is_compiled_for_each_length(day, with_kind, compiles, device):
    case = with_kind(device)
    ev, states = day.ev_mw[:, 10:16], initial_states(case)
    problem = DispatchProblem(case, 6, elastic=False)
    plans = [problem.solve(make_window(case, k, 6, ev[:, k:]), states) for k in range(6)]
    assert sorted(compiles) == [1, 2, 3, 4, 5, 6]
    for k, plan in enumerate(plans):
        alone = DispatchProblem(case, 6 - k, elastic=False).solve(make_window(case, k, 6, ev[:, k:]), states)
        assert plan.record.primal_objective == alone.record.primal_objective
        assert np.isfinite(solved(problem.model(6 - k).devices[3].p_mw)).all()


@pytest.mark.parametrize(("device", "said"), [(Own, "self.variable"), (Squared, "in numpy")])
def test_what_cannot_be_compiled_is_said(with_kind, device, said):
    with pytest.raises(ComponentError, match=said):
        DispatchProblem(with_kind(device), 6, elastic=False).form(6)


def test_content_tells_apart_what_differs():
    same = [content((np.arange(3.0), {"a": (1, 2.0)})) for _ in range(2)]
    assert same[0] == same[1]
    others = [np.arange(3.0), np.arange(3), np.array([0.0, 1.0, 2.0 + 1e-15]), np.arange(3.0)[None], (0.0, 1.0, 2.0)]
    assert len({content(value) for value in others}) == len(others)
    assert len({content(value) for value in (0.0, -0.0, 0, False, None, "0")}) == 6


make = partial(Model, elastic=False, other_side=False, movable=False)


def test_two_models_share_their_content_and_nothing_else(day):
    case = day.case(day.feeder, periods=slice(3, 7))
    one, other = make(case, 4), make(case, 4)
    assert content(one.content()) == content(other.content())
    assert not {v.id for v in one.leaves()[0]} & {v.id for v in other.leaves()[0]}
