"""A charging station that is none of cosim's: what arrives waits for energy, within the power of its supply.

It knows mosaik alone. In a process of its own: python depot.py HOST:PORT.
"""

import mosaik_api_v3

META = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        "Depot": {"public": True, "params": ["power_mw", "energy_kwh"], "attrs": ["flow[veh/h]", "P_demand[MW]"]},
    },
}


class Simulator(mosaik_api_v3.Simulator):
    """Depots by name: supply MW, energy a vehicle kWh, energy still asked for MWh, and power drawn MW."""

    def __init__(self):
        super().__init__(META)
        self.depots = {}

    def init(self, sid, time_resolution=1.0, step_s=3600):
        self.step_s = step_s
        return self.meta

    def create(self, num, model, power_mw, energy_kwh):
        new = [f"Depot-{len(self.depots) + k}" for k in range(num)]
        for eid in new:
            self.depots[eid] = {"supply": power_mw, "each": energy_kwh, "asked": 0.0, "power": 0.0}
        return [{"eid": eid, "type": model} for eid in new]

    def step(self, time, inputs, max_advance):
        hours = self.step_s / 3600
        for eid, depot in self.depots.items():
            arrived = sum(inputs[eid]["flow[veh/h]"].values()) * hours
            depot["asked"] += arrived * depot["each"] / 1000
            depot["power"] = min(depot["supply"], depot["asked"] / hours)
            depot["asked"] -= depot["power"] * hours
        return time + self.step_s

    def get_data(self, outputs):
        return {eid: {"P_demand[MW]": self.depots[eid]["power"]} for eid in outputs}


if __name__ == "__main__":
    mosaik_api_v3.start_simulation(Simulator())
