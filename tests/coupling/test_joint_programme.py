"""The coupled equilibrium of roads and grid is the minimum of one convex programme; its certificate tells the truth."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.coupling import potential
from cosim.coupling.methods.base import Answer
from cosim.coupling.methods.newton import symmetric_root
from cosim.coupling.potential import certify, no_claim, with_arrivals
from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import solve

CASES = [("free", 8), ("free", 18), ("binding", 8), ("binding", 18), ("curtailed", 18)]
FREE, BINDING, CURTAILED = CASES[0], CASES[3], CASES[4]


@pytest.fixture(scope="module")
def solved(joint, hours):
    """Return ``solved(name, position, method)``, each solved once."""
    known = {}

    def get(name, position, method="auto"):
        key = name, position, method
        if key not in known:
            known[key] = joint.solve_hour(hours[name], position, method=method)
        return known[key]

    return get


@pytest.fixture(scope="module")
def reference(joint, hours):
    known = {}

    def get(name, position):
        if (name, position) not in known:
            known[name, position] = joint.solve_joint(hours[name], position, curtailed=name == "curtailed")
        return known[name, position]

    return get


def arrivals(hour, case):
    return hour.loop.detail[0].link_flow_vph[case.roads.network.station_positions]


@pytest.mark.parametrize(("name", "position"), CASES)
def test_the_fixed_point_is_the_minimum_of_the_joint_programme(solved, reference, hours, name, position):
    hour, joint = solved(name, position), reference(name, position)
    assert hour.loop.converged
    assert hour.objective == pytest.approx(joint.objective, rel=1e-8)
    assert arrivals(hour, hours[name]) == pytest.approx(joint.station_flow_vph, abs=1e-2)


def test_the_cases_are_what_they_are_called(solved):
    assert solved(*FREE).plan.grid.vm_pu.min() > 0.9815
    assert solved(*BINDING).plan.grid.vm_pu.min() == pytest.approx(0.9815, abs=1e-9)
    assert solved(*BINDING).plan.ev_curtailed_mw.max() == 0.0
    assert not solved(*BINDING).plan.record.elastic
    assert np.ptp(solved(*BINDING).plan.station_price_per_mwh) > 1000.0
    assert solved(*CURTAILED).plan.ev_curtailed_mw.sum() > 0.1
    assert solved(*CURTAILED).plan.station_price_per_mwh.max() == pytest.approx(2000.0, abs=1e-6)


@pytest.mark.parametrize(("name", "position"), [FREE, BINDING, CURTAILED])
@pytest.mark.parametrize("method", ["newton", "admm"])
def test_every_method_that_converges_finds_the_same_flows(solved, hours, name, position, method):
    hour, other = solved(name, position), solved(name, position, method)
    assert other.loop.converged
    assert np.abs(arrivals(hour, hours[name]) - arrivals(other, hours[name])).max() <= 1e-3


def test_best_response_agrees_where_nothing_binds(solved, hours):
    one, other = solved(*FREE), solved(*FREE, "iterate")
    assert other.loop.converged
    assert np.abs(arrivals(one, hours["free"]) - arrivals(other, hours["free"])).max() <= 1e-3
    assert one.loop.rounds <= 3 <= other.loop.rounds <= 10


@pytest.mark.parametrize(("name", "position"), [FREE, BINDING])
def test_random_first_prices_end_at_the_same_flows(joint, solved, hours, name, position):
    case, random = hours[name], np.random.default_rng(3)
    flow = solved(name, position).loop.detail[0].path_flow_vph
    controller = Controller(case.dispatch, polish=True)
    for _ in range(5):
        price = random.uniform(0.0, 2000.0, (3, 1))
        hour = joint.solve_hour(case, position, price=price, controller=controller)
        assert hour.loop.converged
        away = np.abs(hour.loop.detail[0].path_flow_vph - flow).sum()
        assert away <= hour.certificate.bound_vph[0] + solved(name, position).certificate.bound_vph[0]


@pytest.mark.parametrize(("name", "position"), CASES)
def test_a_converged_hour_is_certified_to_a_thousandth_of_a_vehicle(solved, reference, name, position):
    hour = solved(name, position)
    assert hour.certificate.objection == ""
    assert 0.0 < hour.certificate.bound_vph[0] <= 1e-3
    # The reference itself is good to about 1e-2 veh/h.
    away = np.abs(hour.loop.detail[0].path_flow_vph - reference(name, position).path_flow_vph).sum()
    assert away <= hour.certificate.bound_vph[0] + 2e-2


@pytest.mark.parametrize(("name", "position", "moves", "least"), [("free", 18, False, 0.1), (*BINDING, True, 1e-3)])
def test_the_bound_is_never_below_the_true_distance(joint, solved, hours, name, position, moves, least):
    """100 random prices: the flows at them and the dispatch of exactly these; at a limit, one that may move them."""
    case, best = hours[name], solved(name, position)
    random, controller = np.random.default_rng(11), Controller(case.dispatch, polish=True)
    block = joint.block_of(replace(case.response(), tolerance=1e-12), (position,))
    share = []
    for _ in range(100):
        price = best.loop.price_per_mwh * (1.0 + 10.0 ** random.uniform(-5, -0.5) * random.normal(size=(3, 1)))
        load, detail = block.respond(price)
        root = symmetric_root(block.steepness(price, detail))
        plan = controller.plan(position, load, Proposal(price_per_mwh=price, root=root) if moves else None)
        answer = Answer(
            price_per_mwh=plan.station_price_per_mwh, load_mw=plan.ev_mw, exact=True, elastic=plan.record.elastic,
            suboptimality_per_h=plan.record.suboptimality,
        )  # fmt: skip
        detail = block.respond(answer.price_per_mwh)[1] if moves else detail
        found = certify(block, answer, detail, exact_query=not moves)
        if found.objection:
            assert "no drivers can move" in found.objection
            continue
        away = np.abs(detail[0].path_flow_vph - best.loop.detail[0].path_flow_vph).sum()
        share.append(away / (found.bound_vph[0] + best.certificate.bound_vph[0]))
    assert len(share) >= 20
    assert max(share) <= 1.0
    assert max(share) > least  # it is no empty bound either


def test_a_markup_is_a_lower_value_of_time(joint, hours):
    """Drivers who pay 25 % more than the marginal cost are those to whom time is worth 1 / 1.25."""
    case, position = hours["binding"], 8
    dearer = replace(case, roads=replace(case.roads, value_of_time_per_min=case.roads.value_of_time_per_min / 1.25))
    hour, programme = joint.solve_hour(dearer, position), joint.solve_joint(dearer, position)
    assert hour.objective == pytest.approx(programme.objective, rel=1e-8)
    at_markup = case.response().solve(position, 1.25 * hour.loop.price_per_mwh[:, 0]).path_flow_vph
    assert at_markup == pytest.approx(hour.loop.detail[0].path_flow_vph, abs=1e-4)


def test_flows_with_other_arrivals_meet_demand_and_arrivals(joint, solved, hours):
    case, hour = hours["free"], solved(*FREE)
    block = joint.block_of(case.response(), (FREE[1],))
    problem = block.response.period(FREE[1], None)
    flow, at = hour.loop.detail[0].path_flow_vph, case.roads.network.station_positions
    wanted = problem.paths.link_flow(flow)[at] + np.array([0.5, -0.8, 0.3])
    moved = with_arrivals(problem, flow, wanted)
    assert problem.paths.link_flow(moved)[at] == pytest.approx(wanted, abs=1e-9)
    by_commodity = np.bincount(problem.paths.commodity, weights=moved, minlength=len(problem.demand_vph))
    assert by_commodity == pytest.approx(problem.demand_vph, rel=1e-12, abs=1e-12)
    assert (moved >= 0.0).all()
    assert with_arrivals(problem, flow, wanted + 1.0) is None  # three more vehicles than there are
    assert with_arrivals(problem, flow, wanted - [0.0, 1e3, -1e3]) is None  # fewer than none


def dense(problem, flow, wanted):
    """Return the flows nearest to given ones with the demand and other arrivals, all equations in one matrix."""
    paths, network = problem.paths, problem.network
    of_commodity = np.arange(len(problem.demand_vph))[:, np.newaxis] == paths.commodity
    rows = np.vstack([of_commodity, paths.incidence[network.station_positions]]).astype(float)
    missing = np.concatenate([problem.demand_vph, wanted]) - rows @ flow
    return flow * (1.0 + rows.T @ np.linalg.lstsq((rows * flow) @ rows.T, missing, rcond=None)[0])


@pytest.mark.parametrize("cells", [0, potential.WRITTEN_OUT])
@pytest.mark.parametrize("later", [False, True])
def test_the_flows_are_those_of_the_equations_written_out(monkeypatch, later, cells):
    """Stations alone remain of the equations; all who charge fixes their sum, unless they may charge later."""
    monkeypatch.setattr(potential, "WRITTEN_OUT", cells)
    options = ["ev.charge_later.cost_min=12"] if later else []
    case = build_case(load("nguyen_ieee33", options)).roads
    problem, random = case.problem, np.random.default_rng(5)
    flow = solve(problem).path_flow_vph
    at = problem.network.station_positions
    for _ in range(20):
        change = random.normal(size=at.size) * 0.05 * problem.paths.link_flow(flow)[at].max()
        wanted = problem.paths.link_flow(flow)[at] + change - (0.0 if later else change.mean())
        found, expected = with_arrivals(problem, flow, wanted), dense(problem, flow, wanted)
        if expected.min() < 0.0:
            assert found is None
        else:
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_no_smaller_change_of_the_flows_does_it(monkeypatch):
    """Along every direction that keeps demand and arrivals, sum (change^2 / flow) does not fall: finite differences."""
    monkeypatch.setattr(potential, "WRITTEN_OUT", 0)
    case = build_case(load("nguyen_ieee33")).roads
    problem, random = case.problem, np.random.default_rng(7)
    flow = solve(problem).path_flow_vph
    at = problem.network.station_positions
    change = random.normal(size=at.size)
    moved = with_arrivals(problem, flow, problem.paths.link_flow(flow)[at] + change - change.mean())
    paths = problem.paths
    of_commodity = np.arange(len(problem.demand_vph))[:, np.newaxis] == paths.commodity
    rows = np.vstack([of_commodity, paths.incidence[at]]).astype(float)
    kept = np.linalg.svd(rows)[2][np.linalg.matrix_rank(rows) :]
    least = ((moved - flow) ** 2 / flow).sum()
    for direction in kept:
        for step in (1e-4, -1e-4):
            other = moved + step * direction - flow
            assert (other**2 / flow).sum() >= least * (1.0 - 1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"exact": False}, "relaxation"),
        ({"suboptimality_per_h": np.nan}, "no answer"),
        ({"price_per_mwh": np.full((3, 1), np.nan)}, "no answer"),
        ({"elastic": True}, "last resorts"),
        ({"own_forecast": True}, "persistence"),
    ],
)
def test_where_a_condition_fails_nothing_is_claimed_and_the_reason_is_named(joint, solved, hours, change, says):
    hour = solved(*FREE)
    block = joint.block_of(hours["free"].response(), (FREE[1],))
    found = certify(block, replace(hour.loop.judged.answer, **change), hour.loop.detail, exact_query=True)
    assert says in found.objection
    assert np.isnan(found.bound_vph).all()
    assert np.isnan(found.gap_road_per_h)


def test_a_price_that_is_not_the_dispatchs_proves_nothing(joint, solved, hours):
    block = joint.block_of(hours["free"].response(), (FREE[1],), moves=False)
    found = certify(block, solved(*FREE).loop.judged.answer, solved(*FREE).loop.detail, exact_query=False)
    assert "not the nodal price" in found.objection
    assert no_claim("why", 3).bound_vph.shape == (3,)
