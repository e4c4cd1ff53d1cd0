"""Tables of the grid, as rows that `cosim.quantities` reads."""

from __future__ import annotations

GRID_COLUMNS: dict[str, str] = {
    "buses": """
        period        | -    | number of the period
        bus           | -    | id of the bus
        name          | -    | its name in the net that it comes from; empty without one
        p_load_mw     | MW   | active load after demand response and curtailment
        q_load_mvar   | Mvar | reactive load
        p_gen_mw      | MW   | active generation, storage included
        q_gen_mvar    | Mvar | reactive generation
        vm_pu         | pu   | voltage of the relaxed solution
        price_per_mwh? | money/MWh | nodal price (dual of the balance)
        shed_mw       | MW   | base load not served
        not_supplied_mw | MW | load cut off by an outage; voltages and prices beside it are those of the open end
        supplied      | -    | whether the bus has a supply (outages of lines)
        v_min_pu      | pu   | lower limit
        v_max_pu      | pu   | upper limit
        vm_ac_pu      | pu   | voltage of the AC power flow
    """,
    "lines": """
        period             | -    | number of the period
        line               | -    | id of the line
        from_bus           | -    | sending bus
        to_bus             | -    | receiving bus
        p_mw               | MW   | active flow at the sending bus, relaxed
        q_mvar             | Mvar | reactive flow at the sending bus, relaxed
        i_ka               | kA   | current, relaxed
        loss_kw            | kW   | loss, relaxed
        cone_gap_pu2       | pu^2 | l - (P^2 + Q^2) / v
        fictitious_loss_kw | kW   | loss that a slack cone invents
        i_ac_ka            | kA   | current, AC
        loading_percent?   | %    | AC current, or apparent power, over its rating, at the fuller end; NaN without one
        max_loading_percent? | %  | loading that its net allows, where that is not 100 % for all; NaN for any
        kind               | -    | of a feeder with transformers: line, trafo, trafo3w, impedance or switch
    """,
    "devices": """
        period       | -    | number of the period
        device       | -    | name of the device
        kind         | -    | kind of the device
        bus          | -    | bus of the device
        p_mw         | MW   | net active power into the bus
        q_mvar       | Mvar | net reactive power into the bus
        energy_mwh?  | MWh  | stored energy at the end of the period
        available_mw? | MW   | power that could be used
        overlap_mw?  | MW   | smaller of charge and discharge (cut and refill)
        missed       | -    | how far its own requirement was relaxed: end condition, balance (MWh), must-take (MW)
        cost         | money | cost of the device
    """,
}
