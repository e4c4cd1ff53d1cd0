"""Each simulator in somebody else's mosaik scenario, with a hand-made partner on its ports."""

import math
from contextlib import ExitStack
from dataclasses import replace

import mosaik
import mosaik_api_v3
import numpy as np
import pytest

from cosim.dispatch.controller import Controller
from cosim.errors import ComponentError
from cosim.grid.engines.pandapower import AcFlow
from cosim.records.grid import BusRows, DispatchPeriod, GridPeriod, LineRows
from cosim.records.period import tables
from cosim.records.traffic import TrafficPeriod
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.simulators import SIM_CONFIG
from cosim.simulators.recorder import Simulator as Recorder
from tests.by_hand import by_hand

HOUR = 3600
ATTRS = ["price[CNY/MWh]", "P_demand[MW]", "P_forecast[MW]", "P_load[MW]", "Q_load[MVar]", "P_gen[MW]", "Q_gen[MVar]"]
ATTRS += ["record"]


class Source(mosaik_api_v3.Simulator):
    """Time-based: entity n sends ``values[n](hour)``, a dict by attribute."""

    def __init__(self):
        model = {"public": True, "params": ["values"], "attrs": ATTRS}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": {"Source": model}})
        self.values, self.hour = [], 0

    def create(self, num, model, values):
        first = len(self.values)
        self.values += [values] * num
        return [{"eid": f"Source-{first + i}", "type": model} for i in range(num)]

    def step(self, time, inputs, max_advance):
        self.hour = time // HOUR
        return time + HOUR

    def get_data(self, outputs):
        sent = {eid: self.values[int(eid.split("-")[1])](self.hour) for eid in outputs}
        return {eid: {attr: sent[eid][attr] for attr in attrs if attr in sent[eid]} for eid, attrs in outputs.items()}


class Probe(mosaik_api_v3.Simulator):
    """Event-based: writes down what arrives."""

    def __init__(self):
        model = {"public": True, "params": [], "attrs": [], "any_inputs": True}
        super().__init__(
            {"api_version": "3.0", "type": "event-based", "models": {"Probe": model}, "extra_methods": ["seen"]}
        )
        self.log = []

    def create(self, num, model):
        return [{"eid": f"Probe-{i}", "type": model} for i in range(num)]

    def step(self, time, inputs, max_advance):
        self.log.append((time, inputs["Probe-0"]))

    def get_data(self, outputs):
        return {}

    def seen(self):
        return self.log


class Small:
    """A world of one of our simulators between a source and a probe."""

    def __init__(self, world, name, case):
        self.world, self.case = world, case
        self.simulator = world.start(name, case=case)
        root = {"Traffic": "Road"}.get(name, name)
        self.root = getattr(self.simulator, root)()
        self.by_eid = {e.eid: e for e in (self.root, *self.root.children)}
        self.sources = world.start("Source")
        self.probes = world.start("Probe")

    def feed(self, eid, values, *attrs, to=None):
        source = self.sources.Source(values=values if callable(values) else lambda hour: values)
        self.world.connect(source, self.by_eid[eid], *((attr, to or attr) for attr in attrs))

    def watch(self, eid, *attrs):
        probe = self.world.start("Probe")
        self.world.connect(self.by_eid[eid], probe.Probe(), *((attr, attr) for attr in attrs))
        return probe

    def run(self, hours=None):
        self.world.run(until=(hours or self.case.timeline.periods) * HOUR, print_progress=False)


@pytest.fixture
def alone():
    """Return ``alone(name, case)``."""
    here = {"Source": {"python": f"{__name__}:Source"}, "Probe": {"python": f"{__name__}:Probe"}}
    with ExitStack() as worlds:
        yield lambda name, case: Small(
            worlds.enter_context(mosaik.World({**SIM_CONFIG, **here}, skip_greetings=True, configure_logging=False)),
            name,
            case,
        )


@pytest.fixture(scope="module")
def roads_case():
    return build_case(load("nguyen_traffic_only"))


def received(probe, attr):
    """Return times and values of one attribute."""
    return [(time, value) for time, data in probe.seen() for value in data.get(attr, {}).values()]


# --- traffic


