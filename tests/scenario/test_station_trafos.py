"""A station behind a transformer of its own: its bus, its losses and its loading are pandapower's of that net."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from cosim.grid.formats.csv_net import net_of_folder
from cosim.scenario.build import build_dispatch
from cosim.scenario.load import load
from cosim.workflows.check import check
from cosim.workflows.run import run
from cosim.workflows.value_of_coupling import value_of_coupling
from cosim.workflows.verify import verify

FIVE = Path(__file__).parents[2] / "scenarios" / "five_nodes"
TRAFO = ["stations.S1.trafo_kva=630", "stations.S1.trafo_vk_percent=5", "stations.S1.trafo_vkr_percent=1.2"]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return run(FIVE, out=tmp_path_factory.mktemp("day") / "run", overrides=TRAFO, report=False)


def net_by_hand():
    net = net_of_folder(FIVE / "feeder", slack_bus="1", slack_vm_pu=1.02)
    at = {name: index for index, name in net.bus.name.items()}
    below = pp.create_bus(net, 0.4)
    pp.create_transformer_from_parameters(
        net, at["4"], below, sn_mva=0.63, vn_hv_kv=net.bus.vn_kv[at["4"]], vn_lv_kv=0.4, vk_percent=5.0,
        vkr_percent=1.2, pfe_kw=0.0, i0_percent=0.0,
    )  # fmt: skip
    return net, at | {"station S1": below}


@pytest.mark.parametrize("k", [2, 5])
def test_a_period_is_what_pandapower_says_of_the_net_with_the_transformer(day, k):
    net, at = net_by_hand()
    buses = day["buses"][day["buses"].period == k + 1].set_index("bus")
    net.load = net.load.iloc[:0]
    for bus, row in buses.iterrows():
        pp.create_load(net, at[bus], row.p_load_mw - row.p_gen_mw, row.q_load_mvar - row.q_gen_mvar)
    net.load = net.load[net.load.bus != at["1"]]  # what the slack gives is the substation's
    pp.runpp(net, numba=False, tolerance_mva=1e-12)
    assert buses.p_load_mw["station S1"] > 0.05
    for bus, row in buses.iterrows():
        assert row.vm_ac_pu == pytest.approx(net.res_bus.vm_pu[at[bus]], abs=1e-7)
    lines = day["lines"][day["lines"].period == k + 1].set_index("line")
    told = lines.loc["trafo station S1"]
    assert told.kind == "trafo"
    assert told.loading_percent == pytest.approx(net.res_trafo.loading_percent[0], abs=1e-4)


def test_the_day_passes_and_the_transformer_has_its_loss(day):
    assert day.exit_code == 0
    station = day["stations"].set_index("period").p_demand_mw
    lines = day["lines"].set_index(["line", "period"]).loc["trafo station S1"]
    through = lines.p_mw - lines.loss_kw / 1000.0
    assert np.allclose(through.loc[station.index], station, atol=1e-6)
    resistance = 0.012 / 0.63  # pu of 1 MVA
    bus = day["buses"].set_index(["bus", "period"]).loc["station S1"]
    assert np.allclose(lines.loss_kw, 1000.0 * resistance * (station / bus.vm_pu) ** 2, rtol=1e-4, atol=1e-5)


def test_the_run_is_verified_and_read_again_as_it_was(day):
    found = verify(day.folder, stress_draws=2)
    assert found.whole.exit_code == 0
    assert found.whole.audit_closes


def test_the_rating_binds_if_the_scenario_asks_for_it():
    loaded = load(FIVE, [*TRAFO, "feeder.current_limits=true"])
    case = build_dispatch(loaded)
    assert load(FIVE, TRAFO[:1]).scenario.stations[0].trafo_voltages == (6.0, 1.0)
    elements = case.feeder.circuit.elements
    assert elements.most_percent[elements.ids.index("trafo station S1")] == 100.0
    assert case.feeder.bus_ids[case.station_buses[0]] == "station S1"


def test_a_net_calls_the_new_bus_by_its_index_and_the_stations_name(tmp_path):
    shutil.copytree(FIVE / "roads", tmp_path / "roads")
    shutil.copy(FIVE / "profiles.csv", tmp_path)
    net = net_of_folder(FIVE / "feeder", slack_bus="1", slack_vm_pu=1.02)
    pp.to_json(net, str(tmp_path / "net.json"))
    text = json.loads(json.dumps(load(FIVE, TRAFO).resolved)) | {"grid": "net.json", "extends": None, "sources": {}}
    text["feeder"] |= {"slack_bus": None, "slack_vm_pu": None}
    (tmp_path / "scenario.yaml").write_text(json.dumps(text), encoding="utf-8")
    feeder = build_dispatch(load(tmp_path / "scenario.yaml")).feeder
    at = feeder.bus_position(str(len(net.bus)))
    assert feeder.bus_names[at] == "station S1"
    assert "trafo 0 'station S1'" in feeder.line_ids


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["stations.S1.trafo_vk_percent=5"], "trafo_vk_percent without trafo_kva has no effect; give trafo_kva"),
        ([*TRAFO, "stations.S1.trafo_vkr_percent=6"], "6 is above trafo_vk_percent 5; exchange them"),
        ([*TRAFO, "stations.S1.bus=9"], "'9' names 0 buses of the net"),
    ],
)
def test_a_transformer_that_cannot_be_is_told(overrides, told):
    assert told in "\n".join(str(one) for one in check(FIVE, overrides).mistakes)


def test_what_has_no_place_for_it_says_so(tmp_path):
    with pytest.raises(Exception, match="has a transformer of its own, which a run without roads has no place for"):
        value_of_coupling(FIVE, out=tmp_path / "value", overrides=TRAFO)
