"""F12: SUMO teleports what is stuck and returns 0: shares of teleported, stuck and unfinished vehicles judge."""

from types import SimpleNamespace

import pytest

from cosim.microsim.port import RunQuality
from cosim.quantities.checks import CHECKS
from cosim.quantities.status import exit_code
from cosim.records.micro import MicroPeriod
from cosim.validation.gate import evaluate

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


def test_the_worst_seed_of_what_was_simulated_counts():
    sound, jammed = (
        RunQuality(
            loaded=1000, inserted=1000 - stuck, arrived=900, running=100 - stuck, never_inserted=stuck, teleports=moved,
            collisions=0, emergency_stops=0,
        )
        for stuck, moved in ((0, 0), (20, 5))
    )  # fmt: skip
    runs = tuple(SimpleNamespace(quality=one, late_vehicles=0, repeated="") for one in (sound, jammed))
    judged = evaluate(MicroPeriod(period=1, link_ids=(), length_scale=1.0, runs=runs).judged())
    assert judged.status == "validation_invalid"
    assert {check.name for check in judged.failed} == {"teleported_share", "not_inserted_share"}
    assert evaluate(MicroPeriod(period=1, link_ids=(), length_scale=1.0, runs=runs[:1]).judged()).status == "optimal"
