"""An empty net that is made faster is pandapower's own."""

import numpy as np
import pandas as pd

from cosim.grid.lean import empty_net, pandapower


def test_it_is_equal_in_every_table_type_and_setting():
    ours, its = empty_net(), pandapower().create_empty_network()
    assert type(ours) is type(its)
    assert list(ours) == list(its)
    tables = [name for name, item in its.items() if isinstance(item, pd.DataFrame)]
    assert len(tables) > 100
    for name in tables:
        pd.testing.assert_frame_equal(ours[name], its[name], check_column_type="exact", check_index_type="exact")
    for name in its.keys() - set(tables):
        np.testing.assert_equal(ours[name], its[name])


def test_two_nets_share_nothing():
    one, other = empty_net(), empty_net()
    one["bus"].loc[0, "vn_kv"] = 20.0
    assert len(other["bus"]) == 0
    assert empty_net()["bus"].empty
