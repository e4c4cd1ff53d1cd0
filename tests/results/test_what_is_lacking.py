"""Values that a stored table lacks, counted by period."""

import math

import pandas as pd
import pytest

from cosim.quantities.finite import missing_values
from cosim.results.stored import missing


@pytest.mark.parametrize(
    ("values", "lacking"),
    [
        ([1.0, -2.0], 0),
        ([1e308, 1e308], 0),
        ([1.0, math.nan], 1),
        ([math.inf, 1.0], 1),
        ([math.inf, -math.inf, 0.0], 2),
        ([None, 1.0], 1),
        (["bus", None, math.nan], 2),
        ([True, 3], 0),
        ([], 0),
    ],
)
def test_none_and_what_is_no_finite_number_is_lacking(values, lacking):
    assert missing_values("devices", {"p_mw": values}) == lacking


def test_it_is_counted_in_its_period():
    rows = {
        "period": [1, 1, 2, 2],
        "device": list("abab"),
        "p_mw": [1.0, math.nan, 2.0, 3.0],
        "energy_mwh": [math.nan] * 4,
    }
    table = pd.DataFrame(rows)
    assert missing({"devices": table}, [1, 2]).tolist() == [1, 0]
    assert missing({"devices": table.fillna({"p_mw": 0.0})}, [1, 2]).tolist() == [0, 0]
