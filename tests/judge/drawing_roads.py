"""Random roads, trips and charging stations."""

import numpy as np

from tests.judge.dice import Dice
from tests.judge.routes import simple_paths

MOST_PATHS = 40


class DrawsRoads(Dice):
    """Draws the road side."""

    def _roads(self, drawn):
        while True:
            nodes, links = self._network()
            pairs = self._pairs(nodes, links)
            if pairs:
                break
        drawn.scenario["roads"] = "roads"
        drawn.tables["roads/nodes.csv"] = [{"id": node, "x": i, "y": i % 2} for i, node in enumerate(nodes)]
        drawn.tables["roads/links.csv"] = links
        capacity = float(np.mean([link["capacity_vph"] for link in links]))
        trips = capacity * self.pick((0.1, 0.5, 1.0, 1.5)) * self.rng.uniform(0.3, 1.0, len(pairs))
        demand = [
            {"origin": o, "destination": d, "trips_vph": round(float(q), 1)}
            for (o, d), q in zip(pairs, trips, strict=True)
        ]
        if self.chance(0.1):
            demand[-1]["trips_vph"] = 0
        traffic = {
            "theta_per_min": self.log_between(0.03, 2.0), "demand": demand, "demand_profile": self.profile(),
        }  # fmt: skip
        if self.chance(0.15):
            traffic |= {"overlap": "path_size", "overlap_beta": self.between(0.2, 1.5)}
        if self.chance(0.2):
            traffic["method"] = "newton"
        drawn.scenario["traffic"] = traffic
        if len(drawn.scenario) and self.chance(0.04):
            return np.zeros(self.periods)
        return self._charging(drawn, nodes, links, pairs)

    def _network(self):
        """Draw a street grid, a ring with chords, or a few parallel routes; some links stand twice."""
        kind = self.pick(("routes", "ring", "mesh"))
        names = [self.pick(("n{}", "{}", "N-{}")).format(i) for i in range(1, 8)]
        ends = []
        if kind == "routes":
            middle = int(self.rng.integers(2, 5))
            nodes = names[: middle + 2]
            ends = [e for m in nodes[1:-1] for e in ((nodes[0], m), (m, nodes[-1]))]
            ends += [(a, b) for a, b in zip(nodes[1:-2], nodes[2:-1], strict=True) if self.chance(0.5)]
        elif kind == "ring":
            nodes = names[: int(self.rng.integers(4, 7))]
            ends = [e for a, b in zip(nodes, nodes[1:] + nodes[:1], strict=True) for e in ((a, b), (b, a))]
            ends += [(nodes[0], nodes[2])] if self.chance(0.5) else []
        else:
            nodes = names[:6]
            ends = [(nodes[i], nodes[j]) for i, j in ((0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5))]
            ends += [(b, a) for a, b in ends if self.chance(0.3)]
        ends += [ends[int(self.rng.integers(len(ends)))]] if self.chance(0.2) else []
        links = [
            {
                "id": f"l{k}", "from_node": a, "to_node": b,
                "free_flow_min": 0 if self.chance(0.02) else self.between(1, 20, 2),
                "capacity_vph": round(self.log_between(200, 3000), 1),
                "alpha": self.pick((0, 0.15, 0.15, 0.5, 1.0)), "beta": self.pick((1, 2, 4, 4, 5)),
            }
            for k, (a, b) in enumerate(ends)
        ]  # fmt: skip
        return nodes, links

    def _pairs(self, nodes, links):
        found = []
        for _ in range(int(self.rng.integers(1, 4))):
            o, d = (nodes[i] for i in self.rng.choice(len(nodes), 2, replace=False))
            paths = simple_paths(links, o, d)
            if 0 < len(paths) <= MOST_PATHS and (o, d) not in found:
                found.append((o, d))
        return found

    def _charging(self, drawn, nodes, links, pairs):
        scenario, traffic = drawn.scenario, drawn.scenario["traffic"]
        share, fast = self.between(0.05, 1.0), self.between(0.02, 0.5)
        fast = self.profile(0.02, 0.6, zero=0.2) if self.chance(0.2) else fast
        ev = {
            "share": share, "fast_charge_share": fast, "recharge_share": self.pick((0.3, 0.5, 0.8)),
            "battery_kwh": self.pick((20, 40, 60)), "value_of_time_per_min": self.log_between(0.05, 2.0),
        }  # fmt: skip
        kernel = self.chance(0.3)
        if kernel:
            ev["charging_load"] = "kernel"
        if self.chance(0.2):
            ev["charge_later"] = {"cost_min": self.between(0, 120, 1)}
        scenario["ev"] = ev
        met = [{links[a]["from_node"] for path in simple_paths(links, o, d) for a in path} for o, d in pairs]
        common = sorted(set.intersection(*met))
        first = self.pick(common) if common else None
        if first is None:  # a station for every pair
            places = [self.pick(sorted(one)) for one in met]
        else:
            places = [first, *(self.pick(sorted(set.union(*met))) for _ in range(int(self.rng.integers(0, 4))))]
        looking = share * np.array(fast) * sum(p["trips_vph"] for p in traffic["demand"])
        looking = looking * np.array(traffic["demand_profile"])
        each = max(float(np.max(looking)) / len(places), 0.5)
        energy = ev["recharge_share"] * ev["battery_kwh"]
        scenario["stations"] = [self._station(k, node, each, energy, kernel) for k, node in enumerate(places)]
        return looking * energy / 1000.0

    def _station(self, k, node, each_vph, energy_kwh, kernel):
        station = {"name": f"S{k + 1}", "node": node}
        room = self.pick((0.5, 1.3, 2.0, 4.0), p=(0.08, 0.17, 0.35, 0.4))
        if kernel or self.chance(0.7):
            kw = self.pick((22, 50, 60, 150))
            chargers = int(np.clip(np.ceil(room * each_vph * energy_kwh / kw), 1, 400))
            station |= {"chargers": chargers, "charger_kw": kw, "access_min": self.pick((0, 2, 5, 10))}
            if self.chance(0.35):
                station["law"] = {"kind": "erlang", "scv": self.pick((0, 0.5, 1.0))}
        else:
            station |= {"free_flow_min": self.between(5, 40, 1), "capacity_vph": round(room * each_vph, 3)}
        if "law" not in station:
            shape, knee = self.pick((0, 0.1, 0.1, 0.5)), self.pick((0.8, 0.9, 0.95))
            station["law"] = {"kind": "davidson", "j": shape, "knee": knee}
        if self.chance(0.15):
            station["overload"] = self.pick(("carry", "unserved"))
        if self.chance(0.2):
            station["access_fee"] = self.between(0, 5, 2)
        return station
