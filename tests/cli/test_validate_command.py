"""`cosim validate` tells its verdict with numbers and intervals, and refuses wrong periods as wrong usage."""

from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from cosim.cli.validating import _notes, _numbers, _period_table, _print_equilibrium, _print_ramp, _station_table
from cosim.errors import UsageError
from cosim.microsim.port import Nature
from cosim.validation.gate import GateLimits
from cosim.validation.metrics import estimate
from cosim.validation.micro_limits import MicroLimits
from cosim.validation.micro_verdict import judge
from cosim.validation.ramp import compare_ramp
from cosim.workflows.micro_equilibrium import EquilibriumRound, MicroEquilibrium
from cosim.workflows.micro_ramp import Ramp


def printed(thing):
    text = StringIO()
    screen = Console(width=160, file=text)
    if callable(thing):
        thing(screen)
    else:
        screen.print(thing)
    return text.getvalue()


@pytest.mark.parametrize(("text", "numbers"), [("8", (8,)), ("8, 18", (8, 18)), (None, None)])
def test_periods_are_numbers_with_commas(text, numbers):
    assert _numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "8;9", "a", "-1", "8,,9"])
def test_other_periods_are_wrong_usage(text):
    with pytest.raises(UsageError, match="such as 8,18"):
        _numbers(text)


def test_the_table_shows_value_interval_null_model_limit_and_verdict():
    found = {"closure": estimate([0.02, 0.03, 0.04]), "geh_share": estimate([1.0, 1.0, 1.0])}
    null = {"closure": estimate([0.12, 0.13, 0.14]), "geh_share": estimate([1.0, 1.0, 1.0])}
    findings = judge(found, null, limits=MicroLimits(), gates=GateLimits(), basis="matched")
    problem = SimpleNamespace(demand_vph=np.array([1000.0, 500.0]))
    period = SimpleNamespace(
        period=8, problem=problem, most_use=0.85, findings=findings, sue=SimpleNamespace(seen=(1, 2, 3)),
        null=SimpleNamespace(estimates=null),
    )  # fmt: skip
    study = SimpleNamespace(engine=SimpleNamespace(variant="merge"), settings=SimpleNamespace(length_scale=0.25))
    text = printed(_period_table(SimpleNamespace(study=study), period))
    assert "3 seeds, merge net at scale 0.25" in text
    assert "Period 8  1,500 veh/h, largest v/c 0.85, 3 seeds" in text
    closure = next(line for line in text.splitlines() if "would move" in line)
    assert [part in closure for part in ("3 %", "0.516 % to 5.48 %", "13 %", "≤ 10 %")] == [True] * 4
    assert closure.rstrip().endswith("passed")


def verdict_of(seeds, null_closure):
    """Return the notes on a period whose null model is as good as that."""
    found = {name: estimate([0.02] * seeds) for name in ("closure", "closure_skill")}
    null = {"closure": estimate([null_closure] * seeds)}
    findings = judge(found, null, limits=MicroLimits(), gates=GateLimits(), basis="matched")
    period = SimpleNamespace(
        period=8,
        findings=findings,
        jams=(),
        sue=SimpleNamespace(seen=range(seeds)),
        null=SimpleNamespace(estimates=null),
    )
    study = SimpleNamespace(
        engine=SimpleNamespace(variant="merge", nature=Nature()),
        case=SimpleNamespace(microsim=SimpleNamespace(thresholds=MicroLimits())),
    )
    return _notes(SimpleNamespace(periods=(period, period), study=study))


def test_why_skill_is_not_asked_for_is_told_with_its_numbers():
    *_, told = verdict_of(2, 0.0726)
    assert told.startswith("period 8: not telling: the null model's closure 7.26 % < 8 %, no congestion")
    assert not any("not telling" in note for note in verdict_of(2, 0.12))
    assert "has no closure" in verdict_of(2, float("nan"))[0]


def test_one_seed_is_told_once():
    assert [note.startswith("one seed: no interval") for note in verdict_of(1, 0.0726)].count(True) == 1
    assert not any("one seed" in note for note in verdict_of(2, 0.0726))


def test_every_column_of_the_station_table_has_a_heading_of_its_own(monkeypatch):
    values = dict.fromkeys(
        ("arrivals_vph", "arrivals_sumo_vph", "use", "wait_min", "wait_sumo_min", "wait_davidson_min",
         "wait_erlang_min", "energy_mwh", "energy_sumo_mwh"), 0.5,
    )  # fmt: skip
    row = {"model": "SUE", "station": "8", "beyond_laws": False} | values
    monkeypatch.setattr("cosim.workflows.micro_tables.station_rows", lambda *_: [row])
    headings = [next(iter(column.cells)) for column in _station_table(None, None).columns]
    assert len(set(headings)) == len(headings) == 11
    assert headings[1:3] == ["arrivals/h", "SUMO arrivals/h"]


def test_a_ramp_of_one_seed_says_that_it_needs_two():
    runs = np.ones((1, 8, 3))
    ramp = Ramp(
        factors=(0.5,) * 8, flow=compare_ramp(np.ones((8, 3)), runs), time=compare_ramp(np.ones((8, 3)), runs),
        queue=np.zeros((8, 0)), seeds=1,
    )  # fmt: skip
    assert "needs two seeds" in printed(lambda screen: _print_ramp(screen, ramp))


def test_the_micro_equilibrium_is_told_round_by_round():
    rounds = (
        EquilibriumRound(number=1, closure=0.2, to_sue=0.1),
        EquilibriumRound(number=2, closure=0.03, to_sue=0.02),
    )
    found = MicroEquilibrium(period=8, path_flow_vph=np.zeros(2), rounds=rounds, difference=0.021)
    text = printed(lambda screen: _print_equilibrium(screen, found))
    assert "20.0 %" in text
    assert "differ by 2.1 % of the demand" in text
