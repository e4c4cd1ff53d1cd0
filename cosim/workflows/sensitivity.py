"""Which assumed number matters: elasticities of a day's answers to every parameter of a scenario.

Where the Jacobian is at hand it is used: link flows, station loads and times by the implicit derivative of the
equilibrium, the cost of the dispatch by its duals (envelope theorem). Everything else is solved again at a step to both
sides and at half of it; the halving tells the error, and whether a limit binds or a tariff band changes there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import repeat
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np

from cosim import supervision
from cosim.arrays import Array, BoolArray
from cosim.errors import ComponentError, CosimError, InputError, UsageError
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import LoadedScenario, load
from cosim.scenario.parameters import LAST_RESORTS, VALUE_OF_TIME, Parameter, parameters
from cosim.scenario.vary import varied_case
from cosim.tables import did_you_mean, is_count
from cosim.validation.elasticity import RESOLUTION, STEPS, Shape, Slopes, elasticity, slopes
from cosim.workflows.answers import LINK_FLOW, Answer, answers
from cosim.workflows.day import Day, is_one_day, solve_day
from cosim.workflows.exact_slopes import exact_slopes
from cosim.workflows.variations import FLOWS, HEADLINES, Influence, Row, SensitivityStudy

STEP = 0.01
LARGEST_STEP = 0.2
Progress = Callable[[int, int, str], None]


class NoAnswer(CosimError):
    """The scenario itself has no answer that could be compared with others."""

    exit_code = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Base:
    """The scenario's own day and what is asked of it."""

    case: SimulationCase
    day: Day
    answers: tuple[Answer, ...]
    values: Array
    chosen: BoolArray
    step: float
    exact: bool


def sensitivity(
    scenario: str | Path,
    *,
    overrides: Sequence[str] = (),
    step: float = STEP,
    periods: str | None = None,
    detail: bool = False,
    only: Sequence[str] = (),
    by: str | None = None,
    exact: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
) -> SensitivityStudy:
    """Return the elasticities of a scenario's answers to its parameters.

    Parameters
    ----------
    scenario, overrides
        As `cosim.run` takes them.
    step
        The whole relative step, 0 < step <= 0.2.
    periods
        ``8:18`` (first and last), or ``8``; by default the whole day. Parameters change the whole day all the same.
    detail
        Each link's capacity, each station, each device by itself, too.
    only
        Patterns of parameters' names, ``traffic.*``.
    by
        The answer whose elasticity sorts the parameters; by default the largest of all.
    exact
        False solves everything again, which checks the Jacobians.
    jobs
        Processes. They are started afresh, so a script that asks for more than one guards what it does by
        ``if __name__ == "__main__"``.
    progress
        Called after each parameter with how many are done, how many there are, and its name.

    Raises
    ------
    InputError
        If the scenario is wrong.
    UsageError
        If step, periods, patterns or answer make no sense.
    NoAnswer
        If the scenario itself has no converged, exact answer.
    """
    loaded = load(scenario, overrides)
    _check(step, by, jobs)
    found = parameters(loaded, detail=detail)
    wanted = _wanted(found.varied, only)
    base = _base(loaded, step, periods, exact)
    influences, left = [], [] if only else list(found.left)
    for count, (parameter, one) in enumerate(zip(wanted, _studied(loaded, wanted, base, jobs), strict=True), start=1):
        if isinstance(one, str):
            left.append((parameter.name, one))
        else:
            influences.append(_measured(one, by))
        if progress is not None:
            progress(count, len(wanted), parameter.name)
    return SensitivityStudy(
        name=loaded.name, currency=loaded.scenario.currency, periods=tuple((np.flatnonzero(base.chosen) + 1).tolist()),
        step=step, influences=tuple(sorted(influences, key=lambda one: -one.largest)), left=tuple(left),
        remarks=tuple(_remarks(base.case, base.day)),
    )  # fmt: skip


def _check(step: float, by: str | None, jobs: int) -> None:
    if not 0.0 < step <= LARGEST_STEP:
        raise UsageError(f"step: {step} must be > 0 and at most {LARGEST_STEP}; 0.01 is 1 %")
    if by is not None and by not in HEADLINES:
        raise UsageError(f"by: {by!r} is no answer; {did_you_mean(by, list(HEADLINES))}")
    if jobs < 1:
        raise UsageError(f"jobs: {jobs} must be >= 1")


def _wanted(varied: Sequence[Parameter], only: Sequence[str]) -> list[Parameter]:
    for pattern in only:
        if not any(_fits(one, pattern) for one in varied):
            raise UsageError(f"only: {pattern!r} fits no parameter; {did_you_mean(pattern, [p.name for p in varied])}")
    return [one for one in varied if not only or any(_fits(one, pattern) for pattern in only)]


