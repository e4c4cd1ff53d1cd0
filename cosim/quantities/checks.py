"""The table of checks: every figure that is judged, its limit, and what follows beyond it.

One row a check. The gate, the ledger, the repairs of the dispatch, reports, scenarios (``gates:``) and the docs all
read this table, so that a limit is said once. A new check is a row here, and the figure of the same name where it
is measured: in the ``gate`` of the part that a simulator tells of a period, and in the ledger where it can be
recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, make_dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from cosim.bounds import NonNegative, check_bounds
from cosim.quantities.status import Status

Figure = float | bool | str
Sense = Literal["max", "min", "abs", "word"]
Does = Literal["flags", "retries", "repairs", "stops"]
Part = Literal["solver", "relaxation", "ac", "devices", "stations", "roads", "coupling", "tables", "vehicles"]

SENSES: MappingProxyType[Sense, str] = MappingProxyType(
    {"max": "at most", "min": "at least", "abs": "in size at most", "word": "exactly"}
)
"""What a limit says of its figure."""
ABILITIES: MappingProxyType[Does, str] = MappingProxyType(
    {
        "flags": "the period gets the status",
        "retries": "the dispatch solves the window again, in another way",
        "repairs": "the dispatch changes its plan until the check holds, if it can",
        "stops": "it is the tolerance of the iteration itself",
    }
)
"""What a check can do beyond its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row of the table.

    Attributes
    ----------
    name
        Of the figure.
    unit
        Of figure and limit; ``-`` for a relative one, a word or a truth value.
    limit
        The default: a number, or the one word or truth value that passes.
    sense
        Whether the figure may be at most, at least or in size at most the limit, or must be the word.
    status
        What follows for the period.
    part
        What the figure is of.
    meaning
        Of the figure, for the documentation.
    does
        What the check can do (see `ABILITIES`).
    key
        Name of the limit under ``gates:``, by default that of the figure; several checks may share one; empty if the
        limit cannot be changed.
    relative_to, floor, floor_unit
        What a relative figure is divided by, and the least that it is divided by: below that size a difference does not
        count for more. The figure is divided where it is measured, by `relative`.
    sized
        Whether the limit is that of a feeder whose own power is `REFERENCE_MW`, and grows with it: a limit in MW says
        nothing of a feeder of unknown size.
    set_by
        Key of the scenario that gives the limit in place of ``gates:``; empty if there is none.
    """

    name: str
    unit: str
    limit: Figure
    sense: Sense
    status: Status
    part: Part
    meaning: str
    does: tuple[Does, ...] = ("flags",)
    key: str | None = None
    relative_to: str = ""
    floor: float = 0.0
    floor_unit: str = ""
    sized: bool = False
    set_by: str = ""

    @property
    def limit_key(self) -> str:
        """Return the name of the limit under ``gates:``; empty if it cannot be changed."""
        if self.key is not None:
            return self.key
        return "" if self.sense == "word" else self.name

    def passes(self, value: Figure, limit: Figure) -> bool:
        """Whether a figure is within a limit; what is not finite never is."""
        if self.sense == "word" or isinstance(value, str) or isinstance(limit, str):
            return value == limit
        size = abs(value) if self.sense == "abs" else value
        return math.isfinite(size) and (size >= limit if self.sense == "min" else size <= limit)


REFERENCE_MW = 10.0
"""Own power of the feeder that the limits in MW, Mvar and MWh are for; for any other they are in proportion."""

_ROWS: tuple[Check, ...] = (
    Check(
        name="solver_status", unit="-", limit="optimal", sense="word", status="failed", part="solver",
        meaning="how the solve ended; `optimal_inaccurate` counts as optimal if residual, gap and cones hold",
        does=("flags", "retries"),
    ),
    Check(
        name="primal_residual", unit="-", limit=1e-6, sense="max", status="not_converged", part="solver",
        meaning="violation of rows and cones, relative to 1 + the norm of the right-hand side",
        does=("flags", "retries"),
    ),
    Check(
        name="duality_gap_rel", unit="-", limit=1e-6, sense="max", status="not_converged", part="solver",
        meaning="|primal - dual| / max(1, |primal|)", does=("flags", "retries"),
    ),
    Check(
        name="dual_residual", unit="-", limit=1e-6, sense="max", status="not_converged", part="solver",
        meaning="rest of the gradient, over 1 + the largest cost: how far the multipliers are from prices; asked "
        "where there are prices",
    ),
    Check(
        name="cone_gap_rel", unit="-", limit=1e-4, sense="max", status="relaxation_inexact", part="relaxation",
        meaning="relaxation gap l - (P^2 + Q^2) / v, largest line", does=("flags", "repairs"),
        relative_to="squared current l", floor=5e-3, floor_unit="of that of the feeder's own power",
    ),
    Check(
        name="restoration_gap_rel", unit="-", limit=1e-6, sense="max", status="inexact_restored", part="relaxation",
        meaning="cost of a window whose cones were made tight, above its bound; asked only where they were",
        relative_to="bound of the window", floor=1e-3, floor_unit="of what the feeder's own power costs in a period",
    ),
    Check(
        name="storage_gap_rel", unit="-", limit=1e-6, sense="max", status="inexact_restored", part="relaxation",
        meaning="cost of a plan whose devices were set to one direction, above its bound; asked only where one was",
        relative_to="bound of the window", floor=1e-3, floor_unit="of what the feeder's own power costs in a period",
    ),
    Check(
        name="energy_balance_mw", unit="MW", limit=1e-6, sense="abs", status="not_converged", part="relaxation",
        meaning="generation + import - load - loss", sized=True,
    ),
    Check(
        name="voltage_slack_pu2", unit="pu^2", limit=1e-6, sense="max", status="voltage_relaxed", part="relaxation",
        meaning="relaxed voltage limit",
    ),
    Check(
        name="ac_converged", unit="-", limit=True, sense="word", status="not_converged", part="ac",
        meaning="whether the AC power flow has a finite state; `relaxation_inexact` where the cones are slack, too",
    ),
    Check(
        name="ac_mismatch_mva", unit="MVA", limit=1e-6, sense="max", status="not_converged", part="ac",
        meaning="power balance of a bus in the AC state", sized=True,
    ),
    Check(
        name="injection_error_mw", unit="MW", limit=1e-9, sense="max", status="failed", part="ac",
        meaning="what the AC flow injected against what was asked", sized=True,
    ),
    Check(
        name="dv_pu", unit="pu", limit=1e-3, sense="max", status="relaxation_inexact", part="ac",
        meaning="voltage, relaxed against AC",
    ),
    Check(
        name="dloss_rel", unit="-", limit=0.01, sense="max", status="relaxation_inexact", part="ac",
        meaning="loss, relaxed against AC, relative", relative_to="AC loss", floor=2e-4,
        floor_unit="of the feeder's own power",
    ),
    Check(
        name="ac_voltage_violation_pu", unit="pu", limit=1e-4, sense="max", status="ac_violation", part="ac",
        meaning="AC voltage beyond its limit, and beyond what was relaxed on purpose",
    ),
    Check(
        name="ac_current_violation_rel", unit="-", limit=1e-3, sense="max", status="ac_violation", part="ac",
        meaning="AC current beyond its limit, relative",
    ),
    Check(
        name="storage_recursion_mwh", unit="MWh", limit=1e-6, sense="max", status="not_converged", part="devices",
        meaning="stored energy against its recursion", sized=True,
    ),
    Check(
        name="storage_overlap_mw", unit="MW", limit=1e-6, sense="max", status="relaxation_inexact", part="devices",
        meaning="smaller of charge and discharge", does=("flags", "repairs"), sized=True,
    ),
    Check(
        name="device_excess_mw", unit="MW", limit=1e-5, sense="max", status="failed", part="devices",
        meaning="power (MW, Mvar, MVA) or stored energy (MWh) of a device beyond what its settings allow", sized=True,
    ),
    Check(
        name="device_cost_rel", unit="-", limit=1e-6, sense="max", status="failed", part="devices",
        meaning="cost of a device against what its settings say of its power", relative_to="cost by the settings",
        floor=1e-2, floor_unit="of what the feeder's own power costs in a period",
    ),
    Check(
        name="device_balance_mw", unit="MW", limit=1e-8, sense="max", status="failed", part="devices",
        meaning="powers of the devices against injections of the buses, import, and load cut", sized=True,
    ),
    Check(
        name="requirement_missed", unit="-", limit=1e-6, sense="max", status="requirement_relaxed", part="devices",
        meaning="how far a device's own hard requirement was relaxed: end condition of storage or balance of demand "
        "response (MWh), must-take power not taken (MW)",
        key="unserved_mw", sized=True,
    ),
    Check(
        name="ev_curtailed_mw", unit="MW", limit=1e-6, sense="max", status="optimal_with_ev_curtailment",
        part="devices", meaning="charging power that was not served", key="unserved_mw", sized=True,
    ),
    Check(
        name="shed_mw", unit="MW", limit=1e-6, sense="max", status="optimal_with_shed", part="devices",
        meaning="load that was not served", key="unserved_mw", sized=True,
    ),
    Check(
        name="station_excess_mw", unit="MW", limit=1e-6, sense="max", status="station_overloaded", part="stations",
        meaning="mean power that a station is asked for beyond that of its chargers, those left over before included",
        key="unserved_mw", sized=True,
    ),
    Check(
        name="station_beyond_mw", unit="MW", limit=1e-9, sense="max", status="failed", part="stations",
        meaning="power that a station gives beyond that of its chargers", sized=True,
    ),
    Check(
        name="sue_residual", unit="-", limit=1e-8, sense="max", status="not_converged", part="roads",
        meaning="R of the assignment", does=("flags", "stops"), set_by="traffic.tolerance",
    ),
    Check(
        name="sue_status", unit="-", limit="converged", sense="word", status="not_converged", part="roads",
        meaning="whether the assignment converged, or why it stopped",
    ),
    Check(
        name="coupling_residual_mw", unit="MW", limit=1e-6, sense="max", status="not_converged", part="coupling",
        meaning="load sent less load at the price it was answered with", does=("flags", "stops"),
        set_by="coupling.tolerance_mw",
    ),
    Check(
        name="coupling_converged", unit="-", limit=True, sense="word", status="not_converged", part="coupling",
        meaning="whether the price-flow loop is within its tolerance",
    ),
    Check(
        name="station_price_rel", unit="-", limit=1e-5, sense="max", status="not_converged", part="coupling",
        meaning="price that drivers pay, less its mark-up, against the dual of the bus's balance or, where the last "
        "resorts are part of the model, the price of curtailment if that is less; asked where drivers pay nodal prices",
        relative_to="that price", floor=1.0, floor_unit="money/MWh",
    ),
    Check(
        name="coupling_spread_rel", unit="-", limit=1e-3, sense="max", status="equilibrium_not_unique",
        part="coupling", meaning="path flows at which loops from random prices end, against the result: sum of "
        "differences; asked where nothing is proved of the equilibrium and such loops converged",
        relative_to="demand of the period", floor=1.0, floor_unit="veh/h",
    ),
    Check(
        name="values_missing", unit="-", limit=0.0, sense="max", status="failed", part="tables",
        meaning="values of the period's tables that are no finite number, and may not be by their meaning", key="",
    ),
    Check(
        name="vehicles_balance", unit="-", limit=0.0, sense="abs", status="failed", part="vehicles",
        meaning="vehicles entered - left - queued - under way", key="",
    ),
    Check(
        name="teleported_share", unit="-", limit=0.001, sense="max", status="validation_invalid", part="vehicles",
        meaning="vehicles that SUMO teleported, per vehicle (`cosim validate`)",
    ),
    Check(
        name="not_inserted_share", unit="-", limit=0.01, sense="max", status="validation_invalid", part="vehicles",
        meaning="vehicles that SUMO could not insert, per vehicle",
    ),
    Check(
        name="unfinished_share", unit="-", limit=0.05, sense="max", status="validation_invalid", part="vehicles",
        meaning="vehicles that did not arrive in time, per vehicle",
    ),
)  # fmt: skip

CHECKS: MappingProxyType[str, Check] = MappingProxyType({row.name: row for row in _ROWS})
"""Every check by the name of its figure, in the order of reports."""

SETTABLE: MappingProxyType[str, tuple[Check, ...]] = MappingProxyType(
    {
        key: tuple(row for row in _ROWS if row.limit_key == key)
        for key in dict.fromkeys(r.limit_key for r in _ROWS)
        if key
    }
)
"""The checks that a limit under ``gates:`` is for, by its name."""


def _limit_meaning(rows: tuple[Check, ...]) -> str:
    """Return what a limit is of; where a key of the scenario gives it, which."""
    if len(rows) > 1:
        return "From which on counts: " + ", ".join(f"``{row.name}``" for row in rows)
    (row,) = rows
    return f"{row.meaning}; set ``{row.set_by}`` instead" if row.set_by else row.meaning


def _attributes() -> str:
    """Return the limits as the attributes of a docstring."""
    told = "\n".join(f"{key}\n    {_limit_meaning(rows)}" for key, rows in SETTABLE.items())
    return f"Limit of each check of a period.\n\nAttributes\n----------\n{told}\n"


RENAMED: MappingProxyType[str, str] = MappingProxyType({"slack_mw": "unserved_mw"})
"""Limits by their former names: scenarios and runs of earlier versions have them."""
GONE: MappingProxyType[str, str] = MappingProxyType(
    dict.fromkeys(("cone_gap_pu2", "cone_gap_negative_pu2"), "cone_gap_rel")
)
"""Limits that only earlier versions have, and the one that judges in their place."""

if TYPE_CHECKING:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class GateLimits:
        """The limits of the checks: one attribute for each name in `SETTABLE`."""

        def __getattr__(self, name: str) -> float: ...

else:

    def _checked(self: object) -> None:
        check_bounds(self, "gates")

    GateLimits = make_dataclass(
        "GateLimits",
        [(key, NonNegative, rows[0].limit) for key, rows in SETTABLE.items()],
        namespace={"__doc__": _attributes(), "__post_init__": _checked, "__module__": __name__},
        frozen=True, slots=True, kw_only=True,
    )  # fmt: skip


def with_limits(limits: GateLimits, **changed: float) -> GateLimits:
    """Return the limits with some of them replaced.

    >>> with_limits(GateLimits(), dv_pu=1e-5).dv_pu
    1e-05
    """
    return replace(limits, **changed)


def limits_of(gates: Mapping[str, Any]) -> GateLimits:
    """Return the limits as a manifest has them; what it does not have is at its default, what is unknown is left out.

    >>> limits_of({"slack_mw": 1e-3}).unserved_mw
    0.001
    """
    named = {RENAMED.get(key, key): value for key, value in gates.items()}
    return with_limits(
        GateLimits(), **{item.name: named[item.name] for item in fields(GateLimits) if item.name in named}
    )


def limit_of(row: Check, limits: GateLimits, own_power_mw: float = REFERENCE_MW) -> Figure:
    """Return the limit of a check on a feeder of some own power.

    >>> limit_of(CHECKS["shed_mw"], GateLimits(unserved_mw=1e-3), 5.0)
    0.0005
    """
    limit: Figure = getattr(limits, row.limit_key) if row.limit_key else row.limit
    return float(limit) * own_power_mw / REFERENCE_MW if row.sized else limit


def sized_limit(key: str, limits: GateLimits, own_power_mw: Any) -> Any:  # noqa: ANN401 - a number or an array
    """Return a limit that grows with the feeder's own power, for one power or several.

    >>> float(sized_limit("unserved_mw", GateLimits(), 0.01))
    1e-09
    """
    return getattr(limits, key) * (own_power_mw / REFERENCE_MW)


def relative(name: str, difference: Any, size: Any, own: Any = 1.0) -> Any:  # noqa: ANN401 - a number or an array
    """Return a difference over the size of what it belongs to, or over the floor of the check.

    Parameters
    ----------
    name
        Of the check.
    difference, size
        What is judged, and what it belongs to.
    own
        What the floor is a share of: the feeder's own power, or what it makes; 1 where the floor has a unit.

    >>> float(relative("dloss_rel", 2e-6, 1e-9, own=10.0))
    0.001
    """
    import numpy as np

    return np.abs(difference) / np.maximum(np.abs(size), CHECKS[name].floor * own)


def check_of(name: str) -> Check:
    """Return the row of a figure.

    Raises
    ------
    KeyError
        If there is none: a figure that no row knows would be judged by nobody.
    """
    if name not in CHECKS:
        raise KeyError(f"the table of checks has no {name!r}; it has {', '.join(CHECKS)}")
    return CHECKS[name]
