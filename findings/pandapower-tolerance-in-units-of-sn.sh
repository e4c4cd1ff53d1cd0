#!/usr/bin/env bash
# pandapower 3.5.6: what `tolerance_mva` of runpp is compared with.
#
# Guess: the largest power mismatch of a bus in MVA, as the name says.
# Seen: the mismatch in per unit of the network's own sn_mva. One feeder of 3 MW with tolerance_mva=1e-3 ends with a
# mismatch of 6e-12 MVA at sn_mva=1e-3, 9e-6 at 1, 0.39 MVA at 1000; at sn_mva=1e5 the flat start itself "converges", in
# no iteration, 3.16 MVA off: the whole load is missing. What to do: divide the tolerance by sn_mva, and check the balance.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pandapower==3.5.6
"$work/venv/bin/python" - <<'PY'
import cmath, math

import pandapower as pp


def mismatch_mva(sn_mva):
    net = pp.create_empty_network(sn_mva=sn_mva)
    source, end = pp.create_bus(net, 12.66), pp.create_bus(net, 12.66)
    pp.create_ext_grid(net, source)
    pp.create_line_from_parameters(net, source, end, 10, r_ohm_per_km=0.5, x_ohm_per_km=0.4, c_nf_per_km=0, max_i_ka=1)
    pp.create_load(net, end, 3.0, 1.0)
    pp.runpp(net, algorithm="nr", init="flat", tolerance_mva=1e-3, numba=False)
    assert net.converged
    v = cmath.rect(net.res_bus.vm_pu[end], math.radians(net.res_bus.va_degree[end]))
    current = (1.0 - v) / ((5.0 + 4.0j) / 12.66**2)  # closed form on one line, base 1 MVA
    return abs(v * current.conjugate() - (3.0 + 1.0j))


found = {sn: mismatch_mva(sn) for sn in (1e-3, 1.0, 1e3, 1e5)}
print(f"pandapower {pp.__version__}, tolerance_mva=1e-3:", {sn: f"{value:.2g} MVA" for sn, value in found.items()})
assert found[1e-3] < 1e-9 and found[1.0] < 1e-3
assert 0.3 < found[1e3] < 0.5, "the tolerance no longer grows with sn_mva"
assert abs(found[1e5] - abs(3.0 + 1.0j)) < 1e-9, "the flat start is no longer taken for an answer"
PY