def _fits(one: Parameter, pattern: str) -> bool:
    """Whether a pattern fits the name, with or without the words in brackets behind it."""
    return any(fnmatchcase(name, pattern) for name in (one.name, one.name.partition(" (")[0]))


def _base(loaded: LoadedScenario, step: float, periods: str | None, exact: bool) -> _Base:
    """Solve the scenario's own day."""
    case = build_case(loaded)
    chosen = _chosen(periods, case.timeline.periods)
    day = solve_day(case)
    if day.problems:
        more = f", and {len(day.problems) - 1} more" if len(day.problems) > 1 else ""
        raise NoAnswer(
            f"scenario '{loaded.name}' has no answer to compare with: {day.problems[0]}{more}; see 'cosim run'"
        )
    names, values = answers(case, day, chosen)
    if not np.isfinite(values).all():
        bad = names[int(np.argmin(np.isfinite(values)))]
        raise NoAnswer(f"scenario '{loaded.name}': {bad.name} {bad.place} is not finite")
    return _Base(case=case, day=day, answers=names, values=values, chosen=chosen, step=step, exact=exact)


def _chosen(periods: str | None, count: int) -> BoolArray:
    """Return which periods count.

    >>> _chosen("2:3", 4).tolist()
    [False, True, True, False]
    """
    numbers = np.arange(1, count + 1)
    if periods is None:
        return np.ones(count, dtype=bool)
    first, colon, last = periods.partition(":")
    if not is_count(first) or (colon and not is_count(last)):
        raise UsageError(f"periods: {periods!r} must be one number, or first:last, as in 8:18")
    chosen = (numbers >= int(first)) & (numbers <= int(last if colon else first))
    if not chosen.any():
        raise UsageError(f"periods: {periods!r} holds none of the periods 1 to {count}")
    return chosen


def _studied(loaded: LoadedScenario, wanted: Sequence[Parameter], base: _Base, jobs: int) -> Iterator[Influence | str]:
    """Study the parameters in order, in several processes if asked."""
    if jobs == 1:
        yield from (_study(loaded, one, base) for one in wanted)
        return
    spawn, me, others = get_context("spawn"), os.getpid(), set(active_children())
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=supervision.die_with, initargs=(me,)) as pool:
        try:
            yield from pool.map(_study, repeat(loaded), wanted, repeat(base))
        except BrokenProcessPool as error:
            raise ComponentError(f"a process of {jobs} died while a parameter was studied; try --jobs 1") from error
        except BaseException:  # a signal, or nobody wants the rest: what is at work is not waited for
            for process in set(active_children()) - others:
                process.kill()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _study(loaded: LoadedScenario, parameter: Parameter, base: _Base) -> Influence | str:
    """Return what one parameter does, or why it cannot be varied."""
    if inert := _inert(parameter, base):
        none = np.zeros(len(base.values))
        smooth: Shape = "smooth"
        still = Slopes(value=none, error=none, left=none, right=none, shape=tuple(smooth for _ in none))
        return Influence(
            parameter=parameter, rows=_rows(parameter, base, still, none, step=0.0, note=inert), largest=0.0
        )
    values, refusals, failures = _again(loaded, parameter, base)
    if len(refusals) == len(STEPS) - 1:
        return refusals[0]
    exact = np.full(len(base.values), np.nan)
    if base.exact:
        exact = exact_slopes(loaded, parameter, base.case, base.day, base.chosen)
    note = f"one side only: {refusals[0]}" if refusals else "; ".join(dict.fromkeys(failures))
    found = slopes(values, base.step)
    rows = _rows(parameter, base, found, exact, step=base.step, note=note)
    return Influence(parameter=parameter, rows=rows, largest=0.0, failures=tuple(failures))


def _again(loaded: LoadedScenario, parameter: Parameter, base: _Base) -> tuple[Array, list[str], list[str]]:
    """Return the answers at all steps, shape (5, K), what the scenario's rules refused, and what had no answer."""
    values, refusals, failures = np.full((len(STEPS), len(base.values)), np.nan), [], []
    near = None if base.case.dispatch is None else (base.case.dispatch, base.day)
    for place, part in enumerate(STEPS):
        if part == 0.0:
            values[place] = base.values
            continue
        try:
            case = varied_case(loaded, parameter, part * base.step)
        except InputError as error:
            refusals.append(str(error).splitlines()[0])
            continue
        day = solve_day(case, near)
        if day.problems:
            failures.append(f"at {part * base.step:+.2%}: {day.problems[0]}")
        else:
            values[place] = answers(case, day, base.chosen)[1]
    return values, refusals, failures


