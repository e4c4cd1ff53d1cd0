"""What runs say of their equilibrium: in their tables, in the ledger's first line, and where nothing is proved."""

import shutil

import numpy as np
import pytest

from cosim.records.period import tables
from cosim.validation.equilibrium import equilibrium_claim
from cosim.world import run_world

LOOP = ("coupling.mode=iterated", "coupling.ev_price=nodal")


def figures(case):
    parts = []
    run_world(case, lambda part, judged: parts.append((tables(part)["periods"], judged)))
    return [{name: values[0] for name, values in found.items()} for found, _ in parts], [judged for _, judged in parts]


@pytest.mark.parametrize("mode", ["rolling", "day_ahead", "single_period"])
@pytest.mark.parametrize("method", ["auto", "admm"])
def test_every_period_of_a_coupled_day_is_certified(small_case, mode, method):
    found, judged = figures(small_case(*LOOP, f"dispatch.mode={mode}", f"coupling.method={method}"))
    assert [record.status for record in judged] == ["optimal"] * 6
    assert all(f["coupling_objection"] == "" for f in found)
    assert all(0.0 < f["coupling_bound_vph"] <= 5e-3 for f in found)
    assert all(f["coupling_gap_road"] >= 0.0 and f["coupling_gap_grid"] >= 0.0 for f in found)


def test_periods_at_a_binding_limit_are_certified_and_serve_everybody(small_case):
    case = small_case(*LOOP, "ev.share=0.6", "feeder.v_min_pu=0.985", "dispatch.mode=single_period")
    found, judged = figures(case)
    assert min(f["vmin_pu"] for f in found) == pytest.approx(0.985, abs=1e-9)
    for f, record in zip(found, judged, strict=True):
        assert record.status in {"optimal", "station_overloaded"}
        assert f["coupling_rounds"] <= 10
        if record.status == "optimal":
            assert f["coupling_bound_vph"] <= 5e-3
        else:
            assert f["coupling_objection"] == "station over its chargers"
        assert not f["elastic"]
        assert f["ev_curtailed_mw"] == 0.0


def test_real_curtailment_converges_and_is_told(small_case):
    found, judged = figures(small_case(*LOOP, "ev.share=0.95", "feeder.v_min_pu=0.995", "dispatch.mode=single_period"))
    worst = max(range(6), key=lambda k: found[k]["ev_curtailed_mw"])
    assert found[worst]["ev_curtailed_mw"] > 0.1
    assert "optimal_with_ev_curtailment" in judged[worst].flags
    assert all(f["coupling_converged"] for f in found)


def test_a_sequential_day_claims_nothing_and_says_why(small_case):
    found, _ = figures(small_case())
    assert {f["coupling_objection"] for f in found} == {"roads and grid are solved one after the other"}
    assert all("coupling_bound_vph" not in f for f in found)


def test_another_price_rule_claims_nothing_and_says_why(small_case):
    found, _ = figures(small_case("coupling.mode=iterated", "coupling.ev_price=tariff"))
    assert all("not the nodal price" in f["coupling_objection"] for f in found)
    assert all(np.isnan(f["coupling_bound_vph"]) for f in found)


def test_at_the_cap_the_best_round_is_the_result_flagged_and_with_its_distance(small_case):
    case = small_case(
        *LOOP, "coupling.method=iterate", "coupling.round_limit=1", "coupling.tolerance_mw=1e-12",
        "dispatch.mode=single_period",
    )  # fmt: skip
    found, judged = figures(case)
    assert [record.status for record in judged] == ["not_converged"] * 6
    assert all(f["coupling_rounds"] == 1 for f in found)
    assert max(f["coupling_bound_vph"] for f in found) > 0.1  # far off, and it says how far


def test_where_nothing_is_proved_random_starts_are_compared(small_case):
    case = small_case(*LOOP, "ev.charging_load=kernel", "coupling.random_starts=2", "dispatch.mode=single_period")
    found, judged = figures(case)
    assert [record.status for record in judged] == ["optimal"] * 6
    assert all(f["coupling_starts"] == 2 for f in found)
    assert all(f["coupling_spread_vph"] <= 1e-2 for f in found)
    alone, _ = figures(
        small_case(*LOOP, "ev.charging_load=kernel", "coupling.random_starts=0", "dispatch.mode=single_period")
    )
    assert all("coupling_starts" not in f for f in alone)
    for one, other in zip(found, alone, strict=True):  # comparing changes the effort, not the result
        assert one["cost"] == pytest.approx(other["cost"], rel=1e-7)


def test_the_line_of_the_ledger(finished, cosim, tmp_path):
    for name in ("iterated", "sequential"):  # verifying adds tables; the run is shared with other tests
        shutil.copytree(finished(name).folder, tmp_path / name)
    _, out, _ = cosim("verify", tmp_path / "iterated")
    assert "veh/h of the coupled equilibrium" in out.splitlines()[2]
    _, out, _ = cosim("verify", tmp_path / "sequential")
    assert "no uniqueness claim: roads and grid are solved one after the other" in out.splitlines()[2]


def test_the_sentence_names_periods_reasons_and_what_other_starts_found():
    bound = np.array([1e-4, np.nan, np.nan])
    sentence = equilibrium_claim(bound, ["", "a", "b"], 2e-3).sentence
    assert sentence == "no uniqueness claim: a; b (periods 2, 3); random starts that converged ended within 0.002 veh/h"
    assert equilibrium_claim(np.array([np.nan]), ["why"]).sentence == "no uniqueness claim: why"
