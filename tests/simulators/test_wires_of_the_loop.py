"""The price-flow loop in somebody else's scenario: which wires it needs, and what a stale or missing value leads to."""

import mosaik
import pytest

from cosim.errors import ComponentError
from cosim.simulators import SIM_CONFIG
from cosim.simulators.dispatch import Simulator as Dispatch
from cosim.simulators.traffic import Simulator as Traffic

HOUR = 3600
LOOP = ("coupling.mode=iterated", "coupling.ev_price=nodal", "dispatch.mode=single_period")


def started(kind, case):
    simulator = kind()
    simulator.init("one", 1.0, case=case)
    simulator.create(1, "Dispatch" if kind is Dispatch else "Road")
    return simulator


def demands(load_mw=0.3):
    return {f"Port-{name}": {"P_demand[MW]": {"Road-0": load_mw}} for name in ("8", "11", "13")}


def test_prices_alone_are_enough_for_best_response_and_too_little_for_the_rest(small_case):
    def run(*overrides):
        case = small_case(*LOOP, *overrides)
        config = {name: SIM_CONFIG[name] for name in ("Traffic", "Dispatch")}
        with mosaik.World(config, skip_greetings=True, configure_logging=False, max_loop_iterations=300) as world:
            with world.group("loop"):
                road = world.start("Traffic", case=case).Road()
                plan = world.start("Dispatch", case=case).Dispatch()
            ports = {port.eid.split("-")[1]: port for port in plan.children if port.type == "Port"}
            for station in road.children:
                if station.type == "Station":
                    port = ports[station.eid.split("-")[1]]
                    world.connect(station, port, "P_demand[MW]", "P_forecast[MW]")
                    world.connect(port, station, "price[CNY/MWh]", weak=True)
            world.run(until=HOUR, print_progress=False)

    run("coupling.method=iterate")
    with pytest.raises(
        ComponentError, match=r"connect query, answer and P_offer\[MW\], or set coupling.method to iterate"
    ):
        run("coupling.method=newton")


def test_a_query_of_another_period_is_refused(small_case):
    dispatch = started(Dispatch, small_case(*LOOP))
    with pytest.raises(ComponentError, match="query of period 4 came in period 1"):
        dispatch.step(0, demands() | {"Dispatch-0": {"query": {"Road-0": {"period": 4}}}}, HOUR)


def test_a_query_without_a_root_asks_for_exactly_the_loads(small_case):
    dispatch = started(Dispatch, small_case(*LOOP))
    dispatch.step(0, demands() | {"Dispatch-0": {"query": {"Road-0": {"period": 1}}}}, HOUR)
    offered = dispatch.get_data({"Port-8": ["P_offer[MW]"], "Dispatch-0": ["answer"]})
    assert offered["Port-8"]["P_offer[MW]"] == 0.3
    assert offered["Dispatch-0"]["answer"]["exact"] is True
    assert offered["Dispatch-0"]["answer"]["suboptimality_per_h"] < 1e-8


def test_an_answer_of_another_period_is_refused(small_case):
    traffic = started(Traffic, small_case(*LOOP))
    traffic.step(0, {}, HOUR)
    sent = {"price[CNY/MWh]": {"Port": 700.0}, "P_offer[MW]": {"Port": 0.3}}
    inputs = {f"Station-{name}": sent for name in ("8", "11", "13")}
    with pytest.raises(ComponentError, match="answer of period 2 came in period 1"):
        traffic.step(0, inputs | {"Road-0": {"answer": {"Dispatch-0": {"period": 2}}}}, HOUR)