def test_a_constant_price_source_steers_the_traffic(alone, roads_case):
    price = {"Station-8": 400.0, "Station-11": 900.0, "Station-13": 900.0}
    small = alone("Traffic", roads_case)
    for eid, value in price.items():
        small.feed(eid, {"price[CNY/MWh]": value}, "price[CNY/MWh]")
    probes = {eid: small.watch(eid, "P_demand[MW]", "flow[veh/h]", "wait[min]") for eid in price}
    small.run(3)
    response = roads_case.response()
    for k in range(3):
        expected = response.solve(k, np.array(list(price.values())))
        load_mw = response.load_mw(expected)
        for n, eid in enumerate(price):
            time, sent = received(probes[eid], "P_demand[MW]")[k]
            assert time == k * HOUR
            assert sent == pytest.approx(load_mw[n], rel=1e-6)
            assert received(probes[eid], "flow[veh/h]")[k][1] == pytest.approx(sent / 0.02, rel=1e-12)
            assert received(probes[eid], "wait[min]")[k][1] >= 0.0
    assert (
        received(probes["Station-8"], "P_demand[MW]")[2][1] > 2 * received(probes["Station-13"], "P_demand[MW]")[2][1]
    )


def test_a_road_tells_links_and_paths(alone, roads_case):
    small = alone("Traffic", roads_case)
    link = small.watch("Link-1-5", "flow[veh/h]", "travel_time[min]")
    road = small.watch("Road-0", "path_flow[veh/h]", "sue_residual", "coupling_converged", "period")
    small.run(2)
    flows = received(road, "path_flow[veh/h]")[1][1]
    assert sum(flows.values()) == pytest.approx(roads_case.roads.demand_vph[1].sum(), rel=1e-9)
    through = sum(flow for path, flow in flows.items() if "1-5" in path.split(":")[1])
    assert received(link, "flow[veh/h]")[1][1] == pytest.approx(through, rel=1e-9)
    assert [value for _, value in received(road, "period")] == [1, 2]
    assert max(value for _, value in received(road, "sue_residual")) <= 1e-8


def test_a_price_for_some_stations_only_is_refused_by_name(alone, roads_case):
    small = alone("Traffic", roads_case)
    small.feed("Station-8", {"price[CNY/MWh]": 700.0}, "price[CNY/MWh]")
    with pytest.raises(ComponentError, match=r"no price\[CNY/MWh\] for Station-11, Station-13 in period 1"):
        small.run(1)


def test_two_sources_of_a_price_are_refused(alone, roads_case):
    small = alone("Traffic", roads_case)
    for eid in ("Station-8", "Station-11", "Station-13", "Station-13"):
        small.feed(eid, {"price[CNY/MWh]": 700.0}, "price[CNY/MWh]")
    with pytest.raises(ComponentError, match=r"Station-13.price\[CNY/MWh\] has 2 sources"):
        small.run(1)
    assert "2 sources" in small.simulator.status()["error"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, None, np.float32("nan")])
def test_a_price_that_is_no_number_is_refused_with_entity_port_and_period(alone, roads_case, bad):
    small = alone("Traffic", roads_case)
    for eid in ("Station-8", "Station-11"):
        small.feed(eid, {"price[CNY/MWh]": 700.0}, "price[CNY/MWh]")
    small.feed("Station-13", lambda hour: {"price[CNY/MWh]": bad if hour == 2 else 700.0}, "price[CNY/MWh]")
    with pytest.raises(ComponentError, match=r"traffic: Station-13.price\[CNY/MWh\] is .* in period 3"):
        small.run(4)
    assert small.simulator.status()["periods_done"] == 2


# --- dispatch


def feed_ports(small, forecast, demand=None):
    for eid, row in forecast.items():
        sent = row if demand is None else demand[eid]

        def values(hour, row=row, sent=sent):
            return {"P_demand[MW]": sent[hour], "P_forecast[MW]": row}

        small.feed(eid, values, "P_demand[MW]", "P_forecast[MW]")


PORTS = {"Port-8": [0.1] * 6, "Port-11": [0.3] * 6, "Port-13": [0.2] * 6}


@pytest.mark.parametrize("mode", ["rolling", "day_ahead"])
def test_a_constant_load_source_is_dispatched_and_priced(alone, small_case, mode):
    case = small_case(f"dispatch.mode={mode}", "coupling.mode=iterated", "coupling.ev_price=nodal")
    small = alone("Dispatch", case)
    feed_ports(small, PORTS)
    price = small.watch("Port-11", "price[CNY/MWh]", "price_day[CNY/MWh]", "P_set[MW]")
    whole = small.watch("Dispatch-0", "status", "cost[CNY]", "cone_gap")
    small.run()
    plan = Controller(case.dispatch, polish=True).plan(0, np.array(list(PORTS.values())))
    bus = case.dispatch.station_buses[1]
    seen = [value for _, value in received(price, "price[CNY/MWh]")]
    assert seen[0] == plan.price_per_mwh[bus, 0]
    assert seen == pytest.approx(plan.price_per_mwh[bus].tolist(), rel=1e-3)
    assert received(price, "price_day[CNY/MWh]")[0][1] == plan.price_per_mwh[bus].tolist()
    assert {value for _, value in received(price, "P_set[MW]")} == {1.2}  # 20 chargers of 60 kW: nothing is curtailed
    assert {value for _, value in received(whole, "status")} == {"optimal"}
    assert sum(value for _, value in received(whole, "cost[CNY]")) == pytest.approx(plan.total_cost.sum(), rel=1e-6)


