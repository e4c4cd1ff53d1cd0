"""Setpoints of our dispatch on the grid of mosaik-pandapower-2, beside our own grid (extra `mosaik`).

The names of the ports are the same, and so are their signs: loads and generation are both positive. The adapter adds
what arrives to the net's own loads, which are zero here, since the dispatch sends each bus's whole load.
"""

import mosaik

from cosim import build_case, load_scenario
from cosim.grid.model import to_pandapower
from cosim.simulators import SIM_CONFIG

HOUR = 3600
SCENARIO = "ieee33_grid_only"
SETPOINTS = ("P_load[MW]", "Q_load[MVar]", "P_gen[MW]", "Q_gen[MVar]")
CONFIG = {
    **SIM_CONFIG,
    "Pandapower": {"python": "mosaik_components.pandapower:Simulator"},
    "Output": {"python": "mosaik.basic_simulators.output_simulator:OutputSimulator"},
}


def run(hours, scale=1.0):
    """Return voltage of bus 18 and loading of line 1 by hour, of both grids; `scale` enlarges what theirs is sent."""
    net = to_pandapower(build_case(load_scenario(SCENARIO)).dispatch.feeder)
    net.load["p_mw"] = net.load["q_mvar"] = 0.0
    with mosaik.World(CONFIG, skip_greetings=True) as world:
        profiles = world.start("Profiles", scenario=SCENARIO).Series.create(3)
        plan = world.start("Dispatch", scenario=SCENARIO).Dispatch()
        ours = world.start("Grid", scenario=SCENARIO).Grid()
        theirs = world.start("Pandapower", step_size=HOUR).Grid(net=net)
        ports = {entity.eid: entity for entity in plan.children}
        for series in profiles:
            world.connect(series, ports[series.eid.replace("Series", "Port")], "P_demand[MW]", "P_forecast[MW]")
        our_parts = {entity.eid: entity for entity in ours.children}
        their_buses = {entity.extra_info["name"]: entity for entity in theirs.children if entity.type == "Bus"}
        their_lines = {entity.extra_info["name"]: entity for entity in theirs.children if entity.type == "Line"}
        for bus in plan.children:
            if bus.type == "Bus":
                world.connect(bus, our_parts[bus.eid], *SETPOINTS)
                for attr in SETPOINTS:
                    world.connect(bus, their_buses[bus.extra_info["id"]], attr, transform=lambda value: scale * value)
        output = world.start("Output")
        kept = output.Dict()
        for bus, line in ((our_parts["Bus-18"], our_parts["Line-1"]), (their_buses["18"], their_lines["1"])):
            world.connect(bus, kept, "Vm[pu]")
            world.connect(line, kept, "I[kA]")
        world.run(until=hours * HOUR, print_progress=False)
        return output.get_dict(kept.eid)


if __name__ == "__main__":
    for time, values in run(hours=3).items():
        print(time // HOUR + 1, values)
