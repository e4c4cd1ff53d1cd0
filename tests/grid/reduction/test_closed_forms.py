"""Power flows whose answer is a formula."""

import numpy as np
import pandapower as pp
import pytest
from scipy.optimize import fsolve

from cosim.grid.formats.matpower_net import net_of_case
from cosim.grid.reduction.own_net import reduced
from cosim.workflows.check_net import check_net


def two_bus_voltage(p_mw, q_mvar, r_ohm, x_ohm, kv):
    """Return the voltage behind a line of one load: the larger root of a quadratic in its square."""
    half = 0.5 * kv**2 - (p_mw * r_ohm + q_mvar * x_ohm)
    return np.sqrt(half + np.sqrt(half**2 - (p_mw**2 + q_mvar**2) * (r_ohm**2 + x_ohm**2))) / kv


CASE = """function mpc = two
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [ 1 3 0 0 0 {bs} 1 1 0 20 1 1.1 0.9; 2 {kind} 90 30 0 0 1 1 0 {kv} 1 1.1 0.9; ];
mpc.gen = [ 1 0 0 10 -10 1 100 1 10 0 0 0 0 0 0 0 0 0 0 0 0; {gen} ];
mpc.branch = [ 1 2 0.1 0.1 {b} 0 0 0 {ratio} 0 1 -360 360; ];
mpc.branch(:, [3 4]) = mpc.branch(:, [3 4]) / (20^2 / 100);
mpc.bus(:, [3 4]) = mpc.bus(:, [3 4]) / 1e3;
"""


def case(tmp_path, *, bs=0, kind=1, kv=20, gen="", b=0, ratio=0):
    path = tmp_path / "two.m"
    path.write_text(CASE.format(bs=bs, kind=kind, kv=kv, gen=gen, b=b, ratio=ratio), encoding="utf-8")
    return path


def test_a_case_in_kilowatt_and_ohm(tmp_path):
    """0.090 MW, 0.999970 pu, 2.2501e-6 MW; whoever passes its statements over finds 0.85763 pu."""
    found = check_net("matpower", str(case(tmp_path))).net
    assert found.vm_pu[2] == pytest.approx(two_bus_voltage(0.09, 0.03, 0.1, 0.1, 20.0), abs=1e-12)
    assert found.vm_pu[2] == pytest.approx(0.999970, abs=5e-7)
    assert found.proof.flows.loss_mw == pytest.approx(2.2501e-6, rel=1e-4)


def test_a_case_with_ratio_charging_and_a_fixed_generator(tmp_path):
    """The transformer's ratio divides the source; a unit at a bus of type 1 injects what it says."""
    found = reduced(net_of_case(case(tmp_path, kv=10, ratio=0.96))[0], name="case").vm_pu
    alone = two_bus_voltage(0.09, 0.03, 0.1, 0.1, 20.0 / 0.96) / 0.96
    assert found[2] == pytest.approx(alone, abs=1e-10)
    fed = case(tmp_path, gen="2 0.05 0 0 0 1 100 1 1 0 0 0 0 0 0 0 0 0 0 0 0;")
    assert reduced(net_of_case(fed)[0], name="case").vm_pu[2] == pytest.approx(
        two_bus_voltage(0.04, 0.03, 0.1, 0.1, 20.0), abs=1e-12
    )
    charged = reduced(net_of_case(case(tmp_path, b=2e-4, bs=0.01))[0], name="case")
    z, v = 0.1 + 0.1j, charged.vm_pu[2]
    drawn = 0.09 + 1j * (0.03 - 1e-4 * 100.0 * v**2)
    assert v == pytest.approx(two_bus_voltage(drawn.real, drawn.imag, z.real, z.imag, 20.0), abs=1e-12)


def test_a_long_line_with_and_without_feed_in():
    """10 kV, 5 km of 0.3 + j0.3 ohm/km, 2 MW and 0.5 Mvar: 0.960691 pu; with 1.5 MW behind it 0.984768 pu."""
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 10.0)
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, 5.0, 0.3, 0.3, 0.0, 0.4)
    pp.create_load(net, 1, 2.0, 0.5)
    found = reduced(net, name="net")
    assert (found.vm_pu[1], found.proof.flows.loss_mw) == pytest.approx((0.960691, 0.0690737), abs=5e-7)
    pp.create_sgen(net, 1, 1.5)
    found = reduced(net, name="net")
    assert (found.vm_pu[1], found.proof.flows.loss_mw) == pytest.approx((0.984768, 0.0077338), abs=5e-7)


def test_a_line_and_a_transformer_of_another_ratio():
    """Behind it 10/0.42 kV, 400 kVA, R 1 %, X 4 %, 200 kW and 50 kvar: 1.035117 pu of 0.4 kV, 0.00174924 MW lost."""
    net = pp.create_empty_network()
    for level in (10.0, 10.0, 0.4):
        pp.create_bus(net, level)
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, 5.0, 0.3, 0.3, 0.0, 0.4)
    pp.create_transformer_from_parameters(
        net, 1, 2, sn_mva=0.4, vn_hv_kv=10.0, vn_lv_kv=0.42, vk_percent=np.hypot(1.0, 4.0), vkr_percent=1.0, pfe_kw=0.0,
        i0_percent=0.0,
    )  # fmt: skip
    pp.create_load(net, 2, 0.2, 0.05)
    found = reduced(net, name="net")
    assert found.vm_pu[2] == pytest.approx(1.035117, abs=5e-7)
    assert found.proof.flows.loss_mw == pytest.approx(0.00174924, abs=5e-9)
    impedance = 1.5 + 1.5j + (0.01 + 0.04j) * 10.0**2 / 0.4
    inner = two_bus_voltage(0.2, 0.05, impedance.real, impedance.imag, 10.0)
    assert found.vm_pu[2] == pytest.approx(inner * 0.42 / 0.4, abs=1e-10)
    entering = np.hypot(0.2 + found.proof.flows.loss_mw, found.proof.flows.row_power_mva[0, 0].imag)
    assert found.proof.flows.loading_percent[0] == pytest.approx(
        100.0 * entering / (np.sqrt(3.0) * 10.0 * 0.4), rel=1e-9
    )


