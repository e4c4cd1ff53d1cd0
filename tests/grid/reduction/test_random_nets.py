"""Every kind of element that is carried, in random nets: pandapower's own results are the truth."""

import numpy as np
import pandapower as pp
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cosim.grid.reduction.own_net import reduced
from tests.grid.reduction.growing import grown


def of_elements(found, kind, values):
    """Return values by element of one table, those of several windings as their largest."""
    by_index = {}
    for element, value in zip(found.table.rows.elements, values, strict=True):
        if element.kind == kind:
            by_index.setdefault(element.index, []).append(float(value))
    return {index: np.nanmax(several) if not np.isnan(several).all() else np.nan for index, several in by_index.items()}


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))  # a seed has nothing to shrink
@given(st.integers(0, 10**6), st.sampled_from([0.0, 30.0, 300.0]))
def test_a_random_net_has_the_power_flow_that_pandapower_finds(seed, charging):
    net, options = grown(seed, charging)
    net["user_pf_options"] = options
    found = reduced(net, name="net")
    pp.runpp(net, numba=False, tolerance_mva=1e-10, calculate_voltage_angles=True, max_iteration=30, **options)
    live = net.res_bus.vm_pu.dropna()
    assert sorted(found.vm_pu) == sorted(live.index)
    assert [found.vm_pu[bus] for bus in live.index] == pytest.approx(live.to_list(), abs=2e-8)
    flows = found.proof.flows
    power, loading = flows.row_power_mva, flows.loading_percent
    for kind, end in (("line", "p_from_mw"), ("impedance", "p_from_mw"), ("trafo", "p_hv_mw")):
        for index, value in of_elements(found, kind, power[:, 0].real).items():
            assert value == pytest.approx(net[f"res_{kind}"].at[index, end], abs=1e-6)
    for kind in ("line", "trafo", "trafo3w"):
        for index, value in of_elements(found, kind, loading).items():
            assert value == pytest.approx(net[f"res_{kind}"].at[index, "loading_percent"], rel=1e-6, abs=1e-5)
    supplied = float(net.res_ext_grid.p_mw.sum())
    consumed = sum(
        float(net[f"res_{kind}"].p_mw.sum()) for kind in ("load", "storage", "shunt", "ward", "asymmetric_load")
    )
    assert supplied + float(net.res_sgen.p_mw.sum()) - consumed == pytest.approx(flows.loss_mw, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed):
    net, _ = grown(seed, 30.0)
    found = reduced(net, name="net").vm_pu
    for table in ("line", "trafo", "bus"):
        net[table] = net[table].sample(frac=1.0, random_state=seed)
    assert reduced(net, name="net").vm_pu == pytest.approx(found, abs=1e-11)
