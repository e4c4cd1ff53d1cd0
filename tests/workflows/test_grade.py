"""Answers to the benchmark pack: stored ones hold, spoiled and malformed ones are refused for what is wrong.

What a spoiled answer does wrong is known beforehand; nothing here is compared with what `cosim.grade` said before.
"""

import csv
import json
import math
import shutil

import numpy as np
import pytest

from cosim.errors import InputError, StorageError, UsageError
from cosim.scenario.load import load
from cosim.workflows.benchmark_pack import case_names, folder, known_values, pack_case
from cosim.workflows.grade import grade
from cosim.workflows.solution_files import SHEETS, read_solution, write_solution, write_template

GAP = {"paid_to_consume", "three_megawatts_at_the_end"}
"""Cases whose relaxation is not exact: something is left to find."""


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path, table):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def change(answer, name, where, **new):
    """Change the rows of a table for which ``where`` holds; a callable takes the old number."""
    table = rows(answer / f"{name}.csv")
    touched = [row for row in table if where(row)]
    assert touched
    for row in touched:
        row |= {column: repr(value(float(row[column])) if callable(value) else value) for column, value in new.items()}
    write(answer / f"{name}.csv", table)


def claim(answer, **new):
    path = answer / "solution.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | new))


def of(kind, name, period):
    return lambda row: row[kind] == name and row["period"] == str(period)


@pytest.fixture
def answer(tmp_path):
    """Return ``answer(case)``: a copy of the best answer that is known."""

    def copied(case):
        shutil.copytree(folder() / case / "best", tmp_path / case)
        return tmp_path / case

    return copied


def failed(answer):
    return {check.name for check in grade(answer).failed}


def test_ten_cases_are_coupled_and_tell_what_they_are():
    assert len(case_names()) == 10
    assert set(known_values()) == set(case_names())
    for name in case_names():
        one = pack_case(name)
        assert one.description.endswith(".")
        case = one.case()
        assert case.roads is not None
        assert case.dispatch is not None
        assert case.whole_day


@pytest.mark.parametrize("case", case_names())
def test_the_best_known_answer_keeps_everything_and_costs_what_is_known(case):
    found = grade(folder() / case / "best")
    assert [(check.name, check.value, check.limit) for check in found.failed] == []
    assert found.exit_code == 0
    assert found.cost == pytest.approx(known_values()[case].best_known, rel=1e-9)
    assert found.gap_to_best_rel == pytest.approx(0.0, abs=1e-9)
    assert math.fsum(found.cost_terms.values()) == pytest.approx(found.cost, rel=1e-12)
    if case in GAP:
        assert 1e-4 < found.gap_to_bound_rel < 1e-2
    else:
        assert abs(found.gap_to_bound_rel) < 1e-9  # nothing is left to gain


