"""What a study of sensitivities holds: rows by parameter and answer, parameters in order of their influence."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from cosim.scenario.parameters import Parameter
from cosim.validation.elasticity import Shape
from cosim.workflows.answers import COST, STATION_ENERGY

FLOWS = "flows"
"""Sum of all links' changes over the sum of their flows: how much traffic goes elsewhere."""
HEADLINES = (
    FLOWS, STATION_ENERGY, "charging_energy", "travel_time", "wait", COST, "import", "peak_import", "min_voltage",
    "losses", "unserved",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one answer responds to one parameter.

    Attributes
    ----------
    parameter, section, value, source
        The parameter (see `Parameter`); ``value`` is None where it is not one number.
    answer, place, unit, base
        The answer and its value at the scenario's own numbers.
    slope
        Its change per relative change of the parameter, in its unit.
    elasticity
        ``slope / |base|``: per cent of the answer per per cent of the parameter; NaN where the base is 0.
    method
        ``exact`` or ``re-solved``.
    step
        The whole relative step of solving again; 0 where nothing was.
    resolved, error
        The elasticity by solving again at half the step, and how far it is from that at the whole step; NaN where
        nothing was solved again.
    left, right
        One-sided elasticities; NaN where a side has no answer.
    shape
        See `cosim.validation.elasticity.Slopes`.
    note
        What the reader must know.
    """

    parameter: str
    section: str
    value: float | None
    source: str
    answer: str
    place: str
    unit: str
    base: float
    slope: float
    elasticity: float
    method: str
    step: float
    resolved: float
    error: float
    left: float
    right: float
    shape: Shape
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """A parameter's rows, the largest elasticity of its headline answers, and what went wrong on its way."""

    parameter: Parameter
    rows: tuple[Row, ...]
    largest: float
    failures: tuple[str, ...] = ()

    def headline(self, answer: str) -> Row | None:
        """Return the row of a headline answer; of all stations the one that responds most."""
        found = [row for row in self.rows if row.answer == answer]
        return max(found, key=lambda row: np.nan_to_num(abs(row.elasticity), nan=-1.0), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityStudy:
    """What `sensitivity` found.

    Attributes
    ----------
    name, currency, periods, step
        Scenario, money, the periods that count (numbers from 1), and the relative step.
    influences
        Parameters, the most influential first.
    left
        (parameter, reason) of those that were not varied.
    remarks
        How the day was solved.
    """

    name: str
    currency: str
    periods: tuple[int, ...]
    step: float
    influences: tuple[Influence, ...]
    left: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows in order of influence."""
        return tuple(row for one in self.influences for row in one.rows)

    def columns(self) -> dict[str, list[object]]:
        """Return the rows as the columns of one table (see `cosim.validation.vocabulary.STUDIED`)."""
        return {item.name: [getattr(row, item.name) for row in self.rows] for item in fields(Row)}

    @property
    def exit_code(self) -> int:
        """10 if some step had no answer, else 0."""
        return 10 if any(one.failures for one in self.influences) else 0