def test_several_loads_at_one_port_add_up(alone, small_case):
    costs = []
    for parts in ([0.4], [0.15, 0.25]):
        small = alone("Dispatch", small_case())
        feed_ports(small, {eid: row for eid, row in PORTS.items() if eid != "Port-11"})
        small.feed("Port-11", {"P_forecast[MW]": [0.3] * 6}, "P_forecast[MW]")
        for part_mw in parts:
            small.feed("Port-11", {"P_demand[MW]": part_mw}, "P_demand[MW]")
        bus = small.watch("Bus-20", "P_load[MW]")
        small.run(1)
        costs.append(received(bus, "P_load[MW]")[0][1])
    assert costs[0] == pytest.approx(costs[1], rel=1e-12)
    assert costs[0] == pytest.approx(0.9 * 0.09 + 0.4, rel=1e-9)  # base load of bus 20 in hour 1, and the vehicles


def test_a_day_ahead_plan_is_made_once(alone, small_case, monkeypatch):
    made = []
    plan = Controller.plan

    def counted(self, position, *more):
        made.append(position)
        return plan(self, position, *more)

    monkeypatch.setattr(Controller, "plan", counted)
    for mode, expected in (("day_ahead", [0]), ("rolling", [0, 1, 2, 3, 4, 5])):
        made.clear()
        small = alone("Dispatch", small_case(f"dispatch.mode={mode}"))
        feed_ports(small, PORTS)
        small.run()
        assert made == expected
        assert small.simulator.status() == {"periods_done": 6, "error": ""}


def test_a_day_ahead_plan_refuses_a_load_it_was_not_made_for(alone, small_case):
    small = alone("Dispatch", small_case("dispatch.mode=day_ahead"))
    feed_ports(small, PORTS, PORTS | {"Port-13": [0.2, 0.2, 0.25, 0.2, 0.2, 0.2]})
    with pytest.raises(ComponentError, match=r"Port-13 demands 0.05 MW other than .* for period 3"):
        small.run()


@pytest.mark.parametrize("lost", ["Port-8", "Port-11", "Port-13"])
@pytest.mark.parametrize("attr", ["P_demand[MW]", "P_forecast[MW]"])
def test_a_missing_wire_is_named(alone, small_case, lost, attr):
    small = alone("Dispatch", small_case())
    for eid, row in PORTS.items():
        sent = {"P_demand[MW]": row[0], "P_forecast[MW]": row}
        attrs = [name for name in sent if (eid, name) != (lost, attr)]
        small.feed(eid, sent, *attrs)
    with pytest.raises(ComponentError) as caught:
        small.run(1)
    assert f"no {attr} for {lost} in period 1" in str(caught.value)


@pytest.mark.parametrize(
    ("attr", "bad", "says"),
    [
        ("P_demand[MW]", math.nan, r"Port-13.P_demand\[MW\] is nan in period 2"),
        ("P_demand[MW]", None, r"Port-13.P_demand\[MW\] is None in period 2"),
        ("P_forecast[MW]", [0.2, 0.2, math.inf, 0.2, 0.2, 0.2], r"Port-13.P_forecast\[MW\] is .* in period 2"),
        ("P_forecast[MW]", [0.2, 0.2, None, 0.2, 0.2, 0.2], r"Port-13.P_forecast\[MW\] is .* in period 2"),
        ("P_forecast[MW]", [0.2, 0.2], r"Port-13.P_forecast\[MW\] in period 2 is no list of 6 values"),
        ("P_forecast[MW]", 0.2, r"Port-13.P_forecast\[MW\] in period 2 is no list of 6 values"),
    ],
)
def test_a_load_that_is_no_number_is_refused_with_entity_port_and_period(alone, small_case, attr, bad, says):
    small = alone("Dispatch", small_case())
    feed_ports(small, {eid: row for eid, row in PORTS.items() if eid != "Port-13"})

    def values(hour):
        sent = {"P_demand[MW]": 0.2, "P_forecast[MW]": PORTS["Port-13"]}
        return sent | {attr: bad} if hour == 1 else sent

    small.feed("Port-13", values, "P_demand[MW]", "P_forecast[MW]")
    with pytest.raises(ComponentError, match=says):
        small.run(3)
    assert small.simulator.status()["error"]


