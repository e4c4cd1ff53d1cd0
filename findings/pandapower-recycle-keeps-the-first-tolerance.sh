#!/usr/bin/env bash
# pandapower 3.5.6: what runpp(recycle=...) takes from a call, and what it keeps from the one before.
#
# Guess: recycle saves building matrices anew; each call still solves to the tolerance_mva, and from the start, that it
# is given. Seen: every later call with recycle keeps the options of the first. A first flow of the 33-bus feeder to 0.001
# MVA, then the same net with recycle to 1e-10 MVA from a flat start: no further iteration, the same voltages (0.913133 pu
# where 0.913090 is right), `net.converged` is True, and the tolerance kept with the net is still the first one. With 5 %
# more load the answer is as loose (0.909752, 0.909739). What to do: make the first call as strict as any later one needs
# to be, or do not recycle.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pandapower==3.5.6
"$work/venv/bin/python" - <<'PY'
import warnings

warnings.simplefilter("ignore")
import pandapower as pp
import pandapower.networks as networks

RECYCLE = {"bus_pq": True, "trafo": False, "gen": False}


def lowest(net, tolerance_mva, **more):
    pp.runpp(net, init="flat", tolerance_mva=tolerance_mva, numba=False, **more)
    assert net.converged
    return net.res_bus.vm_pu.min()


net, fresh = networks.case33bw(), networks.case33bw()
loose = lowest(net, 0.001, recycle=RECYCLE)
strict = lowest(net, 1e-10, recycle=RECYCLE)
iterations, kept = net._ppc["iterations"], net._options["tolerance_mva"]
right = lowest(fresh, 1e-10)
net.load["p_mw"] *= 1.05
fresh.load["p_mw"] *= 1.05
strict_again, right_again = lowest(net, 1e-10, recycle=RECYCLE), lowest(fresh, 1e-10)
print(f"pandapower {pp.__version__}: lowest voltage to 0.001 MVA {loose:.6f} pu; recycled to 1e-10 MVA {strict:.6f} "
      f"({iterations} iterations, tolerance {kept}); alone {right:.6f}; loads up 5 %: {strict_again:.6f}, alone {right_again:.6f}")
assert strict == loose and iterations == 0 and kept == 0.001, "the later tolerance counts"
assert abs(strict - right) > 1e-5 and abs(strict_again - right_again) > 1e-5
PY
