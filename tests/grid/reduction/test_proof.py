"""A branch table that is not the net that was solved is refused with both numbers."""

from dataclasses import replace

import pandapower as pp
import pytest
from pandapower import networks

from cosim.errors import DependencyError
from cosim.grid.reduction.branch_table import branch_table
from cosim.grid.reduction.pandapower_rows import read_solved
from cosim.grid.reduction.proof import proved


@pytest.fixture(scope="module")
def solved():
    net = networks.simple_mv_open_ring_net()
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    return read_solved(net, "net")


def table_of(solved, rows):
    return branch_table(solved.base_mva, solved.buses, rows, solved.slacks.tolist(), int(solved.slacks[0]), name="net")[
        0
    ]


def test_the_table_of_the_net_is_proved(solved):
    proof = proved(table_of(solved, solved.rows), solved.told_mva, "net")
    assert proof.flow_error_mva < 1e-9
    assert proof.voltage_error_pu < 1e-9


@pytest.mark.parametrize("column", ["r_pu", "x_pu", "b_from_pu", "g_to_pu", "ratio"])
def test_any_other_table_is_not(solved, column):
    wrong = getattr(solved.rows, column).copy()
    wrong[0] += 1e-4 if column in ("b_from_pu", "g_to_pu") else 1e-5 * max(abs(wrong[0]), 1e-3)
    with pytest.raises(DependencyError, match=r"flows differ by .* MVA .* voltages of its own power flow by .* pu"):
        proved(table_of(solved, replace(solved.rows, **{column: wrong})), solved.told_mva, "net")
