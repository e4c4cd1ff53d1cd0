"""The columns of the tables that a user writes, with unit and meaning; kinds of values stand with the readers."""

from __future__ import annotations

from types import MappingProxyType

from cosim.quantities import Column, columns

INPUTS: tuple[Column, ...] = (
    *columns(
        "nodes.csv",
        """
        id | - | unique id
        x  | - | coordinate; no result depends on it
        y  | - | the same
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
        """,
    ),
    *columns(
        "bus.csv",
        """
        id         | -  | unique id
        vn_kv      | kV | nominal voltage, the same at every bus
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
        c_nf_per_km         | nF/km | must be 0: line charging is not modelled
        name                | -     | not used
        g_us_per_km         | µS/km | must be 0
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
)

OF_FILE: MappingProxyType[str, MappingProxyType[str, Column]] = MappingProxyType(
    {
        file: MappingProxyType({column.name: column for column in INPUTS if column.table == file})
        for file in dict.fromkeys(column.table for column in INPUTS)
    }
)
"""The columns of each file by their names."""
