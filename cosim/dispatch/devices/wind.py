"""Wind generator (Eq 19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from cosim.dispatch.devices._renewable import Renewable, RenewableSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class WindSettings(RenewableSettings):
    """Settings of a wind generator."""

    kind: Literal["wind"] = "wind"


class Wind(Renewable):
    """Wind generator behind an inverter."""

    kind = "wind"
    Settings: ClassVar[type] = WindSettings
    label = "Wind"
    colour = "#2f9e8f"
