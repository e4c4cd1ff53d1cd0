"""The gate: one wrong figure is enough, whatever it is, and NaN is never good."""

from dataclasses import fields
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.quantities.checks import CHECKS
from cosim.validation.gate import EXIT_CODES, GateLimits, evaluate, exit_code

NAN = float("nan")
GOOD = {
    "solver_status": "optimal",
    "primal_residual": 1e-9,
    "duality_gap_rel": 1e-9,
    "cone_gap_rel": 1e-6,
    "dual_residual": 1e-9,
    "restoration_gap_rel": 0.0,
    "storage_gap_rel": 0.0,
    "ac_converged": True,
    "ac_mismatch_mva": 1e-9,
    "injection_error_mw": 1e-13,
    "dv_pu": 1e-9,
    "dloss_rel": 1e-8,
    "ac_voltage_violation_pu": 0.0,
    "ac_current_violation_rel": 0.0,
    "energy_balance_mw": -1e-9,
    "storage_recursion_mwh": 1e-12,
    "storage_overlap_mw": 1e-9,
    "sue_residual": 1e-9,
    "sue_status": "converged",
    "coupling_residual_mw": 1e-8,
    "coupling_converged": True,
    "station_price_rel": 1e-9,
    "coupling_spread_rel": 1e-6,
    "ev_curtailed_mw": 0.0,
    "shed_mw": 0.0,
    "requirement_missed": 0.0,
    "station_excess_mw": 0.0,
    "station_beyond_mw": 0.0,
    "voltage_slack_pu2": 0.0,
    "device_excess_mw": 1e-10,
    "device_cost_rel": 0.0,
    "device_balance_mw": 1e-15,
    "values_missing": 0.0,
    "vehicles_balance": 0.0,
    "teleported_share": 0.0,
    "not_inserted_share": 0.0,
    "unfinished_share": 0.01,
}
NUMBERS = [name for name, value in GOOD.items() if isinstance(value, float)]

# What just passes, what just fails, and the status that follows: the acceptance table, written out again.
TABLE = [
    ("primal_residual", 1e-6, 1.01e-6, "not_converged"),
    ("duality_gap_rel", 1e-6, 1.01e-6, "not_converged"),
    ("dual_residual", 1e-6, 1.01e-6, "not_converged"),
    ("cone_gap_rel", 1e-4, 1.01e-4, "relaxation_inexact"),
    ("restoration_gap_rel", 1e-6, 1.01e-6, "inexact_restored"),
    ("storage_gap_rel", 1e-6, 1.01e-6, "inexact_restored"),
    ("ac_mismatch_mva", 1e-6, 1.01e-6, "not_converged"),
    ("injection_error_mw", 1e-9, 1.01e-9, "failed"),
    ("dv_pu", 1e-3, 1.01e-3, "relaxation_inexact"),
    ("dloss_rel", 0.01, 0.0101, "relaxation_inexact"),
    ("ac_voltage_violation_pu", 1e-4, 1.1e-4, "ac_violation"),
    ("ac_current_violation_rel", 1e-3, 1.01e-3, "ac_violation"),
    ("energy_balance_mw", 1e-6, 1.01e-6, "not_converged"),
    ("energy_balance_mw", -1e-6, -1.01e-6, "not_converged"),
    ("storage_recursion_mwh", 1e-6, 1.01e-6, "not_converged"),
    ("storage_overlap_mw", 1e-6, 1.01e-6, "relaxation_inexact"),
    ("sue_residual", 1e-8, 1.01e-8, "not_converged"),
    ("coupling_residual_mw", 1e-6, 1.01e-6, "not_converged"),
    ("station_price_rel", 1e-5, 1.01e-5, "not_converged"),
    ("coupling_spread_rel", 1e-3, 1.01e-3, "equilibrium_not_unique"),
    ("ev_curtailed_mw", 1e-6, 1.01e-6, "optimal_with_ev_curtailment"),
    ("shed_mw", 1e-6, 1.01e-6, "optimal_with_shed"),
    ("requirement_missed", 1e-6, 1.01e-6, "requirement_relaxed"),
    ("station_excess_mw", 1e-6, 1.01e-6, "station_overloaded"),
    ("station_beyond_mw", 1e-9, 1.01e-9, "failed"),
    ("voltage_slack_pu2", 1e-6, 1.01e-6, "voltage_relaxed"),
    ("device_excess_mw", 1e-5, 1.01e-5, "failed"),
    ("device_cost_rel", 1e-6, 1.01e-6, "failed"),
    ("device_balance_mw", 1e-8, 1.01e-8, "failed"),
    ("values_missing", 0.0, 1.0, "failed"),
    ("vehicles_balance", 0.0, 1.0, "failed"),
    ("vehicles_balance", 0.0, -1.0, "failed"),
    ("teleported_share", 0.001, 0.00101, "validation_invalid"),
    ("not_inserted_share", 0.01, 0.0101, "validation_invalid"),
    ("unfinished_share", 0.05, 0.0501, "validation_invalid"),
]
WORDS = [
    ("solver_status", "infeasible", "failed"),
    ("solver_status", "solver_error", "failed"),
    ("solver_status", "user_limit", "not_converged"),
    ("solver_status", "not_converged", "not_converged"),
    ("solver_status", "", "failed"),
    ("ac_converged", False, "not_converged"),
    ("sue_status", "limit", "not_converged"),
    ("sue_status", "stalled", "not_converged"),
    ("coupling_converged", False, "not_converged"),
]


