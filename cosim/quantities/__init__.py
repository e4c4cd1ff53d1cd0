"""The vocabulary: every port between simulators and every column of the results, with unit and meaning.

Simulators build their META from `PORTS`; the store, the documentation and ``cosim schema results`` read `COLUMNS`.
Ports are spelled as in mosaik's own components, with the unit in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cosim.quantities.coupling import COUPLING_COLUMNS
from cosim.quantities.grid import GRID_COLUMNS
from cosim.quantities.micro import MICRO_COLUMNS, MICRO_PORTS

if TYPE_CHECKING:
    from mosaik_api_v3.types import Meta, ModelDescription

Kind = Literal["input", "trigger", "output", "event"]


@dataclass(frozen=True, slots=True)
class Port:
    """An attribute of an entity on mosaik's border.

    ``trigger`` is an input that starts a step; ``event`` an output that exists only in the step that sends it; a plain
    ``output`` persists.
    """

    simulator: str
    entity: str
    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a results table; ``may_lack``: a value can be none by its meaning."""

    table: str
    name: str
    unit: str
    meaning: str
    may_lack: bool = False


def _ports(simulator: str, entity: str, rows: str) -> tuple[Port, ...]:
    """Read ``name | kind | meaning`` rows."""
    cells = [tuple(cell.strip() for cell in row.split("|", 2)) for row in rows.strip().splitlines()]
    return tuple(Port(simulator, entity, name, kind, meaning) for name, kind, meaning in cells)  # type: ignore[arg-type]


def columns(table: str, rows: str) -> tuple[Column, ...]:
    """Return the columns of a table from ``name | unit | meaning`` rows; ``name?`` may lack a value."""
    cells = [[cell.strip() for cell in row.split("|", 2)] for row in rows.splitlines() if row.strip()]
    return tuple(Column(table, name.rstrip("?"), unit, text, may_lack=name.endswith("?")) for name, unit, text in cells)


PORTS: tuple[Port, ...] = (
    *_ports(
        "traffic",
        "Road",
        """
        path_flow[veh/h]      | output | flow of every path, by path id
        sue_residual          | output | R of the equilibrium
        coupling_residual[MW] | output | load sent less load at the price it was answered with
        coupling_iterations   | output | rounds of the price-flow loop
        coupling_converged    | output | whether the loop is within its tolerance
        query                 | output | how the loads may move within the dispatch: price and root per period
        answer                | trigger | what the loop needs of the dispatch besides prices and loads
        period                | output | number of the period that the values belong to
        record                | output | tables and figures of the period
        state                 | output | where the roads stand: what the next period begins with
        """,
    ),
    *_ports(
        "traffic",
        "Link",
        """
        flow[veh/h]      | output | traffic flow
        travel_time[min] | output | travel time at this flow
        """,
    ),
    *_ports(
        "traffic",
        "Station",
        """
        price[CNY/MWh]     | trigger | price that drivers pay
        price_day[CNY/MWh] | trigger | price in every period (day-ahead loop)
        P_offer[MW]        | trigger | charging load that the dispatch was solved for
        P_offer_day[MW]    | trigger | the same in every period (day-ahead loop)
        P_demand[MW]       | event   | charging load of the period
        P_forecast[MW]     | output  | charging load of every period of the day
        flow[veh/h]        | output  | vehicles that come to charge
        wait[min]          | output  | time in the station beyond access and service
        """,
    ),
    *_ports(
        "dispatch",
        "Dispatch",
        """
        cost[CNY] | output | cost of the period
        cone_gap  | output | largest cone gap, pu^2
        status    | output | how the solve ended
        query     | input  | how the loads may move: price and root per period; without it they stay
        answer    | event  | what the price-flow loop needs besides prices and loads: cost of the window
        period    | output | number of the period that the values belong to
        record    | output | tables and figures of the period
        state     | output | where the dispatch stands: what the next period begins with
        """,
    ),
    *_ports(
        "dispatch",
        "Port",
        """
        P_demand[MW]       | trigger | charging load of the period
        P_forecast[MW]     | input   | charging load of every period of the day
        price[CNY/MWh]     | event   | price that drivers pay
        price_day[CNY/MWh] | event   | the same for every period of the plan
        P_offer[MW]        | event   | charging load that the dispatch was solved for
        P_offer_day[MW]    | event   | the same for every period of the plan
        P_set[MW]          | output  | cap on the charging power
        """,
    ),
    *_ports(
        "dispatch",
        "Bus",
        """
        P_load[MW]   | output | active load after demand response and curtailment
        Q_load[MVar] | output | reactive load
        P_gen[MW]    | output | active generation, storage included
        Q_gen[MVar]  | output | reactive generation
        Vm_soc[pu]   | output | voltage of the relaxed solution
        """,
    ),
    *_ports(
        "profiles",
        "Series",
        """
        P_demand[MW]   | output | given charging load of the period
        P_forecast[MW] | output | given charging load of every period
        price[CNY/MWh] | output | given price of the period
        """,
    ),
    *_ports(
        "grid",
        "Grid",
        """
        P_loss[MW]             | output | active loss
        P_slack[MW]            | output | import at the slack bus
        injection_error[MW]    | output | largest difference between injections asked and applied
        converged              | output | whether the power flow found a state
        period                 | output | number of the period that the values belong to
        record                 | output | tables and figures of the period
        reference              | input  | record of the dispatch to compare with
        """,
    ),
    *_ports(
        "grid",
        "Bus",
        """
        P_load[MW]   | input  | active load
        Q_load[MVar] | input  | reactive load
        P_gen[MW]    | input  | active generation
        Q_gen[MVar]  | input  | reactive generation
        Vm[pu]       | output | voltage magnitude
        """,
    ),
    *_ports(
        "grid",
        "Line",
        """
        I[kA]      | output | larger of the currents at both ends
        loading[%] | output | current over its limit (0 where there is none)
        """,
    ),
    *(port for (simulator, entity), rows in MICRO_PORTS.items() for port in _ports(simulator, entity, rows)),
    *_ports("recorder", "Recorder", "record | trigger | what one simulator tells\nstate | trigger | where it stands"),
)


