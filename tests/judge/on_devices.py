"""Devices of a run: what each may do, in a period and over the day."""

import numpy as np

from tests.judge.comparing import POWER_REL, RECURSION_REL, Comparing


class OnDevices(Comparing):
    """What is judged of the devices."""

    def _devices(self, k):
        """Look at what each device may do."""
        table = self.told.table("devices", k).set_index("device")
        small = self._small(k)
        for device in self.case.devices:
            row, name = table.loc[device["name"]], device["name"]
            p, q = float(row["p_mw"]), float(row["q_mvar"])
            getattr(self, f"_{device['kind']}")(k, device, row, p, q, name, small)

    def _substation(self, k, device, row, p, q, name, small):
        self.near(k, "power of the substation", p, self.told.row("import_mw")[k], small)
        if not device.get("export", True):
            self.at_most(k, "export", -p, 0.0, small)
        elif device.get("export_max_mw") is not None:
            self.at_most(k, "export", -p, device["export_max_mw"], small)
        if device.get("import_max_mw") is not None:
            self.at_most(k, "import", p, device["import_max_mw"], small)

    def _storage(self, k, device, row, p, q, name, small):
        charge = max(-p, 0.0) + row["overlap_mw"]
        discharge = max(p, 0.0) + row["overlap_mw"]
        capacity, most = device["capacity_mwh"], device["p_max_mw"]
        gain = device.get("charge_efficiency", 0.95) * charge - discharge / device.get("discharge_efficiency", 0.95)
        before = self._energy(k - 1, device)
        recursion = RECURSION_REL * small / POWER_REL
        self.near(k, f"stored energy of {name}", row["energy_mwh"], before + self.h * gain, recursion)
        self.at_most(k, f"stored energy of {name}", row["energy_mwh"], device.get("soc_max", 0.8) * capacity, small)
        self.at_most(k, f"- stored energy of {name}", -row["energy_mwh"], -device.get("soc_min", 0.2) * capacity, small)
        self.at_most(k, f"power of {name}", max(charge, discharge), most, small)
        self.at_most(k, f"rating of {name}", np.hypot(p, q), device["s_max_mva"], small)
        self.at_most(k, f"charge and discharge at once of {name}", row["overlap_mw"], 0.0, max(1e-6, 1e-5 * most))

    def _last(self, k, device, column, initial):
        """Return a device's state after a period; one without an answer leaves it as it was."""
        k = next((t for t in range(k, -1, -1) if self.answered(t)), -1)
        if k < 0:
            return initial
        return float(self.told.table("devices", k).set_index("device").loc[device["name"], column])

    def _energy(self, k, device):
        """Return what is stored after a period."""
        return self._last(k, device, "energy_mwh", device.get("soc_initial", 0.5) * device["capacity_mwh"])

    def _photovoltaic(self, k, device, row, p, q, name, small):
        factor, free = device.get("power_factor", 1.0), device.get("reactive", True)
        most = device["s_max_mva"] * (1.0 if free else abs(factor))
        offered = min(float(self.case.series(device["available_mw"])[k]), most)
        self.at_most(k, f"power of {name}", p, offered, small)
        self.at_most(k, f"power of {name}", -p, 0.0, small)
        self.near(k, f"power on offer at {name}", row["available_mw"], offered, small)
        if not device.get("curtailable", True):
            self.near(k, f"must-take power missed of {name}", row["missed"], offered - p, small)
        if free:
            self.at_most(k, f"rating of {name}", np.hypot(p, q), device["s_max_mva"], small)
        else:
            self.near(k, f"power factor of {name}", q, np.sign(factor) * np.tan(np.arccos(abs(factor))) * p, small)

    _wind = _photovoltaic

    def _gas_turbine(self, k, device, row, p, q, name, small):
        self.at_most(k, f"power of {name}", p, device["p_max_mw"], small)
        self.at_most(k, f"power of {name}", -p, 0.0, small)
        self.at_most(k, f"reactive power of {name}", q, device.get("q_max_mvar", 0.0), small)
        self.at_most(k, f"reactive power of {name}", -q, -device.get("q_min_mvar", 0.0), small)
        before = self._before(k, device)
        if device.get("ramp_mw_per_h") is not None and before is not None:
            self.at_most(k, f"ramp of {name}", abs(p - before), device["ramp_mw_per_h"] * self.h, small)

    def _before(self, k, device):
        """Return a turbine's power before a period; None where it is free."""
        return self._last(k - 1, device, "p_mw", device.get("p_initial_mw"))

    def _demand_response(self, k, device, row, p, q, name, small):
        cap = device.get("share", 0.3) * max(self.p_mw[self.grid.ids.index(str(device["bus"])), k], 0.0)
        cap = cap if self.case.dispatch["mode"] != "single_period" else 0.0
        self.at_most(k, f"cut or refill of {name}", abs(p) + row["overlap_mw"], cap, small)

    def _interruptible_load(self, k, device, row, p, q, name, small):
        cap = device.get("share", 0.3) * max(self.p_mw[self.grid.ids.index(str(device["bus"])), k], 0.0)
        self.at_most(k, f"cut of {name}", p, cap, small)
        self.at_most(k, f"cut of {name}", -p, 0.0, small)

    def _over_the_day(self):
        """Look at what the day's end must have: storage as full as it began, cut load returned, or told as missed."""
        if self.case.dispatch["mode"] == "single_period" or not all(self.answered(k) for k in range(self.T)):
            return
        last = self.T - 1
        table = self.told.table("devices", last).set_index("device")
        for device in self.case.devices:
            name = device["name"]
            missed, small = float(table.loc[name, "missed"]), self._small(last) * max(self.h, 1.0)
            if device["kind"] == "storage" and device.get("soc_end", "at_least") != "free":
                lacking = self._energy(-1, device) - self._energy(last, device)
                amount = abs(lacking) if device.get("soc_end") == "equal" else max(lacking, 0.0)
                self.at_most(last, f"energy lacking at the end in {name}", amount, missed, small)
            if device["kind"] == "demand_response":
                still = abs(self._still_open(name, self.T))
                self.at_most(last, f"cut load not returned by {name}", still, missed, small)