# --- grid


def test_setpoints_of_a_hand_made_source_give_the_ac_state(alone, small_case):
    case = small_case()
    feeder = case.dispatch.feeder
    small = alone("Grid", case)
    for bus, p, q in (("18", 0.3, 0.1), ("33", 0.5, 0.2)):
        small.feed(f"Bus-{bus}", {"P_load[MW]": p, "Q_load[MVar]": q}, "P_load[MW]", "Q_load[MVar]")
    small.feed("Bus-33", lambda hour: {"P_gen[MW]": 0.4 * hour}, "P_gen[MW]")
    small.feed("Bus-33", {"P_load[MW]": 0.1}, "P_load[MW]")  # loads of several sources add
    voltages = {eid: small.watch(eid, "Vm[pu]") for eid in ("Bus-1", "Bus-18", "Bus-33")}
    whole = small.watch("Grid-0", "P_loss[MW]", "P_slack[MW]", "converged", "injection_error[MW]")
    small.run(3)
    for hour in range(3):
        p, q = np.zeros(feeder.n_buses), np.zeros(feeder.n_buses)
        at = {bus: feeder.bus_position(bus) for bus in ("1", "18", "33")}
        p[at["18"]], q[at["18"]] = -0.3, -0.1
        p[at["33"]], q[at["33"]] = -0.6 + 0.4 * hour, -0.2
        expected = AcFlow(feeder).solve(p, q)
        for eid, probe in voltages.items():
            found = received(probe, "Vm[pu]")[hour][1]
            assert found == pytest.approx(expected.vm_pu[at[eid.removeprefix("Bus-")]], abs=1e-9)
        loss, slack = (received(whole, attr)[hour][1] for attr in ("P_loss[MW]", "P_slack[MW]"))
        assert slack == pytest.approx(0.9 - 0.4 * hour + loss, abs=1e-9)
        assert received(whole, "converged")[hour][1] is True
        assert received(whole, "injection_error[MW]")[hour][1] <= 1e-9


def test_a_grid_that_has_no_state_says_so_without_numbers(alone, small_case):
    small = alone("Grid", small_case())
    small.feed("Bus-18", {"P_load[MW]": 500.0}, "P_load[MW]")
    voltage = small.watch("Bus-18", "Vm[pu]")
    whole = small.watch("Grid-0", "P_loss[MW]", "converged")
    with pytest.warns(UserWarning, match="did not produce output"):  # mosaik's own words to whoever asks for a number
        small.run(1)
    assert received(voltage, "Vm[pu]") == []
    assert received(whole, "P_loss[MW]") == [(0, None)]
    assert received(whole, "converged") == [(0, False)]


def test_a_setpoint_that_is_no_number_is_refused(alone, small_case):
    small = alone("Grid", small_case())
    small.feed("Bus-18", {"P_load[MW]": math.nan}, "P_load[MW]")
    with pytest.raises(ComponentError, match=r"grid: Bus-18.P_load\[MW\] is nan in period 1"):
        small.run(1)


def test_a_stale_reference_is_refused(alone, small_case):
    small = alone("Grid", small_case())
    rows = by_hand(BusRows, vm_pu=np.ones(33)), by_hand(LineRows, i_ka=np.zeros(32))
    record = by_hand(DispatchPeriod, period=1, buses=rows[0], lines=rows[1])
    small.feed("Grid-0", {"record": record}, "record", to="reference")
    with pytest.raises(ComponentError, match="setpoints of period 1 arrived in period 2"):
        small.run(2)


# --- profiles


def test_profiles_tell_the_given_series(alone):
    case = build_case(load("ieee33_grid_only"))
    world = mosaik.World(
        {**SIM_CONFIG, "Probe": {"python": f"{__name__}:Probe"}}, skip_greetings=True, configure_logging=False
    )
    with world:
        series = world.start("Profiles", case=case).Series.create(3)
        probe = world.start("Probe")
        world.connect(series[1], probe.Probe(), "P_demand[MW]", "P_forecast[MW]")
        world.run(until=24 * HOUR, print_progress=False)
        assert [value for _, value in received(probe, "P_demand[MW]")] == case.given_load_mw[1].tolist()
        assert received(probe, "P_forecast[MW]")[5][1] == case.given_load_mw[1].tolist()


# --- recorder


def record_of(period, **figures):
    return by_hand(TrafficPeriod, period=period, sue_residual=1e-9, sue_status="converged", **figures)


