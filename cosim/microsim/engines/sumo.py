"""SUMO with our own queues at its charging stations; `cosim.microsim.windows` and `continuous` drive it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from cosim.microsim.chargers import DETOUR_S, SPUR_S, micro_stations
from cosim.microsim.continuous import ContinuousDay
from cosim.microsim.model import RunOptions, WindowInput
from cosim.microsim.network import build_net
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


class Sumo(Engine):
    """SUMO on a network that is built from the scenario's roads, in a folder of its own."""

    kind = "sumo"
    meso = True
    natures: ClassVar[Mapping[str, Nature]] = MappingProxyType(
        {"merge": MERGE, "metered": METERED, "signals": SIGNALS, "plain": PLAIN}
    )
    spur_s = SPUR_S
    detour_s = DETOUR_S

    def __init__(self, roads: Roads, settings: EngineSettings, *, mesoscopic: bool = False) -> None:
        super().__init__(roads, settings, mesoscopic=mesoscopic)
        check_step(settings.step_s)
        self.variant = "plain" if mesoscopic else settings.variant
        stations = () if mesoscopic else roads.stations
        self.folder = Scratch()
        try:
            self.net = build_net(
                roads.streets,
                stations,
                Path(self.folder.name),
                length_scale=settings.length_scale,
                variant="plain" if mesoscopic else settings.variant,
            )
            lots = {one.name: tuple(lot.lot_id for lot in self.net.lots_of(one.name)) for one in stations}
            self.stations = micro_stations(stations, lots, roads.energy_kwh)
            self.routes = micro_routes(self.net, roads.paths)
        except BaseException:
            self.close()
            raise
        self.link_ids, self.length_scale = self.net.link_ids, self.net.length_scale

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
