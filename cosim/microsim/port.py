"""The port that an engine of traffic fills: `Engine.window` answers a claim with a state, `Engine.day` many periods.

Nobody outside this package knows more of an engine. Engines are found by ``kind`` in `cosim.microsim.engines`; users'
own come by the entry-point group ``cosim.engines``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal, Self

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.microsim.day import Day, Run
from cosim.microsim.model import MicroRoute, MicroStation, Variant
from cosim.microsim.pool import Stop, side_by_side
from cosim.microsim.replay import DayAnswer, DayClaim, DayLog, DayStep, RepeatableDay, replayed
from cosim.microsim.states import (
    Claim,
    LinkSlice,
    MicroState,
    Roads,
    RunQuality,
    Session,
    StationNow,
    StationSeries,
    Stretch,
    steady,
)
from cosim.microsim.vehicles import warmup_time_s
from cosim.plugins import Catalogue
from cosim.traffic.performance import link_cost

__all__ = [
    "ENGINES",
    "UNUSED_FACTOR",
    "Claim",
    "Day",
    "DayAnswer",
    "DayClaim",
    "DayLog",
    "DayStep",
    "Engine",
    "EngineSettings",
    "LinkSlice",
    "MicroState",
    "Nature",
    "RepeatableDay",
    "Roads",
    "RunQuality",
    "Session",
    "StationNow",
    "StationSeries",
    "Stretch",
    "Variant",
    "natures",
    "open_engine",
    "replayed",
    "steady",
]


UNUSED_FACTOR = 1.057
"""Time of a link that nobody used over its free-flow time: what a lone vehicle measures on a net of merge sections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How an engine simulates; each takes what it knows.

    Attributes
    ----------
    engine
        Kind of the engine.
    length_scale
        Factor of all link lengths.
    variant
        Kind of SUMO's network; None: the roads' own, if they were imported from one, else ``merge``.
    step_s
        Step of the simulation, s.
    """

    engine: str = "sumo"
    length_scale: float = 1.0
    variant: Variant | None = None
    step_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What a verdict on a simulation must know of its roads.

    Attributes
    ----------
    basis
        Whether capacities are ``matched`` (times and route choice can be judged) or ``practical``; None: as the
        scenario says.
    follows_law
        Whether speeds follow the scenario's own laws.
    needs_law
        Whether times and route choice can be judged only with a law that was fitted on such roads.
    unused_factor
        Time of a link that nobody uses over its free-flow time.
    lane_curve
        Whether times follow `cosim.traffic.calibration.MICRO_CURVE`.
    meaning
        What it is, and what it tests.
    remark
        What must be known of a result.
    """

    basis: Literal["matched", "practical"] | None = None
    follows_law: bool = False
    needs_law: bool = False
    unused_factor: float = UNUSED_FACTOR
    lane_curve: bool = False
    meaning: str = ""
    remark: str = ""


class Engine(ABC):
    """An engine of traffic with single vehicles, on the roads of one scenario; a context manager.

    Parameters
    ----------
    roads
        The roads.
    settings
        How it simulates.
    mesoscopic
        Let queues of vehicles move in place of single ones, without stations; only where `meso` says so.

    Attributes
    ----------
    kind
        Its name in scenarios.
    meso
        Whether it has a mesoscopic form.
    natures
        Its kinds of roads by name.
    variant
        Which of them it has.
    link_ids
        Ids of the road links.
    length_scale
        What its times over the roads' are divided by at equal speeds.
    routes, stations
        The way of each path, and the stations as their queues see them.
    spur_s, detour_s
        Time beside the roads on the way to a station and back, and how much of it is more than the road takes, s.
    """

    kind: ClassVar[str]
    meso: ClassVar[bool] = False
    natures: ClassVar[Mapping[str, Nature]]
    variant: str
    link_ids: tuple[str, ...]
    length_scale: float
    routes: tuple[MicroRoute, ...]
    stations: tuple[MicroStation, ...]
    spur_s: float = 0.0
    detour_s: float = 0.0

    def __init__(self, roads: Roads, settings: EngineSettings, *, mesoscopic: bool = False) -> None:
        if mesoscopic and not self.meso:
            reason = f"engine {self.kind!r} moves single vehicles only"
            raise InputError(Problem(field="microsim.mode", reason=reason, remedy="take windows or continuous"))
        self.roads, self.settings, self.mesoscopic = roads, settings, mesoscopic

    @property
    def nature(self) -> Nature:
        """What a verdict must know of its roads."""
        return self.natures[self.variant]

    def warmup_s(self, link_flow_vph: Array) -> float:
        """Return how long the roads fill before anything is measured, s.

        By open roads, or by the law's times where speeds follow the law.

        Parameters
        ----------
        link_flow_vph
            Flows that the window will drive, stations last, shape (L,), veh/h.
        """
        network = self.roads.network
        times = link_cost(network, link_flow_vph) if self.nature.follows_law else network.free_flow_min
        return warmup_time_s(network, self.roads.paths, length_scale=self.length_scale, link_time_min=times)

    @abstractmethod
    def window(self, claim: Claim, stop: Stop | None = None) -> MicroState:
        """Simulate one window; the answer depends on the claim and the engine's roads alone.

        Parameters
        ----------
        claim
            What the macroscopic side claims.
        stop
            Called every simulated minute; ends the run by raising.
        """

    def windows(self, claims: Sequence[Claim], *, jobs: int = 1) -> list[MicroState]:
        """Simulate several windows, up to ``jobs`` at a time; answers in the order of the claims."""
        return side_by_side(self.window, claims, jobs=jobs)

    @abstractmethod
    def run(self, period_s: float, seed: int) -> Run:
        """Return a simulation at 0, to be advanced from outside, that measures links in periods of this length."""

    def day(self, period_s: float, seed: int) -> Day:
        """Return a simulation through all periods."""
        return Day(
            self.run(period_s, seed), self.routes, self.roads, period_s=period_s, seed=seed,
            length_scale=self.length_scale, spur_s=self.spur_s, model="meso" if self.mesoscopic else "micro",
        )  # fmt: skip

    def caps(self, claim: Claim) -> Array:
        """Return the stations' caps of a claim, MW, shape (S,); it may leave them out where nothing is capped."""
        caps = claim.p_set_mw if claim.p_set_mw.size else np.full(len(self.stations), np.inf)
        if caps.shape != (len(self.stations),):
            raise InputError(f"p_set_mw is {caps}, must hold one value for each of {len(self.stations)} stations")
        return caps

    def close(self) -> None:  # noqa: B027 - an engine may hold nothing
        """Let go of whatever the engine holds; does nothing the second time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


ENGINES: Catalogue[Engine] = Catalogue("cosim.microsim.engines", "cosim.engines", Engine)  # type: ignore[type-abstract]
"""Every engine by its name in scenarios."""


def open_engine(roads: Roads, settings: EngineSettings, *, mesoscopic: bool = False) -> Engine:
    """Return the engine that the settings name, on some roads; it is to be closed.

    Raises
    ------
    InputError
        If there is no such engine, or it cannot simulate these roads so.
    """
    if settings.engine not in ENGINES:
        reason = f"engine {settings.engine!r} is unknown"
        raise InputError(Problem(field="microsim.engine", reason=reason, remedy=f"known: {', '.join(ENGINES)}"))
    return ENGINES[settings.engine](roads, settings, mesoscopic=mesoscopic)


def natures() -> dict[str, Nature]:
    """Return what is known of every kind of roads, of all engines, by name."""
    return {name: nature for engine in ENGINES.values() for name, nature in engine.natures.items()}
