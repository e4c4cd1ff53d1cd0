"""What the paper claims of a figure, what we measure, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cosim.reports.paper.charts import Chart
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material

Verdict = Literal["holds", "holds in part", "does not hold", "drawn"]
ORDER: tuple[Verdict, ...] = ("does not hold", "holds in part", "holds", "drawn")
"""From worst to best; ``drawn`` is a figure that claims nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One sentence of a claim against a number.

    Attributes
    ----------
    claim
        What should hold.
    value
        What was measured; NaN fails.
    unit
        Of the value.
    rule
        What it is held against, in words and numbers.
    holds
        Whether it does.
    rounding
        Whether the value is what rounding leaves: it is small, but no number to compare.
    """

    claim: str
    value: float
    unit: str
    rule: str
    holds: bool
    rounding: bool = False


def at_most(claim: str, value: float, limit: float, unit: str = "", *, rounding: bool = False) -> Check:
    """Return the check ``value <= limit``."""
    held = bool(value <= limit)
    return Check(claim=claim, value=float(value), unit=unit, rule=f"<= {limit:g}", holds=held, rounding=rounding)


def at_least(claim: str, value: float, limit: float, unit: str = "") -> Check:
    """Return the check ``value >= limit``."""
    return Check(claim=claim, value=float(value), unit=unit, rule=f">= {limit:g}", holds=bool(value >= limit))


def equals(claim: str, value: float, right: float, unit: str = "") -> Check:
    """Return the check that two counts are the same."""
    return Check(claim=claim, value=float(value), unit=unit, rule=f"exactly {right:g}", holds=bool(value == right))


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """Return the verdict that the checks give together.

    >>> verdict_of([at_most("a", 1.0, 2.0), at_most("b", float("nan"), 2.0)])
    'holds in part'
    """
    if not checks:
        return "drawn"
    held = sum(check.holds for check in checks)
    return "holds" if held == len(checks) else "holds in part" if held else "does not hold"


class DayJudge(Protocol):
    """Judges a claim on one day, so that it can be judged again with other inputs."""

    def __call__(self, day: PaperDay) -> Sequence[Check]:
        """Return the checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFigure:
    """A figure of the paper.

    Attributes
    ----------
    number, title
        As in the paper.
    says
        What the paper's text says of it, in our words; empty where it only shows something.
    promised
        The verdict that we stand by: a worse one fails the reproduction.
    why
        Where that verdict is not ``holds``: the reason.
    draw
        Returns the picture.
    judge
        Returns the checks on the day; None for a figure without a claim about the day.
    judge_all
        Checks that need more than the day (the baseline, the iterations).
    headline
        The number that stands for the figure, with its name and unit, to see how it moves with an assumed input.
    open_points
        What the paper leaves open and we assume, by key of the scenario.
    needs
        Days besides the default one that it is made from.
    iterations
        Whether it needs the day by successive averages.
    """

    number: int
    title: str
    says: str
    promised: Verdict
    draw: Callable[[Material], Chart]
    why: str = ""
    judge: DayJudge | None = None
    judge_all: Callable[[Material], Sequence[Check]] | None = None
    headline: tuple[str, str, Callable[[PaperDay], float]] | None = None
    open_points: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    iterations: bool = False

    def checks(self, material: Material) -> tuple[Check, ...]:
        """Return all checks of the figure."""
        own = () if self.judge is None else self.judge(material.day)
        more = () if self.judge_all is None else self.judge_all(material)
        return (*own, *more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A figure judged.

    Attributes
    ----------
    figure
        The figure.
    checks, verdict
        Its checks and what they give together.
    varied
        How verdict and headline change with each varied input.
    """

    figure: PaperFigure
    checks: tuple[Check, ...]
    varied: Mapping[str, tuple[Verdict, float]]

    @property
    def verdict(self) -> Verdict:
        """What the checks give together."""
        return verdict_of(self.checks)

    @property
    def kept(self) -> bool:
        """Whether the verdict is at least the promised one."""
        return ORDER.index(self.verdict) >= ORDER.index(self.figure.promised)

    @property
    def why(self) -> str:
        """Why the claim does not hold wholly: the known reason, and the checks that fail with their numbers."""
        failed = [f"{c.claim}: {c.value:.4g} {c.unit}".rstrip() + f" ({c.rule})" for c in self.checks if not c.holds]
        return " ".join([*([self.figure.why] if failed and self.figure.why else []), "; ".join(failed)]).strip()
