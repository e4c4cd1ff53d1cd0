"""F10: a line out leaves buses without supply. Told by bus and energy, refused unless allowed, never a number made up.

Truth: a feeder of which a line is out is the smaller feeder that is built without what lies behind it.
"""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cosim
from cosim.dispatch.controller import Controller, initial_states
from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.topology import order_lines
from cosim.outages import Outage, out
from cosim.scenario.load import load
from cosim.workflows.verify import verify

OUT = """\
outages:
  - {line: "12", from: 2, to: 3}
"""
ALLOWED = OUT + "feeder: {load_profile: [0.9, 1.0, 0.95, 0.8, 0.6, 0.5], islands: allow}\n"
BEHIND_12 = ["13", "14", "15", "16", "17", "18"]
LOAD_BEHIND_MW = 0.06 + 0.12 + 0.06 + 0.06 + 0.06 + 0.09


def outage(case, line, start, stop, *, announced=True):
    return Outage(at=case.feeder.line_ids.index(line), start=start, stop=stop, announced=announced)


def built_without(case, on):
    """Return the dispatch of the buses that are supplied, on a feeder that has no others."""
    f, keep = case.feeder, np.flatnonzero(on)
    place = {bus: i for i, bus in enumerate(keep)}
    lines = [k for k in range(f.n_lines) if on[f.child[k]]]
    ends = [[place[end[k]] for k in lines] for end in (f.parent, f.child)]
    tree = order_lines(len(keep), *ends, place[f.slack])
    lines = [lines[k] for k in tree.order]
    small = Feeder(
        name="without", bus_ids=tuple(f.bus_ids[i] for i in keep), line_ids=tuple(f.line_ids[k] for k in lines),
        parent=tree.parent, child=tree.child, slack=place[f.slack], r_pu=f.r_pu[lines], x_pu=f.x_pu[lines],
        i_max_ka=f.i_max_ka[lines], v_min_pu=f.v_min_pu[keep], v_max_pu=f.v_max_pu[keep], p_mw=f.p_mw[keep],
        q_mvar=f.q_mvar[keep], base_mva=f.base_mva, base_kv=f.base_kv, slack_vm_pu=f.slack_vm_pu,
    )  # fmt: skip
    devices = tuple(one for one in case.devices if getattr(one, "bus", f.bus_ids[f.slack]) in small.bus_ids)
    kept = [n for n, bus in enumerate(case.station_buses) if on[bus]]
    return kept, replace(
        case, feeder=small, devices=devices, outages=(),
        series={one.name: case.series[one.name] for one in devices if one.name in case.series},
        base_p_mw=case.base_p_mw[keep], base_q_mvar=case.base_q_mvar[keep],
        station_names=tuple(case.station_names[n] for n in kept),
        station_buses=tuple(place[case.station_buses[n]] for n in kept),
    )  # fmt: skip


@pytest.mark.parametrize("line", ["12", "25", "1"])
def test_a_feeder_with_a_line_out_is_the_feeder_built_without(small_case, line):
    case = small_case().dispatch
    case = replace(case, outages=(outage(case, line, 0, case.periods),))
    on, ev_mw = case.supplied()[:, 0], np.full((3, case.periods), 0.2)
    whole = Controller(case).plan(0, ev_mw)
    if line == "1":  # nothing is left but the slack bus
        assert np.abs(whole.grid.slack_mw).max() <= 1e-9
        assert whole.p_load_mw.sum() == 0.0
        return
    kept, without = built_without(case, on)
    part = Controller(without).plan(0, ev_mw[kept])
    lines = [case.feeder.line_ids.index(name) for name in without.feeder.line_ids]
    assert np.abs(whole.grid.vm_pu[on] - part.grid.vm_pu).max() <= 1e-9
    assert np.abs(whole.grid.i_ka[lines] - part.grid.i_ka).max() <= 1e-9
    assert np.abs(whole.price_per_mwh[on] - part.price_per_mwh).max() <= 1e-7
    assert np.abs(whole.grid.slack_mw - part.grid.slack_mw).max() <= 1e-9
    for name, device in part.devices.items():
        assert np.abs(whole.devices[name].p_mw - device.p_mw).max() <= 1e-9
    cost = whole.total_cost.sum() - whole.cost["not_supplied"].sum()
    assert cost == pytest.approx(part.total_cost.sum(), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), n=st.integers(2, 12))
