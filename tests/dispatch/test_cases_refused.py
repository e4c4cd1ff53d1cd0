"""A case that cannot be dispatched is refused at birth, every mistake by name."""

from types import SimpleNamespace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller
from cosim.dispatch.settings import DispatchSettings
from cosim.errors import DependencyError, InputError


def grid(day: SimpleNamespace, name: str = "grid"):
    return day.device("substation", name=name)


def test_two_devices_of_one_name(day):
    twins = (grid(day), *(day.device("demand_response", name="dr", bus=bus) for bus in ("7", "8")))
    with pytest.raises(InputError, match="device name 'dr' is used twice"):
        day.case(day.feeder, devices=twins, series={})


def test_bus_that_the_feeder_does_not_have(day):
    devices = (grid(day), day.device("demand_response", name="dr", bus="41"))
    with pytest.raises(InputError, match=r"device 'dr' is at bus '41', which feeder 'ieee33' does not have.*1"):
        day.case(day.feeder, devices=devices, series={})


@pytest.mark.parametrize(("names", "count"), [((), "0"), (("a", "b"), "2")])
def test_not_exactly_one_substation(day, names, count):
    with pytest.raises(InputError, match=f"^{count} substations"):
        day.case(day.feeder, devices=tuple(grid(day, name) for name in names), series={})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_p_mw": np.zeros((33, 23))}, r"base_p_mw has shape \(33, 23\), not \(33, 24\)"),
        ({"base_q_mvar": np.full((33, 24), np.nan)}, "base_q_mvar is not finite"),
        ({"tariff_per_mwh": np.full(24, np.inf)}, "tariff_per_mwh is not finite"),
        ({"tariff_per_mwh": np.zeros(0)}, "tariff_per_mwh is empty"),
        ({"period_h": 0.0}, "period_h: 0.0 must be > 0"),
        ({"station_names": ("8",)}, "1 station names for 3 station buses"),
        ({"station_buses": (1, 2, 33)}, "station bus position 33 is outside 0..32"),
        ({"station_buses": (-1, 2, 3)}, "station bus position -1 is outside 0..32"),
        ({"series": {}}, "device 'pv' has no series 'available_mw'.*device 'wt' has no series"),
    ],
)
def test_arrays_and_stations_that_do_not_fit(day, changes, message):
    with pytest.raises(InputError, match=message):
        day.case(day.feeder, **changes)


def test_stations_may_stand_at_the_first_and_the_last_bus(day):
    assert day.case(day.feeder, station_buses=(0, 1, 32)).station_buses == (0, 1, 32)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"available_mw": np.zeros(1)}, r"pv.available_mw has shape \(1,\), not \(24,\)"),
        ({"available_mw": np.full(24, np.nan)}, "pv.available_mw is not finite"),
    ],
)
def test_series_of_one_value_or_without_values(day, series, message):
    both = {"pv": series, "wt": {"available_mw": day.wind_mw}}
    with pytest.raises(InputError, match=message):
        day.case(day.feeder, series=both)


def test_series_for_no_device(day):
    series = {name: {"available_mw": day.wind_mw} for name in ("pv", "wt", "ghost")}
    with pytest.raises(InputError, match="series for 'ghost', which is no device"):
        day.case(day.feeder, series=series)


def test_unknown_kind_names_the_known_ones(day):
    ghost = SimpleNamespace(name="fly", kind="flywheel", bus="2")
    with pytest.raises(InputError, match="'fly' is of kind 'flywheel'; known kinds are demand_response"):
        day.case(day.feeder, devices=(*day.devices(), ghost))


def test_all_mistakes_are_named_at_once(day):
    devices = (day.device("demand_response", name="dr", bus="41"),)
    with pytest.raises(InputError) as caught:
        day.case(day.feeder, devices=devices, series={}, period_h=-1.0)
    for part in ("0 substations", "bus '41'", "period_h"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"loss_price_per_mwh": -1.0}, "loss_price_per_mwh"),
        ({"ev_curtailment_price_per_mwh": float("nan")}, "ev_curtailment_price_per_mwh"),
        ({"shedding_price_per_mwh": -1.0}, "shedding_price_per_mwh"),
        ({"voltage_slack_price": 0.0}, "voltage_slack_price"),
    ],
)
def test_wrong_setting_is_named(values, named):
    with pytest.raises(InputError, match=rf"dispatch\.{named}"):
        DispatchSettings(**values)


def test_unknown_solver_names_the_known_ones(day):
    with pytest.raises(DependencyError, match=r"'ecos'.*clarabel"):
        Controller(day.case(day.feeder, settings={"solver": "ecos"}))


def test_case_keeps_its_own_data(day):
    """What the caller changes afterwards changes nothing, and nobody can change the case."""
    load = np.outer(day.feeder.p_mw, day.base)
    case = day.case(day.feeder, base_p_mw=load)
    load[5] = 99.0
    assert case.base_p_mw[5].max() < 1.0
    for array in (case.base_p_mw, case.tariff_per_mwh, case.series["pv"]["available_mw"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_nobody_can_change_a_plan(plan):
    for array in (plan.grid.slack_mw, plan.p_gen_mw, plan.grid.vm_pu):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_devices_that_could_cut_more_than_a_buss_load_are_refused_by_name(day):
    """Twice 60 % of one load would feed the feeder from nowhere; exactly all of it is possible."""

    def cutting(share):
        loads = tuple(
            day.device("interruptible_load", name=name, bus="30", share=share, pay_per_mwh=1.0) for name in ("a", "b")
        )
        return day.case(day.feeder, devices=(*day.devices(), *loads), mode="single_period")

    with pytest.raises(InputError, match=r"devices a, b at bus '30' may together cut 1\.2 of its base load"):
        cutting(0.6)
    plan = Controller(cutting(0.5)).plan(19, day.ev_mw[:, [19]])
    assert plan.record.status == "optimal"
    assert plan.p_load_mw[day.feeder.bus_position("30"), 0] == pytest.approx(0.0, abs=1e-6)
