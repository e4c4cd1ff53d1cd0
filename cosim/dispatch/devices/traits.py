"""What a kind of device is, for those who judge, draw or add it up: nobody asks for a kind by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np

from cosim.arrays import Array
from cosim.plain import Cells

Side = Literal["generation", "load", "exchange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The traits of a kind, as plain data; a run keeps them in its manifest.

    Attributes
    ----------
    side
        Whether its power counts as generation, as less or more load, or as exchange with the upstream grid.
    stores
        Whether it has energy that lasts over the periods.
    exclusive
        Whether the smaller of its two opposite powers must be zero.
    returns
        Whether what it takes away from the load comes back in other periods.
    offers
        Whether its power is offered by the weather and known as a forecast.
    last_resort
        Whether the elastic model adds it; no scenario chooses it.
    label, gives, takes, energy
        Its name in reports; those of the power that it gives and takes, and of the energy that it gave.
    colour
        Of figures; empty for one by position.
    """

    side: Side = "generation"
    stores: bool = False
    exclusive: bool = False
    returns: bool = False
    offers: bool = False
    last_resort: bool = False
    label: str = ""
    gives: str = ""
    takes: str = ""
    energy: str = ""
    colour: str = ""

    @property
    def rank(self) -> tuple[bool, bool, bool, bool]:
        """Order in stacks and lists: exchange, generation, what stores, load, last resorts."""
        return self.last_resort, self.side == "load", self.stores, self.side != "exchange"

    @property
    def moves_load(self) -> bool:
        """Whether the scenario chose it to lower or raise load."""
        return self.side == "load" and not self.last_resort


def told(kind: str, traits: Mapping[str, Any]) -> Traits:
    """Return traits as a run keeps them; what a later version adds is left out, names that are missing are made up.

    >>> told("fly_wheel", {"stores": True}).takes
    'Fly wheel, taken'
    """
    known = {item.name for item in fields(Traits)}
    given = {key: value for key, value in traits.items() if key in known and value != ""}
    label = given.setdefault("label", kind.replace("_", " ").capitalize())
    return Traits(**{"gives": label, "takes": f"{label}, taken", "energy": label, **given})


def kept(traits: Traits) -> Cells:
    """Return traits as a run keeps them."""
    return asdict(traits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What a device of a day is given, over T periods: all that a judge needs besides its settings.

    Attributes
    ----------
    period_h, tariff_per_mwh
        Length of a period, and the purchase price, shape (T,).
    base_p_mw
        Base load of its bus, shape (T,).
    series
        Values of its settings that vary, shape (T,) each.
    shortfall_price_per_mwh
        Price of a missed requirement.
    couples_periods
        Whether balances over periods are kept.
    """

    period_h: float
    tariff_per_mwh: Array
    base_p_mw: Array
    series: Mapping[str, Array] = field(default_factory=dict)
    shortfall_price_per_mwh: float = 0.0
    couples_periods: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Did:
    """What a device did, as its outcome or a stored table tells it, shape (T,) each."""

    p_mw: Array
    q_mvar: Array
    energy_mwh: Array
    overlap_mw: Array
    missed: Array
    cost: Array

    @property
    def given_mw(self) -> Array:
        """The first of two opposite powers: discharge, cut."""
        return np.asarray(np.maximum(self.p_mw, 0.0) + np.nan_to_num(self.overlap_mw))

    @property
    def taken_mw(self) -> Array:
        """The second of two opposite powers: charge, refill."""
        return np.asarray(np.maximum(-self.p_mw, 0.0) + np.nan_to_num(self.overlap_mw))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allowed:
    """What the settings of a device allow in each period: numbers or arrays of shape (T,); infinite where nothing."""

    p_min_mw: float | Array = -np.inf
    p_max_mw: float | Array = np.inf
    q_min_mvar: float | Array = -np.inf
    q_max_mvar: float | Array = np.inf
    s_max_mva: float = np.inf
    energy_min_mwh: float = -np.inf
    energy_max_mwh: float = np.inf