@pytest.mark.parametrize("case", ["announced_tariff", "weak_feeder_nodal"])
def test_solved_again_a_case_gives_value_and_bound_and_its_run_is_an_answer(case, tmp_path):
    from cosim.workflows.run import run
    from cosim.workflows.verify import verify

    run(folder() / case, out=tmp_path / "run", report=False)
    bound = verify(tmp_path / "run").whole.lower_bound
    known = known_values()[case]
    assert bound == pytest.approx(known.lower_bound, rel=1e-6)
    found = grade(tmp_path / "run")
    assert found.valid
    assert found.cost == pytest.approx(known.best_known, rel=1e-6)

    handed = read_solution(tmp_path / "run")
    write_solution(tmp_path / "written", handed)
    again = read_solution(tmp_path / "written").solution
    for name in ("link_flow_vph", "charging_mw", "p_mw", "q_mvar"):
        np.testing.assert_allclose(getattr(again, name), getattr(handed.solution, name), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("case", ["announced_tariff", "two_stations_nodal", "congested_roads"])
def test_a_wrong_flow_is_no_equilibrium(answer, case):
    changed = answer(case)
    link = rows(changed / "links.csv")[0]["link"]
    change(changed, "links", of("link", link, 2), flow_vph=lambda flow: flow * 1.01 + 0.5)
    assert failed(changed) == {"equilibrium"}


def test_fewer_vehicles_at_the_station_are_no_equilibrium_even_if_the_load_follows(answer):
    changed = answer("announced_tariff")
    at = of("station", "S1", 5)
    change(changed, "stations", at, flow_vph=lambda flow: 0.9 * flow, p_mw=lambda load: 0.9 * load)
    assert {"equilibrium"} <= failed(changed)


def test_load_that_is_not_served_is_missed(answer):
    changed = answer("announced_tariff")
    change(changed, "stations", of("station", "S1", 5), p_mw=lambda load: 0.9 * load)
    assert "charging" in failed(changed)


@pytest.mark.parametrize("price", [lambda price: price + 20.0, lambda price: 0.5 * price])
def test_prices_that_no_dispatch_has_are_refused(answer, price):
    changed = answer("two_stations_nodal")
    change(changed, "stations", of("station", "S1", 3), price_per_mwh=price)
    assert "prices" in failed(changed)


def test_a_price_beside_a_binding_limit_is_free_within_its_range_only(answer):
    """At the limit of the weak feeder a range of prices is right for the grid, and one of them for the drivers."""
    changed = answer("weak_feeder_nodal")
    change(changed, "stations", of("station", "S1", 5), price_per_mwh=lambda price: 0.8 * price)
    assert "equilibrium" in failed(changed)


def test_an_overloaded_line(answer):
    """The battery takes 0.2 MW more behind the line that is full, and gives it back in the next period."""
    changed = answer("storage_arbitrage")
    period = min(
        range(1, 7),
        key=lambda k: float(
            next(row for row in rows(changed / "devices.csv") if of("device", "battery", k)(row))["p_mw"]
        ),
    )
    change(changed, "devices", of("device", "battery", period), p_mw=lambda p: p - 0.2)
    found = {check.name: check for check in grade(changed).failed}
    assert found["current"].where == "2"
    assert found["current"].period == period
    assert found["current"].value > 0.05


def test_a_voltage_beyond_its_limit(answer):
    changed = answer("roof_at_the_upper_limit")
    change(changed, "devices", of("device", "roof", 3), p_mw=lambda p: p + 0.3)
    found = {check.name: check for check in grade(changed).failed}
    assert (found["voltage"].where, found["voltage"].period) == ("6", 3)
    assert "setpoints" not in found  # the sun would have given it


def test_more_sun_than_there_is(answer):
    changed = answer("announced_tariff")
    change(changed, "devices", of("device", "roof", 1), p_mw=0.2)
    assert {"setpoints"} <= failed(changed)


def test_infeasible_storage_empty_too_early_or_at_the_end_of_the_day(answer):
    changed = answer("storage_arbitrage")
    change(changed, "devices", of("device", "battery", 1), p_mw=0.3)  # it holds 1.5 MWh above its least; 4 h take 1.26
    change(changed, "devices", of("device", "battery", 2), p_mw=0.3)
    assert {"energy_window", "day"} <= failed(changed)


def test_energy_that_appears_between_charging_and_discharging(answer):
    """Without losses of the battery the day would end as it began: the judge counts them."""
    changed = answer("storage_arbitrage")
    table = rows(changed / "devices.csv")
    battery = [row for row in table if row["device"] == "battery"]
    shift = sum(float(row["p_mw"]) for row in battery)
    battery[-1]["p_mw"] = repr(float(battery[-1]["p_mw"]) - shift)
    write(changed / "devices.csv", table)
    assert sum(float(row["p_mw"]) for row in battery) == pytest.approx(0.0)
    assert "day" in failed(changed)


def test_a_turbine_that_leaps(answer):
    changed = answer("six_hours_of_turbine_and_response")
    change(changed, "devices", of("device", "gt", 2), p_mw=0.0)
    change(changed, "devices", of("device", "gt", 3), p_mw=0.5)
    found = {check.name: check for check in grade(changed).failed}
    assert (found["day"].where, found["day"].period) == ("gt", 3)
    assert found["day"].value == pytest.approx(0.3)  # 0.5 MW in an hour that allows 0.2


def test_a_cut_that_is_never_made_up_for(answer):
    changed = answer("six_hours_of_turbine_and_response")
    change(changed, "devices", of("device", "dr7", 1), p_mw=lambda p: p - 0.01)
    found = {check.name: check for check in grade(changed).failed}
    assert found["day"].where == "dr7"
    assert found["day"].value == pytest.approx(0.01, rel=1e-6)


def test_a_claim_that_is_too_cheap_or_too_dear(answer):
    changed = answer("announced_tariff")
    best = known_values()["announced_tariff"].best_known
    for cost in (best - 1.0, best + 1.0, -best):
        claim(changed, cost=cost)
        assert failed(changed) == {"money"}


def test_what_is_cheaper_than_possible_is_refused(answer):
    """Whatever lowers the cost below the bound breaks something else, too: here, load that nobody serves."""
    changed = answer("announced_tariff")
    change(changed, "stations", lambda row: True, p_mw=0.0)
    assert failed(changed) == {"charging", "bound", "money"}


def test_an_import_that_the_power_flow_does_not_have(answer):
    changed = answer("announced_tariff")
    table = rows(changed / "devices.csv")
    table += [{"period": str(k), "device": "grid", "p_mw": "1.0", "q_mvar": "0"} for k in range(1, 7)]
    write(changed / "devices.csv", table)
    assert failed(changed) == {"import"}


def test_a_load_that_no_power_flow_can_serve(answer):
    changed = answer("announced_tariff")
    change(changed, "devices", of("device", "battery", 4), p_mw=-500.0)
    found = grade(changed)
    assert {"power_flow", "voltage", "setpoints", "money"} <= {check.name for check in found.failed}
    assert math.isnan(found.cost)
    assert found.exit_code == 6


def first(**new):
    """Return what changes the first row."""
    return lambda table: [{**table[0], **new}, *table[1:]]


def more(**new):
    """Return what adds a row like the first one."""
    return lambda table: [*table, {**table[0], **new}]


MALFORMED = {
    "a link twice": ("links", more(), "stands already in line 2"),
    "a link too little": ("links", lambda table: table[1:], "no value of link 'AC' in period 1"),
    "a link of another net": ("links", first(link="AX"), "the case has no link 'AX'"),
    "a period too many": ("links", more(period="7"), "7 is no period of the case"),
    "a flow that is none": ("links", first(flow_vph="nan"), "not a finite decimal"),
    "a negative flow": ("links", first(flow_vph="-1"), "-1 must be >= 0"),
    "an unknown column": ("devices", lambda table: [{**row, "p_kw": "1"} for row in table], "unknown column 'p_kw'"),
    "a device of nobody": ("devices", more(device="wheel"), "the case has no device 'wheel'"),
    "a device left out": ("devices", lambda table: [row for row in table if row["device"] != "roof"], "and 3 more"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_table_is_refused_by_name(answer, name):
    changed = answer("announced_tariff")
    table, spoil, said = MALFORMED[name]
    write(changed / f"{table}.csv", spoil(rows(changed / f"{table}.csv")))
    with pytest.raises(InputError, match=r".") as refused:
        grade(changed)
    assert said in str(refused.value)
    assert f"{table}.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is no JSON"),
        ("[]", "it holds no object"),
        ('{"format": 1, "case": "announced_tariff"}', "field 'cost': it is missing; add it"),
        ('{"format": 2, "case": "announced_tariff", "cost": 1}', "2 is not 1; upgrade cosim"),
        ('{"format": 1, "case": "announced_tarif", "cost": 1}', "did you mean 'announced_tariff'?"),
        ('{"format": 1, "case": "announced_tariff", "cost": NaN}', "field 'cost': 'NaN' is not a finite number"),
        ('{"format": 1, "case": "announced_tariff", "cost": true}', "'True' is not a finite number"),
        ('{"format": 1, "case": "announced_tariff", "cost": 1, "price": 2}', "unknown key 'price'"),
    ],
)
def test_a_malformed_claim_is_refused_by_name(answer, text, said):
    changed = answer("announced_tariff")
    (changed / "solution.json").write_text(text)
    with pytest.raises(InputError) as refused:
        grade(changed)
    assert said in str(refused.value)


