"""What a command tells as one JSON document: the verdict, what was found, or why there is nothing, by types.

The types are the published schema (``cosim schema --summary run``): nothing else says what a document holds. A number
that is none (NaN) or without bound is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from cosim.errors import EXITS, HungError, InputError, PluginError, Problem, SumoError
from cosim.guard import words
from cosim.plain import Json
from cosim.version import __version__
from cosim.workflows.findings import AssignFound, GradeFound, RunFound, ValidateFound, VerifyFound

FORMAT: Literal[1] = 1
"""Of the documents; another number where a field goes or means another thing, the same where one comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a command ended without a result.

    Attributes
    ----------
    kind
        Class of the error: `InputError`, `StorageError`, ...; `Defect` for one of cosim's own.
    message
        What the command tells on the error stream.
    problems
        Every mistake: where it stands (``file``, ``line``, ``column``), which thing (``field``), value and rule
        (``reason``), and the way out (``remedy``).
    folder
        Run folder that was begun, whose committed periods stay; null if none was.
    """

    kind: str
    message: str
    problems: tuple[Problem, ...]
    folder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A command's document.

    Attributes
    ----------
    format
        Version of this format.
    cosim
        Version of the program.
    exit_code, meaning
        How the command ended, and what that says.
    error
        Why there is no result; null where there is one.
    """

    format: Literal[1]
    cosim: str
    exit_code: int
    meaning: str
    error: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument(Told):
    """What `cosim run --json` prints.

    Attributes
    ----------
    found
        The run; null without one.
    """

    command: Literal["run"]
    found: RunFound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyDocument(Told):
    """What `cosim verify --json` prints.

    Attributes
    ----------
    found
        The verification; null without one.
    """

    command: Literal["verify"]
    found: VerifyFound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateDocument(Told):
    """What `cosim validate --json` prints.

    Attributes
    ----------
    found
        The validation; null without one.
    """

    command: Literal["validate"]
    found: ValidateFound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignDocument(Told):
    """What `cosim assign --json` prints.

    Attributes
    ----------
    found
        The assignment; null without one.
    """

    command: Literal["assign"]
    found: AssignFound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeDocument(Told):
    """What `cosim grade --json` prints.

    Attributes
    ----------
    found
        The grade; null without one.
    """

    command: Literal["grade"]
    found: GradeFound | None


DOCUMENTS: Mapping[str, type[Told]] = {
    "run": RunDocument,
    "verify": VerifyDocument,
    "validate": ValidateDocument,
    "assign": AssignDocument,
    "grade": GradeDocument,
}
"""Documents by the command that prints them."""


def told(
    command: str,
    exit_code: int,
    *,
    found: object = None,
    error: BaseException | None = None,
    folder: str | None = None,
) -> Told:
    """Return the document of a command that ended.

    Parameters
    ----------
    command
        Its name.
    exit_code
        Its exit code.
    found
        What it found; None if it found nothing.
    error
        What ended it; None if nothing did.
    folder
        Run folder that it began.
    """
    return DOCUMENTS[command](
        format=FORMAT, cosim=__version__, command=command, exit_code=exit_code, meaning=EXITS.get(exit_code, ""),
        error=None if error is None else failure(error, folder), found=found,
    )  # type: ignore[call-arg]  # fmt: skip


def failure(error: BaseException, folder: str | None = None) -> Failure:
    """Return an error as data; one that lists no mistakes is one itself.

    >>> failure(InputError(Problem(file="a.csv", line=2, field="id", reason="'7' is taken"))).problems[0].line
    2
    """
    ours = hasattr(error, "exit_code")  # a signal, or the command line's own error, has one, too
    message = str(error) if ours and str(error) else words(error)
    problems: Sequence[Problem] = (Problem(field=_thing(error), reason=message),)
    if isinstance(error, InputError):
        problems = error.problems
    return Failure(
        kind=type(error).__name__ if ours else "Defect", message=message, problems=tuple(problems), folder=folder
    )


def _thing(error: BaseException) -> str:
    """Return who or what an error is about, where it says so by itself."""
    if isinstance(error, PluginError):
        return error.who
    if isinstance(error, HungError):
        return error.where
    return "SUMO" if isinstance(error, SumoError) else ""


def plain(value: Any) -> Json:  # noqa: ANN401 - what the types of a document hold
    """Return a document, or a part of one, as plain data for JSON.

    >>> plain(Failure(kind="InputError", message="no", problems=(), folder=None)), plain(float("nan"))
    ({'kind': 'InputError', 'message': 'no', 'problems': [], 'folder': None}, None)
    """
    if is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, Sequence):
        return [plain(one) for one in value]
    number = value.item() if hasattr(value, "item") else value  # of numpy
    return number if not isinstance(number, float) or math.isfinite(number) else None


def text(document: Told) -> str:
    """Return a document as JSON."""
    return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
