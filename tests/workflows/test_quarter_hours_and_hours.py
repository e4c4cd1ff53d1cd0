"""The same inputs by the clock, as hours and as quarter hours: the same energy and cost, to rounding.

A plan that looks to the end of the day, or at nothing but the period, is the same whatever the periods' length: the
optimum is constant where the data are. Where a window ends a fixed time ahead it ends at other instants.
"""

import math

import numpy as np
import pytest

from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.workflows.simulate import simulate

SCENARIO = """\
schema: 1
extends: five_nodes
start: 2026-03-30
time_zone: Europe/Berlin
periods: 24
period_min: 60
traffic: {demand_profile: {file: clock.csv, column: trips}}
feeder: {load_profile: {file: clock.csv, column: load}}
devices:
  - {kind: substation, name: grid}
  - {kind: storage, name: battery, bus: 3, capacity_mwh: 1.0, p_max_mw: 0.25, s_max_mva: 0.3}
  - {kind: photovoltaic, name: roof, bus: 6, s_max_mva: 0.5, available_mw: {file: clock.csv, column: sun, scale: 0.45}}
tariff: {prices_per_mwh: {file: clock.csv, column: price}}
"""
MW = ("import_mw", "own_power_mw", "loss_mw", "ev_mw", "ac_loss_mw", "ac_slack_mw")
COSTS = ("cost", "cost_energy", "cost_losses")


@pytest.fixture
def folder(tmp_path):
    with (tmp_path / "clock.csv").open("w") as file:
        file.write("time,trips,load,sun,price\n")
        for h in range(24):
            trips = 0.3 + 0.7 * math.exp(-((h - 8) ** 2) / 8) + 0.6 * math.exp(-((h - 17) ** 2) / 8)
            load_factor, sun = 0.6 + 0.4 * math.exp(-((h - 19) ** 2) / 10), max(0.0, math.sin((h - 6) * math.pi / 12))
            price = 60 + 40 * math.exp(-((h - 18) ** 2) / 9) + 0.1 * h
            file.write(f"2026-03-30T{h:02d}:00,{trips:.4f},{load_factor:.4f},{sun:.4f},{price:.3f}\n")
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    return tmp_path


def day(folder, hours, minutes, options):
    periods = hours * 60 // minutes
    found = simulate(build_case(load(folder, [f"periods={periods}", f"period_min={minutes}", *options])))
    assert found.exit_code == 0
    return found.tables


@pytest.mark.parametrize(
    ("hours", "options"),
    [
        (24, ("dispatch.mode=day_ahead",)),
        (24, ("dispatch.mode=day_ahead", "coupling={mode: iterated, ev_price: {kind: nodal}}")),
        (8, ("dispatch.mode=rolling",)),
        (8, ("coupling={mode: iterated, ev_price: {kind: nodal}}",)),
        (8, ("dispatch.mode=single_period", "devices=[{kind: substation, name: grid}]")),
    ],
    ids=["day_ahead", "day_ahead_iterated", "rolling", "rolling_iterated", "single_period"],
)
def test_energy_and_cost_are_the_same(folder, hours, options):
    by_hour, by_quarter = (day(folder, hours, minutes, options) for minutes in (60, 15))
    for column in MW:
        hourly, quarters = (tables["periods"][column].to_numpy() for tables in (by_hour, by_quarter))
        assert quarters.sum() / 4 == pytest.approx(hourly.sum(), rel=1e-9, abs=1e-9), column
    for column in COSTS:
        hourly, quarters = (tables["periods"][column].to_numpy() for tables in (by_hour, by_quarter))
        assert quarters.reshape(-1, 4).sum(axis=1) == pytest.approx(hourly, rel=1e-6, abs=1e-9), column
        assert quarters.sum() == pytest.approx(hourly.sum(), rel=1e-9), column
    flows = [tables["links"]["flow_vph"].to_numpy().reshape(hours, -1, len(by_hour["links"]) // hours)
             for tables in (by_hour, by_quarter)]  # fmt: skip
    assert np.abs(flows[1] - flows[0]).max() < 1e-4
