"""F8: NaN or infinity in a profile or on a wire: refused with its place, never carried on."""

import math

import numpy as np
import pytest

from cosim.dispatch.controller import Controller
from cosim.errors import ComponentError, InputError
from cosim.quantities.checks import CHECKS, GateLimits, limit_of
from cosim.scenario.load import load
from cosim.simulators.grid import Simulator


@pytest.mark.parametrize("word", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("key", ["feeder.load_profile", "traffic.demand_profile", "tariff.base_per_mwh"])
def test_the_scenario_is_refused_with_the_place(key, word):
    with pytest.raises(InputError, match="finite") as refused:
        load("nguyen_ieee33", [f"{key}={word}"])
    assert key in str(refused.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "", "NA", "1e999"])
def test_a_file_is_refused_with_line_and_column(tmp_path, cell):
    (tmp_path / "p.csv").write_text("period,load\n1,0.9\n2," + cell + "\n")
    (tmp_path / "scenario.yaml").write_text(
        "schema: 1\nextends: ieee33_grid_only\nperiods: 2\nfeeder: {load_profile: {file: p.csv, column: load}}\n"
    )
    with pytest.raises(InputError) as refused:
        load(tmp_path)
    assert "p.csv:3:2: field 'load'" in str(refused.value)


def test_a_message_between_simulators_is_refused_with_entity_and_period(small_case):
    grid = Simulator()
    grid.init("Grid-0", case=small_case())
    grid.create(1, "Grid")
    with pytest.raises(ComponentError, match=r"grid: Bus-18.P_load\[MW\] is nan in period 1"):
        grid.step(0, {"Bus-18": {"P_load[MW]": {"x": math.nan}}}, 0)


def test_a_charging_load_is_refused(small_case):
    with pytest.raises(ComponentError, match="period 1: charging load is not finite"):
        Controller(small_case().dispatch).plan(0, np.full((3, 6), np.nan))


@pytest.mark.parametrize("name", [name for name, row in CHECKS.items() if row.sense != "word"])
def test_no_check_of_the_gate_lets_nan_pass(name):
    """``nan > limit`` is false: unguarded, a test for a violation finds none."""
    limit = float(limit_of(CHECKS[name], GateLimits()))
    assert not np.greater(math.nan, limit)
    assert not CHECKS[name].passes(math.nan, limit)
