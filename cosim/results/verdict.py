"""One verdict on a run: its own exit code, what a later verification and validation found, and the worst of them.

It stands in ``run.json`` and is replaced as a whole::

    "verdict": {"run": 0, "verify": 0, "validate": 10, "worst": 10,
                "found": {"validate": {"periods": [8], "reasons": ["period 8: ..."]}, "verify": ...}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cosim.errors import ComponentError
from cosim.plain import Document
from cosim.quantities.status import EXIT_ORDER

Later = Literal["verify", "validate"]
LATER: dict[Later, str] = {"verify": "verification", "validate": "validation"}
"""What may be found out about a finished run, and its name in sentences."""
ORDER = (ComponentError.exit_code, *EXIT_ORDER)
"""Exit codes, worst first. A code that is not among them ended a run before anything could judge it: worse than all."""


def worst(codes: Iterable[int]) -> int:
    """Return the worst of exit codes.

    >>> worst([0, 10]), worst([10, 5]), worst([6, 7]), worst([0, 143, 7])
    (10, 5, 7, 143)
    """
    return min(codes, key=severity)


def severity(code: int) -> int:
    """Return the place of an exit code among all, worst first."""
    return ORDER.index(code) if code in ORDER else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a verification or a validation found.

    Attributes
    ----------
    exit_code
        Its own.
    periods
        The periods that it looked at.
    reasons
        What is wrong, in words; empty where nothing is.
    """

    exit_code: int
    periods: tuple[int, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on a run.

    Attributes
    ----------
    run
        The run's own exit code, which later findings leave as it is.
    committed
        How many periods it committed.
    verify, validate
        The newest verification and validation; None if there was none.
    """

    run: int
    committed: int
    verify: Finding | None = None
    validate: Finding | None = None

    @property
    def later(self) -> dict[Later, Finding]:
        """What was found out after the run."""
        found: dict[Later, Finding | None] = {"verify": self.verify, "validate": self.validate}
        return {name: one for name, one in found.items() if one is not None}

    @property
    def worst(self) -> int:
        """The worst exit code of run, verification and validation."""
        return worst([self.run, *(one.exit_code for one in self.later.values())])

    @property
    def parts(self) -> tuple[str, ...]:
        """Run, verification and validation in words; one that did not look at every period names those it did.

        >>> Verdict(run=0, committed=24, validate=Finding(exit_code=10, periods=(8, 18))).parts
        ('run 0', 'validation 10 (periods 8, 18 of 24)')
        """
        return (f"run {self.run}", *(self._told(name, one) for name, one in self.later.items()))

    def _told(self, name: Later, found: Finding) -> str:
        text = f"{LATER[name]} {found.exit_code}"
        if len(found.periods) == self.committed:
            return text
        plural = "s" if len(found.periods) > 1 else ""
        return f"{text} (period{plural} {', '.join(map(str, found.periods))} of {self.committed})"

    @property
    def reasons(self) -> tuple[str, ...]:
        """What verification and validation found wrong."""
        return tuple(f"{LATER[name]}: {reason}" for name, one in self.later.items() for reason in one.reasons)

    def as_dict(self) -> Document:
        """Return plain data for ``run.json``."""
        codes: dict[str, int | None] = dict.fromkeys(LATER)
        codes |= {name: one.exit_code for name, one in self.later.items()}
        found: dict[str, Document] = {
            name: {"periods": list(one.periods), "reasons": list(one.reasons)} for name, one in self.later.items()
        }
        return {"run": self.run, **codes, "worst": self.worst, "found": found}


def read_verdict(run: Mapping[str, Any]) -> Verdict:
    """Return the verdict that stands in the content of a ``run.json``; of an older one, the run's own code alone.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not as `Verdict.as_dict` writes it.
    """
    own, stored = int(run["exit_code"]), run.get("verdict") or {}
    found: dict[str, Finding] = {}
    for name in LATER:
        if (code := stored.get(name)) is not None:
            told = stored["found"][name]
            periods, reasons = tuple(map(int, told["periods"])), tuple(map(str, told["reasons"]))
            found[name] = Finding(exit_code=int(code), periods=periods, reasons=reasons)
    return Verdict(
        run=own,
        committed=int(run["periods"]["committed"]),
        verify=found.get("verify"),
        validate=found.get("validate"),
    )
