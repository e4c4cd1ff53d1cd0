"""Every device, shipped or plugged in: run, gate, verify, report; and no mistake of a device ends with exit 0."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim import plugins
from cosim.dispatch.devices import catalogue
from cosim.reports.page import write_report
from cosim.reports.summary import summarise
from cosim.results.store import RunStore
from cosim.scenario.schema import Scenario
from cosim.workflows.run import run
from cosim.workflows.verify import verify

PLUGGED = Path(__file__).parents[1] / "plugged" / "plugged_devices.py"
FEEDER = {
    "bus.csv": "id,vn_kv\n1,12.66\n2,12.66\n3,12.66\n4,12.66\n",
    "line.csv": "id,from_bus,to_bus,length_km,r_ohm_per_km,x_ohm_per_km,c_nf_per_km\n"
    "a,1,2,1,0.1,0.1,0\nb,2,3,1,0.1,0.1,0\nc,3,4,1,0.1,0.1,0\n",
    "load.csv": "id,bus,p_mw,q_mvar\nx,2,1.0,0.2\ny,3,1.0,0.2\nz,4,1.0,0.2\n",
}
# Every limit binds somewhere, and every cost is paid: else leaving it out would be no mistake.
STORE = "bus: '4', capacity_mwh: 1.0, p_max_mw: 0.2, s_max_mva: 0.2, wear_cost_per_mwh: 10"
SCENARIO = f"""
schema: 1
periods: 3
period_min: 60
grid: feeder
feeder: {{base_mva: 10, slack_bus: '1', slack_vm_pu: 1.0, v_min_pu: 0.9, v_max_pu: 1.1}}
devices:
  - {{kind: substation, name: grid, import_max_mw: 3.0}}
  - {{kind: gas_turbine, name: gt, bus: '2', p_max_mw: 0.3, cost_per_mwh: 100}}
  - {{kind: photovoltaic, name: pv, bus: '3', s_max_mva: 0.5, available_mw: [0.1, 0.2, 0.1]}}
  - {{kind: wind, name: wt, bus: '3', s_max_mva: 0.5, available_mw: [0.1, 0.1, 0.1]}}
  - {{kind: storage, name: ess, {STORE}}}
  - {{kind: flywheel, name: fly, {STORE}}}
  - {{kind: reservoir, name: lake, bus: '4', capacity_mwh: 1.0, p_max_mw: 0.3}}
  - {{kind: demand_response, name: dr, bus: '2', share: 0.2, pay_per_mwh: 10}}
  - {{kind: interruptible_load, name: off, bus: '3', share: 0.1, pay_per_mwh: 50}}
