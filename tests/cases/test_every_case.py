"""Every folder here is a phenomenon: a scenario, what must come of it, and how closely; all run the whole way."""

import json
from pathlib import Path

import pytest

from cosim.records.period import tables
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.validation.gate import exit_code
from cosim.world import run_world

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/expected.json"))


def measured(parts, check):
    part = next(part for part in parts if part.period == check["period"])
    for one in ("device", "station", "bus"):
        if one in check:
            table = tables(part)["buses" if one == "bus" else f"{one}s"]
            return table[check["figure"]][table[one].index(check[one])]
    return tables(part)["periods"][check["figure"]][0]


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_case(folder):
    expected = json.loads((folder / "expected.json").read_text())
    parts, records = [], []
    run_world(build_case(load(folder)), lambda part, record: (parts.append(part), records.append(record)))
    assert [record.status for record in records] == expected["statuses"]
    assert exit_code(record.status for record in records) == expected["exit_code"]
    for check in expected["checks"]:
        value = measured(parts, check)
        if "word" in check:
            assert value == check["word"], check
        elif "at_least" in check:
            assert value >= check["at_least"], check
        else:
            assert value == pytest.approx(check["value"], rel=0, abs=check["tolerance"]), check