def test_supplied_is_what_the_lines_in_service_connect(data, n):
    """A random tree, with random lines out in two periods, against the components of a graph."""
    ends = [(data.draw(st.integers(0, child - 1)), child) for child in range(1, n)]
    tree = order_lines(n, *zip(*ends, strict=True), 0)
    one = np.ones(n - 1)
    feeder = Feeder(
        name="random", bus_ids=tuple(map(str, range(n))), line_ids=tuple(f"L{k}" for k in range(n - 1)),
        parent=tree.parent, child=tree.child, slack=0, r_pu=one, x_pu=one, i_max_ka=one, v_min_pu=np.full(n, 0.9),
        v_max_pu=np.full(n, 1.1), p_mw=np.zeros(n), q_mvar=np.zeros(n), base_mva=1.0, base_kv=10.0, slack_vm_pu=1.0,
    )  # fmt: skip
    out_of = np.array(data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=n - 1, max_size=n - 1)))
    found = feeder.supplied(out_of)
    for period in range(2):
        graph = nx.Graph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from((int(tree.parent[k]), int(tree.child[k])) for k in range(n - 1) if not out_of[k, period])
        assert set(np.flatnonzero(found[:, period]).tolist()) == nx.node_connected_component(graph, 0)


def test_nothing_flows_where_there_is_no_supply(small_case):
    case = small_case().dispatch
    case = replace(case, outages=(outage(case, "12", 1, 3),))
    plan = Controller(case).plan(0, np.full((3, 6), 0.2))
    dark, at = ~case.supplied(), slice(1, 3)
    assert [case.feeder.bus_ids[i] for i in np.flatnonzero(dark[:, 1])] == BEHIND_12
    assert not dark[:, [0, 3, 4, 5]].any()
    for power in (plan.p_load_mw, plan.p_gen_mw, plan.q_gen_mvar, plan.shed_mw):
        assert not power[dark].any()
    assert not plan.grid.p_from_mw[dark[case.feeder.child]].any()
    assert np.isfinite(plan.grid.vm_pu).all()
    for name in ("ess", "wind"):
        device = plan.devices[name]
        assert not device.p_mw[at].any()
        assert not device.q_mvar[at].any()
    stored = plan.devices["ess"].energy_mwh
    assert stored[0] == pytest.approx(stored[2], abs=1e-9)
    lost = plan.devices["not_supplied"].p_mw  # base load behind the line, and the station at bus 16
    assert lost[at] == pytest.approx(np.array([1.0, 0.95]) * LOAD_BEHIND_MW + 0.2, abs=1e-12)
    price = case.settings.shedding_price_per_mwh
    assert plan.cost["not_supplied"] == pytest.approx(price * lost * case.period_h)


def test_a_turbine_stops_at_once_and_comes_back_within_its_ramp(small_case):
    case = small_case("devices.gt.bus=14", "devices.gt.p_initial_mw=0.4").dispatch
    case = replace(case, outages=(outage(case, "12", 0, 2),))
    plan = Controller(case).plan(0, np.zeros((3, 6)))
    assert plan.record.status == "optimal"
    power = plan.devices["gt"].p_mw
    assert not power[:2].any()
    assert (np.diff(power)[1:] <= 0.2 + 1e-9).all()