def _inert(parameter: Parameter, base: _Base) -> str:
    """Return why a parameter moves nothing at all; an empty text if it may."""
    case, grid = base.case, base.day.grid
    name = parameter.name.removeprefix("dispatch.")
    if name in LAST_RESORTS and grid is not None and not grid.elastic:
        return "exactly 0: the hard model has an answer, last resorts and their prices do not enter"
    if parameter.name != VALUE_OF_TIME or case.roads is None or case.iterated:
        return ""
    fees = {station.access_fee for station in case.roads.stations}
    price = case.announced_price_per_mwh()
    if len(fees) > 1 or (price is not None and float(np.ptp(price, axis=0).max(initial=0.0)) > 0.0):
        return ""
    if case.roads.charge_later:
        return "" if fees != {0.0} or price is not None else "exactly 0: drivers see neither prices nor fees"
    return "exactly 0: drivers see no price that differs between stations, and one price for all moves nobody"


def _rows(parameter: Parameter, base: _Base, found: Slopes, exact: Array, *, step: float, note: str) -> tuple[Row, ...]:
    """Return the rows of all answers, and the one that sums up the link flows."""
    known = np.isfinite(exact)
    value = np.where(known, exact, found.value)
    relative = [elasticity(one, base.values) for one in (value, found.value, found.error, found.left, found.right)]
    resolved = np.full_like(value, np.nan) if step == 0.0 else relative[1]
    doubts = [
        _doubt(base.step, float(told), float(again), float(error), shape)
        for told, again, error, shape in zip(*relative[:3], found.shape, strict=True)
    ]
    rows = [
        Row(
            parameter=parameter.name, section=parameter.section, value=parameter.value, source=parameter.source,
            answer=answer.name, place=answer.place, unit=answer.unit, base=float(base.values[k]),
            slope=float(value[k]), elasticity=float(relative[0][k]), method="exact" if known[k] else "re-solved",
            step=step, resolved=float(resolved[k]), error=float(relative[2][k]),
            left=float(relative[3][k]), right=float(relative[4][k]), shape=found.shape[k],
            note=note or doubts[k],
        )
        for k, answer in enumerate(base.answers)
    ]  # fmt: skip
    return (*_moved_flows(rows), *rows)


def _doubt(step: float, exact: float, resolved: float, error: float, shape: Shape) -> str:
    """Return a remark where the Jacobian and solving again contradict each other on a smooth answer."""
    if shape == "smooth" and abs(exact - resolved) > RESOLUTION / step + 3.0 * error + 0.01 * abs(exact):
        return f"by solving again it is {resolved:.4g}"
    return ""


def _moved_flows(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the 1-norm of all links' changes over that of their flows; its place is the link that changes most."""
    links = [row for row in rows if row.answer == LINK_FLOW]
    total = sum(row.base for row in links)
    if not links or total <= 0.0:
        return
    most = max(links, key=lambda row: abs(row.slope))
    shapes = [row.shape for row in links if abs(row.slope) * most.step > RESOLUTION * total]
    moved, resolved, error, left, right = (
        sum(abs(pick(row)) for row in links)
        for pick in (
            lambda row: row.slope, lambda row: _veh(row, row.resolved), lambda row: _veh(row, row.error),
            lambda row: _veh(row, row.left), lambda row: _veh(row, row.right),
        )
    )  # fmt: skip
    yield replace(
        most, answer=FLOWS, place=f"most at {most.place}", base=total, slope=moved, elasticity=moved / total,
        resolved=resolved / total, error=error / total, left=left / total, right=right / total,
        shape=next((shape for shape in shapes if shape != "smooth"), most.shape),
    )  # fmt: skip


def _veh(row: Row, relative: float) -> float:
    """Return a relative change of a link's flow in vehicles; a link without flow has none."""
    return relative * abs(row.base) if row.base else 0.0


def _measured(one: Influence, by: str | None) -> Influence:
    """Return the influence with the size that sorts it."""
    names = HEADLINES if by is None else (by,)
    sizes = [abs(row.elasticity) for row in one.rows if row.answer in names and np.isfinite(row.elasticity)]
    return replace(one, largest=max(sizes, default=0.0))


def _remarks(case: SimulationCase, day: Day) -> Iterator[str]:
    if day.over_chargers and not case.iterated:
        yield "a station is over its chargers: every number is from solving the day again"
    if case.iterated:
        yield "price and flow iterate: every number is from solving the loop again"
        if case.dispatch is not None and case.dispatch.settings.mode == "rolling":
            yield "each period's window is solved; dispatch.mode=day_ahead is quicker, but closes one loop over the day"
    elif case.dispatch is not None and case.dispatch.settings.mode == "rolling" and is_one_day(case):
        yield "the rolling dispatch knows the charging load to the end of the day: solved as one day"
