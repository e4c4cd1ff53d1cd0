"""The shipped scenarios give the numbers that they gave before the house was rebuilt: where they may, to the bit."""

import numpy as np
import pandas as pd
import pytest

from tests.conftest import RUNS
from tests.same_numbers.marks import differences, marks, same_machine, tables_of

SHIPPED = (
    "nguyen_ieee33_binding", "nguyen_ieee33_coupled", "paper_strict", "nguyen_ieee33_congested",
    "nguyen_ieee33_no_flexibility", "ieee33_grid_only", "ieee33_pv_stress", "ieee33_negative_price",
    "nguyen_traffic_only", "nguyen_micro", "nguyen_micro_calibrated", "five_nodes", "cigre_mv_town", "lv_street",
)  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario(finished, name):
    assert differences(name, tables_of(finished(name)), bits=same_machine()) == []


@pytest.mark.parametrize("name", RUNS)
def test_the_default_day(finished, name):
    assert differences(name, tables_of(finished(name)), bits=same_machine()) == []


def test_a_number_that_moves_is_seen():
    run_name, frame = "nguyen_traffic_only", pd.DataFrame({"flow_vph": np.linspace(0.0, 900.0, 24)})
    old, same = marks(run_name, {"links": frame}), marks(run_name, {"links": frame.copy()})
    assert old == same
    moved = frame.copy()
    moved.loc[[3, 4], "flow_vph"] += [1.0, -1.0]  # neither the sum nor the sum of magnitudes tells
    new = marks(run_name, {"links": moved})
    assert new[0]["bits"] != old[0]["bits"]
    assert max(abs(float(new[0][key]) - float(old[0][key])) for key in ("first", "second")) > 1.0