def test_prices_are_needed_where_they_are_marginal_costs(answer):
    changed = answer("two_stations_nodal")
    table = [{key: row[key] for key in row if key != "price_per_mwh"} for row in rows(changed / "stations.csv")]
    write(changed / "stations.csv", table)
    with pytest.raises(InputError, match="no value of station 'S1' in period 1"):
        grade(changed)


def test_missing_files_and_what_is_no_answer(answer, tmp_path):
    changed = answer("announced_tariff")
    (changed / "links.csv").unlink()
    with pytest.raises(InputError, match=r"links.csv: the file cannot be read"):
        grade(changed)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"solution.json: the file cannot be read .*--write-template CASE"):
        grade(tmp_path / "empty")
    with pytest.raises(InputError, match="is no folder"):
        grade(tmp_path / "nowhere")


def test_foreign_incomplete_and_newer_runs_are_refused(finished, tmp_path):
    with pytest.raises(InputError, match="'ieee33_grid_only' is no case of the benchmark pack"):
        grade(finished("ieee33_grid_only").folder)
    copy = tmp_path / "run"
    shutil.copytree(finished("ieee33_grid_only").folder, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"schema": 999, "format": 999}))
    with pytest.raises(StorageError):
        grade(copy)


def test_a_run_that_is_not_whole_is_no_answer(tmp_path):
    from cosim.workflows.ledger import StrictStop
    from cosim.workflows.run import run

    scenario = folder() / "paid_to_consume"
    result = run(scenario, out=tmp_path / "run", report=False, strict=True)
    assert not result.complete
    assert StrictStop.exit_code == 6
    with pytest.raises(InputError, match=r"has 3 of 6 periods; an answer needs every period"):
        grade(tmp_path / "run")


def test_a_template_is_the_case_and_an_answer_to_fill_in(tmp_path):
    write_template("two_stations_nodal", tmp_path / "mine")
    assert load(tmp_path / "mine" / "two_stations_nodal").scenario.periods == 6
    for name, sheet in SHEETS.items():
        best = rows(folder() / "two_stations_nodal" / "best" / f"{name}.csv")
        blank = rows(tmp_path / "mine" / f"{name}.csv")
        assert [(row["period"], row[sheet.key]) for row in blank] == [(row["period"], row[sheet.key]) for row in best]
        assert list(blank[0]) == list(best[0])
    with pytest.raises(InputError, match="field 'cost': it is missing"):
        grade(tmp_path / "mine")
    for name in SHEETS:
        shutil.copy(folder() / "two_stations_nodal" / "best" / f"{name}.csv", tmp_path / "mine")
    claim(tmp_path / "mine", cost=known_values()["two_stations_nodal"].best_known)
    assert grade(tmp_path / "mine").valid
    with pytest.raises(UsageError, match="exists; choose another with --out"):
        write_template("two_stations_nodal", tmp_path / "mine")
