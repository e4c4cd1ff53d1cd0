#!/usr/bin/env bash
# pandapower 3.5.6: the tap of a three-winding transformer at its star point.
#
# Guess: tap_at_star_point moves the tap from the terminal to the star point; three steps of 1.5 % change the voltages by
# some 4.5 % either way, and tap_step_degree, which create_transformer3w_from_parameters leaves empty, means no angle.
# Seen: with tap_step_degree empty the tap at the star point is not there at all (0.9939 pu, as at tap 0), while the same
# tap counts at the terminal (0.9505) and, with tap_step_degree = 0, at the star point (0.9508). The run converges and
# pandapower logs nothing; only NumPy warns of an invalid division. What to do: fill tap_step_degree with 0.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pandapower==3.5.6
"$work/venv/bin/python" - <<'PY'
import logging
import warnings

warnings.simplefilter("ignore")
import pandapower as pp


class Heard(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def vm_pu(tap_pos, **tap):
    net = pp.create_empty_network()
    hv, mv, lv = (pp.create_bus(net, level) for level in (110.0, 20.0, 10.0))
    pp.create_ext_grid(net, hv)
    pp.create_load(net, mv, 5.0, 1.0)
    windings = {f"vk_{side}_percent": 10.0 for side in ("hv", "mv", "lv")}
    windings |= {f"vkr_{side}_percent": 0.3 for side in ("hv", "mv", "lv")}
    pp.create_transformer3w_from_parameters(
        net, hv, mv, lv, vn_hv_kv=110.0, vn_mv_kv=20.0, vn_lv_kv=10.0, sn_hv_mva=25.0, sn_mv_mva=20.0, sn_lv_mva=5.0,
        pfe_kw=20.0, i0_percent=0.1, tap_side="hv", tap_neutral=0, tap_min=-5, tap_max=5, tap_pos=tap_pos,
        tap_step_percent=1.5, tap_changer_type="Ratio", **windings, **tap)
    pp.runpp(net, numba=False)
    assert net.converged
    return net.res_bus.vm_pu[mv]


heard = Heard()
logging.getLogger().addHandler(heard)
neutral = vm_pu(0, tap_at_star_point=True, tap_step_degree=0.0)
terminal = vm_pu(3, tap_at_star_point=False)
empty = vm_pu(3, tap_at_star_point=True)
zero = vm_pu(3, tap_at_star_point=True, tap_step_degree=0.0)
told = [text for text in heard.texts if "tap" in text.lower()]
print(f"pandapower {pp.__version__}: mv voltage at tap 0 {neutral:.4f} pu, tap 3 at the terminal {terminal:.4f}, at the star "
      f"point {empty:.4f}, with tap_step_degree 0 {zero:.4f}; warnings {told}")
assert abs(empty - neutral) < 1e-6, "the tap counts without tap_step_degree"
assert zero < neutral - 0.03 and terminal < neutral - 0.03
assert not told
PY
