"""SUMO with our own queues at its charging stations; `cosim.microsim.windows` and `continuous` drive it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from cosim.errors import InputError, Problem
from cosim.microsim.chargers import DETOUR_S, SPUR_S, micro_stations
from cosim.microsim.continuous import ContinuousDay
from cosim.microsim.model import MicroNet, RunOptions, Variant, WindowInput
from cosim.microsim.network import build_net
from cosim.microsim.own_net import own_routes, read_own_net
from cosim.microsim.pool import Stop
from cosim.microsim.port import Claim, Engine, EngineSettings, MicroState, Nature, Roads
from cosim.microsim.scratch import Scratch
from cosim.microsim.simulation import check_step
from cosim.microsim.vehicles import claimed_vehicles, micro_routes
from cosim.microsim.windows import run_window

MERGE = Nature(lane_curve=True, meaning="nodes without delay, merge sections: tests the link law")
METERED = Nature(
    basis="matched",
    follows_law=True,
    meaning="as merge, with speeds that impose each link's law: tests loading and choice, not the law",
    remark="On this net the speeds of the links follow the scenario's own travel-time laws at the measured flows: it "
    "tests loading, changes in time and route choice under these laws, and cannot test the laws.",
)
SIGNALS = Nature(
    basis="practical",
    meaning="ordinary signals: a study of realism, not a test of the equilibrium",
    remark="This net has ordinary signals, which the laws do not know: a study of realism, no validation.",
)
PLAIN = Nature(meaning="one edge per link, for the mesoscopic model; no charging")


OWN = Nature(
    needs_law=True,
    unused_factor=1.0,
    meaning="the network that the roads were imported from, with its signals",
    remark="Simulated on the user's own network: signals delay at its junctions. Without a law fitted there "
    "(cosim calibrate) times and route choice are not comparable; flows, counters and energy are judged.",
)


class Sumo(Engine):
    """SUMO on a network that is built from the scenario's roads, in a folder of its own."""

    kind = "sumo"
    meso = True
    natures: ClassVar[Mapping[str, Nature]] = MappingProxyType(
        {"merge": MERGE, "metered": METERED, "signals": SIGNALS, "plain": PLAIN, "own": OWN}
    )
    spur_s = SPUR_S
    detour_s = DETOUR_S

    def __init__(self, roads: Roads, settings: EngineSettings, *, mesoscopic: bool = False) -> None:
        super().__init__(roads, settings, mesoscopic=mesoscopic)
        check_step(settings.step_s)
        usual: Variant = "merge" if roads.own_net is None else "own"
        if mesoscopic and roads.own_net is not None:
            reason = "the mesoscopic model builds its network from roads without turns; these were imported with theirs"
            raise InputError(Problem(field="microsim.mode", reason=reason, remedy="take windows or continuous"))
        self.variant: Variant = "plain" if mesoscopic else settings.variant or usual
        stations = () if mesoscopic else roads.stations
        self.folder = Scratch()
        try:
            self.net = self._own_net() if self.variant == "own" else build_net(
                roads.streets, stations, Path(self.folder.name), length_scale=settings.length_scale,
                variant=self.variant,
            )  # fmt: skip
            lots = {one.name: tuple(lot.lot_id for lot in self.net.lots_of(one.name)) for one in stations}
            if self.net.own is not None:
                self.spur_s = self.detour_s = 0.0
            self.stations = micro_stations(stations, lots, roads.energy_kwh, self.detour_s)
            self.routes = (
                micro_routes(self.net, roads.paths) if self.net.own is None else own_routes(self.net, roads.paths)
            )
        except BaseException:
            self.close()
            raise
        self.link_ids, self.length_scale = self.net.link_ids, self.net.length_scale

    def _own_net(self) -> MicroNet:
        """Return the network that the roads were imported from."""
        if self.roads.own_net is None:
            reason = "the roads were not imported from a SUMO network, so there is none of their own"
            remedy = "choose another variant, or import one: cosim import sumo"
            raise InputError(Problem(field="microsim.variant", reason=reason, remedy=remedy))
        if self.settings.length_scale != 1.0:
            reason = f"{self.settings.length_scale:g}: the lengths of one's own network are what they are"
            raise InputError(Problem(field="microsim.length_scale", reason=reason, remedy="leave it out"))
        return read_own_net(self.roads.own_net, self.roads.streets, self.roads.stations)

    def given(self, claim: Claim) -> WindowInput:
        """Return a claim as SUMO's input."""
        return WindowInput(
            net=self.net,
            demand=claimed_vehicles(self.routes, self.roads.paths, claim),
            stations=self.stations,
            p_set_mw=self.caps(claim),
            warmup_s=claim.warmup_s,
            measured_s=claim.measured_s,
            step_s=self.settings.step_s,
            seed=claim.seed,
            options=RunOptions(slice_s=claim.slice_s),
        )

    def window(self, claim: Claim, stop: Stop | None = None) -> MicroState:
        """Simulate one window in a SUMO of its own."""
        return run_window(self.given(claim), stop)

    def run(self, period_s: float, seed: int) -> ContinuousDay:
        """Start SUMO."""
        day = ContinuousDay(
            self.net, self.routes, self.stations, step_s=self.settings.step_s, seed=seed, period_s=period_s,
            mesoscopic=self.mesoscopic,
        )  # fmt: skip
        return day.__enter__()

    def close(self) -> None:
        """Remove SUMO's files; does nothing the second time."""
        self.folder.cleanup()
