"""F12: SUMO teleports what is stuck and returns 0: shares of teleported, stuck and unfinished vehicles judge."""

import pytest

import cosim
from cosim.quantities.checks import CHECKS
from cosim.quantities.status import exit_code
from cosim.validation.gate import evaluate

CROWDED = """\
schema: 1
extends: nguyen_traffic_only
given: null
coupling: {ev_price: {kind: none}}
periods: 2
traffic: {demand_profile: [1.0, 0.9]}
ev: {fast_charge_share: 1.0}
microsim: {mode: continuous, engine: point_queue, coupling_s: 600}
"""
SOUND = {"vehicles_balance": 0, "teleported_share": 0.0, "not_inserted_share": 0.0, "unfinished_share": 0.0}


@pytest.mark.parametrize(
    ("name", "share"), [("teleported_share", 0.002), ("not_inserted_share", 0.02), ("unfinished_share", 0.06)]
)
def test_a_share_above_its_limit_makes_the_validation_invalid(name, share):
    assert evaluate(SOUND).status == "optimal"  # without the share nothing would tell
    judged = evaluate(SOUND | {name: share})
    assert judged.status == "validation_invalid"
    assert [check.name for check in judged.failed] == [name]
    assert exit_code([judged.status]) == 10
    assert evaluate(SOUND | {name: CHECKS[name].limit}).status == "optimal"


def test_a_vehicle_that_vanishes_is_a_failure():
    assert evaluate(SOUND | {"vehicles_balance": -1}).status == "failed"


def test_a_crowded_simulation_is_told(tmp_path):
    """Twenty chargers for some hundred vehicles: who does not arrive in time is counted, and the run says so."""
    path = tmp_path / "scenario.yaml"
    path.write_text(CROWDED)
    result = cosim.run(path, out=tmp_path / "run", report=False)
    assert result.exit_code == 10
    assert result["micro_quality"]["unfinished"].sum() > 0
    assert any("validation_invalid" in str(flags) for flags in result["periods"]["flags"])
