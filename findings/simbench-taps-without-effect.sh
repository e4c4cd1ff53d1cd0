#!/usr/bin/env bash
# simbench 1.6.3 with pandapower 3.5.6: the tap changers of a SimBench net.
#
# Guess: SimBench's HV/MV transformers come with on-load tap changers (tap_min -9, tap_max 9, 1.5 % a step, all filled
# in), so moving net.trafo.tap_pos moves the voltage.
# Seen: the nets leave tap_changer_type empty, a column that pandapower 3 asks for; the tap ratio is then 1 whatever
# tap_pos says. Of 1-MV-rural--0-sw the lowest voltage is 1.0030 pu at taps -9, 0 and 9, to the last digit, without a
# warning; with the type set the tap of 9 gives 0.8759. A tap controller or an optimisation over taps finds all taps
# alike. What to do: net.trafo["tap_changer_type"] = "Ratio" after loading, and try one step.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check simbench==1.6.3 pandapower==3.5.6
"$work/venv/bin/python" - <<'PY'
import logging
import warnings

warnings.simplefilter("ignore")
import pandapower as pp
import simbench


class Heard(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def lowest_vm_pu(net, tap_pos):
    net.trafo["tap_pos"] = tap_pos
    pp.runpp(net, numba=False)
    return net.res_bus.vm_pu.min()


net = simbench.get_simbench_net("1-MV-rural--0-sw")
heard = Heard()
logging.getLogger().addHandler(heard)
as_loaded = {tap: lowest_vm_pu(net, tap) for tap in (-9, 0, 9)}
told = [text for text in heard.texts if "tap" in text.lower()]
net.trafo["tap_changer_type"] = "Ratio"
typed = {tap: lowest_vm_pu(net, tap) for tap in (0, 9)}
print(f"pandapower {pp.__version__}: lowest vm_pu by tap as loaded {as_loaded}, warnings {told}; with a type {typed}")
print(net.trafo[["tap_side", "tap_neutral", "tap_min", "tap_max", "tap_step_percent"]])
assert (net.trafo.tap_step_percent == 1.5).all() and (net.trafo.tap_max == 9).all()
assert as_loaded[-9] == as_loaded[0] == as_loaded[9], "taps work as loaded"
assert not told
assert abs(typed[0] - as_loaded[0]) < 1e-9 and typed[9] < as_loaded[9] - 0.1
PY
