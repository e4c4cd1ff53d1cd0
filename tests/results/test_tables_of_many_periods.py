"""Tables over many periods are joined a thousand at a time: the same table, with fewer small ones held."""

import pandas as pd
import pytest

from cosim.results import committed
from cosim.results.store import RunResult


@pytest.mark.parametrize("at_once", [2, 5])
def test_joined_a_few_at_a_time_they_are_the_same(finished, monkeypatch, at_once):
    periods = RunResult(finished("sequential").folder).committed
    for name in ("buses", "devices", "periods"):
        whole = committed.joined(periods, name)
        with monkeypatch.context() as patch:
            patch.setattr(committed, "AT_ONCE", at_once)
            again = committed.joined(periods, name)
        assert again.schema == whole.schema
        pd.testing.assert_frame_equal(again.to_pandas(), whole.to_pandas(), check_exact=True)
