"""Do the setpoints keep their limits on a feeder that differs from the model? Seeded draws, solved in one batch.

Draw d disturbs one period (the periods take turns): base load and charging each by up to 10 % (one factor for all
buses), a random mix of constant impedance, current and power, line charging up to 100 nF/km, conductors at 70
degrees Celsius, and the root voltage by up to 1 %. Setpoints of devices stay as they are. pandapower judges a sample of
the draws, and every one that breaks a limit or has no state.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.grid.engines.batch import confirmed
from cosim.grid.feeder import Feeder
from cosim.grid.loading import over_limit_rel
from cosim.grid.state import GridState
from cosim.grid.stressed_flow import Disturbance, Stressed, StressedFlow, sweep_stressed
from cosim.quantities.checks import GateLimits
from cosim.validation.stored import StoredDispatch

LOAD_SPREAD = 0.1
ROOT_SPREAD = 0.01
MAX_C_NF_PER_KM = 100.0
CONDUCTOR_CELSIUS = 70.0
SAMPLE = 24
"""One draw of so many is judged whatever it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StressDraw:
    """One disturbed power flow and where it comes nearest to, or furthest beyond, a limit.

    ``excess_pu`` is the largest voltage beyond a limit (negative inside); ``bus`` is where.
    """

    draw: int
    period: int
    load_factor: float
    ev_factor: float
    constant_z: float
    constant_i: float
    c_nf_per_km: float
    slack_vm_pu: float
    converged: bool
    inside: bool
    excess_pu: float
    bus: str
    vmin_pu: float
    vmax_pu: float
    current_excess_rel: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """All draws of a stress test.

    Attributes
    ----------
    draws
        In order.
    seed
        Seed of the generator.
    """

    draws: tuple[StressDraw, ...]
    seed: int

    @property
    def share_inside(self) -> float:
        """Share of the draws with every voltage and current inside its limits."""
        return sum(draw.inside for draw in self.draws) / len(self.draws)

    @property
    def worst(self) -> StressDraw:
        """The draw furthest beyond a limit; one without a state is worst."""
        return max(self.draws, key=lambda draw: (not draw.converged, draw.excess_pu))

    @property
    def bus_most_often_outside(self) -> str:
        """The bus at which most draws outside are furthest outside; empty if none is outside."""
        counts = Counter(draw.bus for draw in self.draws if not draw.inside)
        return counts.most_common(1)[0][0] if counts else ""

    def columns(self) -> dict[str, list[Any]]:
        """Return the draws as a table."""
        return {item.name: [getattr(draw, item.name) for draw in self.draws] for item in fields(StressDraw)}


