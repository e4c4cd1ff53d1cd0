"""One number has one name: labels of numbers that more than one table shows (end of a run, comparison, page)."""

from __future__ import annotations

from dataclasses import dataclass
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
        "not_supplied_mwh": "Load cut off by outages",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A term of the objective: its name in reports, and whether somebody pays it."""

    label: str
    paid: bool = True


TERMS: MappingProxyType[str, Term] = MappingProxyType(
    {
        "energy": Term(label="Energy from upstream"),
        "losses": Term(label="Losses (weight of the objective)", paid=False),
        "wear": Term(label="Storage wear"),
        "ev_curtailment": Term(label=LABELS["ev_not_served_mwh"], paid=False),
        "load_shedding": Term(label=LABELS["load_not_served_mwh"], paid=False),
        "not_supplied": Term(label=LABELS["not_supplied_mwh"], paid=False),
        "voltage_slack": Term(label="Voltage limits missed", paid=False),
        "unmet_balance": Term(label="Balances of the day missed", paid=False),
    }
)
"""Terms that are called otherwise than their column, or that nobody pays: the lost energy is bought with the import,
penalties are prices of last resorts."""


def term_of(name: str) -> Term:
    """Return a term of the objective; one of a device of the user's own is called as its column, and paid.

    >>> term_of("gas_turbine").label
    'Gas turbine'
    """
    return TERMS.get(name) or Term(label=name.replace("_", " ").capitalize())
