#!/usr/bin/env bash
# lightsim2grid 1.2.0: init_from_pandapower with a pandapower 3.5.6 net.
#
# Guess: what it cannot carry it refuses: it raises for parallel lines and transformers, wards, impedances and another
# transformer model than "t", and warns of switches. What passes is the net.
# Seen: without a word it leaves out a transformer's rated voltages where they differ from those of its buses (21 kV on a
# 20 kV bus is common: 1.0062 pu at a feeder's end in pandapower, 0.9523 here), the steps of a shunt, the scaling of
# storage (that of loads is kept) and the voltage dependence of loads; and it moves the taps of transformers without
# tap_changer_type, which pandapower leaves at neutral. Both power flows converge.
# What to do: fold vn_lv_kv into the tap, steps and scaling into the values, set the tap type; compare |V| once per net.
# pandapower's own runpp(lightsim2grid=True) borrows the solver alone and is not concerned.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pandapower==3.5.6 lightsim2grid==1.2.0
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
import pandapower as pp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightsim2grid.network import init_from_pandapower


def feeder(vn_lv_kv=20.0, tap_pos=0, tap_changer_type="Ratio", parallel=1, **load):
    net = pp.create_empty_network(sn_mva=1.0)
    buses = [pp.create_bus(net, kv) for kv in (110, 20, 20)]
    pp.create_ext_grid(net, buses[0], vm_pu=1.02)
    pp.create_transformer_from_parameters(
        net, *buses[:2], 25, 110, vn_lv_kv, vkr_percent=0.4, vk_percent=12, pfe_kw=14, i0_percent=0.07, tap_side="hv",
        tap_neutral=0, tap_min=-9, tap_max=9, tap_step_percent=1.5, tap_pos=tap_pos, tap_step_degree=0,
        tap_changer_type=tap_changer_type,
    )
    pp.create_line_from_parameters(
        net, *buses[1:], 10, r_ohm_per_km=0.3, x_ohm_per_km=0.35, c_nf_per_km=200, max_i_ka=0.4, parallel=parallel
    )
    pp.create_load(net, buses[2], 5, 2, **load)
    pp.create_sgen(net, buses[1], 1, 0, min_q_mvar=0, max_q_mvar=0)
    return net


def with_shunt(step):
    net = feeder()
    pp.create_shunt(net, 2, q_mvar=-1, step=step, max_step=3)
    return net


def with_storage(scaling):
    net = feeder()
    pp.create_storage(net, 2, 2.0, 10.0, scaling=scaling)
    return net


def compared(net):
    """Return |V| at the feeder's end in both tools, and what the import warned of."""
    pp.runpp(net, numba=False, lightsim2grid=False, calculate_voltage_angles=True, tolerance_mva=1e-9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        grid = init_from_pandapower(net)
    voltages = grid.ac_pf(np.full(len(net.bus), 1.02, dtype=complex), 20, 1e-9)
    assert len(voltages), "lightsim2grid did not converge"
    told = [str(w.message) for w in caught if "slack" not in str(w.message)]
    return net.res_bus.vm_pu.iloc[-1], abs(voltages[len(net.bus) - 1]), told


same = {
    "as it is": feeder(), "tap 4": feeder(tap_pos=4), "load scaling 0.5": feeder(scaling=0.5),
    "shunt, one step": with_shunt(1), "storage": with_storage(1.0),
}
other = {
    "rated 21 kV on 20 kV": feeder(vn_lv_kv=21.0), "tap 4 without a type": feeder(tap_pos=4, tap_changer_type=None),
    "shunt, three steps": with_shunt(3), "storage, scaling 0.5": with_storage(0.5),
    "half constant impedance": feeder(const_z_p_percent=50, const_z_q_percent=50),
}
print(f"pandapower {pp.__version__}, lightsim2grid {version('lightsim2grid')}: vm_pu at the end")
for name, net in (same | other).items():
    ours, theirs, told = compared(net)
    print(f"{name}: {ours:.4f} and {theirs:.4f}", told)
    assert not told
    assert (abs(ours - theirs) < 1e-6) if name in same else (abs(ours - theirs) > 1e-3), name
try:
    init_from_pandapower(feeder(parallel=2))
except RuntimeError as error:
    print("parallel lines:", error)
else:
    raise SystemExit("parallel lines are no longer refused")
PY
