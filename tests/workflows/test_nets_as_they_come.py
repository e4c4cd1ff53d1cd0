"""Whole days on nets as they come: a transformer that turns the phase, a shunt that draws, columns of whole numbers."""

import json

import numpy as np
import pandapower as pp
import pytest

from cosim.errors import CheckpointError, InputError
from cosim.scenario.load import load
from cosim.workflows.export import export
from cosim.workflows.fork import fork
from cosim.workflows.run import run
from cosim.workflows.verify import verify

SCENARIO = {
    "schema": 1, "periods": 3, "period_min": 480, "grid": {"pandapower": "net.json", "devices": {"roof": "sgen 0"}},
    "feeder": {"v_min_pu": 0.9, "v_max_pu": 1.1, "taps": "optimised"},
    "devices": [
        {"kind": "substation", "name": "grid"},
        {"kind": "photovoltaic", "name": "roof", "available_mw": [0.0, 0.05, 0.02]},
    ],
    "tariff": {"kind": "static", "prices_per_mwh": [50, 20, 80]}, "dispatch": {},
}  # fmt: skip


def net(**sgen):
    found = pp.create_empty_network()
    high, low, end = (pp.create_bus(found, kv) for kv in (20.0, 0.4, 0.4))
    pp.create_ext_grid(found, high, vm_pu=1.0)
    pp.create_transformer(found, high, low, "0.4 MVA 20/0.4 kV")
    found.trafo["tap_changer_type"] = "Ratio"
    pp.create_line(found, low, end, 0.1, "NAYY 4x150 SE")
    pp.create_load(found, end, 0.1, 0.02)
    pp.create_shunt(found, low, q_mvar=-0.01, p_mw=0.005)
    pp.create_sgen(found, end, **({"p_mw": 0.0, "sn_mva": 2} | sgen))
    return found


def written(folder, found):
    pp.to_json(found, str(folder / "net.json"))
    (folder / "scenario.yaml").write_text(json.dumps(SCENARIO), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    return run(written(folder, net()), out=folder / "run", report=False)


def test_the_audit_counts_what_shunts_draw(day):
    assert day.exit_code == 0
    found = verify(day.folder)
    assert found.exit_code == 0
    items = {item.item: item for item in found.audit}
    assert items["buses to dispatch"].right_name == "load + loss + shunts"
    assert all(item.closes for item in found.audit)


def test_its_net_goes_out_across_the_shift_of_the_transformer(day, tmp_path):
    out = pp.from_json(str(export(day.folder, "pandapower", tmp_path / "net.json", period=2)))
    buses = day["buses"][day["buses"]["period"] == 2].set_index("bus")["vm_ac_pu"]
    assert abs(out.trafo.shift_degree.iloc[0]) == 150.0
    for bus, vm_pu in zip(out.load.bus, out.res_bus.vm_pu[out.load.bus], strict=True):
        assert vm_pu == pytest.approx(buses[str(bus)], abs=1e-9)


def test_a_fork_that_would_choose_other_taps_for_the_day_is_refused(day, tmp_path):
    with pytest.raises(CheckpointError, match=r"feeder\.taps .one position holds for the whole day"):
        fork(day.folder, 1, overrides=["feeder.taps=fixed"], out=tmp_path / "fork")
    assert not (tmp_path / "fork").exists()


def test_whole_numbers_of_a_net_are_numbers(tmp_path):
    found = net()
    found.sgen["sn_mva"] = found.sgen.sn_mva.astype(np.int64)
    loaded = load(written(tmp_path, found))
    assert next(one for one in loaded.scenario.devices if one.name == "roof").s_max_mva == 2.0


def test_an_sgen_that_draws_does_not_become_a_device_that_only_gives(tmp_path):
    with pytest.raises(InputError, match=r"sgen 0: it draws 0\.05 MW; .* would lose this load; leave it fixed"):
        load(written(tmp_path, net(p_mw=-0.05)))
