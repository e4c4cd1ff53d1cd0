"""Grade anybody's answer to a case of the benchmark pack: by power flow, equilibrium, limits, books and money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller, initial_states
from cosim.errors import InputError, Problem
from cosim.grid.engines.judge import judge
from cosim.results.result import Result, Shown
from cosim.scenario.case import SimulationCase
from cosim.validation.solution import BOUND_REL, Prices, Solution, SolutionCheck, judge_solution
from cosim.workflows.benchmark_pack import KnownValue, PackCase
from cosim.workflows.solution_files import Handed, read_solution

if TYPE_CHECKING:
    import pandas as pd

REFUSED = 6
YIELDS = 0.01
"""How willingly loads leave those of an answer, MW per root of money per hour: 0.1 kW for a price off by 1 per MWh."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grade(Result):
    """What was found of an answer.

    Attributes
    ----------
    folder, by, how
        The answer, who made it, and with what.
    pack
        The case that it answers.
    checks
        Everything that it must keep.
    cost, claimed
        Cost of the day as it was found, and as it was claimed.
    cost_terms
        Parts of the cost that was found.
    """

    folder: str
    by: str
    how: str
    pack: PackCase
    checks: tuple[SolutionCheck, ...]
    cost: float
    claimed: float
    cost_terms: Mapping[str, float]

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables: the checks."""
        return ("checks",)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table."""
        import pandas as pd

        if name != "checks":
            raise KeyError(f"a grade has no table {name!r}; it has checks")
        return pd.DataFrame([asdict(check) | {"passed": check.passed} for check in self.checks])

    @property
    def heading(self) -> str:
        """The case and who answers it."""
        return f"{self.pack.name}: answer '{self.folder}'" + (f" by {self.by}" if self.by else "")

    def shown(self) -> Iterator[Shown]:
        """Yield costs and gaps, and the checks that failed."""
        yield "cost", f"{self.cost:,.4f} {self.pack.currency}", f"claimed {self.claimed:,.4f}"
        yield "best known", f"{self.known.best_known:,.4f}", f"gap {self.gap_to_best_rel:+.1e}"
        yield "lower bound", f"{self.known.lower_bound:,.4f}", f"gap {self.gap_to_bound_rel:+.1e}"
        for check in self.failed:
            place = f"{check.where}, period {check.period}" if check.where else f"period {check.period}"
            yield check.name, f"{check.value:.2e} (limit {check.limit:g} {check.unit})", f"{check.meaning}; {place}"

    @property
    def known(self) -> KnownValue:
        """Best-known value and bound of the case."""
        return self.pack.known

    @property
    def failed(self) -> tuple[SolutionCheck, ...]:
        """What it does not keep."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def valid(self) -> bool:
        """Whether it keeps everything."""
        return not self.failed

    @property
    def exit_code(self) -> int:
        """0 if it keeps everything, else 6."""
        return 0 if self.valid else REFUSED

    @property
    def gap_to_best_rel(self) -> float:
        """How far the cost is above the best that is known, relative; negative if it is the new best."""
        return (self.cost - self.known.best_known) / max(1.0, abs(self.known.best_known))

    @property
    def gap_to_bound_rel(self) -> float:
        """How far the cost is above the bound, relative: at most so much is left to gain."""
        return (self.cost - self.known.lower_bound) / max(1.0, abs(self.known.lower_bound))


def grade(solution: str | Path) -> Grade:
    """Judge an answer to a case of the benchmark pack.

    Parameters
    ----------
    solution
        Folder with ``solution.json``, ``links.csv``, ``stations.csv`` and ``devices.csv``, or a run folder of a case.

    Returns
    -------
    Grade
        Every check, the cost, and its distance from the best-known value and from the bound.

    Raises
    ------
    InputError
        If the answer is malformed: every mistake by name.
    StorageError
        If a run folder cannot be read.

    Examples
    --------
    >>> import cosim
    >>> found = cosim.grade("answer")  # doctest: +SKIP
    >>> found.valid, found.gap_to_bound_rel  # doctest: +SKIP
    """
    folder = Path(solution)
    if not folder.is_dir():
        raise InputError(Problem(reason=f"'{folder}' is no folder", remedy="name the folder of an answer, or of a run"))
    return graded(read_solution(folder), str(folder))


def graded(handed: Handed, folder: str) -> Grade:
    """Judge an answer that was read; ``folder`` is what it is called."""
    case = handed.case
    if case.roads is None or case.dispatch is None:
        raise InputError(f"scenario '{case.name}' is not coupled")
    found = judge_solution(
        case.dispatch, case.response(), prices(case, handed.solution), case.chargers().power_mw, handed.solution
    )
    known = handed.pack.known
    below = (known.lower_bound - found.cost) / max(1.0, abs(known.lower_bound))
    bound = SolutionCheck(
        name="bound", meaning="cost below what is possible, relative", unit="-", value=max(below, 0.0, key=_nan_last),
        limit=BOUND_REL,
    )  # fmt: skip
    return Grade(
        folder=folder, by=handed.by, how=handed.how, pack=handed.pack, checks=(*found.checks, bound), cost=found.cost,
        claimed=handed.solution.cost, cost_terms=found.cost_terms,
    )  # fmt: skip


def prices(case: SimulationCase, solution: Solution) -> Prices:
    """Return what drivers pay in an answer.

    Announced prices are the case's. Where the price is the marginal cost of a bus, the cheapest dispatch is found whose
    loads may leave those of the answer, at the prices that the answer tells: of an equilibrium they stay, and its
    prices are theirs, also where a limit binds and a range of prices is right. Its marginal costs are what counts.
    """
    dispatch, roads = case.dispatch, case.roads
    if not case.priced_by_node or dispatch is None or roads is None:
        return Prices(per_mwh=case.announced_price_per_mwh())
    told, rule = solution.price_per_mwh, case.coupling.rule
    proposal = Proposal(
        price_per_mwh=told / (1.0 + rule.markup), root=np.stack([YIELDS * np.eye(len(told))] * told.shape[1])
    )
    controller = Controller(dispatch, judge(dispatch.feeder).solve)
    plan = controller.plan(0, solution.charging_mw, proposal, initial_states(dispatch))
    nothing = np.full(told.shape, np.nan)
    if not plan.record.usable or plan.record.elastic:
        return Prices(per_mwh=nothing, moved_mw=nothing)
    paid = [rule.offered(nodal, dispatch.tariff_per_mwh) for nodal in plan.station_price_per_mwh]
    by_name = dict(zip(dispatch.station_names, paid, strict=True))
    return Prices(
        per_mwh=np.array([by_name[one.name] for one in roads.stations]), moved_mw=plan.ev_mw - solution.charging_mw
    )


def _nan_last(value: float) -> float:
    return float("inf") if value != value else value  # noqa: PLR0124 - NaN
