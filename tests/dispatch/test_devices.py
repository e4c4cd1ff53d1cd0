"""Each device against its own rules, the catalogue, and a new device that touches one place."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

import numpy as np
import pytest
from annotated_types import MinLen

from cosim import plugins
from cosim.bounds import Efficiency, NonNegative, Positive, check_bounds
from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, solved
from cosim.errors import InputError

KINDS = ("demand_response", "gas_turbine", "photovoltaic", "storage", "substation", "wind")


def test_catalogue_has_every_kind_of_ours_and_no_last_resort():
    found = catalogue()
    assert set(KINDS) <= set(found)
    assert not {"ev_curtailment", "load_shedding"} & set(found)


@pytest.mark.parametrize("kind", KINDS)
def test_device_and_settings_fit_each_other(kind):
    cls = catalogue()[kind]
    hints = get_type_hints(cls.Settings)
    names = {item.name for item in fields(cls.Settings)}
    assert get_args(hints["kind"]) == (kind,)
    assert cls.kind == kind
    assert "name" in names
    assert set(cls.series_fields) <= names
    assert cls.side in {"generation", "load", "exchange"}
    assert cls.__doc__


WRONG = [
    ("substation", {"import_max_mw": -1.0}, "import_max_mw"),
    ("substation", {"export_max_mw": float("nan")}, "export_max_mw"),
    ("substation", {"name": ""}, "name"),
    ("gas_turbine", {"bus": "2", "p_max_mw": -0.5}, "p_max_mw"),
    ("gas_turbine", {"bus": "2", "p_max_mw": 0.5, "ramp_mw_per_h": -0.2}, "ramp_mw_per_h"),
    ("gas_turbine", {"bus": "2", "p_max_mw": 0.5, "p_initial_mw": -0.1}, "p_initial_mw"),
    ("gas_turbine", {"bus": "2", "p_max_mw": 0.5, "p_initial_mw": 0.6}, "p_initial_mw"),
    ("gas_turbine", {"bus": "2", "p_max_mw": 0.5, "cost_quadratic_per_mw2h": -1.0}, "cost_quadratic_per_mw2h"),
    ("gas_turbine", {"bus": "2", "p_max_mw": 0.5, "cost_per_mwh": float("inf")}, "cost_per_mwh"),
    ("gas_turbine", {"bus": "2", "p_max_mw": 0.5, "q_min_mvar": 0.2, "q_max_mvar": 0.1}, "q_min_mvar"),
    ("storage", {"bus": "2", "capacity_mwh": 0.0, "p_max_mw": 1.0, "s_max_mva": 1.0}, "capacity_mwh"),
    ("storage", {"bus": "2", "capacity_mwh": 1.0, "p_max_mw": -1.0, "s_max_mva": 1.0}, "p_max_mw"),
    ("storage", {"bus": "2", "capacity_mwh": 1.0, "p_max_mw": 1.0, "s_max_mva": -1.0}, "s_max_mva"),
    ("storage", {"charge_efficiency": 0.0}, "charge_efficiency"),
    ("storage", {"discharge_efficiency": 1.01}, "discharge_efficiency"),
    ("storage", {"soc_min": -0.1}, "soc_min"),
    ("storage", {"soc_max": 1.1}, "soc_max"),
    ("storage", {"soc_initial": 0.9}, "soc_initial"),
    ("storage", {"wear_cost_per_mwh": -1.0}, "wear_cost_per_mwh"),
    ("photovoltaic", {"bus": "2", "s_max_mva": -1.0, "available_mw": 0.0}, "s_max_mva"),
    ("wind", {"bus": "2", "s_max_mva": 1.0, "available_mw": (0.1, float("nan"))}, "available_mw"),
    ("demand_response", {"bus": "2", "share": 1.5}, "share"),
    ("demand_response", {"bus": "2", "pay_per_mwh": -5.0}, "pay_per_mwh"),
]
BATTERY = {"bus": "2", "capacity_mwh": 1.0, "p_max_mw": 1.0, "s_max_mva": 1.0}


@pytest.mark.parametrize(("kind", "values", "named"), WRONG)
def test_wrong_setting_is_named_with_its_device(kind, values, named):
    complete = (BATTERY if kind == "storage" else {}) | {"name": "mine"} | values
    with pytest.raises(InputError, match=f"{complete['name']}.{named}"):
        catalogue()[kind].Settings(**complete)


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(InputError) as caught:
        catalogue()["storage"].Settings(
            name="ess", **(BATTERY | {"capacity_mwh": -1.0, "soc_min": 2.0, "p_max_mw": -1})
        )
    assert [problem.field for problem in caught.value.problems] == ["ess.capacity_mwh", "ess.p_max_mw", "ess.soc_min"]


FEW = slice(16, 22)


def dispatched(day: SimpleNamespace, *, initial: dict[str, Any] | None = None, **changes: dict[str, Any]):
    case = day.case(day.feeder, periods=FEW, devices=day.devices(**changes))
    plan = Controller(case).plan(0, day.ev_mw[:, FEW], states={**initial_states(case), **(initial or {})})
    assert plan.record.status == "optimal"
    return plan


def test_ramp_binds_from_the_power_before_the_first_period(day):
    plan = dispatched(day, gt={"p_initial_mw": 0.0, "ramp_mw_per_h": 0.1})
    np.testing.assert_allclose(plan.devices["gt"].p_mw, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5], atol=1e-6)


def test_ramp_binds_downwards_too(day):
    """A turbine dearer than the grid comes down as fast as it may."""
    plan = dispatched(day, gt={"p_initial_mw": 0.5, "ramp_mw_per_h": 0.2, "cost_per_mwh": 2000.0})
    np.testing.assert_allclose(plan.devices["gt"].p_mw, [0.3, 0.1, 0.0, 0.0, 0.0, 0.0], atol=1e-6)


def test_ramp_per_hour_counts_the_length_of_the_period(day):
    case = day.case(
        day.feeder, periods=FEW, period_h=0.5,
        devices=day.devices(gt={"p_initial_mw": 0.0, "ramp_mw_per_h": 0.2}),
    )  # fmt: skip
    plan = Controller(case).plan(0, day.ev_mw[:, FEW])
    np.testing.assert_allclose(plan.devices["gt"].p_mw, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5], atol=1e-6)


def test_turbine_without_ramp_is_free(day):
    plan = dispatched(day, gt={"p_initial_mw": 0.0, "ramp_mw_per_h": None})
    np.testing.assert_allclose(plan.devices["gt"].p_mw, 0.5, atol=1e-6)


def test_must_take_generation_is_taken(day):
    plan = dispatched(day, wt={"curtailable": False, "reactive": False}, pv={"curtailable": False})
    np.testing.assert_allclose(plan.devices["wt"].p_mw, day.wind_mw[FEW], atol=1e-9)
    np.testing.assert_allclose(plan.devices["pv"].p_mw, day.pv_mw[FEW], atol=1e-9)
    np.testing.assert_array_equal(plan.devices["wt"].q_mvar, 0.0)
    assert np.abs(plan.devices["pv"].q_mvar).max() > 0.01


def test_what_is_taken_at_the_rating_leaves_no_reactive_power(day):
    """P^2 + Q^2 <= S^2 at P = S is a point: a cone without room passed 1e-4 of the rating in Q (random seed 927)."""
    plan = dispatched(day, pv={"curtailable": False, "s_max_mva": float(day.pv_mw[FEW].max())})
    full = plan.devices["pv"].p_mw >= day.pv_mw[FEW].max() - 1e-12
    assert full.any()
    assert np.abs(plan.devices["pv"].q_mvar[full]).max() < 1e-9


def test_rating_cuts_what_the_weather_offers(day):
    plan = dispatched(day, wt={"s_max_mva": 0.1})
    np.testing.assert_allclose(plan.devices["wt"].available_mw, 0.1)
    assert plan.devices["wt"].p_mw.max() <= 0.1 + 1e-7


@pytest.mark.parametrize(("end", "energy"), [("at_least", 0.8), ("equal", 0.8), ("free", 0.32)])
def test_end_of_day_keeps_the_energy_that_is_asked_for(day, end, energy):
    plan = dispatched(day, ess={"soc_end": end})
    assert plan.devices["ess"].energy_mwh[-1] == pytest.approx(energy, abs=1e-5)


def test_full_battery_comes_back_to_the_start_of_the_day_where_equality_is_asked(day):
    """The start is that of the day (soc_initial), not the energy which a later window starts from."""
    plan = dispatched(day, initial={"ess": {"energy_mwh": 1.28}}, ess={"soc_end": "equal"})
    assert plan.devices["ess"].energy_mwh[-1] == pytest.approx(0.8, abs=1e-6)
    assert np.abs(plan.devices["ess"].recursion_mwh).max() <= 1e-9


def test_battery_without_reactive_power_respects_a_small_inverter(day):
    plan = dispatched(day, ess={"reactive": False, "s_max_mva": 0.1})
    assert np.abs(plan.devices["ess"].p_mw).max() <= 0.1 + 1e-7
    np.testing.assert_array_equal(plan.devices["ess"].q_mvar, 0.0)


def test_wear_is_paid_on_discharge(day):
    plan = dispatched(day, ess={"wear_cost_per_mwh": 10.0})
    power = plan.devices["ess"].p_mw
    assert power.max() > 0.01
    np.testing.assert_allclose(plan.cost["wear"], 10.0 * np.maximum(power, 0.0), atol=1e-4)


def test_import_limit_holds(day):
    free = dispatched(day)
    limit = 0.97 * free.grid.slack_mw.max()
    plan = dispatched(day, grid={"import_max_mw": float(limit)})
    assert plan.grid.slack_mw.max() <= limit + 1e-6
    assert plan.total_cost.sum() >= free.total_cost.sum()


@pytest.mark.parametrize("period_h", [0.25, 0.5, 2.0])
def test_load_that_is_cut_comes_back_within_the_day_whatever_the_length_of_a_period(day, period_h):
    """Period by period, what is still open is carried along; over the day as applied, cut and refill are equal."""
    case = day.case(
        day.feeder, periods=FEW, mode="rolling", period_h=period_h, tariff_per_mwh=np.linspace(900.0, 300.0, 6),
        devices=day.devices(**{f"dr{bus}": {"pay_per_mwh": 1.0} for bus in day.dr_buses}),
    )  # fmt: skip
    controller, states, applied = Controller(case), initial_states(case), []
    for k in range(case.periods):
        plan = controller.plan(k, day.ev_mw[:, FEW][:, k:], states=states)
        applied.append([plan.devices[f"dr{bus}"].p_mw[0] for bus in day.dr_buses])
        states = carried(states, plan)
        open_mwh = [states[f"dr{bus}"]["open_mwh"] for bus in day.dr_buses]
        np.testing.assert_allclose(open_mwh, period_h * np.sum(applied, axis=0), atol=1e-9)
    assert np.max(applied) > 0.01
    np.testing.assert_allclose(period_h * np.sum(applied, axis=0), 0.0, atol=1e-6)


def test_demand_response_stands_still_in_a_window_of_one_period(day):
    case = day.case(day.feeder, mode="single_period")
    plan = Controller(case).plan(19, day.ev_mw[:, 19:20])
    assert plan.length == 1
    for bus in day.dr_buses:
        assert abs(plan.devices[f"dr{bus}"].p_mw[0]) <= 1e-7
    assert plan.devices["ess"].p_mw[0] == pytest.approx(0.4, abs=1e-6)  # myopic: stored energy is worth nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class FlywheelSettings:
    kind: Literal["flywheel"] = "flywheel"
    name: Annotated[str, MinLen(1)]
    bus: str
    energy_max_mwh: Positive
    p_max_mw: NonNegative
    efficiency: Efficiency = 0.98

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class Flywheel(Device):
    """A flywheel that starts empty; power p > 0 discharges."""

    kind = "flywheel"
    Settings: ClassVar[type] = FlywheelSettings

    def declare(self) -> None:
        self.out_mw, self.in_mw, self.stored_mwh = self.variable(), self.variable(), self.variable()
        self.cap_mw, self.start_mwh = self.parameter("cap_mw"), self.scalar("start_mwh")

    def load(self, window: Window, state: State) -> None:
        self.cap_mw.value = np.where(window.active, self.settings.p_max_mw, 0.0)
        self.start_mwh.value = state["energy_mwh"]

    def constraints(self) -> Iterator[Any]:
        gain = self.frame.period_h * (self.settings.efficiency * self.in_mw - self.out_mw)
        yield from (self.out_mw >= 0, self.in_mw >= 0, self.out_mw <= self.cap_mw, self.in_mw <= self.cap_mw)
        yield from (self.stored_mwh >= 0, self.stored_mwh <= self.settings.energy_max_mwh)
        yield self.stored_mwh[0] == self.start_mwh + gain[0]
        yield self.stored_mwh[1:] == self.stored_mwh[:-1] + gain[1:]

    def costs(self) -> Iterator[Cost]:
        yield Cost(term="bearing", variable=self.in_mw, linear=1.0)

    def injections(self) -> Iterator[Injection]:
        yield Injection(buses=(self.bus,), p_mw=self.out_mw - self.in_mw)

    def power(self) -> tuple[np.ndarray, np.ndarray]:
        p_mw = solved(self.out_mw) - solved(self.in_mw)
        return p_mw, np.zeros_like(p_mw)

    @classmethod
    def initial_state(cls, settings: FlywheelSettings) -> dict[str, float]:
        return {"energy_mwh": 0.0}

    def next_state(self, state: State, window: Window, periods: int) -> dict[str, float]:
        return {"energy_mwh": max(float(solved(self.stored_mwh)[periods - 1]), 0.0)}


@pytest.fixture
def with_flywheel(monkeypatch):
    """An installed package offers the flywheel by an entry point."""
    entry = SimpleNamespace(name="flywheel", load=lambda: Flywheel)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == "cosim.devices" else [])
    plugins.discover.cache_clear()
    yield
    plugins.discover.cache_clear()


@pytest.mark.usefixtures("with_flywheel")
def test_new_device_is_dispatched_without_touching_anything_else(day):
    flywheel = catalogue()["flywheel"].Settings(name="fly", bus="30", energy_max_mwh=0.2, p_max_mw=0.2)
    devices = (*day.devices(), flywheel)
    controller = Controller(day.case(day.feeder, periods=FEW, devices=devices, mode="rolling"))
    plan = controller.plan(0, day.ev_mw[:, FEW])
    assert plan.record.status == "optimal"
    power = plan.devices["fly"].p_mw
    assert power[0] < -0.1  # charges at 550, gives back at 715
    assert power[1:].sum() == pytest.approx(0.98 * 0.2, abs=1e-5)
    assert plan.cost["bearing"].sum() > 0.1
    assert plan.total_cost.sum() < dispatched(day).total_cost.sum() - 10.0
    assert plan.total_cost.sum() == pytest.approx(plan.record.primal_objective, rel=1e-8)
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-6
    assert carried(initial_states(controller.case), plan)["fly"]["energy_mwh"] == pytest.approx(0.98 * 0.2, abs=1e-5)


@pytest.mark.usefixtures("with_flywheel")
def test_bounds_of_a_new_device_are_checked_like_ours():
    with pytest.raises(InputError, match=r"fly\.p_max_mw"):
        catalogue()["flywheel"].Settings(name="fly", bus="30", energy_max_mwh=0.2, p_max_mw=-0.2)
