"""Sections that are one of a family: a device, a law, a tariff, a rule of prices, told apart by ``kind``."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, PydanticUserError
from pydantic_core import CoreSchema

from cosim.plugins import UnusablePlugin
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import Law


class OfKind:
    """Pydantic schema of one of a family: the union of the settings of all its classes, told apart by ``kind``."""

    def __init__(self, family: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        self.family = family

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        members = (self.family if isinstance(self.family, Mapping) else self.family()).values()
        union = functools.reduce(operator.or_, (member.Settings for member in members))
        try:
            return handler.generate_schema(Annotated[union, Field(discriminator="kind")])
        except PydanticUserError as error:
            own = [one for one in members if not one.__module__.startswith("cosim.")]
            named = ", ".join(f"{one.kind!r} ({one.__module__}.{one.__qualname__})" for one in own)
            family = own[0].family if own else "class"
            reason = f"the Settings of installed {family}s, {named}, cannot be keys of a scenario: {error.message}"
            raise UnusablePlugin(reason) from error


def station_laws() -> dict[str, type[Law]]:
    """Return the laws that may describe a station."""
    return {kind: law for kind, law in LAWS.items() if law.for_stations}
