"""The equilibrium in a real, short SUMO run: what is measured, judged, written and shown."""

import fcntl
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

import cosim
from cosim.errors import InputError, UsageError
from cosim.quantities import COLUMNS
from cosim.reports.figures import FIGURES, MICROSIMULATION
from cosim.reports.frames import NothingToDraw
from cosim.results.store import load as open_run
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import solve
from cosim.validation.micro import MicroSeen, sue_claim, times_min
from cosim.validation.micro_vocabulary import VALIDATED
from cosim.workflows import micro_equilibrium, micro_tables
from cosim.workflows import validate as validate_module
from cosim.workflows.validate import ValidateOptions, validate

QUIET = ["periods=1", "traffic.demand_profile=[0.3]", "microsim.periods=[1]", "microsim.warmup_min=40"]


@pytest.fixture(scope="session")
def validated(tmp_path_factory):
    """Return the run folder of a quiet hour that was validated, simulated once in all."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "validated"
    with (base / "validated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "report.html").exists():
            validate("nguyen_micro", ValidateOptions(seeds=2), overrides=QUIET, out=folder)
    return open_run(folder)


def means(run, model="SUE"):
    table = run["validation_statistics"]
    return table[table["model"] == model].set_index("statistic")["mean"]


def test_a_quiet_hour_of_the_equilibrium_is_what_sumo_shows(validated):
    found = means(validated)
    assert found["geh_share"] == 1.0
    assert found[["teleported_share", "collisions", "emergency_stops"]].eq(0.0).all()
    assert found["ledger_kwh"] <= 1e-9
    assert found["time_mape"] < 0.10
    assert found["curve_mape"] < 0.03
    assert found["closure"] < 0.10
    assert found["unfinished_share"] < 0.02


def test_the_null_model_passes_geh_as_well_so_geh_tells_nothing_of_route_choice(validated):
    assert means(validated, "null")["geh_share"] == 1.0


def test_nobody_drives_faster_than_free_flow(validated):
    links = validated["validation_links"]
    busy = links[links["vehicles"] >= 50]
    assert (busy["time_sumo_min"] >= 0.97 * busy["free_flow_min"]).all()


def test_no_vehicle_is_lost(validated):
    runs = validated["validation_runs"]
    assert (runs["vehicles"] == runs["inserted"] + runs["never_inserted"]).all()
    assert (runs["inserted"] == runs["arrived"] + runs["running"]).all()
    assert runs[runs["model"] == "SUE"]["digest"].nunique() == 2, "another seed is another run"


def test_the_energy_of_the_stations_is_that_of_their_sessions(validated):
    stations = validated["validation_stations"]
    assert (stations["energy_sumo_mwh"] >= 0.0).all()
    own = stations[stations["model"] == "SUE"]
    assert own["energy_mwh"].to_numpy() == pytest.approx(own["arrivals_vph"].to_numpy() * 0.020)


def test_every_column_is_in_the_vocabulary(validated):
    known = {(column.table, column.name) for column in (*COLUMNS, *VALIDATED)}
    tables = [name for name in validated.tables if name.startswith("validation_")]
    assert {(table, column) for table in tables for column in validated[table].columns} <= known
    assert len(tables) == 5


def test_the_report_shows_the_verdict_and_the_scatter_plots(validated):
    page = (validated.folder / "report.html").read_text(encoding="utf-8")
    assert "Period 1: every limit that applies is kept" in page
    assert "figure-micro_links" in page
    assert "figure-micro_choice" in page


@pytest.mark.parametrize("name", [name for name, one in FIGURES.items() if one.PLACE[0] == MICROSIMULATION])
def test_figures_are_of_the_simulation_whichever_engine_it_was(validated, name):
    figure = FIGURES[name]
    try:
        drawn = figure.draw(validated)
    except NothingToDraw:
        assert name == "micro_ramp"
        drawn = ""
    assert "SUMO" not in f"{figure.TITLE} {figure.CAPTION} {drawn and drawn.as_dict()}"


def test_practical_capacities_are_compared_and_not_judged(validated):
    words = validated["validation_statistics"].set_index(["model", "statistic"])["verdict"]
    assert words["SUE", "closure"] == "passed"
    assert build_case(load("nguyen_ieee33")).microsim.capacity_basis == "practical"


@pytest.mark.parametrize(
    ("options", "scenario", "message"),
    [
        ({"periods": (12,)}, "nguyen_micro", r"no period 12; the scenario has 1 to 1"),
        ({}, "ieee33_grid_only", "'ieee33_grid_only' has no roads"),
        ({"length_scale": 0.01}, "nguyen_micro", "use a length_scale"),
        ({"step_s": -1.0}, "nguyen_micro", r"step_s.*-1 s must go into 60 s"),
        ({"step_s": 0.0}, "nguyen_micro", r"step_s.*0 s must go into 60 s"),
        ({"step_s": 10.0}, "nguyen_micro", r"step_s.*10 s must .* lie in 0.1..1 s"),
        ({"step_s": float("nan")}, "nguyen_micro", r"step_s.*nan s must go into 60 s"),
    ],
)
def test_what_cannot_be_validated_is_refused_before_the_scenario_is_run(
    options, scenario, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("cosim.workflows.validate.opened", None)
    overrides = QUIET if scenario == "nguyen_micro" else ["dispatch.mode=day_ahead"]
    with pytest.raises(InputError, match=message):
        validate(scenario, ValidateOptions(**options), overrides=overrides, out=tmp_path / "run")


def test_a_station_without_chargers_has_no_queue_to_simulate(tmp_path):
    changes = [*QUIET, "stations=[{name: '8', node: 8, free_flow_min: 30, capacity_vph: 60}, "
               "{name: '11', node: 11, free_flow_min: 30, capacity_vph: 60}, "
               "{name: '13', node: 13, free_flow_min: 30, capacity_vph: 60}]"]  # fmt: skip
    with pytest.raises(InputError, match=r"needs its servers.*give chargers"):
        validate("nguyen_micro", overrides=changes, out=tmp_path / "run")


def test_a_validation_leaves_no_table_of_an_earlier_one_beside_its_own(validated, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(validated.folder, folder)
    run = open_run(folder)
    run.add_table("validation_ramp", {"slice": [1]})
    monkeypatch.setattr(micro_tables, "tables", lambda _: {"validation_statistics": {"period": [1]}})
    validate_module._write(SimpleNamespace(result=run))
    assert [name for name in run.tables if name.startswith("validation_")] == ["validation_statistics"]
    assert "paths" in run.tables
    assert "figure-micro_ramp" not in (folder / "report.html").read_text(encoding="utf-8")


def test_tables_and_report_say_how_it_was_simulated(validated):
    told = validated["validation_statistics"].iloc[0]
    assert (told["variant"], told["length_scale"], told["step_s"]) == ("merge", 0.25, 1.0)
    assert (validated["validation_runs"]["warmup_min"] == 40.0).all()
    page = (validated.folder / "report.html").read_text(encoding="utf-8")
    assert "merge net, length scale 0.25, step 1 s" in page


def test_a_finished_run_takes_no_overrides(validated):
    with pytest.raises(UsageError, match="is a run, not a scenario; --set and --out are for scenarios"):
        validate(validated.folder, overrides=["seed=2"])


def test_route_choice_by_times_of_the_macroscopic_laws_ends_in_the_macroscopic_equilibrium(monkeypatch):
    case = build_case(load("nguyen_micro"))
    problem = cosim.build_case(cosim.load_scenario("nguyen_micro")).roads.problem
    problem = type(problem)(
        network=problem.network, paths=problem.paths, demand_vph=case.roads.demand_vph[7], theta_per_min=0.5
    )
    sue = solve(problem, tolerance=1e-12)
    stations = problem.network.station_positions.size

    def measured(_, claim):
        flow = claim.link_flow_vph
        none = np.zeros(stations)
        return MicroSeen(
            seed=1, link_flow_vph=flow, link_time_min=times_min(problem, flow), link_vehicles=flow,
            path_time_min=np.zeros(len(problem.path_set)), path_vehicles=np.zeros(len(problem.path_set)),
            station_growth_vph=none, station_wait_min=none, station_energy_kwh=none, station_ledger_error_kwh=none,
            vehicles=1, teleported=0, never_inserted=0, unfinished=0, collisions=0, emergency_stops=0,
        )  # fmt: skip

    monkeypatch.setattr(micro_equilibrium, "seen", measured)
    engine = SimpleNamespace(windows=lambda windows, jobs: windows)
    study = SimpleNamespace(engine=engine, window=lambda claim, period, seed, p_set_mw: claim, unused_factor=1.0)
    found = micro_equilibrium.find_equilibrium(
        study, problem, sue.path_flow_vph, period=8, seeds=(1,), jobs=1, tell=lambda _: None
    )
    assert found.rounds[0].to_sue > 0.03, "it begins at free flow, far from the answer"
    assert found.difference < 1e-3
    assert found.rounds[-1].closure < 1e-3
    assert sue_claim(problem, found.path_flow_vph).link_flow_vph == pytest.approx(sue.link_flow_vph, rel=5e-3, abs=1.0)
