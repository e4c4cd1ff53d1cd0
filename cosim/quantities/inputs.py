"""The columns of the tables that a user writes, with unit and meaning; kinds of values stand with the readers."""

from __future__ import annotations

from types import MappingProxyType

from cosim.quantities import Column, columns

INPUTS: tuple[Column, ...] = (
    *columns(
        "nodes.csv",
        """
        id       | - | unique id
        x        | - | coordinate; no result depends on it
        y        | - | the same
        zone     | - | 1: trips begin and end here, none passes; default 0
        junction | - | junction that the node belongs to; listed routes pass none twice, none over 1.5 times the best
        """,
    ),
    *columns(
        "links.csv",
        """
        id             | -     | unique id
        from_node      | -     | node at which the link begins
        to_node        | -     | node at which it ends; a two-way road is two links
        free_flow_min  | min   | travel time without traffic (t0)
        capacity_vph   | veh/h | capacity (cap); `traffic.capacity_column` may choose another column
        alpha          | -     | of t0 (1 + alpha (v/cap)^beta)
        beta           | -     | of the same
        capacity_*_vph | veh/h | further capacities, for `traffic.capacity_column`
        length_km      | km    | with the time, the speed is checked for plausibility
        lanes          | -     | more than 3000 veh/h a lane are refused
        speed_kmh      | km/h  | not used
        law            | -     | travel-time law (`link-times.md`), empty: `bpr`; its other settings are further columns
        edge           | -     | edge of the SUMO network that the roads come from; of a turn its internal edges
        """,
    ),
    *columns(
        "bus.csv",
        """
        id         | -  | unique id
        vn_kv      | kV | nominal voltage; a line has the same at both ends
        name       | -  | not used
        x          | -  | coordinate; no result depends on it; only with y
        y          | -  | the same; only with x
        min_vm_pu  | pu | lower voltage limit; used with `feeder.voltage_limits: file`
        max_vm_pu  | pu | upper voltage limit; the same
        in_service | -  | must be true
        """,
    ),
    *columns(
        "line.csv",
        """
        id                  | -     | unique id
        from_bus            | -     | bus at one end
        to_bus              | -     | bus at the other end; the lines in service form a tree
        length_km           | km    | length
        r_ohm_per_km        | Ω/km  | resistance
        x_ohm_per_km        | Ω/km  | reactance
        c_nf_per_km         | nF/km | charging; if any is not 0 the folder is a net
        name                | -     | not used
        g_us_per_km         | µS/km | shunt conductance; the same
        max_i_ka            | kA    | current limit, empty for none; binds with `feeder.current_limits: true`
        max_loading_percent | %     | usable share of the limit, default 100
        df                  | -     | derating of the limit, default 1
        parallel            | -     | number of parallel lines, default 1
        in_service          | -     | false: the line is open and left out
        """,
    ),
    *columns(
        "load.csv",
        """
        id         | -    | unique id
        bus        | -    | its bus; several loads at one bus add up
        p_mw       | MW   | active load at profile value 1
        q_mvar     | Mvar | reactive load at profile value 1
        name       | -    | not used
        scaling    | -    | factor of the row, default 1
        in_service | -    | false: left out
        """,
    ),
    *columns(
        "trafo.csv",
        """
        id                  | -      | unique id
        hv_bus              | -      | bus of the higher voltage
        lv_bus              | -      | bus of the lower voltage
        sn_mva              | MVA    | rated power
        vn_hv_kv            | kV     | rated voltage of the higher side
        vn_lv_kv            | kV     | rated voltage of the lower side
        vk_percent          | %      | short-circuit voltage
        vkr_percent         | %      | its real part
        pfe_kw              | kW     | iron losses
        i0_percent          | %      | no-load current
        name                | -      | not used
        shift_degree        | degree | phase shift, default 0
        tap_side            | -      | `hv` or `lv`
        tap_neutral         | -      | tap position of the rated ratio
        tap_min             | -      | lowest tap position
        tap_max             | -      | highest tap position
        tap_step_percent    | %      | change of the ratio by one tap
        tap_step_degree     | degree | angle of a step of a symmetrical changer
        tap_pos             | -      | tap position; needs side, neutral, step and type
        tap_changer_type    | -      | `Ratio`, `Symmetrical` or `Ideal`
        parallel            | -      | number of parallel transformers, default 1
        df                  | -      | derating, default 1
        max_loading_percent | %      | usable share of the rated power, default 100
        in_service          | -      | false: left out
        """,
    ),
    *columns(
        "shunt.csv",
        """
        id         | -    | unique id
        bus        | -    | its bus
        p_mw       | MW   | active power at rated voltage
        q_mvar     | Mvar | reactive power at rated voltage; a capacitor's is negative
        name       | -    | not used
        vn_kv      | kV   | rated voltage, default that of the bus
        step       | -    | number of steps that are on, default 1
        in_service | -    | false: left out
        """,
    ),
    *columns(
        "switch.csv",
        """
        id      | -   | unique id
        bus     | -   | bus that it stands at
        element | -   | id of the bus, line or transformer on its other side
        et      | -   | what `element` is: `b` bus, `l` line, `t` transformer
        name    | -   | not used
        closed  | -   | false: open; default true
        z_ohm   | ohm | impedance of a closed switch between buses, default 0: the two are one
        """,
    ),
)

OF_FILE: MappingProxyType[str, MappingProxyType[str, Column]] = MappingProxyType(
    {
        file: MappingProxyType({column.name: column for column in INPUTS if column.table == file})
        for file in dict.fromkeys(column.table for column in INPUTS)
    }
)
"""The columns of each file by their names."""
