"""Safe YAML 1.2: a tree in which every value knows its file, line and column.

Only the parser's events are used: nothing is constructed from tags. Anchors, aliases, tags, directives,
further documents, deep nesting and large files are refused; scalars follow the YAML 1.2 core schema, so
``no``, ``12:30`` and ``2024-01-01`` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cosim.errors import InputError, Problem

if TYPE_CHECKING:
    from cosim.scenario.former import Former

PACKED = (b"PK\x03\x04", b"\x1f\x8b")
"""How zip and gzip files begin."""
MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_KEYS = 1_000
"""Keys of one mapping; no part of a scenario has nearly as many names."""
MAX_VALUES = 20_000
"""Values of a file: parsing takes 50 us for each."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_MAX_DIGITS = 300
_SURROGATE = re.compile("[\ud800-\udfff]")
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 0
    column: int = 0

    def problem(self, field: str, reason: str, remedy: str = "") -> Problem:
        """Return a problem at this place."""
        return Problem(self.file, self.line, self.column, field, reason, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of the file: a scalar, a list of nodes, or a mapping of nodes.

    ``mark`` is where the value begins, ``key_mark`` where its key stands (in a mapping), ``text`` how a
    scalar was spelt, ``level`` how many ``extends`` lie between the file and the scenario (-1: ``--set``), ``former``
    the key of an earlier version that it was given by.
    """

    value: Scalar | list[Node] | dict[str, Node]
    mark: Mark
    key_mark: Mark | None = None
    text: str = ""
    level: int = 0
    former: Former | None = None

    def plain(self) -> Any:  # noqa: ANN401 - the shape of user data is what the schema has yet to find out
        """Return the value as plain lists, dicts and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_yaml(content: bytes, file: str, level: int = 0) -> Node:
    """Parse one YAML document.

    Parameters
    ----------
    content
        The bytes of the file.
    file
        How messages name the file.
    level
        Stored in every node.

    Raises
    ------
    InputError
        For the first syntax error, or every repeated key, with file, line and column.
    """
    if len(content) > MAX_BYTES:
        reason = f"the file has {len(content)} bytes; a scenario has at most {MAX_BYTES}"
        raise InputError(Problem(file=file, reason=reason, remedy="move tables into CSV files"))
    return _Reader(_decoded(content, file), file, level).document()


def _decoded(content: bytes, file: str) -> str:
    if content.startswith(PACKED):
        reason = "this is a packed file, not the text of a scenario"
        raise InputError(Problem(file=file, reason=reason, remedy="unpack it, and look at what comes out"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        mark = Mark(file=file, line=before.count(b"\n") + 1, column=error.start - (before.rfind(b"\n") + 1) + 1)
        reason = f"byte 0x{content[error.start]:02X} is not UTF-8"
        raise InputError(mark.problem("", reason, "save the file as UTF-8")) from error


class _Reader:
    """Turn the events of ruamel.yaml's pure parser into nodes."""

    def __init__(self, text: str, file: str, level: int) -> None:
        self.text = text
        self.file = file
        self.level = level
        self.problems: list[Problem] = []
        self.events: Iterator[Any] = iter(())
        self.values = 0

    def document(self) -> Node:
        """Return the root node."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        self.events = YAML(typ="safe", pure=True).parse(self.text)
        try:
            root = self._stream()
        except YAMLError as error:
            raise InputError(self._syntax(error)) from error
        if self.problems:
            raise InputError(self.problems)
        return root

    def _stream(self) -> Node:
        root: Node | None = None
        for event in self.events:
            name = type(event).__name__
            if name == "DocumentStartEvent":
                if event.version or event.tags:
                    self._refuse(event, "a directive (%YAML, %TAG)", "remove the line; the text is YAML 1.2")
                if root is not None:
                    self._refuse(event, "a second document", "keep one document per file")
            elif name not in {"StreamStartEvent", "DocumentEndEvent", "StreamEndEvent", "CommentEvent"}:
                root = self._node(event, "", 1)
        if root is None:
            raise InputError(Problem(self.file, 1, 1, reason="the file is empty", remedy="begin with 'schema: 1'"))
        return root

    def _node(self, event: Any, path: str, depth: int) -> Node:  # noqa: ANN401 - ruamel.yaml's events
        name = type(event).__name__
        self._check_properties(event)
        if depth > MAX_DEPTH:
            self._refuse(event, f"nesting deeper than {MAX_DEPTH} levels", "flatten the file")
        self.values += 1
        if self.values > MAX_VALUES:
            self._refuse(event, f"more than {MAX_VALUES:,} values", "move tables into CSV files")
        mark = self._mark(event)
        if name == "ScalarEvent":
            value = self._scalar(event, mark, path)
            return Node(value=value, mark=mark, text=event.value, level=self.level)
        if name == "SequenceStartEvent":
            return Node(value=self._sequence(path, depth), mark=mark, level=self.level)
        return Node(value=self._mapping(path, depth), mark=mark, level=self.level)

    def _check_properties(self, event: Any) -> None:  # noqa: ANN401 - ruamel.yaml's events
        if type(event).__name__ == "AliasEvent" or getattr(event, "anchor", None):
            self._refuse(event, "an anchor or alias (& or *)", "write the value out where it is needed")
        if getattr(event, "tag", None):
            self._refuse(event, "a tag (!)", "remove it; types follow from the value")

    def _sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while type(event := self._next()).__name__ != "SequenceEndEvent":
            items.append(self._node(event, dotted(path, len(items)), depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while type(event := self._next()).__name__ != "MappingEndEvent":
            self._check_properties(event)
            if type(event).__name__ != "ScalarEvent":
                self._refuse(event, "a list, mapping or alias as a key", "use a plain word as the key")
            if len(entries) == MAX_KEYS:
                self._refuse(event, f"a mapping of more than {MAX_KEYS:,} keys", "move tables into CSV files")
            key, mark = event.value, self._mark(event)
            if not key.isprintable():
                self._refuse(event, "a key with control characters", "use a plain word as the key")
            node = self._node(self._next(), dotted(path, key), depth + 1)
            if key in entries:
                first = entries[key].key_mark or mark
                reason = f"the key is given twice, first in line {first.line}"
                self.problems.append(mark.problem(dotted(path, key), reason, "keep one of them"))
            else:
                entries[key] = replace(node, key_mark=mark)
        return entries

    def _scalar(self, event: Any, mark: Mark, path: str) -> Scalar:  # noqa: ANN401 - ruamel.yaml's events
        text: str = event.value
        if event.style is not None:
            if _SURROGATE.search(text):
                self.problems.append(mark.problem(path, "the text holds half a surrogate pair"))
            return text
        return plain_scalar(text)

    def _next(self) -> Any:  # noqa: ANN401 - ruamel.yaml's events
        return next(event for event in self.events if type(event).__name__ != "CommentEvent")

    def _mark(self, event: Any) -> Mark:  # noqa: ANN401 - ruamel.yaml's events
        start = event.start_mark
        return Mark(file=self.file, line=start.line + 1, column=start.column + 1)

    def _refuse(self, event: Any, what: str, remedy: str) -> None:  # noqa: ANN401 - ruamel.yaml's events
        raise InputError(self._mark(event).problem("", f"{what} is not allowed in a scenario", remedy))

    def _syntax(self, error: Exception) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = self._control() if mark is None else Mark(file=self.file, line=mark.line + 1, column=mark.column + 1)
        reason = str(getattr(error, "problem", None) or str(error).splitlines()[0])
        lines = self.text.splitlines()
        tab = place.line <= len(lines) and "\t" in lines[place.line - 1]
        remedy = "indent with spaces, not tabs" if tab else "check the YAML syntax there"
        return place.problem("", f"the YAML cannot be read ({reason})", remedy)

    def _control(self) -> Mark:
        """Return the place of the first character that YAML does not allow."""
        for number, line in enumerate(self.text.split("\n"), start=1):
            for column, character in enumerate(line, start=1):
                if not character.isprintable() and character not in "\t\r\u0085\u00a0":
                    return Mark(file=self.file, line=number, column=column)
        return Mark(file=self.file, line=1, column=1)


def plain_scalar(text: str) -> Scalar:
    """Resolve an unquoted scalar by the YAML 1.2 core schema.

    >>> [plain_scalar(text) for text in ("1", "1e-8", "no", "12:30", "true", "~", "1_000")]
    [1, 1e-08, 'no', '12:30', True, None, '1_000']
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _MAX_DIGITS and _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float("-inf" if text.startswith("-") else "inf")
    return float("nan") if _NAN.fullmatch(text) else text


def dotted(path: str, key: str | int) -> str:
    """Append a key to a dotted path.

    >>> dotted("stations", 0)
    'stations.0'
    """
    return f"{path}.{key}" if path else str(key)
