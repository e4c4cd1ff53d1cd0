#!/usr/bin/env bash
# OpenDSS (OpenDSSDirect.py 0.9.4, dss-python 0.15.7): a load of model=1, constant power, at low voltage.
#
# Guess: model=1 draws its kW whatever the voltage; a feeder asked for more than it can carry does not converge.
# Seen: below 0.95 pu (vminpu) the load turns into something softer, a little below constant impedance, and every solve
# converges. A feeder of 5 + j4 ohm at 12.66 kV can carry 6.125 MW (closed form): 2 MW are served as 1.866, 6 as 4.09,
# and 20 MW, three times the limit, "converge" at 0.546 pu with 6.09 MW. So OpenDSS shows no collapse, and energy goes
# missing from 0.95 pu on, where many studies begin. With vminpu=0.5 2 MW are 2 MW, and 8 MW do not converge.
# What to do: set vminpu (and vlowpu) of each load, and compare CktElement.Powers with the kW given.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  OpenDSSDirect.py==0.9.4 dss-python==0.15.7 dss_python_backend==0.14.5
cd "$work" && "$work/venv/bin/python" - <<'PY'
import math

import opendssdirect as dss

R, X, KV = 5.0, 4.0, 12.66
TAN = 1 / 3  # kvar per kW
LIMIT_MW = KV**2 / (2 * (R + X * TAN) + 2 * math.hypot(R, X) * math.hypot(1, TAN))  # where the two solutions meet


def solve(load_mw, extra=""):
    """Return whether the solve converged, the power drawn in MW and the voltage in per unit."""
    for command in (
        "clear",
        f"new circuit.feeder basekv={KV} pu=1 phases=3 bus1=a r1=0 x1=0.0001 r0=0 x0=0.0001",
        f"new line.l bus1=a bus2=b phases=3 r1={R / 10} x1={X / 10} r0={R / 10} x0={X / 10} c1=0 c0=0 length=10 units=km",
        f"new load.d bus1=b phases=3 kv={KV} kw={1000 * load_mw} kvar={1000 * load_mw * TAN} model=1 {extra}",
        f"set voltagebases=[{KV}]",
        "calcvoltagebases",
        "set tolerance=1e-9",
        "set maxiterations=200",
        "solve",
    ):
        dss.Text.Command(command)
    dss.Circuit.SetActiveElement("load.d")
    drawn = sum(dss.CktElement.Powers()[0:6:2]) / 1000
    dss.Circuit.SetActiveBus("b")
    return dss.Solution.Converged(), drawn, dss.Bus.puVmagAngle()[0]


print(dss.Basic.Version(), f"- the feeder carries at most {LIMIT_MW:.3f} MW")
found = {load: solve(load) for load in (1.0, 2.0, 6.0, 20.0)}
for load, (converged, drawn, v) in found.items():
    print(f"{load:g} MW: converged {converged}, drawn {drawn:.3f} MW at {v:.4f} pu (constant impedance: {load * (v / 0.95) ** 2:.3f})")
true_constant = solve(2.0, "vminpu=0.5"), solve(8.0, "vminpu=0.5")
print("vminpu=0.5: 2 MW and 8 MW:", true_constant)
assert 6.12 < LIMIT_MW < 6.13
assert all(converged for converged, _, _ in found.values()), "a load beyond the limit no longer converges"
assert abs(found[1.0][1] - 1.0) < 1e-6
assert abs(found[2.0][1] - 1.866) < 1e-3 and abs(found[6.0][1] - 4.094) < 1e-3 and abs(found[20.0][1] - 6.089) < 1e-3
assert all(drawn < load * (v / 0.95) ** 2 for load, (_, drawn, v) in found.items() if load > 1)
assert true_constant[0][0] and abs(true_constant[0][1] - 2.0) < 1e-6 and not true_constant[1][0]
PY