tariff: {{kind: static, prices_per_mwh: [300, 600, 290]}}
dispatch: {{mode: day_ahead, loss_price_per_mwh: 0}}
"""
KINDS = (
    "substation", "gas_turbine", "photovoltaic", "wind", "storage", "flywheel", "reservoir", "demand_response",
    "interruptible_load",
)  # fmt: skip
PAID = ("substation", "gas_turbine", "storage", "flywheel", "demand_response", "interruptible_load")


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """An installed package that offers devices by entry points."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(PLUGGED, site)
    info = site / "plugged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    offered = "\n".join(f"{name.lower()} = plugged_devices:{name}" for name in ("Flywheel", "Careless", "Reservoir"))
    (info / "entry_points.txt").write_text(f"[cosim.devices]\n{offered}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        plugins.discover.cache_clear()
        Scenario.model_rebuild(force=True)
        yield catalogue()
    plugins.discover.cache_clear()
    Scenario.model_rebuild(force=True)


@pytest.fixture
def folder(plugged, tmp_path):
    return written(tmp_path / "scenario", SCENARIO)


def written(folder: Path, text: str) -> Path:
    (folder / "feeder").mkdir(parents=True)
    for name, content in FEEDER.items():
        (folder / "feeder" / name).write_text(content)
    (folder / "scenario.yaml").write_text(text)
    return folder


def failed_checks(result) -> set[str]:
    gates = [json.loads(path.read_text()) for path in result.folder.glob("periods/*/gate.json")]
    return {check["name"] for gate in gates for check in gate["checks"] if not check["passed"]}


def test_the_scenario_has_every_kind(plugged):
    assert set(KINDS) == set(plugged) - {"careless"}


def test_the_whole_way_with_every_kind(folder, tmp_path):
    result = run(folder, out=tmp_path / "run")
    assert (result.exit_code, failed_checks(result)) == (0, set())
    devices = result["devices"].set_index(["device", "period"])
    for name in ("ess", "fly"):
        assert devices.loc[(name, 2), "p_mw"] == pytest.approx(0.2, abs=1e-6)
    assert devices.loc[("lake", 2), "p_mw"] == pytest.approx(0.3, abs=1e-6)
    assert result["periods"]["import_mw"].max() == pytest.approx(3.0, abs=1e-6)

    found = verify(result.folder)
    assert found.exit_code == 0
    assert {"storage ess", "storage fly"} <= {item.item for item in found.audit}

    kept = result.manifest["kinds"]["flywheel"]
    assert (kept["stores"], kept["exclusive"], kept["label"]) == (True, True, "Flywheel")
    labels = {row.label for section in summarise(cosim.load(result.folder)).sections for row in section.rows}
    assert {"Flywheel out", "Reservoir", "Storage discharged", "Demand response cut"} <= labels


def test_a_report_needs_no_installed_kind(folder, tmp_path, monkeypatch):
    result = run(folder, out=tmp_path / "run", report=False)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    plugins.discover.cache_clear()
    page = write_report(cosim.load(result.folder))
    text = page.read_text(encoding="utf-8")
    assert "Flywheel, out" in text
    assert "#123456" in text or "rgba(18,52,86" in text.replace(" ", "")
    plugins.discover.cache_clear()


def test_a_run_of_an_earlier_version_is_judged_by_the_installed_kinds(folder, tmp_path):
    result = run(folder, out=tmp_path / "run", report=False)
    manifest = json.loads((result.folder / "manifest.json").read_text())
    del manifest["kinds"]
    RunStore(result.folder).begin(manifest)
    assert verify(result.folder).exit_code == 0


def wrong_power(device):
    def power(self):
        p_mw, q_mvar = device.power(self)
        return p_mw + 0.01, q_mvar

    return {"power": power}


def nan_power(device):
    def power(self):
        p_mw, q_mvar = device.power(self)
        return np.full_like(p_mw, np.nan), q_mvar

    return {"power": power}


def no_limit(device):
    return {"constraints": lambda self: iter(())}


def no_cost(device):
    return {"costs": lambda self: iter(())}


MISTAKES = [(kind, mistake) for kind in KINDS for mistake in (wrong_power, nan_power, no_limit)]
MISTAKES += [(kind, no_cost) for kind in PAID]


@pytest.mark.parametrize(("kind", "mistake"), MISTAKES, ids=lambda value: getattr(value, "__name__", value))
def test_no_mistake_of_a_device_ends_well(folder, plugged, tmp_path, monkeypatch, kind, mistake):
    device = plugged[kind]
    original = type("Original", (), {"power": device.power})
    for name, changed in mistake(original).items():
        monkeypatch.setattr(device, name, changed)
    result = run(folder, out=tmp_path / "run", report=False)
    assert result.exit_code in (5, 6, 10)
    assert failed_checks(result)
    if mistake is no_cost:
        assert "device_cost_rel" in failed_checks(result)
    if mistake in (wrong_power, nan_power):
        assert failed_checks(result) & {"device_balance_mw", "device_excess_mw"}


OVERLAP = """
schema: 1
periods: 2
period_min: 60
grid: feeder
feeder: {base_mva: 10, slack_bus: '1', slack_vm_pu: 1.0, v_min_pu: 0.9, v_max_pu: 1.1}
devices:
  - {kind: substation, name: grid}
  - {kind: KIND, name: ess, bus: '4', capacity_mwh: 1.0, p_max_mw: 0.4, s_max_mva: 0.5}
tariff: {kind: static, prices_per_mwh: -20}
dispatch: {mode: day_ahead, loss_price_per_mwh: 30}
"""


def test_another_storage_is_kept_from_charging_and_discharging_at_once(plugged, tmp_path):
    """Wasted energy earns money here: without a rule both directions would run in every period."""
    result = run(written(tmp_path / "s", OVERLAP.replace("KIND", "flywheel")), out=tmp_path / "run", report=False)
    assert set(result["periods"]["storage_repair"]) == {"sign_fix"}
    assert result["devices"]["overlap_mw"].max() <= 1e-6
    assert result.exit_code == 10


def test_a_storage_that_cannot_be_kept_from_it_is_flagged(plugged, tmp_path):
    result = run(written(tmp_path / "s", OVERLAP.replace("KIND", "careless")), out=tmp_path / "run", report=False)
    assert result["devices"]["overlap_mw"].max() > 0.1
    assert "storage_overlap_mw" in failed_checks(result)
    assert result.exit_code == 6
    assert verify(result.folder).exit_code == 6
