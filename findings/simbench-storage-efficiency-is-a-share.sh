#!/usr/bin/env bash
# simbench 1.6.3 with pandapower 3.5.6: the batteries of a SimBench net.
#
# Guess: `efficiency_percent` of net.storage is what its name says, and `max_p_mw`, `min_p_mw` are the largest powers of
# charging and discharging, as for any controllable element of pandapower.
# Seen: in 1-LV-rural1--2-sw every battery has efficiency_percent 0.95, a share and not percent (taken literally, 99 % of
# the energy is lost), and max_p_mw 0, min_p_mw below 0: the battery may not charge by the load convention of pandapower's
# storages (p_mw > 0 charges), though its profile and size are those of a home battery. An optimisation that takes both columns
# at their word gets a battery that never stores anything, without an error.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check simbench==1.6.3 pandapower==3.5.6
"$work/venv/bin/python" - <<'PY'
import warnings

warnings.simplefilter("ignore")
import pandapower as pp
import simbench

net = simbench.get_simbench_net("1-LV-rural1--2-sw")
found = net.storage
print(f"pandapower {pp.__version__}, {len(found)} storages")
print(found[["p_mw", "max_e_mwh", "max_p_mw", "min_p_mw", "efficiency_percent"]].describe().loc[["count", "min", "max"]])
assert len(found) > 0
assert (found.efficiency_percent == 0.95).all(), "efficiency is in percent"
assert (found.max_p_mw == 0.0).all() and (found.min_p_mw < 0.0).all(), "batteries may charge"
assert (found.max_e_mwh > 0.0).all()
PY
