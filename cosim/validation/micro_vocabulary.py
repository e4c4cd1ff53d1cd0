"""Columns of the tables that `cosim validate` writes; ``model`` is SUE or null (free-flow logit)."""

from __future__ import annotations

from cosim.quantities import Column, columns

VALIDATED: tuple[Column, ...] = (
    *columns(
        "validation_statistics",
        """
        period    | - | number of the period
        variant   | - | kind of network
        length_scale | - | length of the simulated links over the true one
        step_s    | s | step of SUMO
        model     | - | SUE or null
        statistic | - | name (`cosim.validation.micro_verdict.STATISTICS`)
        unit      | - | its unit
        mean      | - | mean over the seeds
        low       | - | lower end of the 95 % interval
        high      | - | upper end
        least     | - | smallest of the seeds
        most      | - | largest of the seeds
        seeds     | - | number of seeds
        limit     | - | what is accepted; NaN if it is shown only
        verdict   | - | passed, failed, not_comparable_capacity, not_comparable_jam, not_telling or shown
        sure      | - | whether the whole interval is on one side of the limit
        """,
    ),
    *columns(
        "validation_links",
        """
        period          | -     | number of the period
        model           | -     | SUE or null
        link            | -     | id of the link
        flow_vph        | veh/h | flow of the model, without vehicles that stay at stations
        flow_sumo_vph   | veh/h | measured, mean over the seeds
        flow_low_vph    | veh/h | lower end of the 95 % interval
        flow_high_vph   | veh/h | upper end
        geh             | -     | GEH of the two flows
        time_min        | min   | time of the model
        time_sumo_min   | min   | measured, mean over the seeds, at full length
        time_low_min    | min   | lower end of the 95 % interval
        time_high_min   | min   | upper end
        free_flow_min   | min   | time without traffic
        vehicles        | -     | vehicles that the time was measured on, per seed
        volume_capacity | -     | flow over capacity
        """,
    ),
    *columns(
        "validation_routes",
        """
        period          | -     | number of the period
        model           | -     | SUE or null
        path            | -     | nodes along the path
        class           | -     | user class
        flow_vph        | veh/h | flow of the model
        flow_chosen_vph | veh/h | flow that would choose the path at measured times
        time_min        | min   | time of the model
        time_sumo_min   | min   | measured, mean over the seeds; NaN for paths that charge
        time_low_min    | min   | lower end of the 95 % interval
        time_high_min   | min   | upper end
        vehicles        | -     | vehicles that the time was measured on, per seed
        """,
    ),
    *columns(
        "validation_stations",
        """
        period            | -     | number of the period
        model             | -     | SUE or null
        station           | -     | name of the station
        arrivals_vph      | veh/h | arrivals of the model
        arrivals_sumo_vph | veh/h | measured, mean over the seeds
        use               | -     | measured arrivals over capacity
        beyond_laws       | -     | whether the use is 1 or more: no lasting wait exists
        wait_min          | min   | mean wait of the model
        wait_sumo_min     | min   | measured, mean over the seeds
        wait_low_min      | min   | lower end of the 95 % interval
        wait_high_min     | min   | upper end
        wait_davidson_min | min   | mean wait by Davidson's law at the model's arrivals
        wait_erlang_min   | min   | the same by Erlang's
        energy_mwh        | MWh   | energy that the model delivers in the measured time
        energy_sumo_mwh   | MWh   | measured, mean over the seeds
        growth_vph        | veh/h | arrivals less departures
        """,
    ),
    *columns(
        "validation_runs",
        """
        period          | - | number of the period
        model           | - | SUE or null
        seed            | - | seed of the run
        warmup_min      | min | time before anything was measured
        vehicles        | - | vehicles of the run, warm-up included
        inserted        | - | that entered
        arrived         | - | that arrived
        running         | - | under way at the end
        never_inserted  | - | that found no room
        late            | - | under way beyond what flows and times account for (Little's law)
        teleports       | - | that SUMO took off the road
        collisions      | - | collisions
        emergency_stops | - | emergency stops
        cpu_s           | - | CPU time, s
        digest          | - | SHA-256 of everything measured
        """,
    ),
    *columns(
        "validation_jams",
        """
        period          | - | number of the period
        edge            | - | edge of the user's network that SUMO fills
        occupancy       | - | share of its length that vehicles cover, mean over the seeds
        volume_capacity | - | largest flow over capacity of its links, by the model
        """,
    ),
    *columns(
        "validation_ramp",
        """
        slice              | -     | number of the slice of 15 min
        factor             | -     | demand over that of the busiest validated period
        link               | -     | id of the link
        flow_vph           | veh/h | flow of the model, moved along its paths
        flow_sumo_vph      | veh/h | measured, mean over the seeds
        flow_tolerance_vph | veh/h | how far a further seed may be
        geh                | -     | GEH of the two flows
        flow_inside        | -     | whether the model is inside the tolerance
        time_min           | min   | time of the model
        time_sumo_min      | min   | measured, mean over the seeds
        time_tolerance_min | min   | how far a further seed may be
        time_inside        | -     | whether the model is inside
        queue              | -     | longest queue in the slice, all stations
        """,
    ),
    *columns(
        "validation_equilibrium",
        """
        period     | - | number of the period
        round      | - | number of the round
        closure    | - | share of demand that would move at the round's times
        to_sue     | - | share of demand on other paths than the SUE
        difference | - | the same of the mean of the averaging rounds
        """,
    ),
)
