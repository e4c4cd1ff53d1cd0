"""All that the figures are made from: days, iterations, wires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.reports.paper.day import PaperDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A wire of the co-simulation: simulators, what flows, and whether it flows back within a period."""

    source: str
    target: str
    attrs: tuple[str, ...]
    weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedHour:
    """An hour solved by the paper's method of successive averages until its own step test passes.

    Attributes
    ----------
    flows_vph
        Path flows after each iteration, the start first, shape ``(iterations + 1, K)``.
    residuals
        R after each iteration, shape ``(iterations,)``.
    """

    flows_vph: Array
    residuals: Array

    @property
    def iterations(self) -> int:
        """How many iterations the step test asked for."""
        return int(self.residuals.size)

    @property
    def steps_vph(self) -> Array:
        """Largest change of a path flow in each iteration (what the step test looks at), shape ``(iterations,)``."""
        return np.asarray(np.abs(np.diff(self.flows_vph, axis=0)).max(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedDay:
    """A day by successive averages: every hour from the hour before (``warm``), and from a uniform split (``cold``)."""

    warm: tuple[AveragedHour, ...]
    cold: tuple[AveragedHour, ...]

    @property
    def total(self) -> tuple[int, int]:
        """Iterations of the whole day, warm and cold."""
        warm, cold = (sum(hour.iterations for hour in hours) for hours in (self.warm, self.cold))
        return warm, cold


WITH, WITHOUT, LITERAL, COUPLED = "with flexibility", "without flexibility", "literal limits", "coupled equilibrium"
SCENARIOS = {
    WITHOUT: "nguyen_ieee33_no_flexibility",
    WITH: "nguyen_ieee33",
    LITERAL: "paper_strict",
    COUPLED: "nguyen_ieee33_coupled",
}
"""The days of the reproduction and their shipped scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What the reproduction has computed, as far as the figures asked for need it.

    Attributes
    ----------
    days
        The days by name (see `SCENARIOS`); ``with flexibility``, the default day, is always there.
    averaged
        The default day by successive averages, by name of the step (see `cosim.traffic.methods.msa.STEPS`).
    wires
        The connections of the coupled scenario's simulators.
    """

    days: Mapping[str, PaperDay]
    averaged: Mapping[str, AveragedDay]
    wires: tuple[Connection, ...]

    @property
    def day(self) -> PaperDay:
        """The default day."""
        return self.days[WITH]

    @property
    def baseline(self) -> PaperDay:
        """The day without flexibility."""
        return self.days[WITHOUT]
