"""Random nets with every kind of element that is carried, grown from their supply."""

import numpy as np
import pandapower as pp

LEVELS = {110.0: (20.0, 8.0, 20.0), 20.0: (3.0, 0.3, 0.4), 0.4: (0.05, 0.003, 0.1)}
"""Longest line (km), largest load (MW) and rating of a transformer down (MVA) by voltage."""
BELOW = {110.0: 20.0, 20.0: 0.4}


class Growing:
    """A net that grows from its supply, one random element after the other."""

    def __init__(self, seed, charging):
        self.rng = np.random.default_rng(seed)
        self.charging = charging
        self.net = pp.create_empty_network(sn_mva=float(self.rng.choice([1.0, 10.0, 100.0])))
        self.supply = self.bus(float(self.rng.choice([110.0, 20.0])))
        pp.create_ext_grid(self.net, self.supply, vm_pu=float(self.rng.uniform(0.98, 1.04)))
        self.buses = [self.supply]

    def bus(self, level, **more):
        rated = level * float(self.rng.choice([1.0, 1.0, 1.05]))  # neighbours of unequal rated voltage
        return pp.create_bus(self.net, rated, name=f"level {level}", **more)

    def level(self, bus):
        return float(self.net.bus.name[bus].split()[1])

    def new(self, bus, level):
        self.buses.append(bus)
        self.load(bus, level)
        return bus

    def load(self, bus, level):
        most, rng = LEVELS[level][1], self.rng
        p, q = rng.uniform(0.0, most), rng.uniform(-0.2, 0.4) * most
        kind = rng.integers(8)
        if kind == 0:
            pp.create_sgen(self.net, bus, p, q, scaling=0.7)
        elif kind == 1:
            pp.create_storage(self.net, bus, -p, max_e_mwh=1.0, q_mvar=q)
        elif kind == 2:
            pp.create_shunt(self.net, bus, q_mvar=-q, p_mw=0.1 * p, step=2, max_step=3, vn_kv=1.03 * level)
        elif kind == 3:
            pp.create_ward(self.net, bus, ps_mw=p, qs_mvar=q, pz_mw=0.3 * p, qz_mvar=-0.2 * q)
        elif kind == 4:
            pp.create_asymmetric_load(self.net, bus, p_a_mw=0.2 * p, p_b_mw=0.5 * p, q_c_mvar=0.3 * q)
        if kind > 2:
            pp.create_load(self.net, bus, p, q, scaling=0.9)
            pp.create_load(self.net, bus, 0.1 * p, 0.0)

    def line(self, near, far, **more):
        rng, (km, _, _) = self.rng, LEVELS[self.level(near)]
        ends = (near, far) if rng.random() < 0.5 else (far, near)
        return pp.create_line_from_parameters(
            self.net, *ends, length_km=rng.uniform(0.1, 1.0) * km, r_ohm_per_km=rng.uniform(0.05, 0.5),
            x_ohm_per_km=rng.uniform(0.08, 0.4), c_nf_per_km=rng.uniform(0.0, self.charging),
            g_us_per_km=rng.uniform(0.0, 2.0), max_i_ka=0.3, df=rng.uniform(0.7, 1.0), parallel=int(rng.integers(1, 3)),
            **more,
        )  # fmt: skip

    def trafo(self, high, low, level, shift=None):
        rng = self.rng
        kind = str(rng.choice(["Ratio", "Symmetrical", "Ideal", "Tabular", "None"]))
        tabular = kind == "Tabular"
        number = pp.create_transformer_from_parameters(
            self.net, high, low, sn_mva=LEVELS[level][2], vn_hv_kv=level, vn_lv_kv=BELOW[level] * 1.02,
            vk_percent=rng.uniform(4.0, 12.0), vkr_percent=rng.uniform(0.3, 1.0), pfe_kw=rng.uniform(0.0, 2.0),
            i0_percent=rng.uniform(0.1, 1.0), shift_degree=float(rng.choice([0.0, 150.0])) if shift is None else shift,
            parallel=int(rng.integers(1, 3)), df=0.9, tap_side=str(rng.choice(["hv", "lv"])), tap_neutral=0, tap_min=-5,
            tap_max=5, tap_pos=int(rng.integers(-3, 4)), tap_step_percent=0.0 if kind == "Ideal" else 1.5,
            tap_step_degree={"Symmetrical": float(rng.choice([0.0, 10.0])), "Ideal": 2.0}.get(kind, 0.0),
            tap_changer_type=None if kind == "None" else "Ratio" if tabular else kind, tap2_side="hv", tap2_neutral=0,
            tap2_min=-2, tap2_max=2, tap2_pos=int(rng.integers(-1, 2)), tap2_step_percent=1.0, tap2_step_degree=0.0,
            tap2_changer_type="Ratio", leakage_resistance_ratio_hv=rng.uniform(0.3, 0.7),
            leakage_reactance_ratio_hv=rng.uniform(0.3, 0.7), tap_dependency_table=tabular,
            id_characteristic_table=100 + len(self.net.trafo) if tabular else np.nan,
        )  # fmt: skip
        if tabular:
            self.table(number)
        return number

    def table(self, number):
        """Add the tap table of a transformer: ratios and impedances by step."""
        import pandas as pd

        steps = np.arange(-5, 6)
        rows = pd.DataFrame(
            {
                "id_characteristic": self.net.trafo.id_characteristic_table[number], "step": steps,
                "voltage_ratio": 1.0 + 0.012 * steps, "angle_deg": 0.0,
                "vk_percent": self.net.trafo.vk_percent[number] + 0.05 * steps,
                "vkr_percent": self.net.trafo.vkr_percent[number], "vk_hv_percent": np.nan, "vkr_hv_percent": np.nan,
                "vk_mv_percent": np.nan, "vkr_mv_percent": np.nan, "vk_lv_percent": np.nan, "vkr_lv_percent": np.nan,
            }
        )  # fmt: skip
        known = self.net.get("trafo_characteristic_table")
        self.net["trafo_characteristic_table"] = rows if known is None or not len(known) else pd.concat([known, rows])

    def trafo3w(self, high):
        rng = self.rng
        mid, low = self.bus(20.0), self.bus(0.4)
        pp.create_transformer3w_from_parameters(
            self.net, high, mid, low, vn_hv_kv=110.0, vn_mv_kv=20.4, vn_lv_kv=0.41, sn_hv_mva=25.0, sn_mv_mva=20.0,
            sn_lv_mva=2.0, vk_hv_percent=rng.uniform(8.0, 12.0), vk_mv_percent=rng.uniform(8.0, 12.0),
            vk_lv_percent=rng.uniform(4.0, 12.0), vkr_hv_percent=0.3, vkr_mv_percent=0.31, vkr_lv_percent=0.32,
            pfe_kw=20.0, i0_percent=0.1, shift_mv_degree=0.0, shift_lv_degree=150.0,
            tap_side=str(rng.choice(["hv", "mv", "lv"])), tap_neutral=0, tap_min=-5, tap_max=5,
            tap_pos=int(rng.integers(-3, 4)), tap_step_percent=1.2, tap_step_degree=0.0,
            tap_at_star_point=bool(rng.random() < 0.5), tap_changer_type="Ratio",
        )  # fmt: skip
        for bus, level in ((mid, 20.0), (low, 0.4)):
            self.new(bus, level)

    def step(self):
        near = int(self.rng.choice(self.buses))
        kinds = [self.more, self.more, self.beside, self.coupled, self.dead_ends, self.passive]
        level = self.level(near)
        kinds += [self.down, self.down, self.two_down] if level in BELOW else []
        kinds += [self.trafo3w] if level == 110.0 else []
        kinds[int(self.rng.integers(len(kinds)))](near)

    def more(self, near):
        self.line(near, self.new(self.bus(self.level(near)), self.level(near)))

    def down(self, near):
        level = self.level(near)
        self.trafo(near, self.new(self.bus(BELOW[level]), BELOW[level]), level)

    def two_down(self, near):
        """Two unlike transformers side by side, without phase shift."""
        level = self.level(near)
        low = self.new(self.bus(BELOW[level]), BELOW[level])
        for _ in range(2):
            beside = self.trafo(near, low, level, shift=0.0)
            self.net.trafo.loc[beside, ["tap_changer_type", "tap_dependency_table"]] = "Ratio", False
            self.net.trafo.loc[beside, ["tap_step_percent", "tap_step_degree"]] = 1.5, 0.0

    def beside(self, near):
        """Three lines side by side, one of them open at its end."""
        far = self.new(self.bus(self.level(near)), self.level(near))
        lines = [self.line(near, far) for _ in range(3)]
        pp.create_switch(self.net, far, lines[0], et="l", closed=False)

    def coupled(self, near):
        """A closed coupler, ideal or with an impedance."""
        level = self.level(near)
        far = self.new(pp.create_bus(self.net, self.net.bus.vn_kv[near], name=f"level {level}"), level)
        ohm = float(self.rng.choice([0.0, 0.01 * (level / 20.0) ** 2]))
        pp.create_switch(self.net, near, far, et="b", z_ohm=ohm)

    def dead_ends(self, near):
        """A line to a bus out of service, and an isolated bus."""
        level = self.level(near)
        self.line(near, self.bus(level, in_service=False))
        self.load(self.bus(level), level)

    def passive(self, near):
        level = self.level(near)
        far = self.new(self.bus(level), level)
        r, x = self.rng.uniform(0.001, 0.01, 2)
        pp.create_impedance(
            self.net, near, far, r, x, sn_mva=LEVELS[level][2], gf_pu=1e-3, bf_pu=2e-3, gt_pu=0.0, bt_pu=-1e-3
        )


def grown(seed, charging):
    """Return a random net and the options of its power flow."""
    growing = Growing(seed, charging)
    for _ in range(int(growing.rng.integers(3, 16))):
        growing.step()
    choices = {
        "trafo_model": ["t", "pi"], "trafo_loading": ["current", "power"], "trafo3w_losses": ["hv", "mv", "lv", "star"]
    }  # fmt: skip
    return growing.net, {option: str(growing.rng.choice(values)) for option, values in choices.items()}
