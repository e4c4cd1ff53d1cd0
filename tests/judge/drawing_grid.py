"""Random feeders, devices, tariffs and dispatches."""

import numpy as np

from tests.judge.dice import Dice
from tests.judge.grid import Grid

KILOVOLTS = (0.4, 0.4, 6.0, 10.0, 12.66, 20.0, 33.0)


class DrawsGrid(Dice):
    """Draws the grid side."""

    def _grid(self, drawn, charging_mw):
        """Draw a tree, load it until its voltage drops by a drawn amount, and set limits that hold or bind."""
        n = int(self.rng.integers(2, 7 if self.small else 26))
        ids = [str(i) for i in self.rng.permutation(np.arange(1, n + 1))]
        kv = self.pick(KILOVOLTS)
        bus = [{"id": b, "vn_kv": kv} for b in ids]
        line = [self._line(k, ids, kv) for k in range(1, n)]
        where = [int(self.rng.integers(0, n)) for _ in range(len(drawn.scenario.get("stations", [])))]
        for station, position in zip(drawn.scenario.get("stations", []), where, strict=True):
            station["bus"] = ids[position]
        if "roads" not in drawn.scenario:
            where = [int(self.rng.integers(0, n))]
        load, factor = self._loads(ids, line, kv, where, charging_mw)
        slack = self.between(0.99, 1.04, 3)
        drop = factor
        binding = self.chance(0.35)
        lowest = slack - drop
        v_min = lowest + (self.between(0.0, 0.35) * drop if binding else -self.between(0.003, 0.05))
        feeder = {
            "slack_bus": ids[0], "slack_vm_pu": slack, "v_min_pu": round(min(v_min, slack - 0.0005), 5),
            "v_max_pu": round(max(slack + self.pick((0.002, 0.01, 0.05, 0.1), p=(0.05, 0.1, 0.35, 0.5)), 0.85), 5),
            "load_profile": self.profile(0.3, 1.0),
        }  # fmt: skip
        if self.chance(0.5):
            feeder["base_mva"] = self.log_between(1e-3, 1e4)
        if self.chance(0.25) and line:
            feeder["current_limits"] = True
        drawn.scenario |= {"grid": "feeder", "feeder": feeder}
        drawn.tables |= {"feeder/bus.csv": bus, "feeder/load.csv": load}
        columns = ["id", "from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"]
        drawn.tables["feeder/line.csv"] = line or [dict.fromkeys(columns)]
        size = self.size_mw
        if "roads" not in drawn.scenario:
            values = size * self.rng.uniform(0, 0.6, self.periods) * (self.rng.random(self.periods) > 0.15)
            rows = [{"period": t + 1, ids[where[0]]: float(f"{v:.5g}")} for t, v in enumerate(values)]
            drawn.tables["ev_load.csv"] = rows
            drawn.scenario["given"] = {"ev_load_mw": "ev_load.csv"}
        drawn.scenario["devices"] = self._devices(ids, load, size)
        drawn.scenario["tariff"] = self._tariff()
        drawn.scenario["dispatch"] = self._dispatch()

    def _line(self, k, ids, kv):
        parent = int(self.rng.integers(max(0, k - 4), k))
        ends = [ids[parent], ids[k]]
        if self.chance(0.3):
            ends.reverse()
        line = {
            "id": f"L{k}", "from_bus": ends[0], "to_bus": ends[1],
            "length_km": self.between(0.02, 0.3) if kv < 1 else self.between(0.2, 5.0),
            "r_ohm_per_km": self.between(0.1, 0.8), "x_ohm_per_km": self.between(0.05, 0.5), "c_nf_per_km": 0,
        }  # fmt: skip
        if self.chance(0.05):
            line["parallel"] = 2
        return line

    def _loads(self, ids, line, kv, where, charging_mw):
        """Return the loads and the voltage drop of the hour with all loads and all charging."""
        n = len(ids)
        weight = self.rng.uniform(0.2, 1.0, n) * (self.rng.random(n) > self.pick((0.1, 0.5)))
        weight[0] *= self.chance(0.3)
        if not weight.any():
            weight[-1] = 1.0
        ratio = self.rng.uniform(0.0, 0.6, n) * (self.rng.random(n) > 0.1)
        ratio[self.rng.random(n) < 0.05] *= -1.0
        peak = float(np.max(charging_mw))
        ev_share = self.pick((0.1, 0.3, 0.6)) if peak > 0 else 0.0
        charge = np.zeros(n)
        for position in where:
            charge[position] += ev_share / len(where) if peak > 0 else 0.3
        target = self.pick((0.003, 0.02, 0.05, 0.08))
        p_unit = weight / weight.sum() * (1 - ev_share)
        total = self._loaded_to(ids, line, kv, p_unit + charge, p_unit * ratio, target)
        if peak > 0:  # the roads set the power: the lines are shortened or stretched to suit it
            wanted = peak / ev_share
            for one in line:
                one["length_km"] = float(f"{one['length_km'] * total / wanted:.4g}")
            total = wanted
        self.size_mw = total
        rows = [
            {"id": f"d{i}", "bus": ids[i], "p_mw": float(f"{p * total:.5g}"), "q_mvar": float(f"{p * total * f:.5g}")}
            for i, (p, f) in enumerate(zip(p_unit, ratio, strict=True))
            if p > 0 or self.chance(0.1)
        ]  # fmt: skip
        for one in line:
            one["parallel"] = one.get("parallel", 1)
        if line:
            self._limits(ids, line, kv, p_unit + charge, p_unit * ratio, total)
        return self._odd(rows), target

    def _odd(self, rows):
        """Scale some rows, or leave the whole feeder without load."""
        nothing = {"p_mw": 0, "q_mvar": 0} if self.chance(0.02) else {}
        scaled = [self.chance(0.05) for _ in rows]
        return [
            row | nothing | ({"scaling": 0.8 if odd else 1} if any(scaled) else {})
            for row, odd in zip(rows, scaled, strict=True)
        ]

    def _limits(self, ids, line, kv, p, q, total):
        state = Grid.of_rows(ids, line, kv, ids[0]).flow(p * total, q * total, 1.0)
        largest = max(state.current_ka.values())
        for one in line:
            current = max(state.current_ka[one["id"]], 0.03 * largest)
            one["max_i_ka"] = float(f"{max(current, 1e-6) * self.pick((0.85, 1.2, 2.0, 5.0)):.4g}")

    def _loaded_to(self, ids, line, kv, p, q, target):
        """Return the total power, MW, at which the voltage drops by the target, by bisection."""
        if not line:
            return self.log_between(0.05, 20.0)
        grid, low, high = Grid.of_rows(ids, line, kv, ids[0]), 0.0, kv**2 * 10.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            state = grid.flow(p * middle, q * middle, 1.0)
            drop = 1.0 - min(state.vm_pu) if state is not None else 1.0
            low, high = (middle, high) if drop < target else (low, middle)
        # Where no charging flows to the leaves the drop may stay small: any size will do.
        return float(f"{low:.5g}") if low < kv**2 * 9.0 else kv**2 * 0.05

    def _devices(self, ids, load, size):
        substation = {"kind": "substation", "name": "upstream"}
        if self.chance(0.3):
            substation["export"] = False
        if self.chance(0.1):
            substation["import_max_mw"] = float(f"{size * self.between(0.5, 1.5):.4g}")
        if self.chance(0.05) and substation.get("export", True):
            substation["export_max_mw"] = float(f"{size * 0.2:.4g}")
        devices = [substation]
        loaded = [row["bus"] for row in load if row["p_mw"]] or ids
        for kind, share in (
            ("storage", 0.45), ("storage", 0.12), ("photovoltaic", 0.4), ("wind", 0.25), ("gas_turbine", 0.35),
            ("demand_response", 0.35), ("interruptible_load", 0.2),
        ):  # fmt: skip
            if self.chance(share):
                one = getattr(self, f"_{kind}")(size)
                bus = self.pick(loaded if kind in ("demand_response", "interruptible_load") else ids)
                devices.append({"kind": kind, "name": f"{kind}{len(devices)}", "bus": bus} | one)
        return devices

    def _storage(self, size):
        power = float(f"{size * self.log_between(0.02, 0.5):.4g}")
        one = {
            "capacity_mwh": float(f"{power * self.pick((0.5, 2, 4)):.4g}"), "p_max_mw": power,
            "s_max_mva": float(f"{power * self.pick((0.8, 1.0, 1.2)):.4g}"),
        }  # fmt: skip
        if self.chance(0.4):
            one |= {"charge_efficiency": self.pick((0.85, 0.9, 1.0)), "discharge_efficiency": self.pick((0.85, 1.0))}
        if self.chance(0.4):
            one["soc_end"] = self.pick(("equal", "free"))
        if self.chance(0.3):
            one |= {"soc_min": 0.1, "soc_max": 0.9, "soc_initial": self.pick((0.1, 0.4, 0.9))}
        if self.chance(0.2):
            one["reactive"] = False
        if self.chance(0.3):
            one["wear_cost_per_mwh"] = self.pick((1, 10, 50))
        return one

    def _photovoltaic(self, size):
        rating = float(f"{size * self.log_between(0.05, 1.0):.4g}")
        offered = [float(f"{rating * v:.4g}") for v in self.profile(0.0, 1.1, zero=0.3)]
        one = {"s_max_mva": rating, "available_mw": offered}
        if self.chance(0.2):
            one["curtailable"] = False
        if self.chance(0.35):
            one |= {"reactive": False, "power_factor": self.pick((1.0, 1.0, 0.95, -0.95))}
        return one

    _wind = _photovoltaic

    def _gas_turbine(self, size):
        power = float(f"{size * self.log_between(0.05, 0.6):.4g}")
        one = {"p_max_mw": power, "cost_per_mwh": self.between(0, 400, 1)}
        if self.chance(0.5):
            one["cost_quadratic_per_mw2h"] = self.between(0, 20 / max(power, 1e-3), 3)
        if self.chance(0.7):
            reactive = float(f"{power * 0.6:.4g}")
            one |= {"q_min_mvar": -reactive if self.chance(0.4) else 0, "q_max_mvar": reactive}
        if self.chance(0.5):
            one["ramp_mw_per_h"] = float(f"{power * self.log_between(0.1, 3.0) / self.hours:.4g}")
            if self.chance(0.6):
                one["p_initial_mw"] = float(f"{power * self.pick((0, 0.3, 1.0)):.4g}")
                one["p_initial_mw"] = min(one["p_initial_mw"], power)
        return one

    def _demand_response(self, size):
        return {"share": self.pick((0.1, 0.3, 0.45)), "pay_per_mwh": self.pick((0, 50, 105))}

    def _interruptible_load(self, size):
        return {"share": self.pick((0.1, 0.3, 0.5)), "pay_per_mwh": self.pick((0, 100, 400, 1000))}

    def _tariff(self):
        if self.chance(0.2):
            return {"kind": "dynamic", "base_per_mwh": self.between(50, 800, 1)}
        prices = np.round(self.rng.uniform(30, 900, self.periods), 2)
        if self.chance(0.15):
            prices[:] = prices[0]
        if self.chance(0.25):
            prices[self.rng.random(self.periods) < 0.4] = 0.0
        if self.chance(0.15):
            prices[self.rng.random(self.periods) < 0.4] *= -0.3
        return {"kind": "static", "prices_per_mwh": [float(f"{p:.6g}") for p in prices]}

    def _dispatch(self):
        mode = self.pick(("rolling", "day_ahead", "single_period"), p=(0.6, 0.25, 0.15))
        dispatch = {"mode": mode, "loss_price_per_mwh": self.pick((0, 10, 100, 100))}
        if mode == "rolling" and self.chance(0.3):
            dispatch["lookahead_periods"] = int(self.rng.integers(1, self.periods + 1))
        if mode == "rolling" and self.chance(0.4):
            dispatch["forecast"] = self.pick(("persistence", "noisy", "day_ahead"))
            if dispatch["forecast"] == "noisy":
                dispatch |= {"forecast_error": self.pick((0.1, 0.5)), "forecast_correlation": self.pick((0, 0.7))}
        if self.chance(0.1):
            dispatch["voltage_slack_price"] = 1e5
        if self.chance(0.15):
            dispatch["solver"] = self.pick(("clarabel", "scs"))
        if self.chance(0.2):
            dispatch["storage_exclusivity"] = self.pick(("misocp", "sign_fix", "off"))
        return dispatch
