"""Small or large files that claim too much are refused in time and memory that their size does not set.

Each command runs in a process of its own whose address space could not hold what the file claims.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cosim.tables import MAX_COLUMNS

EXTENDS = "schema: 1\ntitle: too much\nextends: nguyen_ieee33\n"
SERIES = EXTENDS + "feeder: {load_profile: {file: p.csv, column: base}}\n"
ROW = "\t1000\t1\t5\t0.15\t4\t0\t0\t1\t;\n"
NET = "<NUMBER OF ZONES> 2\n<NUMBER OF NODES> {nodes}\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> 2\n<END OF METADATA>\n"
TRIPS = "<NUMBER OF ZONES> 2\n<END OF METADATA>\nOrigin 1\n 2 : 50.0;\nOrigin 2\n 1 : 50.0;\n"
ADDRESS_SPACE = 4 << 30
"""Bytes that may be mapped; numeric libraries map a gigabyte before they do anything."""
LARGEST_RSS_MB = 300
CPU_S = 30
"""A limit that ends what never would; what is refused takes about a second."""


LAUNCHER = f"""
import os, resource, subprocess, sys
for kind, most in ((resource.RLIMIT_AS, {ADDRESS_SPACE}), (resource.RLIMIT_CPU, {CPU_S})):
    resource.setrlimit(kind, (most, most))
command = subprocess.Popen([sys.executable, "-m", "cosim", *sys.argv[2:]])
_, status, usage = os.wait4(command.pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
os._exit(os.waitstatus_to_exitcode(status) % 256)
"""
"""A child's peak memory begins with that of the process that it was forked from: this one is small."""


def refusal(*command):
    with tempfile.TemporaryDirectory() as folder:
        peak = Path(folder) / "peak"
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, str(peak), *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 3, done.stdout
        assert int(peak.read_text()) < LARGEST_RSS_MB << 10
    assert len(done.stdout) < 200_000
    return done.stdout


@pytest.fixture
def written(tmp_path):
    def write(**files):
        for name, text in files.items():
            file = {"net": "big_net.tntp", "trips": "big_trips.tntp", "p": "p.csv"}.get(name, f"{name}.yaml")
            (tmp_path / file).write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ("1000000000", "<NUMBER OF NODES> says 1,000,000,000, but 2 links touch at most 4"),
        ("9" * 5000, "is not a whole number"),
    ],
)
def test_a_header_that_claims_more_nodes_than_links_touch(written, nodes, told):
    folder = written(net=NET.format(nodes=nodes) + "\t1\t2" + ROW + "\t2\t1" + ROW, trips=TRIPS)
    assert told in refusal("assign", folder)


def test_trips_that_say_the_same_a_million_times(written):
    trips = "<NUMBER OF ZONES> 2\n<END OF METADATA>\nOrigin 1\n" + " 2 : 50.0;" * 1_000_000
    folder = written(net=NET.format(nodes=2) + "\t1\t2" + ROW + "\t2\t1" + ROW, trips=trips)
    assert "the pair 1 -> 2 stands twice" in refusal("assign", folder)


def test_metadata_without_an_end(written):
    folder = written(net="<A> 1\n" * 1_000_000 + NET.format(nodes=2) + "\t1\t2" + ROW + "\t2\t1" + ROW, trips=TRIPS)
    assert "more than 1,000 lines of metadata; end them with <END OF METADATA>" in refusal("assign", folder)


def test_a_series_far_longer_than_the_day(written):
    folder = written(scenario=SERIES, p="period,base\n" + "".join(f"{k},0.5\n" for k in range(1, 300_000)))
    assert "p.csv:5026:0: more than 5,024 rows, can be 24" in refusal("check", folder)


def test_a_year_given_for_a_day_is_told_by_its_length(written):
    folder = written(scenario=SERIES, p="period,base\n" + "".join(f"{k},0.5\n" for k in range(1, 1001)))
    assert "1000 values for 24 periods" in refusal("check", folder)


def test_more_columns_than_any_sheet_has(written):
    names, values = ",".join(f"c{n}" for n in range(200_000)), ",".join(["1"] * 200_000)
    folder = written(scenario=SERIES, p=f"period,base,{names}\n1,0.5,{values}\n")
    assert f"p.csv:1:0: 200,002 columns; a table has at most {MAX_COLUMNS:,}" in refusal("check", folder)


def test_a_mapping_of_more_keys_than_a_scenario_has_names(written):
    folder = written(scenario=EXTENDS + "".join(f"key_{n}: 1\n" for n in range(40_000)))
    assert "scenario.yaml:1001:1: a mapping of more than 1,000 keys" in refusal("check", folder)


def test_more_values_than_a_file_of_settings_has(written):
    folder = written(scenario=EXTENDS + f"devices: [{','.join(['1'] * 40_000)}]\n")
    assert "more than 20,000 values is not allowed in a scenario; move tables into CSV files" in refusal(
        "check", folder
    )


def test_a_thousand_mistakes_are_read_and_no_more(written):
    folder = written(scenario=SERIES, p="period,base\n" + "".join(f"{k},x\n" for k in range(1, 300_000)))
    assert "the file is not read on after 1,000 mistakes" in refusal("check", folder)


def test_rows_without_a_value(written):
    folder = written(scenario=SERIES, p="period,base\n" + "\n" * 20_000_000)
    assert "more than 10,000 rows without a value; remove them" in refusal("check", folder)


def test_a_number_of_a_hundred_thousand_digits(written):
    folder = written(scenario=SERIES, p="period,base\n1," + "9" * 100_000 + "\n")
    assert "999...' is too large" in refusal("check", folder)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        (".".join(["a"] * 40_000) + "=1", "the path has more than 32 parts"),
        ("devices=" + "[" * 60_000, "nesting deeper than 32 levels"),
        ("seed=" + "9" * 100_000, "is not a whole number"),
        ("microsim.seeds=1000000000", "1000000000 must be <= 1000"),
        ("stations.11.chargers=1000000000", "1000000000 must be <= 10000"),
        ("traffic.path_limit=1000000000", "1000000000 must be <= 1000000"),
        ("ev.behaviour.vehicles=1000000000", "1000000000 must be <= 1000000"),
        ("periods=100000", "24 values for 100000 periods"),
    ],
)
def test_an_assignment_that_asks_for_too_much(assignment, told):
    assert told in refusal("check", "nguyen_ieee33", "--set", assignment)
