"""The text of a TNTP file: metadata, column names, units that the header tells, rows with their line numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cosim.errors import InputError, Problem
from cosim.tables import is_count

STANDARD = (
    *("init_node", "term_node", "capacity", "length", "free_flow_time"),
    *("b", "power", "speed", "toll", "link_type"),
)
"""The columns of a network file that names none."""
NEEDED = ("init_node", "term_node", "capacity", "free_flow_time", "b", "power")
_SPELLINGS = MappingProxyType(
    {
        "init_node": ("init", "from", "from_node", "tail", "tail_node"),
        "term_node": ("term", "to", "to_node", "head", "head_node"),
        "capacity": ("cap", "total_capacity", "lane_capacity"),
        "length": ("distance",),
        "free_flow_time": ("free_flow_travel_time", "fft", "fftt", "ftime", "t0"),
        "b": ("alpha",),
        "power": ("beta",),
        "speed": ("speed_limit", "ff_speed", "free_speed"),
        "toll": (),
        "link_type": ("type",),
        "critical_speed": (),
        "lanes": ("number_of_lanes",),
    }
)
_NAMES = MappingProxyType({spelling: name for name, others in _SPELLINGS.items() for spelling in (name, *others)})
_OF_SEVERAL_WORDS = re.compile(
    r"\b(?:"
    + "|".join(name.replace("_", "[ _-]+") for name in sorted(_NAMES, key=len, reverse=True) if "_" in name)
    + r")\b",
    re.IGNORECASE,
)
WITHOUT_EFFECT = ("speed", "link_type", "critical_speed")
"""Columns on which no equilibrium depends."""

END = "<END OF METADATA>"
ORIGINAL = "ORIGINAL HEADER"
MOST_METADATA = 1_000
_KNOWN = (
    *("NUMBER OF ZONES", "NUMBER OF NODES", "NUMBER OF LINKS", "FIRST THRU NODE"),
    *("TOTAL OD FLOW", ORIGINAL),
)
_METADATA = re.compile(r"<([^>]*)>(.*)")
_PER_LANE = re.compile(r"per[ _-]*lane|/\s*(?:ln|lane)\b|\w*phpl\b|lane[ _-]*capacity", re.IGNORECASE)
_OF_CAPACITY = re.compile(r"\bcap(?:acity)?\s*\(([^)]*)\)", re.IGNORECASE)
_OF_TIME = re.compile(r"\b(?:free[ _-]*flow[ _-]*(?:travel[ _-]*)?time|fft+|ftime|t0)\s*\(([^)]*)\)", re.IGNORECASE)
MINUTES = MappingProxyType(
    dict.fromkeys(("min", "mins", "minute", "minutes"), 1.0)
    | dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 60.0)
    | dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0 / 60.0)
)
_ANOTHER_PERIOD = re.compile(r"day|24|min|quarter|\bsec|/\s*s\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TntpText:
    """A file in its parts.

    Attributes
    ----------
    file
        How messages call it.
    metadata
        Line and text by key, upper case.
    lines
        The rows with their line numbers; comments and blank lines are left out.
    header
        Everything that speaks of the columns: the original header and the comments before the first row.
    names
        The last of these comments, as words.
    """

    file: str
    metadata: dict[str, tuple[int, str]]
    lines: tuple[tuple[int, str], ...]
    header: str
    names: tuple[str, ...]

    def problem(self, line: int, reason: str, column: int = 1, field: str = "", remedy: str = "") -> Problem:
        """Return a mistake at a line."""
        return Problem(self.file, line, column, field, reason, remedy)

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a whole number of the metadata; without a default it must be there."""
        line, text = self.metadata.get(key, (0, ""))
        if not line and default is not None:
            return default
        if not line:
            raise InputError(Problem(file=self.file, reason=f"the metadata have no <{key}>"))
        if not is_count(text):
            raise InputError(self.problem(line, f"<{key}> {text!r} is not a whole number"))
        return int(text)

    def unknown_keys(self) -> Iterator[str]:
        """Yield a remark for every key of the metadata that is not looked at."""
        for key, (line, _) in self.metadata.items():
            if key not in _KNOWN:
                yield f"{self.file}:{line}: <{key}> is not looked at"

    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns, in order: those of the header, or the standard ones.

        A comment that names no column stands for none. A header that stops early, while the rows go on in the standard
        order, has that order.

        Raises
        ------
        InputError
            If two names mean the same column, or a column that is needed has a name that is not known.
        """
        names = tuple(_NAMES.get(name, name) for name in self.names)
        known = {name: place for place, name in enumerate(names) if name in _SPELLINGS}
        standard = all(STANDARD[place : place + 1] == (name,) for name, place in known.items())
        if standard and len(names) <= len(STANDARD):
            return STANDARD
        if missing := [name for name in NEEDED if name not in names]:
            reason = f"the header names no column {', '.join(missing)}: {' '.join(self.names)}"
            raise InputError(Problem(file=self.file, reason=reason, remedy=f"the usual ones: {' '.join(STANDARD)}"))
        if twice := {name for name in names if names.count(name) > 1}:
            reason = f"two columns mean {', '.join(sorted(twice))}: {' '.join(self.names)}"
            raise InputError(Problem(file=self.file, reason=reason, remedy="name each once"))
        return names

    def capacity_per_lane(self) -> bool:
        """Whether the header says that capacities are those of one lane.

        Raises
        ------
        InputError
            If it says that they are those of another period than the hour.
        """
        unit = _OF_CAPACITY.search(self.header)
        if unit and _ANOTHER_PERIOD.search(unit[1]):
            reason = f"the header says capacity ({unit[1]}); capacities must be per hour"
            raise InputError(Problem(file=self.file, field="capacity", reason=reason, remedy="convert them"))
        return _PER_LANE.search(self.header) is not None

    def time_unit_min(self) -> float | None:
        """Return the minutes in one unit of free-flow time, if the header tells it.

        Raises
        ------
        InputError
            If it names a unit that is not known.
        """
        unit = _OF_TIME.search(self.header)
        if unit is None:
            return None
        if (word := unit[1].strip(" .").lower()) not in MINUTES:
            reason = f"the header says free-flow time ({unit[1]}), which is no unit known here"
            remedy = "give --time-unit-min, its length in minutes"
            raise InputError(Problem(file=self.file, field="free_flow_time", reason=reason, remedy=remedy))
        return MINUTES[word]


def read_tntp(path: Path | str) -> TntpText:
    """Split a file into its parts.

    Raises
    ------
    InputError
        If it cannot be read or has no end of its metadata.
    """
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(file=str(path), reason=f"cannot be read: {error}")) from error
    metadata: dict[str, tuple[int, str]] = {}
    body: list[tuple[int, str]] = []
    comments: list[str] = []
    ended = False
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not ended and line.upper().startswith(END):
            ended, line = True, line[len(END) :].strip()
        elif not ended and (match := _METADATA.match(line)):
            key = match[1].strip().upper()
            text = match[2] if key == ORIGINAL else match[2].partition("~")[0]
            metadata[key] = (number, text.strip())
            if number > MOST_METADATA:
                reason = f"more than {MOST_METADATA:,} lines of metadata"
                raise InputError(Problem(str(path), number, 1, "", reason, f"end them with {END}"))
            continue
        row, mark, comment = line.partition("~")
        if row.strip():
            body.append((number, row.strip()))
        elif mark and not body:
            comments.append(comment)
    if not ended:
        raise InputError(Problem(file=str(path), reason=f"there is no {END}", remedy="is this a TNTP file?"))
    header = "\n".join((metadata.get(ORIGINAL, (0, ""))[1], *comments))
    return TntpText(str(path), metadata, tuple(body), header, _words(comments[-1]) if comments else ())


def _words(comment: str) -> tuple[str, ...]:
    r"""Return the column names of a comment: parted by tabs or wide gaps if there are tabs, else by any space.

    >>> _words("\tInit node\tTerm node\tfftt (min)\t;")
    ('init_node', 'term_node', 'fftt')
    """
    text = re.sub(r"\([^)]*\)", " ", comment.replace(";", " ")).strip()
    text = _OF_SEVERAL_WORDS.sub(lambda found: re.sub(r"[ _-]+", "_", found[0]), text)
    parts = re.split(r"\t\s*|\s{2,}", text) if "\t" in text else text.split()
    return tuple(re.sub(r"[^a-z0-9]+", "_", part.strip().lower()).strip("_") for part in parts if part.strip())


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
