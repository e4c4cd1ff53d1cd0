"""Photovoltaic generator (Eq 19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from cosim.dispatch.devices._renewable import Renewable, RenewableSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotovoltaicSettings(RenewableSettings):
    """Settings of a photovoltaic generator."""

    kind: Literal["photovoltaic"] = "photovoltaic"


class Photovoltaic(Renewable):
    """Photovoltaic generator behind an inverter."""

    kind = "photovoltaic"
    Settings: ClassVar[type] = PhotovoltaicSettings
    label = "Photovoltaics"
    colour = "#f2b632"
