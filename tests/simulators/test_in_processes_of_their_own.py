"""Simulators in processes of their own: the same numbers as in this one, and errors that come back."""

import importlib
import tomllib
from pathlib import Path

import mosaik
import mosaik_api_v3
import pytest

import cosim
from cosim.simulators import REMOTE_CONFIG, SIM_CONFIG

TOOLS = {"Out": {"python": "mosaik.basic_simulators.output_simulator:OutputSimulator"}}
SCENARIO = {"scenario": "nguyen_ieee33", "overrides": ["dispatch.mode=single_period"]}
SETPOINTS = ("P_load[MW]", "Q_load[MVar]", "P_gen[MW]", "Q_gen[MVar]")
HOUR = 3600
PATIENT = {"start_timeout": 180}
"""Seconds until a process must answer: a machine that others use, too, takes its time."""


def chain(config):
    """Run two hours of roads, dispatch and grid; return what was kept of each, and how each ended."""
    with mosaik.World(config | TOOLS, PATIENT, skip_greetings=True, configure_logging=False) as world:
        started = {name: world.start(name, **SCENARIO) for name in ("Traffic", "Dispatch", "Grid")}
        road, plan, grid = started["Traffic"].Road(), started["Dispatch"].Dispatch(), started["Grid"].Grid()
        ports, buses = ({one.eid: one for one in root.children} for root in (plan, grid))
        for station in road.children:
            if station.type == "Station":
                world.connect(station, ports[station.eid.replace("Station", "Port")], "P_demand[MW]", "P_forecast[MW]")
        for bus in plan.children:
            if bus.type == "Bus":
                world.connect(bus, buses[bus.eid], *SETPOINTS)
        out = world.start("Out")
        kept = out.Dict()
        world.connect(road, kept, "path_flow[veh/h]", "sue_residual")
        world.connect(plan, kept, "cost[CNY]", "status")
        world.connect(ports["Port-11"], kept, "price[CNY/MWh]", "P_set[MW]")
        world.connect(buses["Bus-18"], kept, "Vm[pu]")
        world.run(until=2 * HOUR, print_progress=False)
        return out.get_dict(kept.eid), {name: one.status() for name, one in started.items()}


def test_roads_dispatch_and_grid_give_the_same_numbers_in_processes_of_their_own():
    inside, outside = chain(SIM_CONFIG), chain(REMOTE_CONFIG)
    assert inside == outside
    told, ends = outside
    assert len(told) == 2
    assert told[HOUR]["status"] == {"Dispatch-0.Dispatch-0": "optimal"}
    assert all(end == {"periods_done": 2, "error": ""} for end in ends.values())


def test_an_error_in_another_process_is_told_by_its_status_where_mosaik_ends_quietly():
    with mosaik.World(REMOTE_CONFIG, PATIENT, skip_greetings=True, configure_logging=False) as world:
        dispatch = world.start("Dispatch", **SCENARIO)
        dispatch.Dispatch()  # and nothing on its ports
        world.run(until=HOUR, print_progress=False)
        assert dispatch.status()["periods_done"] <= 1
        assert "no P_demand[MW] for Port-8 in period 1" in dispatch.status()["error"]


def test_a_mistake_in_the_scenario_is_told_by_the_process_that_reads_it(capfd):
    world = mosaik.World(REMOTE_CONFIG, PATIENT, skip_greetings=True, configure_logging=False)
    with world, pytest.raises(SystemExit, match="closed its connection during the init"):  # mosaik's own words
        world.start("Profiles", scenario="no_such_scenario")
    assert "InputError: scenario 'no_such_scenario' is neither a YAML file nor shipped" in capfd.readouterr().err


@pytest.mark.parametrize("name", REMOTE_CONFIG)
def test_each_has_a_console_script_that_serves_it(name, monkeypatch):
    scripts = tomllib.loads((Path(cosim.__file__).parent.parent / "pyproject.toml").read_text())["project"]["scripts"]
    module, function = scripts[f"cosim-{name.lower()}"].split(":")
    served = []
    monkeypatch.setattr(mosaik_api_v3, "start_simulation", lambda simulator: served.append(simulator) or 0)
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), function)()
    assert ended.value.code == 0
    assert [type(one).__module__ for one in served] == [module]
    assert REMOTE_CONFIG[name]["cmd"] == f"%(python)s -m {module} %(addr)s"