def recorder_world(alone, case, *values):
    small = alone("Recorder", case)
    for each in values:
        small.feed("Recorder-0", each, "record")
    return small


def test_a_recorder_judges_and_commits_once_a_period(alone, small_case):
    committed = []
    case = small_case()
    here = {"Source": {"python": f"{__name__}:Source"}}
    with mosaik.World({**SIM_CONFIG, **here}, skip_greetings=True, configure_logging=False) as world:
        recorder = world.start("Recorder", case=case, sink=lambda p, r: committed.append((p, r)))
        target, source = recorder.Recorder(), world.start("Source")
        world.connect(source.Source(values=lambda h: {"record": record_of(h + 1, sue_gap=0.1 * h)}), target, "record")
        world.connect(
            source.Source(
                values=lambda h: {
                    "record": by_hand(GridPeriod, period=h + 1, ac_converged=True, ac_slack_mw=2.0, ac_dv_pu=0.0)
                }
            ),
            target,
            "record",
        )
        world.run(until=6 * HOUR, print_progress=False)
        assert recorder.status() == {"periods_done": 6, "error": ""}
    assert [p.period for p, _ in committed] == [1, 2, 3, 4, 5, 6]
    assert tables(committed[2][0])["periods"]["sue_gap"] == [0.2]
    assert tables(committed[2][0])["periods"]["ac_slack_mw"] == [2.0]
    assert tables(committed[2][0])["periods"]["clock"] == ["02:00-03:00"]
    assert {r.status for _, r in committed} == {"optimal"}


def test_parts_of_different_periods_are_refused(alone, small_case):
    small = recorder_world(
        alone,
        small_case(),
        lambda h: {"record": record_of(h + 1)},
        lambda h: {"record": by_hand(GridPeriod, period=max(h, 1))},
    )
    with pytest.raises(ComponentError, match=r"parts of periods \[1, 2\] met; a stale value"):
        small.run(3)


def test_a_stale_part_is_refused(alone, small_case):
    small = recorder_world(alone, small_case(), lambda h: {"record": record_of(1)})
    with pytest.raises(ComponentError, match="parts of period 1 in period 2"):
        small.run(3)


def test_a_part_from_the_future_is_refused(alone, small_case):
    small = recorder_world(alone, small_case(), lambda h: {"record": record_of(h + 2)})
    with pytest.raises(ComponentError, match="parts of period 2 in period 1"):
        small.run(3)


@pytest.mark.parametrize("hour", [0, 2])
def test_a_period_is_committed_once_and_in_order(small_case, hour):
    recorder = Recorder()
    recorder.init("Recorder-0", case=small_case())
    recorder.create(1, "Recorder")
    recorder.step(0, {"Recorder-0": {"record": {"a": record_of(1)}}}, 0)
    with pytest.raises(ComponentError, match=f"recorder: period {hour + 1} came after period 1"):
        recorder.step(hour * HOUR, {"Recorder-0": {"record": {"a": record_of(hour + 1)}}}, 0)
    assert len(recorder.committed) == 1


def test_a_figure_of_nan_is_flagged_never_accepted(alone, small_case):
    values = {"record": by_hand(GridPeriod, period=1, ac_converged=True, ac_mismatch_mva=math.nan)}
    committed = []
    here = {"Source": {"python": f"{__name__}:Source"}}
    with mosaik.World({**SIM_CONFIG, **here}, skip_greetings=True, configure_logging=False) as world:
        recorder = world.start("Recorder", case=small_case(), sink=lambda p, r: committed.append(r.status))
        world.connect(world.start("Source").Source(values=lambda h: values), recorder.Recorder(), "record")
        world.run(until=HOUR, print_progress=False)
    assert committed == ["not_converged"]


# --- time


def test_a_finer_time_resolution_changes_no_number(roads_case):
    here = {"Probe": {"python": f"{__name__}:Probe"}}
    demands = []
    for resolution in (1.0, 60.0):
        world = mosaik.World(
            {**SIM_CONFIG, **here}, time_resolution=resolution, skip_greetings=True, configure_logging=False
        )
        with world:
            traffic, probe = world.start("Traffic", case=replace(roads_case)), world.start("Probe")
            station = next(e for e in traffic.Road().children if e.eid == "Station-11")
            world.connect(station, probe.Probe(), "P_demand[MW]")
            world.run(until=int(4 * HOUR / resolution), print_progress=False)
            demands.append([value for _, value in received(probe, "P_demand[MW]")])
    assert len(demands[0]) == 4
    assert demands[0] == demands[1]
