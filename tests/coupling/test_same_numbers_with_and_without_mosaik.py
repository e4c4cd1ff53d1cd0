"""A plain Python loop over the same functions gives the run's numbers, bit by bit."""

import numpy as np
import pytest

from cosim.coupling.fixed_point import Answer, solve
from cosim.coupling.roads import Block, loop_tolerance
from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller
from cosim.records.period import tables
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.world import run_world


def plain_day(case, periods):
    """Yield loop, loads and plan of each period: no mosaik, no simulators, no wires."""
    response, dispatch = case.response(), case.dispatch
    results, loads = response.day(case.announced_price_per_mwh())
    response.tolerance = loop_tolerance(
        case.roads.tolerance,
        tolerance_mw=case.coupling.tolerance_mw,
        energy_kwh=case.roads.energy_kwh,
        link_flow_vph=max(float(result.link_flow_vph.sum()) for result in results),
    )
    controller, retail = Controller(dispatch, polish=True), 1.0 + case.coupling.rule.markup
    price = np.full((len(dispatch.station_buses), 1), dispatch.tariff_per_mwh[0])
    for k in range(periods):
        plans = []

        def answer(query, k=k, plans=plans):
            loads[:, [k]] = query.load_mw
            proposal = query.root
            if proposal is not None:
                proposal = Proposal(price_per_mwh=query.price_per_mwh / retail, root=query.root * np.sqrt(retail))
            plans.append(controller.plan(k, loads[:, k:], proposal))
            return Answer(
                price_per_mwh=plans[-1].station_price_per_mwh[:, :1] * retail,
                load_mw=plans[-1].ev_mw[:, :1],
                cost_per_h=retail * plans[-1].total_cost.sum() / dispatch.period_h,
            )

        roads = Block(response=response, positions=(k,), seen=lambda _, p: p).roads()
        loop = solve(
            roads,
            answer,
            price,
            method=case.coupling.method,
            tolerance_mw=case.coupling.tolerance_mw,
            round_limit=case.coupling.round_limit,
        )
        loads[:, [k]] = loop.load_mw
        controller.commit(plans[-1])
        price = loop.price_per_mwh
        yield loop, plans[-1]


def compare(case, stations, periods, devices, count):
    """Compare the plain day with tables of one row per period and station."""
    names = [station.name for station in case.roads.stations]
    for k, (loop, plan) in enumerate(plain_day(case, count)):
        row, at = periods[k], stations[k]
        assert at["station"] == names
        assert at["price_per_mwh"] == loop.price_per_mwh[:, 0].tolist()
        assert at["p_demand_mw"] == loop.load_mw[:, 0].tolist()
        assert row["coupling_rounds"] == loop.rounds
        assert row["coupling_residual_mw"] == loop.residual_mw
        assert row["import_mw"] == plan.grid.slack_mw[0]
        assert row["cost"] == plan.total_cost[0]
        assert devices[k] == [float(device.p_mw[0]) for device in plan.devices.values()]


@pytest.mark.parametrize("method", ["auto", "iterate", "newton", "admm"])
def test_six_hours_of_the_iterated_world(small_case, method):
    case = small_case(
        "coupling.mode=iterated", "coupling.ev_price=nodal", "coupling.markup=0.1", f"coupling.method={method}"
    )
    parts = []
    run_world(case, lambda part, record: parts.append(part))
    told = [tables(part) for part in parts]
    periods = [{name: values[0] for name, values in table["periods"].items()} for table in told]
    assert [row["coupling_converged"] for row in periods] == [True] * len(periods)
    compare(case, [t["stations"] for t in told], periods, [t["devices"]["p_mw"] for t in told], len(told))


def test_the_tables_of_the_iterated_day(finished):
    result = finished("iterated")
    case = build_case(load("nguyen_ieee33", ("coupling.mode=iterated", "coupling.ev_price=nodal")))
    by_period = {name: dict(list(result[name].groupby("period"))) for name in ("stations", "devices")}
    stations = [by_period["stations"][k].to_dict("list") for k in range(1, 25)]
    devices = [by_period["devices"][k]["p_mw"].tolist() for k in range(1, 25)]
    compare(case, stations, result["periods"].to_dict("records"), devices, 3)


def test_the_weak_wire_is_what_couples(small_case):
    """A sequential run's loads are those of the plain assignment at equal prices, bit by bit."""
    case = small_case()
    parts = []
    run_world(case, lambda part, record: parts.append(part))
    _, loads = case.response().day(None)
    sent = np.stack([tables(part)["stations"]["p_demand_mw"] for part in parts], axis=1)
    assert (sent == loads).all()
    assert sent.sum() == pytest.approx(0.02 * case.roads.demand_vph[:, :4].sum(), rel=1e-9)