def test_voltage_dependent_loads_count_by_their_own_size():
    """Constant impedance, current and power and a feed-in at one bus; pandapower alone averages their shares."""
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 10.0)
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, 5.0, 0.3, 0.3, 0.0, 0.4)
    pp.create_load(net, 1, 2.0, 0.4, const_z_p_percent=100, const_z_q_percent=100)
    pp.create_load(net, 1, 1.0, 0.2, const_i_p_percent=60, const_i_q_percent=30)
    pp.create_sgen(net, 1, 1.0)
    found = reduced(net, name="net").vm_pu[1]

    def wrong(v):
        p = 2.0 * v**2 + 0.4 + 0.6 * v - 1.0
        q = 0.4 * v**2 + 0.14 + 0.06 * v
        return v - two_bus_voltage(p, q, 1.5, 1.5, 10.0)

    assert found == pytest.approx(fsolve(wrong, 0.95, xtol=1e-14)[0], abs=1e-9)
    pp.runpp(net, numba=False)
    assert abs(found - net.res_bus.vm_pu[1]) > 1e-4


def test_two_transformers_of_unequal_ratio_are_exact_without_a_loop():
    """Admittances beside each other: the nodal equation of the common bus, solved by itself."""
    net = pp.create_empty_network(sn_mva=1.0)
    pp.create_bus(net, 20.0), pp.create_bus(net, 0.4)
    pp.create_ext_grid(net, 0, vm_pu=1.01)
    both = [(0.4, 6.0, 0.9), (0.25, 4.0, -1)]
    for rated, vk, tap in both:
        pp.create_transformer_from_parameters(
            net, 0, 1, sn_mva=rated, vn_hv_kv=20.0 * (1 + 0.02 * tap), vn_lv_kv=0.4, vk_percent=vk, vkr_percent=1.0,
            pfe_kw=0.0, i0_percent=0.0,
        )  # fmt: skip
    pp.create_load(net, 1, 0.3, 0.1)
    found = reduced(net, name="net")
    y = [100.0 * rated / (1.0 + 1j * np.sqrt(vk**2 - 1.0)) for rated, vk, _ in both]
    ratio = [1 + 0.02 * tap for *_, tap in both]

    def wrong(parts):
        v = parts[0] + 1j * parts[1]
        current = sum(one * (1.01 / t - v) for one, t in zip(y, ratio, strict=True))
        missing = v * np.conj(current) - (0.3 + 0.1j)
        return missing.real, missing.imag

    true = complex(*fsolve(wrong, (1.0, 0.0), xtol=1e-14))
    assert found.vm_pu[1] == pytest.approx(abs(true), abs=1e-10)
    for row, (one, t) in enumerate(zip(y, ratio, strict=True)):
        current = one * (1.01 / t - true)
        assert found.proof.flows.row_power_mva[row, 0] == pytest.approx(1.01 / t * np.conj(current), abs=1e-9)
        assert found.proof.flows.row_power_mva[row, 1] == pytest.approx(-true * np.conj(current), abs=1e-9)


def test_a_capacitive_transformer_is_one_of_negative_reactance(tmp_path):
    text = case(tmp_path, kv=10).read_text(encoding="utf-8").replace("1 2 0.1 0.1", "1 2 0.1 -0.2")
    (tmp_path / "two.m").write_text(text, encoding="utf-8")
    found = reduced(net_of_case(tmp_path / "two.m")[0], name="case").vm_pu
    assert found[2] == pytest.approx(two_bus_voltage(0.09, 0.03, 0.1, -0.2, 20.0), abs=1e-12)


def test_a_feeder_of_no_branch_is_its_supply():
    net = pp.create_empty_network()
    pp.create_ext_grid(net, pp.create_bus(net, 10.0), vm_pu=1.03)
    pp.create_load(net, 0, 1.0)
    found = reduced(net, name="net")
    assert found.vm_pu == {0: 1.03}
    assert found.proof.flows.loss_mw == 0.0


def test_a_line_whose_ends_a_switch_joins_draws_its_charging():
    """Both ends at the source: i = omega c v over both halves, and no current through it."""
    net = pp.create_empty_network(f_hz=50.0)
    pp.create_buses(net, 2, 10.0)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    pp.create_line_from_parameters(net, 0, 1, 2.0, 0.1, 0.1, 300.0, 0.2)
    pp.create_switch(net, 0, 1, "b")
    pp.create_load(net, 1, 0.1)
    found = reduced(net, name="net")
    half_mvar = 2.0 * np.pi * 50.0 * 600e-9 / 2.0 * 10.2**2
    assert found.proof.flows.row_power_mva[0] == pytest.approx([-1j * half_mvar] * 2, abs=1e-12)
    assert found.vm_pu == {0: 1.02, 1: 1.02}
