"""The exception tree; every class carries the exit code of the command line.

::

    CosimError                 1   a defect of ours, if nothing more special is raised
    ├── UsageError             2   the command was used wrongly (also: run folder exists)
    ├── InputError             3   scenario, network, feeder, profile or argument is wrong
    ├── DependencyError        4   a package, solver or licence is missing or too small
    ├── ComponentError         7   a simulator, solver process or child died, hung or answered nonsense
    │   ├── PluginError        7   a user's device, law or method raised, or gave no number
    │   ├── HungError          7   nothing moved for longer than the watchdog allows
    │   └── SumoError          7   SUMO died, hung, refused a command or left broken output
    ├── StorageError           8   results cannot be written or read
    ├── CheckpointError        9   a stored run cannot be gone on with: damaged, edited, or of other inputs or versions
    └── LockedError           11   another process is at work in the run folder

A solver that does not converge and a dispatch that is infeasible are values, not exceptions:
they travel in the result with their status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

EXITS: MappingProxyType[int, str] = MappingProxyType(
    {
        0: "every gate of every period passed",
        1: "a defect of ours",
        2: "the command was used wrongly",
        3: "invalid input: scenario, network, feeder, profile or argument",
        4: "a package, solver or licence is missing, or an installed device, law or method cannot be loaded",
        5: "infeasible, answered with priced curtailment, shedding, voltage slack, or a relaxed requirement of a "
        "device",
        6: "not converged, relaxation inexact, AC limits violated, or no answer at all",
        7: "a simulator died, hung or skipped a period; memory ran out; a device, law or method raised, tried to end "
        "the process, or gave no number",
        8: "results cannot be written or read, or a file of a run is not as it was written",
        9: "a stored run cannot go on: it is damaged or edited, or its inputs or versions are others now",
        10: "finished with flagged periods (an inexact relaxation repaired; a station asked for more than its "
        "chargers' power, whose rest waits or leaves; validation failed); `compare`: beyond its tolerance; `migrate`: "
        "names of earlier versions are left",
        11: "another process is at work in the run folder",
        129: "the terminal hung up: one signal ends the run after its period, a second one at once",
        130: "interrupted; the same",
        137: "the run was killed, or goes on: it opens as far as it is committed",
        143: "terminated; as 129",
    }
)
"""What each exit code says."""

MOST_LINES = 20
_CHANGING = re.compile(r"'[^']*'|[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class CosimError(Exception):
    """Root of all errors that cosim raises on purpose."""

    exit_code = 1


class UsageError(CosimError):
    """A command or function was called in a way that cannot work."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in the input: where it stands, which field, and what is wrong.

    ``reason`` names the value and the rule; ``remedy`` the way out.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    field: str = ""
    reason: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        r"""Render as ``file:line:col: field 'x': reason; remedy``; control characters from a file are escaped.

        >>> str(Problem(file="bus.csv", line=2, column=1, field="id", reason="'a\x1b' is taken", remedy="rename it"))
        "bus.csv:2:1: field 'id': 'a\\x1b' is taken; rename it"
        """
        position = self.file + (f":{self.line}:{self.column}" if self.line else "")
        field = f"field '{self.field}'" if self.field else ""
        text = self.reason + (f"; {self.remedy}" if self.remedy else "")
        whole = ": ".join(part for part in (position, field, text) if part)
        return printable(whole)


