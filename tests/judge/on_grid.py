"""The feeder of a run: powers of buses, the state by sweeps and its limits, and the cost."""

import numpy as np

from tests.judge.comparing import (
    LIMIT_CURRENT_REL,
    LIMIT_PU,
    MONEY_REL,
    POWER_REL,
    RELAXED_LOSS_REL,
    RELAXED_PU,
    STATE_PU,
    Comparing,
)


class OnGrid(Comparing):
    """What is judged of the feeder."""

    def _powers(self, k):
        """Compare loads and generation of buses with what loads and devices are told to draw and give."""
        table, devices = self.told.table("buses", k), self.told.table("devices", k)
        assert list(table["bus"]) == self.grid.ids, "buses stand in the order of the file"
        load_p, load_q = self.p_mw[:, k].copy(), self.q_mvar[:, k].copy()
        gen_p, gen_q = np.zeros_like(load_p), np.zeros_like(load_q)
        np.add.at(load_p, self.ev_buses, self.ev_mw[:, k])
        shed = table["shed_mw"].to_numpy()
        for row in devices.itertuples():
            bus = self.grid.ids.index(row.bus)
            if row.kind in ("demand_response", "interruptible_load"):
                load_p[bus] -= row.p_mw
            elif row.kind not in ("substation", "ev_curtailment", "load_shedding"):
                gen_p[bus] += row.p_mw
                gen_q[bus] += row.q_mvar
        base = np.maximum(self.p_mw[:, k], 0.0)
        load_p -= shed
        load_q -= np.divide(self.q_mvar[:, k] * shed, base, out=np.zeros_like(base), where=base > 0)
        cut = devices.loc[devices["kind"] == "ev_curtailment", "p_mw"].sum()
        if self.case.has_roads and self.case.stations:
            by_station = self.told.table("stations", k)["curtailed_mw"].to_numpy()
            np.add.at(load_p, self.ev_buses, -by_station)
            self.near(k, "charging not served", by_station.sum(), cut, self._small(k))
            self._served(k, by_station)
        elif cut:
            load_p[self.ev_buses] -= cut  # one bus charges where roads are missing
        for what, column, own in (
            ("load", "p_load_mw", load_p), ("reactive load", "q_load_mvar", load_q),
            ("generation", "p_gen_mw", gen_p), ("reactive generation", "q_gen_mvar", gen_q),
        ):  # fmt: skip
            self.near(k, f"{what} of bus", table[column], own, self._small(k), self.grid.ids)
        self.at_most(k, "shed", shed, base, self._small(k))
        row = self.told.row
        self.near(k, "charging load", row("ev_mw")[k], self.ev_mw[:, k].sum(), self._small(k))
        self.near(k, "load not served", row("shed_mw")[k], shed.sum(), self._small(k))

    def _served(self, k, curtailed):
        """Compare energy served with the load demanded less what is curtailed."""
        table = self.told.table("stations", k)
        own = (self.ev_mw[:, k] - curtailed) * self.h
        self.near(k, "energy served", table["energy_mwh"], own, self._small(k) * self.h)
        self.at_most(k, "charging not served", curtailed, self.ev_mw[:, k], self._small(k))

    def _small(self, k):
        """Return what counts as no power: a share of the day's largest load or of the largest device, at least 1 mW."""
        if self.size is None:
            ratings = [one.get("p_max_mw", one.get("s_max_mva", 0.0)) for one in self.case.devices]
            moved = sum(np.abs(part).sum(axis=0).max() for part in (self.p_mw, self.q_mvar, self.ev_mw) if part.size)
            self.size = max(moved, *ratings, 1e-3)
        return POWER_REL * self.size

    def _state(self, k):
        """Solve the power flow of the stored injections by sweeps; compare states, and look at limits."""
        table, lines, row = self.told.table("buses", k), self.told.table("lines", k), self.told.row
        p, q = (
            (table["p_load_mw"] - table["p_gen_mw"]).to_numpy(),
            (table["q_load_mvar"] - table["q_gen_mvar"]).to_numpy(),
        )
        feeder = self.case.data["feeder"]
        own = self.grid.flow(p, q, feeder["slack_vm_pu"])
        if own is None:
            self.near(k, "AC power flow has a state", bool(row("ac_converged")[k]), 0.0, 0.5)
            return
        small = self._small(k)
        current = np.array([own.current_ka[line] for line in lines["line"]])
        most = dict(zip(self.grid.line_ids, self.grid.limit_ka, strict=True))
        limit = np.array([most[line] for line in lines["line"]])
        largest = max(current.max(initial=0.0), 1e-9)
        self.near(k, "AC voltage", table["vm_ac_pu"], own.vm_pu, STATE_PU, self.grid.ids)
        self.near(k, "AC current", lines["i_ac_ka"], current, 1e-5 * largest + 1e-9, lines["line"])
        self.near(k, "AC loss", row("ac_loss_mw")[k], own.loss_mw, small)
        self.near(k, "AC import", row("ac_slack_mw")[k], own.import_mw, small)
        loss_limit = RELAXED_LOSS_REL * own.loss_mw + small
        self.near(k, "voltage", table["vm_pu"], own.vm_pu, RELAXED_PU, self.grid.ids)
        self.near(k, "loss", row("loss_mw")[k], own.loss_mw, loss_limit)
        self.near(k, "import", row("import_mw")[k], own.import_mw, loss_limit)
        rated = small / POWER_REL / (np.sqrt(3.0) * self.grid.kv)  # currents are square roots: rounding shows in them
        self.near(k, "current", lines["i_ka"], current, 0.01 * largest + 1e-3 * rated, lines["line"])
        for what, column, number in (
            ("lowest voltage", "vmin_pu", table["vm_pu"].min()), ("highest voltage", "vmax_pu", table["vm_pu"].max()),
            ("lowest AC voltage", "vmin_ac_pu", own.vm_pu.min()), ("highest AC voltage", "vmax_ac_pu", own.vm_pu.max()),
        ):  # fmt: skip
            self.near(k, what, row(column)[k], number, STATE_PU)
        beyond = LIMIT_PU + max(float(row("voltage_slack_pu2", 0.0)[k]), 0.0)
        child = self.grid.child
        self.at_most(k, "AC voltage above its limit, bus", own.vm_pu[child], feeder["v_max_pu"], beyond)
        self.at_most(k, "AC voltage below its limit, bus", -own.vm_pu[child], -feeder["v_min_pu"], beyond)
        self.at_most(k, "AC current above its limit, line", current / limit, 1.0, LIMIT_CURRENT_REL, lines["line"])

    def _money(self, k):
        """Compare every term of the cost, and their sum."""
        row, settings = self.told.row, self.case.dispatch
        table = self.told.table("devices", k).set_index("device")
        terms = {
            "energy": self.h * self.tariff[k] * row("import_mw")[k],
            "losses": self.h * settings["loss_price_per_mwh"] * row("loss_mw")[k],
            "ev_curtailment": self.h * settings["ev_curtailment_price_per_mwh"] * row("ev_curtailed_mw")[k],
            "load_shedding": self.h * settings["shedding_price_per_mwh"] * row("shed_mw")[k],
            "gas_turbine": 0.0, "wear": 0.0, "demand_response": 0.0, "interruptible_load": 0.0, "unmet_balance": 0.0,
        }  # fmt: skip
        for device in self.case.devices:
            one = table.loc[device["name"]]
            p = float(one["p_mw"])
            if device["kind"] == "gas_turbine":
                terms["gas_turbine"] += self.h * (
                    device.get("cost_per_mwh", 0.0) * p + device.get("cost_quadratic_per_mw2h", 0.0) * p**2
                )
            elif device["kind"] == "storage":
                out = max(p, 0.0) + one["overlap_mw"]
                terms["wear"] += self.h * device.get("wear_cost_per_mwh", 0.0) * out
                terms["unmet_balance"] += settings["ev_curtailment_price_per_mwh"] * one["missed"]
            elif device["kind"] in ("demand_response", "interruptible_load"):
                cut = max(p, 0.0) + (one["overlap_mw"] if device["kind"] == "demand_response" else 0.0)
                terms[device["kind"]] += self.h * device.get("pay_per_mwh", 0.0) * cut
                if device["kind"] == "demand_response":
                    terms["unmet_balance"] += settings["ev_curtailment_price_per_mwh"] * one["missed"]
        if settings["voltage_slack_price"] is not None:
            terms["voltage_slack"] = float(
                np.nan_to_num(row("cost_voltage_slack", 0.0)[k])
            )  # its sum over buses is not stored
        moved = self._worth(k)
        for term, own in terms.items():
            self.near(k, f"cost of {term}", np.nan_to_num(float(row(f"cost_{term}", 0.0)[k])), own, MONEY_REL * moved)
        self.near(k, "cost", row("cost")[k], sum(terms.values()), 3 * MONEY_REL * moved)

    def _worth(self, k):
        """Return the money that a period moves: load and ratings at the largest price, and what was paid."""
        price = max(abs(self.tariff[k]), self.case.dispatch["loss_price_per_mwh"], 1.0)
        small = self._small(k) / POWER_REL
        penalties = [float(np.nan_to_num(self.told.row(f"cost_{term}", 0.0)[k])) for term in
                     ("ev_curtailment", "load_shedding", "unmet_balance", "gas_turbine", "voltage_slack")]  # fmt: skip
        return self.h * price * small + sum(map(abs, penalties))