def stress(
    feeder: Feeder,
    stored: StoredDispatch,
    base_p_mw: Array,
    *,
    limits: GateLimits,
    draws: int,
    seed: int,
) -> Stress:
    """Disturb the stored setpoints ``draws`` times.

    Parameters
    ----------
    feeder
        The planned feeder, with the limits.
    stored
        Setpoints of T periods.
    base_p_mw
        Base load of the scenario per bus, shape (n, T); what else a bus consumes is charging.
    limits
        Of the gate: how far a voltage or current may be beyond its limit.
    draws, seed
        How many draws, and the seed of the generator.

    Raises
    ------
    InputError
        If there is no draw.
    """
    if draws < 1:
        raise InputError(f"{draws} draws; a stress test needs at least one")
    generator = np.random.default_rng(seed)
    drawn = [_draw(generator, number, stored, feeder) for number in range(draws)]
    base, charging, given = _split(feeder, stored, base_p_mw)
    k = [number % stored.length for number in range(draws)]
    load, ev = (np.array([getattr(one, name) for one in drawn]) for name in ("load_factor", "ev_factor"))
    stressed = Stressed(
        disturbances=[one.disturbance for one in drawn],
        base_p_mw=load * base[0][:, k], base_q_mvar=load * base[1][:, k],
        other_p_mw=given[0][:, k] - ev * charging[:, k], other_q_mvar=given[1][:, k],
    )  # fmt: skip
    states, judge = sweep_stressed(feeder, stressed), StressedFlow(feeder) if feeder.plain else None
    results = []
    for number, one in enumerate(drawn):
        found = _judge(feeder, limits, states.at(number), one)
        if judge is not None and (number % SAMPLE == 0 or not found.inside):
            found = _judge(feeder, limits, _confirmed(judge, stressed, states.at(number), number), one)
        results.append(found)
    return Stress(draws=tuple(results), seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """What was drawn."""

    number: int
    period: int
    load_factor: float
    ev_factor: float
    disturbance: Disturbance


def _draw(generator: np.random.Generator, number: int, stored: StoredDispatch, feeder: Feeder) -> _Drawn:
    load, root, ev = generator.uniform(-1.0, 1.0, size=3)
    z, i, _ = generator.dirichlet((1.0, 1.0, 1.0))
    disturbance = Disturbance(
        constant_z=float(z),
        constant_i=float(i),
        c_nf_per_km=float(generator.uniform(0.0, MAX_C_NF_PER_KM)) if feeder.plain else 0.0,
        conductor_celsius=CONDUCTOR_CELSIUS,
        slack_vm_pu=feeder.slack_vm_pu * (1.0 + ROOT_SPREAD * float(root)),
    )
    return _Drawn(
        number=number, period=int(stored.periods[number % stored.length]), disturbance=disturbance,
        load_factor=1.0 + LOAD_SPREAD * float(load), ev_factor=1.0 + LOAD_SPREAD * float(ev),
    )  # fmt: skip


def _confirmed(judge: StressedFlow, stressed: Stressed, found: GridState, number: int) -> GridState:
    """Return pandapower's state of a draw, which must be the one that the sweeps found if there is one."""
    asked = {
        name: getattr(stressed, name)[:, number]
        for name in ("base_p_mw", "base_q_mvar", "other_p_mw", "other_q_mvar")
    }  # fmt: skip
    supposed = found.vm_pu if found.converged else None
    judged = judge.solve(stressed.disturbances[number], **asked, supposed_vm_pu=supposed)
    return confirmed(found, judged, judge.tolerance_pu, f"draw {number + 1} of the stress test")


def _split(feeder: Feeder, stored: StoredDispatch, base_p_mw: Array) -> tuple[Array, Array, Array]:
    """Return base load as served (2, n, T), charging as served (n, T), generation (2, n, T)."""
    moved = np.zeros_like(stored.p_load_mw)
    for device in stored.devices.values():
        if device.traits.moves_load:
            moved[feeder.bus_position(device.bus)] += device.p_mw
    base_p = base_p_mw - moved - np.nan_to_num(stored.shed_mw)
    charging = stored.p_load_mw - base_p
    return (
        np.stack([base_p, stored.q_load_mvar]),
        charging,
        np.stack([stored.p_gen_mw, stored.q_gen_mvar]),
    )


def _judge(
    feeder: Feeder,
    limits: GateLimits,
    state: GridState,
    drawn: _Drawn,
) -> StressDraw:
    """Compare a disturbed state with the limits; the root is the upstream grid's."""
    beyond = np.maximum(feeder.v_min_pu - state.vm_pu, state.vm_pu - feeder.v_max_pu)
    beyond[feeder.slack] = -np.inf
    bus = int(np.argmax(beyond)) if state.converged else feeder.slack
    over = float(over_limit_rel(feeder, state).max()) if state.converged else np.nan
    kept = beyond[bus] <= limits.ac_voltage_violation_pu and over <= limits.ac_current_violation_rel
    inside = bool(state.converged) and bool(kept)
    disturbance = drawn.disturbance
    return StressDraw(
        draw=drawn.number + 1, period=drawn.period, load_factor=drawn.load_factor, ev_factor=drawn.ev_factor,
        constant_z=disturbance.constant_z, constant_i=disturbance.constant_i, c_nf_per_km=disturbance.c_nf_per_km,
        slack_vm_pu=disturbance.slack_vm_pu, converged=bool(state.converged), inside=inside,
        excess_pu=float(beyond[bus]) if state.converged else np.nan, bus=feeder.bus_ids[bus] if state.converged else "",
        vmin_pu=float(state.vm_pu.min()), vmax_pu=float(state.vm_pu.max()), current_excess_rel=over,
    )  # fmt: skip
