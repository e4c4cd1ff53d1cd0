"""Ports and columns of the microscopic simulation, as rows that `cosim.quantities` reads."""

from __future__ import annotations

MICRO_PORTS: dict[tuple[str, str], str] = {
    ("sumo", "Micro"): """
        path_flow[veh/h] | input  | flow of every path, by path id
        period           | output | number of the period that the values belong to
        record           | event  | tables and figures of the period
        state            | event  | what the one simulation of all periods was asked so far, which makes its state
    """,
    ("sumo", "Link"): """
        flow[veh/h]      | event | measured flow, when a period (windows: a chosen one) has been measured
        travel_time[min] | event | measured time at full length of the link; free-flow time if nobody passed
    """,
    ("sumo", "Station"): """
        P_set[MW]    | input  | cap on the charging power; without it what is installed
        P[MW]        | output | measured charging power, mean over the step (windows: the measured time)
        E[MWh]       | output | measured energy since the start (windows: in the measured time)
        queue[veh]   | output | vehicles that wait for a charger (windows: mean)
        plugged[veh] | output | vehicles that charge (windows: mean)
        wait[min]    | output | mean wait of the last hour (windows: of the measured time); 0 if nobody came
    """,
    ("measured", "Measured"): """
        converged | output | whether the power flow found a state
        period    | output | number of the period that the values belong to
        record    | event  | tables and figures of the period
        reference | input  | record of the dispatch, whose charging load is replaced
    """,
    ("measured", "Bus"): """
        P_load[MW]   | input  | active load, the planned charging included
        Q_load[MVar] | input  | reactive load
        P_gen[MW]    | input  | active generation
        Q_gen[MVar]  | input  | reactive generation
        Vm[pu]       | output | voltage magnitude
    """,
    ("measured", "Port"): """
        P[MW] | input | measured charging power
    """,
}
"""``name | kind | meaning`` by simulator and entity."""

MICRO_COLUMNS: dict[str, str] = {
    "micro_links": """
        period          | -     | number of the period
        seed            | -     | seed of the microscopic simulation
        link            | -     | id of the link
        flow_vph        | veh/h | vehicles that left the link
        travel_time_min | min   | mean time at full length of the link, NaN if nobody passed
        vehicles        | -     | vehicles that left the link
    """,
    "micro_stations": """
        period        | -   | number of the period
        seed          | -   | seed of the microscopic simulation
        station       | -   | name of the station
        end_min       | min | end of the minute, from the beginning of the period (windows: of the measured time)
        p_mw          | MW  | mean charging power
        plugged       | -   | vehicles that charge at its end
        queue         | -   | vehicles that wait at its end
        arrivals      | -   | vehicles that parked in it
        sessions      | -   | sessions that ended in it
        wait_mean_min | min | mean wait of those plugged in, NaN if none
        wait_p50_min  | min | median of their waits
        wait_p95_min  | min | 95th percentile of their waits
        ledger_kwh    | kWh | energy drawn since the start of the simulation
    """,
    "micro_sessions": """
        period     | -   | number of the period (continuous: in which the visit ended)
        seed       | -   | seed of the microscopic simulation
        vehicle    | -   | id of the vehicle
        station    | -   | name of the station
        lot        | -   | parking area
        arrive_min | min | arrival, from the beginning of the period (windows: of the measured time)
        wait_min   | min | time until it was plugged in
        plug_min   | min | when it was plugged in
        energy_kwh | kWh | energy drawn
        leave_min  | min | when it left
        reason     | -   | charged; or queued, plugged, dwelling at the end
    """,
    "micro_quality": """
        period          | - | number of the period
        seed            | - | seed of the microscopic simulation
        model           | - | micro, or meso for SUMO's mesoscopic model
        loaded          | - | vehicles that were to depart
        inserted        | - | vehicles that departed
        arrived         | - | vehicles that arrived
        running         | - | vehicles under way at the end, parked ones included
        never_inserted  | - | vehicles that found no place to depart until the end
        teleports       | - | vehicles that SUMO had to move
        collisions      | - | collisions
        emergency_stops | - | vehicles that had to stop beyond their brakes
        parked          | - | vehicles at a station at the end
        unfinished      | - | vehicles under way beyond those that flows and times account for
        digest          | - | SHA-256 of everything measured (windows)
    """,
    "ac_measured": """
        period        | -   | number of the period
        end_min       | min | end of the coupling step, from the beginning of the period
        ev_mw         | MW  | measured charging load of all stations
        ev_planned_mw | MW  | charging load that the dispatch planned to serve
        converged     | -   | whether the AC power flow found a state
        vmin_ac_pu    | pu  | lowest voltage
        vmax_ac_pu    | pu  | highest voltage
        ac_loss_mw    | MW  | loss
        ac_slack_mw   | MW  | import
    """,
}
"""``name | unit | meaning`` by table."""
