"""What the schema cannot see: sections that need each other, names that must exist elsewhere, files, lengths."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.errors import InputError
from cosim.quantities.checks import CHECKS, limit_of
from cosim.scenario import check_bands, check_grid, check_microsim, check_outages, check_roads, check_series, sources
from cosim.scenario.checking import Check
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.schema import Scenario
from cosim.scenario.stamps import timeline_of
from cosim.scenario.tree import leaves, nearest
from cosim.scenario.yaml_reader import Node
from cosim.tables import TINY_REMEDY, TINY_RULE, is_tiny
from cosim.timeline import MINUTES_PER_DAY
from cosim.units import min_to_h

HOURLY_MIN = 60
"""With hourly periods a part of a day is a common choice; with others it is more often a forgotten key."""

_NEEDS = (
    ("roads", "traffic"),
    ("traffic", "roads"),
    ("ev", "roads"),
    ("ev", "stations"),
    ("grid", "feeder"),
    ("grid", "devices"),
    ("grid", "tariff"),
    ("grid", "dispatch"),
    ("feeder", "grid"),
    ("devices", "grid"),
    ("dispatch", "grid"),
    ("tariff", "grid"),
)
"""(section, what it cannot be without)."""


def check(scenario: Scenario, tree: Node, files: ScenarioFiles, broken: frozenset[str]) -> Check:
    """Return all mistakes and warnings that need more than one value to be seen."""
    found = Check(scenario=scenario, tree=tree, files=files, broken=broken)
    _sections(found)
    _tiny(found)
    for row in CHECKS.values():
        if row.set_by and limit_of(row, scenario.gates) != row.limit:
            found.at(f"gates.{row.limit_key}", f"this limit is {row.set_by}", f"set {row.set_by} instead")
    _length_of_day(found)
    _unique_names(found, "stations", [station.name for station in scenario.stations])
    _unique_names(found, "devices", [device.name for device in scenario.devices])
    check_roads.check(found)
    check_grid.check(found)
    check_outages.check(found)
    check_series.check(found)
    check_microsim.check(found)
    check_bands.check(found)
    found.mistakes.extend(sources.dangling(tree, broken))
    return found


def _tiny(found: Check) -> None:
    """Refuse numbers nearer to 0 than any quantity; in listed series they are as good as 0."""
    for path, node in leaves(found.tree):
        if isinstance(node.value, float) and is_tiny(node.value) and isinstance(path[-1], str):
            found.at(".".join(map(str, path)), f"{node.value:g} {TINY_RULE}", TINY_REMEDY)


def _length_of_day(found: Check) -> None:
    """Warn of periods that do not make up whole days: profiles and balances are read as those of a day."""
    scenario = found.scenario
    total = scenario.periods * scenario.period_min
    if scenario.start is not None and _ends_at_midnight(scenario):
        return
    if scenario.period_min != HOURLY_MIN and total % MINUTES_PER_DAY:
        hours = min_to_h(total)
        reason = f"{scenario.periods} periods of {scenario.period_min} min are {hours:g} h, no whole day"
        found.at("period_min", reason, f"for a day set periods to {MINUTES_PER_DAY // scenario.period_min}", warn=True)


def _ends_at_midnight(scenario: Scenario) -> bool:
    """Whether the last period ends with a day: one has 23 or 25 hours where clocks are changed."""
    try:
        timeline = timeline_of(scenario)
    except InputError:  # told where series are checked
        return True
    end = timeline.instant(timeline.periods)
    return (end.hour, end.minute) == (0, 0)


def _sections(found: Check) -> None:
    """Check that sections which need each other are there, and none that would be without effect."""
    scenario = found.scenario
    if scenario.roads is None and scenario.grid is None and found.whole("roads", "grid", "traffic", "feeder"):
        found.at("schema", "neither roads nor a grid", "add roads and traffic, or grid and feeder, or both")
    for key, needed in _NEEDS:
        if getattr(scenario, key) and not getattr(scenario, needed) and found.whole(needed):
            found.at(key, f"{key} without {needed}", f"add '{needed}: ...', or remove {key}")
    if scenario.roads is not None and scenario.stations and scenario.ev is None and found.whole("ev"):
        found.at("stations", "stations on roads without ev", "add 'ev: ...'")


def _unique_names(found: Check, section: str, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        first = names.index(name)
        if first != place:
            line = nearest(found.tree, (section, first, "name")).mark.line
            reason = f"{name!r} stands already in line {line}" if line else f"{name!r} stands twice"
            found.at(f"{section}.{place}.name", reason, "rename one of them")