def test_a_good_period_is_optimal_and_every_figure_was_checked():
    record = evaluate(GOOD)
    assert record.status == "optimal"
    assert record.flags == ()
    assert record.failed == ()
    assert [check.name for check in record.checks] == list(CHECKS)


@pytest.mark.parametrize(("name", "passes", "fails", "status"), TABLE)
def test_each_limit_is_the_one_of_the_table(name, passes, fails, status):
    assert evaluate(dict(GOOD, **{name: passes})).status == "optimal"
    record = evaluate(dict(GOOD, **{name: fails}))
    assert record.status == status
    assert record.flags == (status,)
    assert len(record.failed) == 1


@pytest.mark.parametrize(("name", "word", "status"), WORDS)
def test_a_wrong_word_fails(name, word, status):
    record = evaluate(dict(GOOD, **{name: word}))
    assert record.flags == (status,)
    assert [check.name for check in record.failed] == [name]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
def test_a_figure_that_is_not_finite_never_passes_nor_counts_as_answered(name, value):
    record = evaluate(dict(GOOD, **{name: value}))
    assert len(record.failed) >= 1
    assert exit_code(record.flags) == 6


@pytest.mark.parametrize("name", NUMBERS)
def test_limits_cannot_be_widened_until_nan_passes(name):
    wide = GateLimits(**{item.name: 1e300 for item in fields(GateLimits)})
    assert evaluate({name: NAN}, wide).status != "optimal"


@pytest.mark.parametrize("name", list(CHECKS))
def test_a_part_that_the_scenario_lacks_is_not_checked(name):
    record = evaluate(dict(GOOD, **{name: None}))
    assert record.status == "optimal"
    assert len(record.checks) == len(evaluate(GOOD).checks) - 1


@pytest.mark.parametrize("figures", [{}, {"restoration": "ccp"}])
def test_a_period_without_any_figure_is_refused(figures):
    with pytest.raises(InputError, match="no figure"):
        evaluate(figures)


@pytest.mark.parametrize("pair", list(combinations(TABLE, 2)))
def test_the_worst_flag_is_the_status_and_all_are_kept(pair):
    (a, _, bad_a, status_a), (b, _, bad_b, status_b) = pair
    record = evaluate(dict(GOOD, **{a: bad_a, b: bad_b}))
    expected = {status_a, status_b} if a != b else {status_b}
    assert set(record.flags) == expected
    assert record.status == min(expected, key=list(EXIT_CODES).index)


def test_precedence_of_statuses():
    assert list(EXIT_CODES) == [
        "failed", "not_converged", "relaxation_inexact", "ac_violation", "voltage_relaxed", "optimal_with_shed",
        "optimal_with_ev_curtailment", "requirement_relaxed", "inexact_restored", "station_overloaded",
        "equilibrium_not_unique", "validation_invalid", "optimal",
    ]  # fmt: skip


INACCURATE = dict(GOOD, solver_status="optimal_inaccurate")


def test_an_inaccurate_answer_is_accepted_on_its_own_figures():
    assert evaluate(INACCURATE).status == "optimal"


@pytest.mark.parametrize("name", ["primal_residual", "duality_gap_rel", "cone_gap_rel"])
def test_an_inaccurate_answer_with_a_bad_or_missing_figure_is_not(name):
    record = evaluate(dict(INACCURATE, **{name: 1.0}))
    assert {check.name for check in record.failed} >= {"solver_status"}
    assert record.status == "not_converged"
    assert evaluate(dict(INACCURATE, **{name: None})).status == "not_converged"


NO_AC_STATE = {
    "ac_converged": False, "ac_mismatch_mva": NAN, "injection_error_mw": NAN, "dv_pu": NAN, "dloss_rel": NAN,
    "ac_voltage_violation_pu": NAN, "ac_current_violation_rel": NAN,
}  # fmt: skip
INEXACT = {"cone_gap_rel": 0.5, "dv_pu": 0.05, "dloss_rel": 0.5}


def test_a_flow_without_state_has_not_converged():
    assert evaluate(dict(GOOD, **NO_AC_STATE)).flags == ("not_converged",)


def test_an_inexact_relaxation_without_ac_state_is_called_inexact():
    record = evaluate(dict(GOOD, **(INEXACT | NO_AC_STATE)))
    assert record.flags == ("relaxation_inexact",)


def test_an_inexact_relaxation_with_broken_limits_keeps_both_flags():
    record = evaluate(dict(GOOD, **INEXACT, ac_voltage_violation_pu=0.05))
    assert record.flags == ("relaxation_inexact", "ac_violation")


