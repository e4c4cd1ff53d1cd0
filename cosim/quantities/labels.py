"""One number has one name: labels of numbers that more than one table shows (end of a run, comparison, page)."""

from __future__ import annotations

from types import MappingProxyType

LABELS: MappingProxyType[str, str] = MappingProxyType(
    {
        "worst": "Worst exit code",
        "exit_code": "Exit code of the run",
        "paid": "Paid (without weights and penalties)",
        "cost": "Objective",
        "energy_payment": "Drivers pay for energy",
        "ev_demand_mwh": "Charging demanded",
        "ev_not_served_mwh": "Charging not served",
        "chargers_not_served_mwh": "Charging beyond the chargers' power, not served",
        "load_not_served_mwh": "Load not served",
        "later_vehicles": "Vehicles that charge later",
        "carried_over_mwh": "Still to be drawn at the end",
        "stations_mwh": "All stations",
        "vmin_pu": "Lowest voltage, relaxed",
        "vmin_ac_pu": "Lowest voltage, AC",
        "vmax_pu": "Highest voltage, relaxed",
        "vmax_ac_pu": "Highest voltage, AC",
        "sue_residual": "Largest residual R of the assignment",
        "coupling_bound_vph": "Path flows within, of the coupled equilibrium",
    }
)
"""Label by the key of the number."""
