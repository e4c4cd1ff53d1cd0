"""Every equation of the paper: what it says, the function that computes it, the test that holds it against a truth.

The truth lies outside the code: a closed form, a conservation law, a finite difference, a second solver, a published
value. ``docs/paper.md`` prints this table; a test sees that no equation is missing and that function and test exist.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Equation:
    """A row: number, what it says, ``module:name`` of the code, ``file::test`` below ``tests/``."""

    number: int
    what: str
    function: str
    test: str


def _rows(text: str) -> tuple[Equation, ...]:
    cells = [[cell.strip() for cell in row.split("|")] for row in text.strip().splitlines()]
    return tuple(Equation(int(number), *rest) for number, *rest in cells)


EQUATIONS = _rows(
    """
    1  | OD trips from link counts | traffic.likelihoods.gaussian:log_likelihood | traffic/test_od_estimation.py::test_eq_1_is_a_multivariate_normal
    2  | trips that want to charge | charging.demand:split_by_class | charging/test_charging_demand_and_load.py::test_classes_add_up_to_all_trips
    3  | time of roads and stations | traffic.performance:link_cost | traffic/test_performance.py::test_integral_is_the_area_under_the_cost
    4  | trips are the sum of their paths | traffic.choice:PathSet.load | traffic/test_choice.py::test_flows_are_conserved
    5  | link flow from path flows | traffic.paths:PathSet.link_flow | traffic/test_equilibrium.py::test_conservation_and_logit_at_the_equilibrium
    6  | path cost from link times | traffic.paths:PathSet.route_cost | traffic/test_choice.py::test_shares_follow_the_logit_ratio
    7  | logit choice | traffic.choice:PathSet.load | traffic/test_choice.py::test_shares_follow_the_logit_ratio
    8  | equilibrium as a convex programme | traffic.problem:fisk_objective | traffic/test_equilibrium.py::test_no_feasible_flow_has_a_lower_objective_and_the_gap_bounds_it
    9  | charging power from visits | charging.load:charging_mw | charging/test_charging_demand_and_load.py::test_energy_of_an_hour
    10 | charging load on top of base load | dispatch.answer:collect | dispatch/test_physics_of_the_plan.py::test_loads_and_generation_of_the_plan_are_those_of_case_and_devices
    11 | AC power flow | grid.engines.pandapower:AcFlow.solve | grid/test_ac_power_flow.py::test_two_buses_have_the_closed_form
    12 | power balance of a branch | dispatch.branch_flow:BranchFlow.constraints | dispatch/test_physics_of_the_plan.py::test_power_balances_at_every_bus_in_every_period
    13 | what stands at a bus | dispatch.branch_flow:gather | dispatch/test_physics_of_the_plan.py::test_loads_and_generation_of_the_plan_are_those_of_case_and_devices
    14 | voltage drop and current of a branch | dispatch.branch_flow:BranchFlow.constraints | dispatch/test_physics_of_the_plan.py::test_voltage_drops_along_every_line
    15 | the relaxed cone | dispatch.branch_flow:BranchFlow.constraints | dispatch/test_second_solver.py::test_single_hours_cost_what_the_ac_optimum_costs
    16 | limits of voltage and current | dispatch.branch_flow:BranchFlow.constraints | dispatch/test_physics_of_the_plan.py::test_voltages_and_storage_stay_inside_their_limits
    17 | gas turbine | dispatch.devices.gas_turbine:GasTurbine.constraints | dispatch/test_devices.py::test_ramp_binds_from_the_power_before_the_first_period
    18 | storage | dispatch.devices.storage:Storage.constraints | dispatch/test_physics_of_the_plan.py::test_stored_energy_telescopes
    19 | photovoltaics and wind | dispatch.devices._renewable:Renewable.constraints | dispatch/test_physics_of_the_plan.py::test_inverters_stay_inside_their_circles
    20 | demand response | dispatch.devices.demand_response:DemandResponse.constraints | dispatch/test_physics_of_the_plan.py::test_demand_response_returns_what_it_cuts_and_keeps_its_share
    21 | cost | dispatch.devices.base:Cost.objective | dispatch/test_ipopt_agrees.py::test_day_costs_what_ipopt_finds_for_the_exact_ac_problem
    22 | bands of the price | dispatch.tariffs.dynamic:dynamic_tariff | dispatch/test_tariff.py::test_equivalent_load_of_the_default_day
    23 | error of the relaxation | dispatch.exactness:cone_gap | dispatch/test_physics_of_the_plan.py::test_cone_gap_uses_the_voltage_of_the_sending_bus
    """  # noqa: E501 - a table, one row an equation
)