def test_what_nobody_announced_is_planned_without_until_it_comes(small_case):
    case = small_case().dispatch
    ev_mw = np.full((3, 6), 0.2)
    surprised = replace(case, outages=(outage(case, "12", 2, 4, announced=False),))
    known = surprised.foreseen()
    plans = {name: Controller(one).plan(0, ev_mw) for name, one in (("none", case), ("not", surprised))}
    assert plans["not"].grid.vm_pu == pytest.approx(plans["none"].grid.vm_pu, abs=1e-12)
    assert not plans["not"].devices["not_supplied"].p_mw.any()
    states = initial_states(case)
    late, told = (Controller(one).plan(2, ev_mw[:, 2:], states=states) for one in (surprised, known))
    assert late.total_cost == pytest.approx(told.total_cost, rel=1e-9)
    assert late.devices["not_supplied"].p_mw[:2].all()


def test_own_limits_of_buses_do_not_bind_without_supply(small_case):
    """The dummy voltage of an island is that of the open end, which may be beyond the island's own limits."""
    case = small_case().dispatch
    low = np.where(np.isin(case.feeder.bus_ids, BEHIND_12), 1.02, case.feeder.v_min_pu)
    case = replace(case, feeder=replace(case.feeder, v_min_pu=low), outages=(outage(case, "12", 0, 6),))
    plan = Controller(case).plan(0, np.zeros((3, 6)))
    assert not plan.record.elastic
    assert not case.feeder_in(0).v_min_pu[np.isin(case.feeder.bus_ids, BEHIND_12)].any()


def test_it_is_refused_unless_allowed_naming_buses_and_energy(small):
    with pytest.raises(InputError) as refused:
        load(small(OUT))
    text = str(refused.value)
    assert "outages.0.line" in text
    assert "6 buses (13, 14, ..., 18) have no supply in periods 2 to 3: 0.9 MWh of nominal load not served" in text
    assert "feeder.islands: allow" in text


def test_a_run_serves_the_rest_and_tells_what_it_does_not(small, tmp_path):
    path = small()
    text = path.read_text().replace("feeder: {load_profile: [0.9, 1.0, 0.95, 0.8, 0.6, 0.5]}\n", ALLOWED)
    path.write_text(text)
    result = cosim.run(path, out=tmp_path / "run", report=False)
    assert result.exit_code == 0
    buses = result["buses"]
    dark = buses[~buses["supplied"]]
    assert set(dark["period"]) == {2, 3}
    assert sorted(set(dark["bus"])) == BEHIND_12
    assert dark["not_supplied_mw"].sum() == pytest.approx(1.95 * LOAD_BEHIND_MW)
    assert buses.drop(columns="price_per_mwh").notna().all(axis=None)
    stations = result["stations"].set_index(["period", "station"])["flow_vph"].unstack()
    assert not stations.loc[[2, 3], "8"].any()  # its bus, 16, has no power
    summary = result.summary()
    assert summary["not_supplied_mwh"].value == pytest.approx(1.95 * LOAD_BEHIND_MW)
    assert summary["outage_1"].value == "line 12, periods 2 to 3"
    assert summary["buses_without_supply"].value == "13, 14, ..., 18"
    found = verify(result.folder)
    assert found.exit_code == 0
    assert all(item.closes for item in found.audit)


def test_unguarded_the_flow_of_an_island_is_none(small_case):
    """What the guard is for: an open line in pandapower gives NaN behind it, and says that it converged."""
    pp = pytest.importorskip("pandapower")
    from cosim.grid.model import to_pandapower

    feeder = small_case().dispatch.feeder
    net = to_pandapower(feeder)
    net.line.loc[feeder.line_ids.index("12"), "in_service"] = False
    pp.runpp(net, numba=False)
    assert net.converged
    assert net.res_bus.vm_pu.isna().sum() == len(BEHIND_12)


def test_outages_by_what_is_known():
    two = (Outage(at=0, start=1, stop=2), Outage(at=1, start=2, stop=4, announced=False))
    assert out(two, 2, 4).sum() == 3
    assert out(two, 2, 4, seen_in=1).sum() == 1
    assert out(two, 2, 4, seen_in=2).sum() == 3
