"""`feeder.voltage_limits: file`: every bus keeps the limits that bus.csv gives it."""

import math

import pytest

import cosim
from cosim.errors import InputError
from cosim.scenario.build import build_feeder
from cosim.scenario.load import load

BUSES = "id,vn_kv,min_vm_pu,max_vm_pu\n1,10,,\n2,10,0.93,1.01\n3,10,0.9,\n"
TEXT = """
schema: 1
periods: 1
grid: feeder
feeder: {slack_bus: 1, slack_vm_pu: 1.0, LIMITS}
devices:
  - {kind: substation, name: grid}
  - {kind: photovoltaic, name: roof, bus: 2, s_max_mva: 9, available_mw: 9, power_factor: 1}
tariff: {kind: static, prices_per_mwh: 100}
dispatch: {}
"""


@pytest.fixture
def scenario(tmp_path):
    def written(limits, buses=BUSES):
        folder = tmp_path / "feeder"
        folder.mkdir(exist_ok=True)
        (folder / "bus.csv").write_text(buses)
        lines = (
            "id,from_bus,to_bus,length_km,r_ohm_per_km,x_ohm_per_km,c_nf_per_km\n1,1,2,1,0.5,0.2,0\n2,2,3,1,0.5,0.2,0\n"
        )
        (folder / "line.csv").write_text(lines)
        (folder / "load.csv").write_text("id,bus,p_mw,q_mvar\n1,3,0.1,0\n")
        path = tmp_path / "scenario.yaml"
        path.write_text(TEXT.replace("LIMITS", limits))
        return path

    return written


def test_each_bus_keeps_its_own_and_the_scenario_fills_the_rest(scenario):
    feeder = build_feeder(load(scenario("voltage_limits: file, v_min_pu: 0.95, v_max_pu: 1.05")))
    assert feeder.v_min_pu.tolist() == [0.95, 0.93, 0.9]
    assert feeder.v_max_pu.tolist() == [1.05, 1.01, 1.05]


def test_the_scenario_alone_holds_for_every_bus(scenario):
    feeder = build_feeder(load(scenario("v_min_pu: 0.95, v_max_pu: 1.05")))
    assert set(feeder.v_min_pu) == {0.95}
    assert set(feeder.v_max_pu) == {1.05}


@pytest.mark.parametrize(
    ("limits", "buses", "message"),
    [
        ("v_min_pu: 0.9", BUSES, "v_max_pu not given; give both, or 'voltage_limits: file' for those of bus.csv"),
        ("slack_bus: 1", BUSES, "slack_bus"),
        ("voltage_limits: file", BUSES, "bus.csv:2:1: field 'id': the voltage limit is empty"),
        ("voltage_limits: file", "id,vn_kv\n1,10\n2,10\n3,10\n", "no voltage limit: column min_vm_pu and max_vm_pu"),
        ("voltage_limits: net, v_min_pu: 0.9, v_max_pu: 1.1", BUSES, "voltage_limits"),
        ("voltage_limits: file, v_min_pu: 0.95, v_max_pu: 0.92", BUSES, "0.95 must be below v_max_pu 0.92"),
        ("voltage_limits: file, v_min_pu: 1.02, v_max_pu: 1.05", BUSES.replace("1,10,,", "1,10,,1.01"), "is not below"),
    ],
)
def test_a_limit_that_is_missing_or_crossed_is_named(scenario, limits, buses, message):
    with pytest.raises(InputError) as refused:
        build_feeder(load(scenario(limits, buses)))
    assert message in str(refused.value)


def test_the_tightest_bus_binds_the_dispatch(scenario, tmp_path):
    """The bus at its limit of 1.01 sends P, Q to the slack: (v² - (r P + x Q))² + (x P - r Q)² = v²."""
    run = cosim.run(str(scenario("voltage_limits: file, v_min_pu: 0.95, v_max_pu: 1.05")), out=tmp_path / "run")
    buses = run["buses"].set_index("bus")
    assert buses["vm_ac_pu"]["2"] == pytest.approx(1.01, abs=1e-5)
    assert buses["v_max_pu"].to_dict() == {"1": 1.05, "2": 1.01, "3": 1.05}
    roof = run["devices"].set_index("device").loc["roof"]
    r, x, v = 0.5 / 10.0, 0.2 / 10.0, 1.01  # base 10 MVA
    p, q = (roof["p_mw"] - 0.1) / 10.0, roof["q_mvar"] / 10.0
    assert math.hypot(v**2 - (r * p + x * q), x * p - r * q) == pytest.approx(v, abs=1e-5)
