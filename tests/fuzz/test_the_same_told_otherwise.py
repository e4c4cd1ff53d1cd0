"""Metamorphic: what is told otherwise and means the same gives the same numbers, to 1e-9."""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.scenario.load import load
from tests.fuzz.base import EXAMPLES, FILES, SCENARIO, numbers, run, write

CLOSE = 1e-9
IDS = [
    "ab",
    "bc",
    "ad",
    "dc",
    "a",
    "b",
    "c",
    "d",
    "L1",
    "L2",
    "L3",
    "d2",
    "d3",
    "d4",
    "B1",
    "B2",
    "B3",
    "B4",
    "S1",
    "S2",
    "ess",
    "pv",
]
WORK = {"periods": ("solver_iterations", "sue_iterations", "primal_residual", "dual_residual", "duality_gap_rel")}
"""How the way there went, and what rounding leaves: no answer."""
ROUNDING = re.compile(r"(gap|residual|_dv_|_di_|_dloss_|_dslack_|injection_error|energy_balance|fictitious|overlap)")


def copied():
    return json.loads(json.dumps(SCENARIO))


def told(tmp_path_factory, document, files, rename=lambda text: text):
    code, records = run(write(tmp_path_factory.mktemp("told"), json.dumps(document), files))
    assert code == 0
    found = numbers(records, rename)
    return {key: value for key, value in found.items() if not ROUNDING.search(key[3]) and key[3] not in WORK["periods"]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return told(tmp_path_factory, copied(), FILES)


def same(one, other, close=CLOSE):
    assert one.keys() == other.keys()
    apart = {key: (one[key], other[key]) for key in one if abs(one[key] - other[key]) > close * max(1.0, abs(one[key]))}
    assert not apart


def shuffled(text, draw):
    head, *rows = text.splitlines()
    draw.shuffle(rows)
    return "\n".join([head, *rows]) + "\n"


@settings(max_examples=EXAMPLES or 3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not EXAMPLES)
@given(seed=st.integers(0, 10_000))
def test_rows_in_another_order(tmp_path_factory, plain, seed):
    draw, document = np.random.default_rng(seed), copied()
    files = {name: text if name == "profiles.csv" else shuffled(text, draw) for name, text in FILES.items()}
    for section in (document["traffic"]["demand"], document["stations"], document["devices"]):
        draw.shuffle(section)
    same(plain, told(tmp_path_factory, document, files))


@settings(max_examples=EXAMPLES or 3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not EXAMPLES)
@given(seed=st.integers(0, 10_000))
def test_other_names(tmp_path_factory, plain, seed):
    order = list(range(len(IDS)))
    np.random.default_rng(seed).shuffle(order)
    new = {name: f"n{order[k]:02d}" for k, name in enumerate(IDS)}
    old = {value: key for key, value in new.items()}
    word = re.compile(r"(?<![\w.])(" + "|".join(sorted(IDS, key=len, reverse=True)) + r")(?![\w.])")
    files = {
        name: text if name == "profiles.csv" else "\n".join(
            [text.splitlines()[0], *(word.sub(lambda found: new[found[0]], row) for row in text.splitlines()[1:])]
        ) + "\n"
        for name, text in FILES.items()
    }  # fmt: skip
    text = re.sub(r'"(\w+)"(?!:)', lambda found: f'"{new.get(found[1], found[1])}"', json.dumps(copied()))
    back = re.compile(r"n\d\d")
    same(
        plain, told(tmp_path_factory, json.loads(text), files, lambda name: back.sub(lambda found: old[found[0]], name))
    )


@pytest.mark.parametrize("base_mva", [1.0, 100.0])
def test_another_base_of_the_per_unit_system(tmp_path_factory, plain, base_mva):
    document = copied()
    document["feeder"]["base_mva"] = base_mva
    same(plain, told(tmp_path_factory, document, FILES))


def test_ohms_per_another_length(tmp_path_factory, plain):
    rows = [row.split(",") for row in FILES["feeder/line.csv"].splitlines()]
    for row in rows[1:]:
        row[3:6] = [str(4.0 * float(row[3])), str(float(row[4]) / 4.0), str(float(row[5]) / 4.0)]
    files = FILES | {"feeder/line.csv": "\n".join(map(",".join, rows)) + "\n"}
    same(plain, told(tmp_path_factory, copied(), files))


def test_a_load_in_two_rows_is_its_sum(tmp_path_factory, plain):
    split = FILES["feeder/load.csv"].replace("d3,B3,0.4,0.15\n", "d3,B3,0.3,0.1\nd3b,B3,0.1,0.05\n")
    same(plain, told(tmp_path_factory, copied(), FILES | {"feeder/load.csv": split}))


def test_a_series_in_the_file_or_in_the_scenario(tmp_path_factory, plain):
    document = copied()
    document["feeder"]["load_profile"] = [0.8, 1.0]
    document["tariff"]["prices_per_mwh"] = [500, 700]
    same(plain, told(tmp_path_factory, document, FILES))


def test_without_vehicles_the_grid_is_the_grid_alone(tmp_path_factory):
    still = copied()
    still["ev"]["share"] = 0.0
    alone = {key: value for key, value in copied().items() if key not in {"roads", "traffic", "ev", "stations"}}
    with_roads, without = (told(tmp_path_factory, document, FILES) for document in (still, alone))
    same({key: value for key, value in with_roads.items() if key in without}, without)
    assert {key[0] for key in without} >= {"buses", "lines", "devices"}


def test_a_pair_in_two_rows_is_refused(tmp_path):
    document = copied()
    document["traffic"]["demand"] = [{"origin": "a", "destination": "c", "trips_vph": 250}] * 2
    with pytest.raises(InputError, match="stands twice"):
        load(write(tmp_path, json.dumps(document), FILES))
