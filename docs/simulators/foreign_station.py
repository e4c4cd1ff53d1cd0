"""The shipped day with a depot of somebody else's at station 11, in this process or in one of its own."""

import sys
from pathlib import Path

import mosaik

from cosim.simulators import SIM_CONFIG

HOUR = 3600
SCENARIO = {"scenario": "nguyen_ieee33", "overrides": ["dispatch.mode=single_period"]}
HERE = {"python": "depot:Simulator"}
APART = {"cmd": f"%(python)s {Path(__file__).with_name('depot.py')} %(addr)s"}


def run(depot, hours, depots_mw=0.3):
    """Return load and price of station 11's port, by hour; traffic still says who comes."""
    config = {
        **SIM_CONFIG,
        "Depot": depot,
        "Output": {"python": "mosaik.basic_simulators.output_simulator:OutputSimulator"},
    }
    with mosaik.World(config, {"start_timeout": 60}, skip_greetings=True) as world:  # s; of processes on a busy machine
        road = world.start("Traffic", **SCENARIO).Road()
        plan = world.start("Dispatch", **SCENARIO).Dispatch()
        lot = world.start("Depot", step_s=HOUR).Depot(power_mw=depots_mw, energy_kwh=20.0)
        stations = {entity.eid: entity for entity in road.children}
        ports = {entity.eid: entity for entity in plan.children}
        for name in ("8", "13"):
            world.connect(stations[f"Station-{name}"], ports[f"Port-{name}"], "P_demand[MW]")
        world.connect(stations["Station-11"], lot, "flow[veh/h]")
        world.connect(lot, ports["Port-11"], "P_demand[MW]")
        output = world.start("Output")
        kept = output.Dict()
        world.connect(stations["Station-11"], kept, "flow[veh/h]")
        world.connect(ports["Port-11"], kept, "P_offer[MW]", "price[CNY/MWh]")
        world.run(until=hours * HOUR, print_progress=False)
        return output.get_dict(kept.eid)


if __name__ == "__main__":
    for time, values in run(APART if "apart" in sys.argv else HERE, hours=9).items():
        print(time // HOUR + 1, values)