COLUMNS: tuple[Column, ...] = (
    *columns(
        "periods",
        """
        period               | -      | number of the period, from 1
        clock                | -      | begin and end of the period
        solver               | -      | solver of the dispatch
        solver_status        | -      | how the solve ended, by our own residuals
        solver_iterations    | -      | iterations of the solver
        elastic              | -      | whether the last resorts were needed
        solver_retries       | -      | what was tried before the answer
        diagnosis            | -      | what was not served, and the limits that bind (elastic model)
        primal_residual      | -      | violation of rows and cones, relative
        dual_residual        | -      | rest of the gradient, over 1 + the largest cost
        duality_gap_rel      | -      | difference of primal and dual objective, relative
        cone_gap_pu2         | pu^2   | largest cone gap of a line (base of the scenario)
        cone_gap_rel         | -      | largest cone gap over the squared current, or over the floor of the check
        energy_balance_mw    | MW     | generation + import - load - loss
        own_power_mw         | MW     | largest of nominal load, load and generation; limits of power are in proportion
        import_mw            | MW     | import at the slack bus
        import_mvar          | Mvar   | reactive import
        loss_mw              | MW     | loss of the relaxed solution
        vmin_pu              | pu     | lowest voltage of the relaxed solution
        vmax_pu              | pu     | highest voltage of the relaxed solution
        ev_mw                | MW     | charging load demanded
        ev_curtailed_mw      | MW     | charging load not served
        shed_mw              | MW     | base load not served
        not_supplied_mw      | MW     | load of buses that outages cut off, charging included (outages of lines)
        requirement_missed   | -      | how far a device's own requirement was relaxed (MWh, or MW not taken)
        voltage_slack_pu2    | pu^2   | largest relaxed voltage limit
        lower_bound          | money  | bound on the cost of the solved window: the smaller of primal and dual
        window_cost          | money  | cost of the plan for the solved window
        restoration          | -      | how an inexact relaxation was repaired: current_limits, loss_floor, ccp, ac
        restoration_steps    | -      | steps of the convex-concave procedure
        restoration_gap_rel  | -      | cost of the window above its bound after that repair, relative
        loss_price_floor_per_mwh | money/MWh | what tariff plus loss price was raised to; 0 if it was not
        price_objection      | -      | why there are no nodal prices; empty where there are
        later_gap_rel?       | -      | largest cone gap, relative, of later periods of the window (not applied, slack)
        relaxed_gap_pu2      | pu^2   | largest cone gap before the repair
        storage_repair       | -      | how simultaneous charge and discharge was removed: sign_fix, misocp
        storage_gap_rel      | -      | cost of that plan above its bound, relative
        cost                 | money  | cost of all terms
        cost_energy          | money  | import at the tariff
        cost_gas_turbine     | money  | gas turbines
        cost_wear            | money  | wear of storage
        cost_demand_response | money  | payment for cut load
        cost_losses          | money  | weighted losses
        cost_ev_curtailment  | money  | price of charging load not served
        cost_load_shedding   | money  | price of base load not served
        cost_not_supplied    | money  | load cut off by outages, at the price of shedding
        cost_voltage_slack   | money  | price of missed voltage limits
        cost_unmet_balance   | money  | price of missed end conditions
        tariff_per_mwh       | money/MWh | announced purchase price
        ac_converged         | -      | whether the AC power flow found a state
        ac_reached_share?    | -      | share of the injections up to which one was found (where there is none)
        ac_loss_mw           | MW     | AC loss
        ac_slack_mw          | MW     | AC import
        vmin_ac_pu           | pu     | lowest AC voltage
        vmax_ac_pu           | pu     | highest AC voltage
        injection_error_mw   | MW     | largest difference between injections asked and applied
        ac_dv_pu             | pu     | largest voltage difference, relaxed against AC
        ac_di_a              | A      | largest current difference
        ac_dloss_kw          | kW     | loss difference
        ac_dslack_kw         | kW     | import difference
        sue_residual         | -      | R = |V(c(v)) - v| / |v| of the equilibrium
        sue_gap              | veh min/h | Fisk's duality gap
        sue_iterations       | -      | iterations of the assignment
        sue_status           | -      | converged, limit or stalled
        ev_later_vph         | veh/h  | vehicles that pass without charging (ev.charge_later)
        ev_later_share?      | -      | their share of those who look for a station
        """
        f"{COUPLING_COLUMNS}"
        """
        vmin_measured_pu?    | pu     | lowest voltage with the measured charging load (continuous microsimulation)
        vmax_measured_pu?    | pu     | highest voltage with it
        status               | -      | verdict of the gate
        flags                | -      | every status that applies
        """,
    ),
    *columns(
        "links",
        """
        period          | -     | number of the period
        link            | -     | id of the link
        flow_vph        | veh/h | traffic flow
        travel_time_min | min   | travel time at this flow
        volume_capacity | -     | flow over capacity
        """,
    ),
    *columns(
        "paths",
        """
        period      | -     | number of the period
        path        | -     | ids of the links along the path
        class       | -     | user class
        origin      | -     | first node
        destination | -     | last node
        station     | -     | station at which the path charges, empty without
        flow_vph    | veh/h | flow on the path
        cost_min    | min   | cost of the path, prices included
        """,
    ),
    *columns(
        "stations",
        """
        period          | -      | number of the period
        station         | -      | name of the station
        nodal_price_per_mwh? | money/MWh | marginal cost of the station's bus
        p_set_mw        | MW     | cap that the dispatch sends
        curtailed_mw    | MW     | charging load that the grid did not serve
        energy_mwh      | MWh    | energy served
        price_without_loss_per_mwh? | money/MWh | that less the loss weight times the marginal AC loss, devices fixed
        node            | -      | road node
        bus             | -      | feeder bus
        flow_vph        | veh/h  | vehicles that come to charge
        travel_time_min | min    | access, service and wait
        wait_min        | min    | time beyond access and service
        above_knee      | -      | whether the flow is above the knee of the travel-time law (knee x capacity)
        price_per_mwh?  | money/MWh | price that drivers pay
        p_demand_mw     | MW     | charging load demanded by those who come: one of the next two, by ev.charging_load
        p_served_mw     | MW     | what the chargers give, those left over first: the load that the grid is asked for
        out             | -      | whether an outage closes the station (outages)
        overloaded      | -      | whether the chargers are asked for more than their power
        backlog_mwh     | MWh    | energy of those who wait for a charger when the period ends
        backlog_veh     | veh    | the same in visits
        unserved_mwh    | MWh    | energy that chargers did not give: of who left, or still waits at the very end
        unserved_veh    | veh    | the same in visits
        p_instant_mw    | MW     | charging load if the energy is drawn in the period of departure (Eq 9)
        p_kernel_mw     | MW     | charging load drawn after travel and access, over the service time
        pending_mwh     | MWh    | energy that those who left are still to draw in time, at the end of the period
        energy_payment? | money  | energy served at the price that drivers see, or the tariff where they see none
        fee_payment     | money  | access fees
        """,
    ),
    *columns(
        "ev_behaviour",
        """
        period            | - | number of the period
        fast_charge_share | - | share of the electric vehicles' trips that contain a fast charge (p_z of Eq 2)
        trips             | - | trips of the sampled days started in the period
        fast_charge_trips | - | those of them that lead to a fast charge
        soc               | - | mean state of charge of the simulated vehicles
        """,
    ),
    *(column for table, rows in GRID_COLUMNS.items() for column in columns(table, rows)),
    *(replace(c, may_lack=True) for table, rows in MICRO_COLUMNS.items() for c in columns(table, rows)),
)


def ports(simulator: str) -> dict[str, list[Port]]:
    """Return a simulator's ports by entity."""
    own = [port for port in PORTS if port.simulator == simulator]
    return {entity: [port for port in own if port.entity == entity] for entity in dict.fromkeys(p.entity for p in own)}


def meta(simulator: str, kind: Literal["time-based", "event-based", "hybrid"], public: dict[str, list[str]]) -> Meta:
    """Return mosaik's META of a simulator.

    Parameters
    ----------
    simulator
        Name in `PORTS`.
    kind
        How it steps.
    public
        Parameters of each public model; the other entities are its children.
    """
    models: dict[str, ModelDescription] = {}
    for entity, rows in ports(simulator).items():
        attrs = [row.name for row in rows]
        model: ModelDescription = {"public": entity in public, "params": public.get(entity, []), "attrs": attrs}
        if kind == "hybrid":
            model["trigger"] = [row.name for row in rows if row.kind == "trigger"]
            model["non-persistent"] = [row.name for row in rows if row.kind == "event"]
        models[entity] = model
    return {"api_version": "3.0", "type": kind, "models": models, "extra_methods": ["status"]}
