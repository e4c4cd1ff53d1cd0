"""`cosim verify`: from a run folder's tables alone, with an exit code by the worst period."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from cosim.errors import InputError, UsageError
from cosim.grid.engines.pandapower import AcFlow
from cosim.quantities import COLUMNS
from cosim.results.store import RunResult
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.validation.vocabulary import VERIFIED
from cosim.workflows.run import run
from cosim.workflows.verify import verify

WRITTEN = {"ledger", "ledger_run", "ac_prices", "audit", "stress"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def stress_run(folder):
    return verify("ieee33_pv_stress", out=folder / "stress", stress_draws=12, seed=7)


@pytest.fixture(scope="module")
def day(folder):
    return verify("ieee33_grid_only", out=folder / "day")


@pytest.fixture
def copy(day, tmp_path):
    shutil.copytree(day.result.folder, tmp_path / "run")
    return RunResult(tmp_path / "run")


def test_photovoltaics_at_the_end_of_the_feeder_are_repaired_and_told(stress_run):
    """The repaired answer of the inexact cases: 2.086 MW of photovoltaics, 1.868 MW of import, 1.05 pu."""
    exact, three, five = stress_run.ledger.entries
    assert (exact.status, exact.restoration) == ("optimal", "")
    for entry in (three, five):
        assert entry.status == "inexact_restored"
        assert entry.exactness == "not tight"
        assert entry.restoration == "ccp"
        assert entry.relaxed_gap_pu2 > 0.1
        assert entry.violations == 0
        assert entry.ac_slack_mw == pytest.approx(1.868, rel=1e-3)
        assert entry.gap_rel > 0.1
    devices = stress_run.result["devices"]
    power = devices[devices["device"] == "pv"].set_index("period")["p_mw"]
    assert power[2] == pytest.approx(2.086, rel=1e-3)
    assert stress_run.exit_code == 10


def test_where_the_bound_says_nothing_the_gap_to_a_local_optimum_stands_beside_it(stress_run):
    """One number decides each hour, the sun that is taken: the most with its AC voltage at the limit, by bisection."""
    whole = stress_run.whole
    assert whole.gap_rel > 0.2
    dispatch = build_case(load("ieee33_pv_stress")).dispatch
    flow, at = AcFlow(dispatch.feeder), dispatch.feeder.bus_position("18")

    def state(pv_mw):
        p_mw = -dispatch.base_p_mw[:, 1].copy()
        p_mw[at] += pv_mw
        return flow.solve(p_mw, -dispatch.base_q_mvar[:, 1])

    low, high = 2.0, 3.0
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if state(middle).vm_pu.max() <= 1.05 else (low, middle)
    least = 300.0 * (state(2.0).slack_mw + 2.0 * state(low).slack_mw)
    assert whole.local_optimum == pytest.approx(least, rel=1e-8)
    assert abs(whole.local_gap_rel) < 1e-8
    assert "no bound" in whole.local_optimum_said


def test_an_exact_run_is_compared_with_its_bound_alone(day):
    assert day.whole.local_optimum_said == ""
    assert np.isnan(day.whole.local_optimum)


def test_a_negative_price_is_flagged_where_losses_cost_nothing(folder):
    found = verify("ieee33_negative_price", out=folder / "negative")
    assert found.exit_code == 10
    last = found.ledger.entries[-1]
    assert last.restoration == "loss_floor"
    assert last.relaxed_gap_pu2 > 1.0
    assert last.dloss_kw < 1e-3
    assert all(item.closes for item in found.audit)


def test_an_exact_day_reaches_its_hindsight_bound(day):
    assert day.exit_code == 0
    assert day.whole.bound_kind == "hindsight"
    assert abs(day.whole.gap_rel) < 1e-6
    assert day.whole.exactness in {"proved", "tight"}
    assert max(entry.stored_dv_pu for entry in day.ledger.entries) == 0.0
    assert max(entry.dv_pu for entry in day.ledger.entries) < 1e-8
    assert all(item.closes for item in day.audit)


def test_a_day_ahead_run_has_one_bound(folder):
    found = verify("ieee33_grid_only", out=folder / "ahead", overrides=["dispatch.mode=day_ahead"])
    assert found.whole.bound_kind == "day-ahead"
    assert len({entry.lower_bound for entry in found.ledger.entries}) == 1
    assert abs(found.whole.gap_rel) < 1e-6
    assert found.exit_code == 0


@pytest.mark.parametrize("setting", ["dispatch.forecast=persistence", "dispatch.lookahead_periods=4"])
def test_who_knows_less_pays_no_less_than_the_hindsight_bound(folder, setting):
    found = verify("ieee33_grid_only", out=folder / setting.rpartition(".")[2], overrides=[setting])
    assert found.whole.bound_kind == "hindsight"
    assert found.whole.gap_rel > 1e-6
    assert all(item.closes for item in found.audit)


def test_every_written_column_has_unit_and_meaning(stress_run):
    known = {(column.table, column.name) for column in (*VERIFIED, *COLUMNS)}
    for name in WRITTEN:
        for column in stress_run.result[name].columns:
            assert (name, column) in known or column.startswith("ac_cost_"), (name, column)


def test_the_stress_test_is_reproducible_and_counts(stress_run):
    again = verify(stress_run.result.folder, stress_draws=12, seed=7).stress
    assert again == stress_run.stress
    other = verify(stress_run.result.folder, stress_draws=12, seed=8).stress
    assert other.draws != again.draws
    inside = [draw.inside for draw in again.draws]
    assert again.share_inside == sum(inside) / 12
    at_limit = [draw for draw in again.draws if draw.period > 1 and draw.slack_vm_pu > 1.005]
    assert at_limit
    assert not any(draw.inside and draw.load_factor < 1.0 for draw in at_limit)


def parquet_changed(result, name, column, change):
    frame = result[name]
    frame[column] = change(frame[column].to_numpy().copy())
    result.add_table(name, {str(key): frame[key].tolist() for key in frame.columns})


@pytest.mark.parametrize(
    ("table", "column", "item"),
    [
        ("buses", "p_load_mw", "buses to dispatch"),
        ("devices", "p_mw", "devices to buses"),
        ("devices", "energy_mwh", "storage ess"),
        ("periods", "import_mw", "dispatch to AC flow"),
        ("periods", "cost_energy", "energy from upstream"),
        ("periods", "cost", "cost"),
    ],
)
def test_the_audit_names_where_a_changed_number_breaks_the_chain(copy, table, column, item):
    kinds = copy["devices"]["kind"].tolist()

    def change(values):
        at = kinds.index("storage" if column == "energy_mwh" else "gas_turbine") if table == "devices" else 3
        values[at] -= 0.05
        return values

    parquet_changed(copy, table, column, change)
    found = verify(copy.folder)
    assert item in {one.item for one in found.audit if not one.closes}
    assert found.exit_code == 6
    assert not found.whole.audit_closes


def test_verifying_changes_no_table_of_the_run(copy):
    before = {path: path.read_bytes() for path in sorted((copy.folder / "periods").rglob("*.parquet"))}
    tables = {name: copy[name].to_json() for name in copy.tables if name not in WRITTEN}
    verify(copy.folder)
    assert {path: path.read_bytes() for path in before} == before
    assert {name: copy[name].to_json() for name in tables} == tables


def test_what_cannot_be_verified_is_refused(copy, folder, tmp_path):
    with pytest.raises(UsageError, match="--set and --out are for scenarios"):
        verify(copy.folder, overrides=["seed=2"])
    roads = run("nguyen_traffic_only", out=tmp_path / "roads", report=False)
    with pytest.raises(InputError, match=r"^run '.*roads' \(nguyen_traffic_only\) has no grid"):
        verify(roads.folder)


def test_an_export_that_is_gone_is_made_again_of_the_periods(copy, day):
    (copy.folder / "tables" / "buses.parquet").unlink()
    found = verify(copy.folder)
    assert "buses.parquet' is missing" in found.result.notices[0]
    assert [entry.ac_cost for entry in found.ledger.entries] == [one.ac_cost for one in day.ledger.entries]


def test_a_scenario_without_a_grid_is_refused_before_it_is_run(tmp_path):
    with pytest.raises(InputError, match=r"^scenario 'nguyen_traffic_only' has no grid"):
        verify("nguyen_traffic_only", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_prints_the_ledger_and_ends_with_its_code(stress_run):
    done = subprocess.run(
        [sys.executable, "-m", "cosim", "verify", str(stress_run.result.folder), "--stress", "3"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 10, done.stderr
    for words in (
        "Trust ledger",
        "repaired by ccp",
        "lower bound",
        "local optimum",
        "no bound",
        "Audit",
        "AC-robust",
        "inexact_restored",
    ):
        assert words in done.stdout


def test_the_congestion_component_is_the_price_of_the_voltage_limit(stress_run):
    """At the limit, more load at bus 18 lets more photovoltaics in: its price is far below the AC price."""
    prices = stress_run.result["ac_prices"]
    at = prices[(prices["bus"] == "18")].set_index("period")
    assert abs(at.loc[1, "congestion_per_mwh"]) < 1e-2
    assert at.loc[2, "price_per_mwh"] == pytest.approx(0.0, abs=1.0)
    assert at.loc[2, "congestion_per_mwh"] < -100.0
    assert np.isfinite(prices["ac_price_per_mwh"]).all()
