"""What becomes of the elements of a net that draw or give power: a load, a fixed injection, or a device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.grid.reduction.net_elements import GIVING, NetElement
from cosim.scenario.net_source import NetSource

_MARKS = (("PV", "photovoltaic"), ("WP", "wind"), ("WIND", "wind"))
"""What the type or the profile of an sgen says of it."""
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Role:
    """What becomes of an element of the net: a device, or a factor of its power.

    Attributes
    ----------
    element
        The element.
    device
        The name of the device that it is; empty of one that is fixed.
    scaled
        Whether the scenario's load profile is a factor of it.
    profile
        Whether its own profile is one.
    still
        Whether it stands still, whatever its power.
    """

    element: NetElement
    device: str = ""
    scaled: bool = False
    profile: bool = False
    still: bool = False

    @property
    def columns(self) -> tuple[str, str]:
        """The profiles of its active and its reactive power; only loads have two."""
        name = self.element.profile
        return (f"{name}_pload", f"{name}_qload") if self.element.kind == "load" else (name, name)

    def drawn_mva(self, load_profile: Array, profiles: Mapping[str, Array]) -> Array:
        """Return P [MW] and Q [Mvar] drawn in each period by what is fixed, shape (2, T); of a device 0."""
        rated = np.array([self.element.p_mw, self.element.q_mvar])[:, None] * np.ones_like(load_profile)
        if self.device or self.still:
            return np.zeros_like(rated)
        factor = rated * load_profile if self.scaled else rated
        return factor * np.stack([profiles[name] for name in self.columns]) if self.profile else factor

    def __str__(self) -> str:
        """Return it in words."""
        if self.device:
            return f"device {self.device}"
        if self.still:
            return "stands still: SimBench's series of storages only feed in; name it as a device"
        factors = ["feeder.load_profile"] * self.scaled + ["its own profile"] * self.profile
        return ("load" if self.scaled else "fixed injection") + (f" times {' and '.join(factors)}" if factors else "")


def role_of(source: NetSource | None, element: NetElement, *, profiles: bool) -> Role:
    """Return what becomes of an element."""
    own = profiles and bool(element.profile) and element.kind != "storage"
    if name := device_of(source, element):
        return Role(element=element, device=name, profile=own)
    if element.kind == "storage" and source is not None and source.source == "simbench":
        return Role(element=element, still=True)
    return Role(element=element, scaled=element.kind not in (*GIVING, "storage"), profile=own)


def device_of(source: NetSource | None, element: NetElement) -> str:
    """Return the name of the device that an element is; empty if it is none."""
    if source is None:
        return ""
    if source.devices == "net":
        return element.id.replace(" ", "") if usual_kind(element) else ""
    words = {element.id, element.id.replace(" ", ":"), element.name}
    return next((name for name, word in source.devices.items() if word in words), "")


def usual_kind(element: NetElement) -> str:
    """Return the kind of device that an element is by itself: by its table and its type."""
    if element.kind == "storage":
        return "storage"
    if element.kind == "sgen":
        word = f"{element.type} {element.profile}".upper()
        return next((kind for mark, kind in _MARKS if mark in word), "")
    return ""


def table(roles: Sequence[Role]) -> Iterator[tuple[str, str, str]]:
    """Yield which elements, with what power, become what: those of one fate in one row, none left out."""
    fates: dict[tuple[str, str], list[NetElement]] = {}
    for role in roles:
        fates.setdefault((role.element.kind, str(role)), []).append(role.element)
    for (kind, fate), found in fates.items():
        names = [str(one.index) for one in found]
        shown = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], "...", names[-1]]
        p, q = sum(one.p_mw for one in found), sum(one.q_mvar for one in found)
        yield f"{len(found)} {kind} ({', '.join(shown)})", f"{p:g} MW, {q:g} Mvar", fate


def check_roles(source: NetSource | None, roles: Sequence[Role], profiles: Mapping[str, Array]) -> None:
    """Refuse names of elements that are none of the feeder's, elements that no device can be, and lacking profiles.

    Raises
    ------
    InputError
        With all of them.
    """
    problems = [
        Problem(field=role.element.id, reason=f"its profile {name!r} is not there", remedy="name a device for it")
        for role in roles
        if role.profile
        for name in dict.fromkeys(role.columns)
        if name not in profiles
    ]
    named = {} if source is None or source.devices == "net" else source.devices
    for name, word in named.items():
        found = [role.element for role in roles if role.device == name]
        giving = [one for one in found if one.kind in (*GIVING, "storage")]
        if len(giving) == 1:
            continue
        reason = f"{word!r} names {len(found)} elements of the feeder" if len(found) != 1 else f"{word!r} is a load"
        remedy = (
            "give table and index: sgen 3, storage 0" if len(found) != 1 else "a device that moves it names its bus"
        )
        problems.append(Problem(field=f"devices.{name}", reason=reason, remedy=remedy))
    if problems:
        raise InputError(problems)
