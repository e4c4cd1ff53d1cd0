"""A quick day of four periods with roads, grid, storage and an outage, to be stopped, damaged and gone on with."""

import json

from cosim.errors import ComponentError
from cosim.workflows.run import run
from tests.fuzz.base import FILES, SCENARIO, write

PERIODS = 4
FOUR = {
    **SCENARIO,
    "periods": PERIODS,
    "traffic": {**SCENARIO["traffic"], "demand_profile": [1.0, 0.8, 0.6, 0.9]},
    "feeder": {**SCENARIO["feeder"], "load_profile": [0.8, 1.0, 0.9, 0.7], "islands": "allow"},
    "devices": [*SCENARIO["devices"][:2], {**SCENARIO["devices"][2], "available_mw": [0.1, 0.4, 0.2, 0.0]}],
    "tariff": {"kind": "static", "prices_per_mwh": [500, 700, 600, 650]},
    "dispatch": {"mode": "rolling"},
    "outages": [
        {"station": "S2", "from": 2, "to": 2, "announced": False},
        {"line": "L3", "from": 3, "to": 3, "announced": False},
    ],
}


class PlugPulledError(Exception):
    """Ends a run in its middle."""


def stopping(period):
    """Return a progress that ends a run behind a period."""

    def show(told, judged):
        if told.period == period:
            raise PlugPulledError("PlugPulled")

    return show


def four_periods(folder):
    """Write the scenario; return its folder."""
    return write(folder, json.dumps(FOUR), {name: text for name, text in FILES.items() if name != "profiles.csv"})


def stopped(scenario, out, period):
    """Run a scenario up to a period; return the run folder."""
    try:
        run(scenario, out=out, report=False, progress=stopping(period))
    except ComponentError as error:
        if "PlugPulled" not in str(error):
            raise
    return out


def same(one, other):
    """Hold every table of two runs against each other, bit by bit."""
    assert one.run["tables_digest"] == other.run["tables_digest"]
    assert one.tables == other.tables
    assert all(one[name].equals(other[name]) for name in one.tables)
