"""From statistics to a verdict: which limits apply, which are kept, and what cannot be compared at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cosim.quantities.checks import GateLimits
from cosim.validation.metrics import Estimate
from cosim.validation.micro_limits import MicroLimits

Group = Literal["flow", "time", "choice", "station", "quality"]
Word = Literal["passed", "failed", "not_comparable_capacity", "not_comparable_jam", "not_telling", "shown"]
Basis = Literal["matched", "practical", "jammed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """A statistic of `cosim.validation.micro.statistics`.

    Attributes
    ----------
    group, unit, meaning
        What it is about.
    limit
        Name of its limit in `MicroLimits` or `GateLimits`; empty if it is shown only.
    at_least
        Whether the limit is the smallest accepted value.
    needs_matched
        Whether it can be judged only where the macroscopic capacity is that of the simulated lanes.
    every_seed
        Whether the worst seed is judged and not the mean.
    signed
        Whether the size of the mean is judged: single errors may cancel. It fails only if the whole interval is
        beyond the limit (with one seed: the value), because few vehicles come and go in lumps.
    """

    group: Group
    unit: str
    meaning: str
    limit: str = ""
    at_least: bool = False
    needs_matched: bool = False
    every_seed: bool = False
    signed: bool = False


def _shown(group: Group, unit: str, meaning: str) -> Statistic:
    return Statistic(group=group, unit=unit, meaning=meaning)


STATISTICS: dict[str, Statistic] = {
    "sue_residual": Statistic(
        group="quality", unit="-", meaning="residual R of the stored equilibrium, before any simulation",
        limit="residual", every_seed=True,
    ),
    "geh_share": Statistic(
        group="flow", unit="-", meaning="share of links below the GEH limit", limit="geh_share", at_least=True
    ),
    "geh_max": _shown("flow", "GEH", "largest GEH of a link"),
    "flow_rmse_vph": _shown("flow", "veh/h", "RMSE of link flows"),
    "flow_rmse_percent": _shown("flow", "%", "RMSE over the mean measured flow"),
    "flow_r2": _shown("flow", "-", "R² of link flows"),
    "total_flow_rel": Statistic(
        group="flow", unit="-", meaning="relative difference of all link flows together", limit="total_flow_rel"
    ),
    "time_mape": Statistic(
        group="time", unit="-", meaning="mean relative error of link times", limit="time_mape", needs_matched=True
    ),
    "time_worst": _shown("time", "-", "worst relative error of a link's time"),
    "time_rmse_rel": _shown("time", "t0", "RMSE of link times over free-flow times"),
    "time_r2": _shown("time", "-", "R² of link times over free-flow times"),
    "time_ratio_max": _shown("time", "t0", "longest measured link time over its free-flow time"),
    "curve_mape": Statistic(
        group="time", unit="-", meaning="link times against the curve of simulated lanes", limit="curve_mape"
    ),
    "route_time_mape": Statistic(
        group="time", unit="-", meaning="mean relative error of route times", limit="route_time_mape",
        needs_matched=True,
    ),
    "route_time_worst": _shown("time", "-", "worst relative error of a route's time"),
    "links_compared": _shown("time", "links", "links with enough vehicles for a time"),
    "routes_compared": _shown("time", "routes", "routes with enough vehicles for a time"),
    "time_skill": Statistic(
        group="time", unit="-", meaning="skill in link times against the null model", limit="time_skill",
        at_least=True, needs_matched=True,
    ),
    "closure": Statistic(
        group="choice", unit="-", meaning="share of demand that would move at measured times", limit="closure",
        needs_matched=True,
    ),
    "closure_charging": _shown("choice", "-", "the same of the charging class"),
    "closure_skill": Statistic(
        group="choice", unit="-", meaning="skill in closure against the null model", limit="closure_skill",
        at_least=True, needs_matched=True,
    ),
    "station_geh_max": _shown("station", "GEH", "largest GEH of a station's arrivals"),
    "station_wait_error_min": _shown("station", "min", "largest error of a station's mean wait"),
    "station_energy_rel": Statistic(
        group="station", unit="-", meaning="energy of all stations against the plan, signed",
        limit="station_energy_rel", signed=True,
    ),
    "ledger_kwh": Statistic(
        group="station", unit="kWh", meaning="ledger against sessions", limit="ledger_kwh", every_seed=True
    ),
    "teleported_share": Statistic(
        group="quality", unit="-", meaning="teleported vehicles", limit="teleported_share", every_seed=True
    ),
    "not_inserted_share": Statistic(
        group="quality", unit="-", meaning="vehicles never inserted", limit="not_inserted_share", every_seed=True
    ),
    "unfinished_share": Statistic(
        group="quality", unit="-", meaning="vehicles that did not arrive in time", limit="unfinished_share",
        every_seed=True,
    ),
    "collisions": Statistic(group="quality", unit="-", meaning="collisions", limit="collisions", every_seed=True),
    "jammed_edges": Statistic(
        group="quality", unit="-", meaning="edges that fill up though the model sees room", limit="jammed_edges",
        every_seed=True,
    ),
    "emergency_stops": _shown("quality", "-", "emergency stops"),
}  # fmt: skip
"""Every statistic by name, in the order in which it is told."""

SHARES = frozenset((
    "geh_share", "total_flow_rel", "time_mape", "time_worst", "curve_mape", "route_time_mape", "route_time_worst",
    "closure", "closure_charging", "station_energy_rel", "teleported_share", "not_inserted_share", "unfinished_share",
))  # fmt: skip
"""Statistics that people read in percent."""

_SKILLS = ("time_skill", "closure_skill")
_OF_STATIONS = frozenset(name for name, one in STATISTICS.items() if one.group == "station")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A statistic with its limit and what follows.

    Attributes
    ----------
    name, estimate
        The statistic.
    limit
        NaN if there is none.
    word
        ``passed``, ``failed``, ``not_comparable_capacity`` (the macroscopic capacity is not that of the simulated
        lanes), ``not_comparable_jam`` (the simulation fills up where the model sees room), ``not_telling`` (too little
        congestion for the null model to fail) or ``shown``.
    sure
        Whether the whole interval over the seeds is on the same side of the limit.
    """

    name: str
    estimate: Estimate
    limit: float
    word: Word
    sure: bool

    @property
    def statistic(self) -> Statistic:
        """What it is about."""
        return STATISTICS[self.name]


