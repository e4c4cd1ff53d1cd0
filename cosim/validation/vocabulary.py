"""Columns of the tables that `cosim verify` and `cosim sensitivity` write; those of a run: `cosim.quantities`."""

from __future__ import annotations

from cosim.quantities import Column, columns

VERIFIED: tuple[Column, ...] = (
    *columns(
        "ledger",
        """
        period                | -         | number of the period
        status                | -         | verdict of the gate on the figures recomputed from the stored setpoints
        flags                 | -         | every status that applies
        exactness             | -         | proved, tight, not tight (also where repaired), or no answer
        lower_bound           | money     | bound on the cost of the window solved in this period
        window_cost           | money     | cost of the plan for that window
        cost                  | money     | cost of the period as the dispatch tells it
        ac_cost               | money     | cost of the period with the AC import and losses
        gap_rel               | -         | AC cost over the bound of the window; NaN if an AC limit is broken
        cone_gap_pu2          | pu^2      | largest cone gap of the stored answer
        cone_gap_rel          | -         | largest cone gap over the squared current, or its floor
        cone_gap_line         | -         | where
        relaxed_gap_pu2       | pu^2      | largest cone gap of the relaxation before a repair
        fictitious_loss_kw    | kW        | losses that slack cones invent, all lines
        dv_pu                 | pu        | largest voltage difference, relaxed against AC
        dv_bus                | -         | where
        di_a                  | A         | largest current difference
        di_line               | -         | where
        dloss_kw              | kW        | loss difference
        dslack_kw             | kW        | import difference
        dslack_kvar           | kvar      | reactive import difference
        ac_loss_mw            | MW        | AC loss
        ac_slack_mw           | MW        | AC import
        congestion_per_mwh    | money/MWh | largest difference of dual price and AC price: the congestion component
        congestion_bus        | -         | where
        voltage_violation_pu  | pu        | largest AC voltage beyond a limit
        current_violation_rel | -         | largest AC current beyond its limit, relative
        violations            | -         | number of AC limits broken beyond the tolerances
        worst_violation       | -         | the worst of them
        ac_mismatch_mva       | MVA       | violation of the AC power balance
        injection_error_mw    | MW        | what the power flow injected against what was stored
        stored_dv_pu          | pu        | AC voltage found here against that of the run
        energy_balance_mw     | MW        | generation + import - load - loss of the stored answer
        ev_curtailed_mw       | MW        | charging load not served
        shed_mw               | MW        | base load not served
        requirement_missed    | -         | how far a device's own requirement was relaxed
        storage_overlap_mw    | MW        | smaller of charge and discharge
        c1_margin             | -         | condition C1 of Gan et al. 2015 holds where this is > 0
        c2_box_pu             | pu        | loss-free voltage above its limit, all injections at their bounds
        c2_answer_pu          | pu        | loss-free voltage above its limit, injections of the answer
        restoration           | -         | how an inexact relaxation was repaired
        price_objection       | -         | why there are no nodal prices; empty where there are
        solver                | -         | solver of the dispatch
        solver_status         | -         | how the solve ended
        elastic               | -         | whether the last resorts were needed
        """,
    ),
    *columns(
        "ledger_run",
        """
        equilibrium   | -     | what is proved of the coupled equilibrium, or why nothing is; empty without roads
        flow_bound_vph | veh/h | largest distance of a period's path flows from it; NaN without a claim
        bound_kind    | -     | hindsight, day-ahead, block by block, or period by period
        lower_bound   | money | bound on the cost of the day
        ac_cost       | money | cost of the day with the AC import and losses
        gap_rel       | -     | AC cost over the bound; NaN if an AC limit is broken
        local_optimum | money | best local optimum of the AC problem found, where the gap is above 1e-4; no bound
        local_gap_rel | -     | AC cost over it
        local_optimum_said | - | from how many starts it was found; empty where it was not looked for
        exactness     | -     | worst of all periods
        status        | -     | worst of all periods
        exit_code     | -     | by the worst flag; 6 if the audit does not close
        audit_closes  | -     | whether every item of the audit closes
        robust_share  | -     | share of the stress draws inside limits; NaN without a stress test
        """,
    ),
    *columns(
        "ac_prices",
        """
        period             | -         | number of the period
        bus                | -         | id of the bus
        price_per_mwh      | money/MWh | nodal price of the dispatch (dual of the balance)
        ac_price_per_mwh   | money/MWh | tariff and marginal AC losses
        congestion_per_mwh | money/MWh | their difference
        """,
    ),
    *columns(
        "audit",
        """
        item             | -          | what is compared
        unit             | -          | MWh or money
        left_name        | -          | first figure
        right_name       | -          | second figure
        left             | MWh, money | its sum over the run
        right            | MWh, money | its sum over the run
        difference       | MWh, money | of the sums
        relative         | -          | sum of the periods' absolute differences over the larger side
        worst_period     | -          | where they differ most
        worst_difference | MWh, money | by how much
        closes           | -          | relative <= 1e-6
        """,
    ),
    *columns(
        "stress",
        """
        draw               | -  | number of the draw
        period             | -  | whose setpoints are disturbed
        load_factor        | -  | factor of all base loads
        ev_factor          | -  | factor of all charging loads
        constant_z         | -  | share of base load with constant impedance
        constant_i         | -  | share of base load with constant current
        c_nf_per_km        | nF/km | line charging
        slack_vm_pu        | pu | root voltage
        converged          | -  | whether there is an AC state
        inside             | -  | whether all limits hold
        excess_pu          | pu | largest voltage beyond a limit, negative inside
        bus                | -  | where
        vmin_pu            | pu | lowest voltage
        vmax_pu            | pu | highest voltage
        current_excess_rel | -  | largest current over its limit, less 1; -1 without limits
        """,
    ),
)
"""Besides these, ``ledger`` has ``ac_cost_<term>``: the terms of the cost with the AC import and losses."""

STUDIED: tuple[Column, ...] = columns(
    "sensitivity",
    """
    parameter  | -          | dotted path of the number that is varied; * for all items of a list together
    section    | -          | roads, ev, stations, prices, grid, devices
    value      | -          | the scenario's value, in the unit of its name; none where it is not one number
    source     | -          | what the scenario's sources say of it
    answer     | -          | what responds
    place      | -          | link, station, or bus and period
    unit       | -          | of the answer
    base       | its unit   | the answer at the scenario's own numbers
    slope      | its unit   | change of the answer per relative change of the parameter
    elasticity | -          | slope over the size of the answer; NaN where the answer is 0
    method     | -          | exact (Jacobian, duals) or re-solved
    step       | -          | whole relative step of solving again, to both sides; 0 where nothing was
    resolved   | -          | elasticity by solving again at half the step; NaN where nothing was
    error      | -          | how far that is from the one at the whole step
    left       | -          | elasticity to smaller values, at half the step
    right      | -          | elasticity to larger values, at half the step
    shape      | -          | smooth, kink, switch, one-sided, noise, none
    note       | -          | what the reader must know
    """,
)
"""What `cosim sensitivity` writes."""