@pytest.mark.parametrize("method", ["loss_floor", "ccp", "ac"])
def test_a_repaired_relaxation_whose_ac_state_holds_is_restored(method):
    unknown = {"restoration": method, "restoration_gap_rel": None}
    record = evaluate(dict(GOOD, **(INEXACT | unknown)))
    assert record.flags == ("inexact_restored",)
    assert evaluate(dict(GOOD, **unknown)).flags == ("inexact_restored",)
    assert exit_code(record.flags) == 10


@pytest.mark.parametrize("method", ["loss_floor", "ccp", "ac"])
def test_a_repair_that_costs_nothing_is_an_optimum(method):
    """A physical plan at the cost of the relaxation's bound is an optimum of both: there is nothing to warn of."""
    free = dict(GOOD, **INEXACT, restoration=method)
    assert evaluate(free).flags == ()
    dear = free | {"restoration_gap_rel": 1e-3}
    assert evaluate(dear).flags == ("inexact_restored",)
    assert evaluate(dear | {"restoration_gap_rel": NAN}).flags != ()
    assert evaluate(dear | {"ac_voltage_violation_pu": 0.05}).flags == ("ac_violation",)


def test_a_repair_that_breaks_a_limit_is_a_violation():
    record = evaluate(dict(GOOD, **INEXACT, restoration="ac", ac_voltage_violation_pu=0.05))
    assert record.flags == ("ac_violation",)


@pytest.mark.parametrize("ac", [NO_AC_STATE, {"ac_converged": None}])
def test_a_repair_that_no_ac_flow_confirms_stays_inexact(ac):
    record = evaluate(dict(GOOD, **(INEXACT | ac), restoration="ccp"))
    assert record.status == "relaxation_inexact"
    assert "inexact_restored" not in record.flags


def test_a_repair_that_was_not_verified_is_inexact_even_if_all_figures_are_good():
    assert evaluate(dict(GOOD, restoration="ccp", ac_converged=None)).flags == ("relaxation_inexact",)


def test_a_figure_of_an_unconverged_flow_that_is_a_number_is_judged_as_such():
    record = evaluate(dict(GOOD, ac_converged=False, injection_error_mw=1.0))
    assert record.flags == ("failed", "not_converged")


def test_a_repair_does_not_hide_other_mistakes():
    record = evaluate(dict(GOOD, restoration="ac", restoration_gap_rel=0.1, injection_error_mw=1.0, shed_mw=0.5))
    assert record.flags == ("failed", "optimal_with_shed", "inexact_restored")


def test_voltage_relaxed_on_purpose_is_no_ac_violation_up_to_the_slack():
    """At U 0.94 under a limit of 0.95 the slack on U^2 is 0.95^2 - 0.94^2 = 0.0189."""
    slack = 0.95**2 - 0.94**2
    record = evaluate(dict(GOOD, ac_voltage_violation_pu=0.01, voltage_slack_pu2=slack))
    assert record.flags == ("voltage_relaxed",)
    beyond = evaluate(dict(GOOD, ac_voltage_violation_pu=0.03, voltage_slack_pu2=slack))
    assert beyond.flags == ("ac_violation", "voltage_relaxed")
    unknown = evaluate(dict(GOOD, ac_voltage_violation_pu=0.03, voltage_slack_pu2=NAN))
    assert unknown.status == "failed"


@given(st.lists(st.sampled_from(list(EXIT_CODES)), min_size=1, max_size=30))
def test_exit_code_ranks_6_over_5_over_10_over_0(statuses):
    codes = [EXIT_CODES[status] for status in statuses]
    assert exit_code(statuses) == max(codes, key=[0, 10, 5, 6].index)


def test_no_period_is_no_success():
    assert exit_code([]) == 6


def test_an_unknown_status_is_refused():
    with pytest.raises(InputError, match="unknown period status great"):
        exit_code(["optimal", "great"])


@pytest.mark.parametrize("value", [-1e-9, NAN, float("inf")])
@pytest.mark.parametrize("name", [item.name for item in fields(GateLimits)])
def test_limits_must_be_finite_and_not_negative(name, value):
    with pytest.raises(InputError, match=f"gates.{name}"):
        GateLimits(**{name: value})


SIZED = sorted(row.name for row in CHECKS.values() if row.sized)


def test_every_limit_of_power_or_energy_grows_with_the_feeder():
    units = {row.name: row.unit for row in CHECKS.values() if row.part not in {"coupling", "roads"}}
    assert {name for name, unit in units.items() if unit in {"MW", "MWh", "MVA"}} <= set(SIZED)


@pytest.mark.parametrize("name", SIZED)
@given(own_mw=st.floats(1e-6, 1e5))
def test_a_limit_of_power_is_in_proportion_to_the_feeder_s_own(name, own_mw):
    """The table has the limits of a feeder of 10 MVA."""
    limit = next(good for row, good, _, _ in TABLE if row == name) * own_mw / 10.0
    assert evaluate({name: 0.999 * limit, "own_power_mw": own_mw}).status == "optimal"
    assert evaluate({name: 1.001 * limit, "own_power_mw": own_mw}).status != "optimal"


def test_a_scenario_can_tighten_a_limit():
    assert evaluate(GOOD, GateLimits(dv_pu=1e-10)).status == "relaxation_inexact"