def judge(
    found: Mapping[str, Estimate],
    null: Mapping[str, Estimate] | None,
    *,
    limits: MicroLimits,
    gates: GateLimits,
    basis: Basis,
) -> tuple[Finding, ...]:
    """Judge one period.

    Parameters
    ----------
    found, null
        Statistics over the seeds, of the model (with its skill, if there is a null model) and of the null model.
    limits, gates
        What is accepted.
    basis
        ``matched``: the macroscopic capacities are those of the simulated lanes. ``practical``: they are capacities of
        streets with junctions, which the simulated links do not have; times and route choice cannot be judged then, and
        no more where edges fill up though the model sees room on them (``jammed``).

    Returns
    -------
    tuple[Finding, ...]
        In the order of `STATISTICS`; what the scenario does not have is left out.
    """
    findings = []
    if "jammed_edges" in found and found["jammed_edges"].most > limits.jammed_edges:
        basis = "jammed"
    for name, statistic in STATISTICS.items():
        if name not in found or (name in _OF_STATIONS and math.isnan(found[name].mean)):
            continue
        limit = _limit(statistic, limits, gates)
        word = _word(name, found[name], limit, null, limits, basis)
        findings.append(
            Finding(name=name, estimate=found[name], limit=limit, word=word, sure=_sure(statistic, found[name], limit))
        )
    return tuple(findings)


def holds(findings: Iterable[Finding]) -> bool:
    """Whether no limit that applies is broken."""
    return all(one.word != "failed" for one in findings)


def _limit(statistic: Statistic, limits: MicroLimits, gates: GateLimits) -> float:
    if not statistic.limit:
        return math.nan
    owner: MicroLimits | GateLimits = limits if hasattr(limits, statistic.limit) else gates
    return float(getattr(owner, statistic.limit))


def _word(
    name: str,
    value: Estimate,
    limit: float,
    null: Mapping[str, Estimate] | None,
    limits: MicroLimits,
    basis: Basis,
) -> Word:
    statistic = STATISTICS[name]
    if not statistic.limit:
        return "shown"
    if statistic.needs_matched and basis != "matched":
        return "not_comparable_jam" if basis == "jammed" else "not_comparable_capacity"
    if name in _SKILLS and (null is None or not null["closure"].mean >= limits.null_closure):
        return "not_telling"
    if statistic.signed:
        beyond = abs(value.mean) > limit and (value.n == 1 or _sure(statistic, value, limit))
        return "failed" if beyond else _number(value.mean)
    judged = (value.least if statistic.at_least else value.most) if statistic.every_seed else value.mean
    kept = judged >= limit if statistic.at_least else judged <= limit
    return "passed" if kept else "failed"


def _number(value: float) -> Word:
    return "passed" if math.isfinite(value) else "failed"


def _sure(statistic: Statistic, value: Estimate, limit: float) -> bool:
    if statistic.every_seed or math.isnan(limit):
        return True
    if value.n == 1 or math.isnan(value.low + value.high):
        return False
    ends = (-limit, limit) if statistic.signed else (limit,)
    return not any(value.low < end < value.high for end in ends)
