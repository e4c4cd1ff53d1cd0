"""A day on a net as it is: what a run tells, put into the user's own elements, is what pandapower says of it."""

import json
import shutil

import pandapower as pp
import pytest

from cosim.errors import CheckpointError, StorageError
from cosim.workflows.fork import fork
from cosim.workflows.resume import resume
from cosim.workflows.run import run
from cosim.workflows.verify import verify
from tests.faults.days import stopped
from tests.scenario.test_nets_as_grids import own_net

SCENARIO = {
    "schema": 1, "title": "A village behind its transformer", "currency": "EUR", "periods": 3,
    "grid": {"pandapower": "net.json", "devices": {"roof": "sgen 0", "cell": "storage 0"}},
    "feeder": {"v_min_pu": 0.9, "v_max_pu": 1.1, "load_profile": [1.0, 0.4, 1.2], "current_limits": True},
    "devices": [
        {"kind": "substation", "name": "grid"},
        {"kind": "photovoltaic", "name": "roof", "available_mw": [0.0, 0.05, 0.02]},
    ],
    "tariff": {"kind": "static", "prices_per_mwh": [50, 20, 80]}, "dispatch": {"mode": "rolling"},
}  # fmt: skip


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    folder = tmp_path_factory.mktemp("village")
    net = own_net()
    net.line["max_loading_percent"] = 90.0
    pp.to_json(net, str(folder / "net.json"))
    (folder / "scenario.yaml").write_text(json.dumps(SCENARIO), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def day(scenario):
    return run(scenario, out=scenario.parent / "village_run", report=True)


def in_its_own_elements(day, k):
    """Return the user's net with the setpoints of a period at its own loads, sgens and storages, solved."""
    net = own_net()
    net.load["scaling"] *= SCENARIO["feeder"]["load_profile"][k]
    devices = day["devices"][day["devices"].period == k + 1].set_index("device")
    net.sgen.loc[0, ["p_mw", "q_mvar"]] = devices.p_mw["roof"], devices.q_mvar["roof"]
    net.storage.loc[0, ["p_mw", "q_mvar"]] = -devices.p_mw["cell"], -devices.q_mvar["cell"]
    pp.runpp(net, numba=False, tolerance_mva=1e-12, calculate_voltage_angles=True)
    return net


def test_the_day_passes_its_gates(day):
    assert day.exit_code == 0
    assert day["periods"].ac_dv_pu.max() < 1e-7
    assert [one["file"] for one in day.manifest["inputs"]] == ["net.json", "scenario.yaml"]


@pytest.mark.parametrize("k", range(3))
def test_the_users_net_with_the_setpoints_says_the_same(day, k):
    net = in_its_own_elements(day, k)
    buses, lines = (day[name][day[name].period == k + 1] for name in ("buses", "lines"))
    assert buses.bus.to_list() == ["0", "1", "3"]
    assert buses.name.to_list() == net.bus.name[[0, 1, 3]].to_list() == ["substation", "busbar", "village"]
    assert buses.vm_ac_pu.to_list() == pytest.approx(net.res_bus.vm_pu[[0, 1, 3]].to_list(), abs=1e-9)
    by_line = lines.set_index("line")
    trafo, line = "trafo 0", "line 0 'L'"
    assert list(by_line.index) == [trafo, line]
    assert by_line.i_ac_ka[trafo] == pytest.approx(net.res_trafo[["i_hv_ka", "i_lv_ka"]].loc[0].max(), abs=1e-9)
    assert by_line.i_ac_ka[line] == pytest.approx(net.res_line.i_ka[0], abs=1e-9)
    assert by_line.loading_percent[trafo] == pytest.approx(net.res_trafo.loading_percent[0], abs=1e-5)
    assert by_line.loading_percent[line] == pytest.approx(net.res_line.loading_percent[0], abs=1e-5)
    assert lines.max_loading_percent.to_list() == [100.0, 90.0]
    told = day["periods"].iloc[k]
    assert told.ac_slack_mw == pytest.approx(net.res_ext_grid.p_mw[0], abs=1e-9)
    lost = net.res_trafo.pl_mw[0] + net.res_line.pl_mw[0]
    assert told.ac_loss_mw == pytest.approx(lost, abs=1e-9)


def test_the_run_is_verified_on_the_net(day):
    """The bound counts the iron losses at the slack bus, too, which no decision changes."""
    found = verify(day.folder, stress_draws=3)
    assert found.whole.exit_code == 0
    assert found.whole.audit_closes
    assert found.whole.gap_rel < 1e-6


def test_a_stopped_day_goes_on_to_the_same_bits_and_a_fork_too(scenario, day, tmp_path):
    folder = stopped(scenario, tmp_path / "run", 1)
    again = resume(folder, report=False)
    assert again.run["tables_digest"] == day.run["tables_digest"]
    assert fork(day.folder, 2, out=tmp_path / "fork", report=False).run["tables_digest"] == day.run["tables_digest"]


def test_a_changed_net_is_named(scenario, tmp_path):
    folder = stopped(scenario, tmp_path / "run", 1)
    stored = folder / "scenario" / "net.json"
    stored.write_text(stored.read_text().replace("0.08", "0.09", 1))
    with pytest.raises(CheckpointError, match=r"net\.json' has not the SHA-256"):
        resume(folder, report=False)


def test_a_net_that_its_package_brings_otherwise_now_is_named(tmp_path, monkeypatch):
    """The run's folder holds no file of it: its tables are held against those of the run."""
    from pandapower import networks

    text = SCENARIO | {
        "grid": {"pandapower": "create_cigre_network_lv"},
        "devices": SCENARIO["devices"][:1],
        "periods": 1,
    }
    text |= {"feeder": {"v_min_pu": 0.8, "v_max_pu": 1.2}, "tariff": {"kind": "static", "prices_per_mwh": 50}}
    (tmp_path / "scenario.yaml").write_text(json.dumps(text), encoding="utf-8")
    done = run(tmp_path, out=tmp_path / "run", report=False)
    assert done.exit_code == 0
    make = networks.create_cigre_network_lv

    def other():
        net = make()
        net.load.loc[0, "p_mw"] *= 1.01
        return net

    other.__module__ = make.__module__
    monkeypatch.setattr(networks, "create_cigre_network_lv", other)
    with pytest.raises(StorageError, match="'pandapower:create_cigre_network_lv' is not the net of the run any more"):
        verify(shutil.copytree(done.folder, tmp_path / "copy"))
