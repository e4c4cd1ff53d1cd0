"""Substation: exchange with the upstream grid at the slack bus, paid at the tariff (first term of Eq 21)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from cosim.arrays import Array
from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Cost, Device, Injection, State, Window, solved
from cosim.dispatch.devices.traits import Allowed, Did, Given

if TYPE_CHECKING:
    import cvxpy as cp


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstationSettings:
    """Settings of the substation; it stands at the slack bus.

    Attributes
    ----------
    name
        Unique name.
    export
        Whether power may flow upstream, at the tariff.
    import_max_mw
        Limit of the import; None: no limit.
    export_max_mw
        Limit of the export; None: no limit.
    """

    kind: Literal["substation"] = "substation"
    name: Annotated[str, MinLen(1)]
    export: bool = True
    import_max_mw: NonNegative | None = None
    export_max_mw: NonNegative | None = None

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class Substation(Device):
    """Exchange with the upstream grid; P > 0 is import."""

    kind = "substation"
    Settings: ClassVar[type] = SubstationSettings
    side = "exchange"
    label = "Import"
    takes = "Export"
    colour = "#5b6b7c"

    def declare(self) -> None:
        """Create import power and the tariff."""
        self.p_mw = self.variable()
        self.q_mvar = self.variable()
        self.tariff_per_mwh = self.parameter("tariff_per_mwh")

    def load(self, window: Window, state: State) -> None:
        """Set the tariff."""
        self.tariff_per_mwh.value = window.tariff_per_mwh

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the limits of the exchange."""
        s = self.settings
        if not s.export:
            yield self.p_mw >= 0
        elif s.export_max_mw is not None:
            yield self.p_mw >= -s.export_max_mw
        if s.import_max_mw is not None:
            yield self.p_mw <= s.import_max_mw

    def costs(self) -> Iterator[Cost]:
        """Yield rho_t * Pgrid."""
        yield Cost(term="energy", variable=self.p_mw, linear=self.tariff_per_mwh)

    def injections(self) -> Iterator[Injection]:
        """Yield the import at the slack bus."""
        yield Injection(buses=(self.bus,), p_mw=self.p_mw, q_mvar=self.q_mvar)

    def power(self) -> tuple[Array, Array]:
        """Return import P [MW] and Q [Mvar]."""
        return solved(self.p_mw), solved(self.q_mvar)

    @classmethod
    def allowed(cls, settings: SubstationSettings, given: Given) -> Allowed:
        """Return the limits of the exchange."""
        most, least = settings.import_max_mw, settings.export_max_mw if settings.export else 0.0
        return Allowed(p_min_mw=-np.inf if least is None else -least, p_max_mw=np.inf if most is None else most)

    @classmethod
    def booked(cls, settings: SubstationSettings, given: Given, did: Did) -> Array:
        """Return rho_t * Pgrid."""
        return np.asarray(given.period_h * given.tariff_per_mwh * did.p_mw)

    def available_mw(self, window: Window) -> Array | None:
        """Return the import limit, where one is set."""
        limit = self.settings.import_max_mw
        return None if limit is None else np.full(window.length, float(limit))
