"""Devices as users plug them in: by entry points, without a line of the project knowing their kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from cosim.bounds import NonNegative, check_bounds
from cosim.dispatch.devices.base import Device, Injection, solved
from cosim.dispatch.devices.storage import Storage, StorageSettings
from cosim.dispatch.devices.traits import Allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class FlywheelSettings(StorageSettings):
    """Those of a battery."""

    kind: Literal["flywheel"] = "flywheel"


class Flywheel(Storage):
    """A second kind of storage."""

    kind = "flywheel"
    Settings: ClassVar[type] = FlywheelSettings
    label, gives, takes, energy, colour = "Flywheel", "Flywheel, out", "Flywheel, in", "Flywheel out", "#123456"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarelessSettings(StorageSettings):
    """Those of a battery."""

    kind: Literal["careless"] = "careless"


class Careless(Storage):
    """A storage whose author forgot to let its directions be barred."""

    kind = "careless"
    Settings: ClassVar[type] = CarelessSettings

    def opposites(self):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservoirSettings:
    """Settings of a store without losses."""

    kind: Literal["reservoir"] = "reservoir"
    name: str
    bus: str
    capacity_mwh: NonNegative
    p_max_mw: NonNegative

    def __post_init__(self) -> None:
        check_bounds(self, self.name)


class Reservoir(Device):
    """Energy and one signed power; it tells neither recursion nor overlap nor cost."""

    kind = "reservoir"
    Settings: ClassVar[type] = ReservoirSettings

    def declare(self) -> None:
        self.p_mw = self.variable()
        self.stored_mwh = self.variable()
        self.start_mwh = self.scalar("start_mwh")

    def load(self, window, state) -> None:
        self.start_mwh.value = state["energy_mwh"]

    def constraints(self) -> Iterator:
        s, dt = self.settings, self.frame.period_h
        yield self.stored_mwh[0] == self.start_mwh - dt * self.p_mw[0]
        yield self.stored_mwh[1:] == self.stored_mwh[:-1] - dt * self.p_mw[1:]
        yield self.stored_mwh >= 0
        yield self.stored_mwh <= s.capacity_mwh
        yield self.p_mw <= s.p_max_mw
        yield self.p_mw >= -s.p_max_mw

    def injections(self) -> Iterator[Injection]:
        yield Injection(buses=(self.bus,), p_mw=self.p_mw)

    def power(self):
        p_mw = solved(self.p_mw)
        return p_mw, 0.0 * p_mw

    def energy_mwh(self):
        return solved(self.stored_mwh)

    @classmethod
    def allowed(cls, settings, given) -> Allowed:
        most = settings.p_max_mw
        return Allowed(
            p_min_mw=-most, p_max_mw=most, q_min_mvar=0.0, q_max_mvar=0.0, energy_min_mwh=0.0,
            energy_max_mwh=settings.capacity_mwh,
        )  # fmt: skip

    @classmethod
    def initial_state(cls, settings) -> dict[str, float]:
        return {"energy_mwh": 0.5 * settings.capacity_mwh}

    def next_state(self, state, window, periods) -> dict[str, float]:
        return {"energy_mwh": float(solved(self.stored_mwh)[periods - 1])}
