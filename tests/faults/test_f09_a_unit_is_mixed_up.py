"""F9: kW for MW, seconds for minutes, kV for pu: the power flow converges all the same; the reader asks."""

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.grid.engines.pandapower import AcFlow
from cosim.scenario.load import load

REFUSED = [
    ("feeder.slack_vm_pu=12.66", "slack_vm_pu"),
    ("stations.8.charger_kw=60000", "charger_kw"),
    ("ev.share=20", "share"),
]
WARNED = [
    ("devices.ess.capacity_mwh=1600", "capacity_mwh"),
    ("traffic.theta_per_min=6", "theta_per_min"),
    ("ev.battery_kwh=0.04", "battery_kwh"),
    ("feeder.load_profile=0.001", "load_profile"),
    ("tariff.base_per_mwh=0.55", "base_per_mwh"),
]


@pytest.mark.parametrize(("override", "key"), REFUSED)
def test_what_cannot_be_is_refused(override, key):
    with pytest.raises(InputError, match=key):
        load("nguyen_ieee33", [override])


@pytest.mark.parametrize(("override", "key"), WARNED)
def test_what_is_odd_is_asked_about(override, key):
    assert any(key in str(warning) for warning in load("nguyen_ieee33", [override]).warnings)


def test_unguarded_the_flow_converges_on_loads_in_gigawatt(small_case):
    feeder = small_case().dispatch.feeder
    state = AcFlow(feeder).solve(-1e-3 * feeder.p_mw, -1e-3 * feeder.q_mvar)
    assert state.converged
    assert np.isfinite(state.vm_pu).all()
