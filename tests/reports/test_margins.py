"""The first thing on the page: what came nearest to a limit, and whether it was reached or broken."""

import math

import pytest

from cosim.reports.margins import BROKEN, REACHED, margins


def row(run, key):
    return next(one for one in margins(run) if one.key == key)


@pytest.mark.parametrize(
    ("lowest", "note"), [(0.96, ""), (0.95, REACHED), (0.95 - 1e-9, REACHED), (0.95 - 9e-5, REACHED), (0.9498, BROKEN)]
)
def test_a_voltage_is_beyond_its_limit_where_the_gate_says_so(make_run, lowest, note):
    def low(k, tables, gate):
        if k == 1:
            tables["buses"]["vm_ac_pu"] = [1.03, lowest, 0.99]

    found = row(make_run(change=low), "margin_low_pu")
    assert (found.value, found.note) == (pytest.approx(lowest - 0.95, abs=1e-12), note)
    assert (found.period, found.where) == (2, "bus 2")


def test_a_line_without_a_limit_has_no_room_to_tell_of(make_run):
    def unlimited(k, tables, gate):
        tables["lines"]["loading_percent"] = [math.nan, math.nan]

    assert not [one for one in margins(make_run(change=unlimited)) if "loading" in one.key or "transf" in one.key]

    def loaded(k, tables, gate):
        tables["lines"] |= {"loading_percent": [80.0 + 10.5 * k, math.nan], "kind": ["line", "line"]}

    found = row(make_run(change=loaded), "margin_loading_percent")
    assert (found.value, found.period, found.note) == (-1.0, 3, BROKEN)


def test_chargers_have_the_room_that_the_scenario_gives_them(make_run):
    stations = [{"name": "S1", "chargers": 2, "charger_kw": 50}, {"name": "S2", "chargers": 1, "charger_kw": 50}]
    found = row(make_run(manifest={"resolved": {"stations": stations}}), "margin_chargers_percent")
    # 0.4 of 0.2 MW in the second period, of 0.1 MW
    assert (found.value, found.period, found.where) == (pytest.approx(20.0), 2, "station S1")