def printable(text: str) -> str:
    r"""Return a text whose control characters are escaped: a name from a file must not steer a terminal.

    >>> printable("a\x1b[31m")
    'a\\x1b[31m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InputError(CosimError, ValueError):
    """The user's data are wrong; all mistakes found are listed at once, many of them by kind and the first ones.

    Parameters
    ----------
    problems
        A sentence, one `Problem`, or several of them.
    """

    exit_code = 3

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(reason=problems)
        if isinstance(problems, Problem):
            problems = (problems,)
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(_told(self.problems)))


def _told(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield a line per mistake; beyond `MOST_LINES` first how many there are of each kind, then examples of each.

    Two mistakes are of one kind if their reasons differ in numbers and quoted names only.
    """
    if len(problems) <= MOST_LINES:
        yield from map(str, problems)
        return
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((_CHANGING.sub("", problem.reason), problem.remedy), []).append(problem)
    ranked = sorted(kinds.values(), key=len, reverse=True)[:MOST_LINES]
    yield f"{len(problems):,} mistakes of {len(kinds):,} kind{'s' if len(kinds) > 1 else ''}:"
    for alike in ranked:
        reason = common_words([problem.reason for problem in alike])
        yield f"{len(alike):8,} x {Problem(reason=reason, remedy=alike[0].remedy)}"
    yield "for example:"
    for alike in ranked:
        yield from map(str, alike[: MOST_LINES // len(ranked)])


def common_words(texts: Sequence[str]) -> str:
    """Return the first text with an ellipsis for every number and quoted name in which the texts differ.

    >>> common_words(["b 0.1 must be 0 at 'x7'", "b 12 must be 0 at 'x8'"])
    'b ... must be 0 at ...'
    """
    columns = zip(*(_CHANGING.findall(text) for text in texts), strict=True)
    words = iter([column[0] if len(set(column)) == 1 else "..." for column in columns])
    return _CHANGING.sub(lambda _: next(words), texts[0])


class DependencyError(CosimError):
    """Something that must be installed or licensed is not there."""

    exit_code = 4


class ComponentError(CosimError):
    """A simulator died, hung, skipped a period, or put a missing value on a port."""

    exit_code = 7


class PluginError(ComponentError):
    """A device, law or method, most often a user's own, raised, tried to end the process, or gave no number.

    Parameters
    ----------
    who
        The device, law or method.
    what
        What it did.
    places
        Where: link, simulator, period.
    """

    def __init__(self, who: str, what: str, places: Sequence[str] = ()) -> None:
        self.who, self.what, self.places = who, what, tuple(places)
        super().__init__(f"{who}: {what}" + (f" [{', '.join(places)}]" if places else ""))

    def at(self, place: str) -> PluginError:
        """Return the error with one more place."""
        return self if place in self.places else PluginError(self.who, self.what, (*self.places, place))

    def __reduce__(self) -> tuple[type[PluginError], tuple[str, str, tuple[str, ...]]]:
        return PluginError, (self.who, self.what, self.places)


class HungError(ComponentError):
    """Nothing moved for longer than the watchdog allows.

    Parameters
    ----------
    where
        Who was at work, for which period, and what was called last.
    silent_s
        For how long, s.
    frames
        The innermost calls of the thread.
    """

    def __init__(self, where: str, *, silent_s: float, frames: Sequence[str] = ()) -> None:
        self.where, self.silent_s, self.frames = where, silent_s, tuple(frames)
        at = f"; it is at {', called by '.join(frames)}" if frames else ""
        remedy = "if it only needs longer, allow more seconds by the environment variable COSIM_WATCHDOG_S"
        super().__init__(f"{where}: hung, nothing moved for {silent_s:.0f} s{at}; {remedy}")


class SumoError(ComponentError):
    """SUMO died, hung, refused a command or left broken output.

    Parameters
    ----------
    what
        What happened, in a few words.
    command
        The command line of SUMO.
    sim_time_s
        Simulated time of the last finished step, s; None if there was none.
    return_code
        How the process ended, negative for a signal; None if it was alive.
    error_log_tail
        SUMO's own last words.
    last_call
        What was asked of SUMO last.
    repeatable
        Whether the same may go well with another SUMO; not so a command that it refused.
    """

    def __init__(
        self,
        what: str,
        *,
        command: Sequence[str],
        sim_time_s: float | None,
        return_code: int | None,
        error_log_tail: str,
        last_call: str = "",
        repeatable: bool = True,
    ) -> None:
        self.repeatable = repeatable
        self.what, self.command, self.last_call = what, tuple(command), last_call
        self.sim_time_s, self.return_code, self.error_log_tail = sim_time_s, return_code, error_log_tail
        reached = "before its first step" if sim_time_s is None else f"at simulated {sim_time_s:g} s"
        asked = f" during {last_call}" if last_call else ""
        ended = "" if return_code is None else f" (return code {return_code})"
        words = f"; its last words: {error_log_tail}" if error_log_tail else "; it said nothing"
        super().__init__(f"SUMO {what} {reached}{asked}{ended}{words}; command: {' '.join(command)}")

    def again(self, where: str) -> SumoError:
        """Return the error of a SUMO that took the place of another one, whose end was repaired."""
        return SumoError(
            f"{self.what} (the second one in {where})", command=self.command, sim_time_s=self.sim_time_s,
            return_code=self.return_code, error_log_tail=self.error_log_tail, last_call=self.last_call,
            repeatable=False,
        )  # fmt: skip


class StorageError(CosimError):
    """Results cannot be written to, or read from, the disk."""

    exit_code = 8


class CheckpointError(CosimError):
    """A stopped run cannot go on: what it stored is damaged or edited, or belongs to other inputs or versions."""

    exit_code = 9


class LockedError(CosimError):
    """Another process is at work in the run folder."""

    exit_code = 11
