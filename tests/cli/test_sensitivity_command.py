"""`cosim sensitivity`: what comes first, what is written, and the exit codes."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from cosim.validation.vocabulary import STUDIED

COLUMNS = [column.name for column in STUDIED]
QUICK = ("nguyen_traffic_only", "--only", "traffic.*", "--only", "ev.*", "--progress", "off")


def test_the_assumed_numbers_that_matter_come_first(cosim):
    code, out, _ = cosim("sensitivity", *QUICK)
    lines = out.strip().splitlines()
    assert code == 0
    assert lines[0] == "Sensitivity of nguyen_traffic_only  periods 1 to 24"
    assert lines[2].startswith("Assumed numbers that matter most")
    assert lines[3].split()[0] == "ev.battery_kwh"
    table = {line.split()[0]: line for line in lines if line.startswith(("traffic.", "ev."))}
    assert "assumed" in table["traffic.theta_per_min"]
    assert table["ev.share"].split()[-1] == "all"
    assert lines[-1] == "exit 0: every number was found"


def test_a_number_is_chosen_by_its_key_without_the_words_behind_it(cosim):
    code, out, _ = cosim("sensitivity", QUICK[0], "--only", "traffic.demand", "--progress", "off", "--json")
    assert (code, json.loads(out)["order"]) == (0, ["traffic.demand (all trips)"])


def test_json_is_one_document_with_null_for_what_is_not_finite(cosim):
    code, out, _ = cosim("sensitivity", *QUICK, "--json")
    found = json.loads(out)
    assert code == 0
    assert list(found["rows"][0]) == COLUMNS
    assert found["order"][0] == found["rows"][0]["parameter"]
    demand = next(row for row in found["rows"] if (row["parameter"], row["answer"]) == ("ev.share", "charging_energy"))
    assert demand["elasticity"] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_all_rows_are_written_by_the_ending_of_the_name(cosim, tmp_path, kind):
    path = tmp_path / f"rows.{kind}"
    code, out, _ = cosim("sensitivity", *QUICK[:3], "--progress", "off", "--out", path)
    assert (code, path.name in out) == (0, True)
    if kind == "csv":
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
    elif kind == "json":
        rows = json.loads(path.read_text(encoding="utf-8"))
        header = list(rows[0])
    else:
        table = pq.read_table(path)
        header, rows = table.column_names, table.to_pylist()
    assert header == COLUMNS
    assert len(rows) == 2 * (1 + 19 + 3 + 3)  # theta and demand: flows, links, stations, energy, travel time, wait
    again, _, told = cosim("sensitivity", *QUICK[:3], "--out", path)
    assert again == 2
    assert "exists" in told


def test_one_answer_sorts(cosim):
    _, out, _ = cosim("sensitivity", *QUICK, "--by", "travel_time", "--json")
    assert json.loads(out)["order"][0] == "traffic.demand (all trips)"


def test_why_a_number_moves_nothing_is_printed(cosim):
    code, out, _ = cosim("sensitivity", "nguyen_ieee33", "--only", "ev.value*")
    assert code == 0
    assert "exactly 0: drivers see no price that differs between stations" in out
    assert "none: no assumed number moves an answer" in out


def test_progress_names_each_number(cosim):
    _, _, told = cosim("sensitivity", "nguyen_traffic_only", "--only", "ev.share", "--progress", "plain")
    assert told.split() == ["1/1", "ev.share"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--step", "0.5"), 2, "step: 0.5 must be > 0 and at most 0.2"),
        (("--by", "costs"), 2, "'costs' is no answer"),
        (("--out", "rows.txt"), 2, "must end in .csv, .json, .parquet"),
        (("--set", "ev.share=2"), 3, "ev.share"),
        (("--set", "traffic.method=msa", "--set", "traffic.iteration_limit=1"), 6, "is no equilibrium"),
    ],
)
def test_mistakes_are_told_with_their_exit_code(cosim, arguments, code, told):
    found, out, err = cosim("sensitivity", "nguyen_traffic_only", *arguments)
    assert (found, told in err, out) == (code, True, "")
