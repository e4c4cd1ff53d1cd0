"""The text of a MATLAB or Octave file cut into statements: comments gone, strings kept, each token with its line.

Nothing is executed here. Line comments begin with ``%`` or ``#``; ``%{`` and ``%}`` (``#{``, ``#}``) alone on a line
enclose a comment and nest; what follows ``...`` is a comment, and the line goes on in the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_BLOCK_OPENS, _BLOCK_CLOSES = re.compile(r"\s*[%#]\{\s*"), re.compile(r"\s*[%#]\}\s*")
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\f\v\ufeff]+)|(?P<comment>[%#].*)|(?P<more>\.\.\..*)|(?P<newline>\n)"
    r"|(?P<number>(?:[0-9]+(?:\.(?![*/^'])[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z]\w*)"
    r"|(?P<op>\.[*/^']|[-+*/^=(),;:\[\]{}.])"
    r"|(?P<double>\"(?:[^\"\n]|\"\")*\")|(?P<quote>')|(?P<other>.)"
)
_QUOTED = re.compile(r"'((?:[^'\n]|'')*)'")
_OPEN, _CLOSED = "([{", ")]}"
MOST_WORDS = 10_000
"""Of a line: rows of a case have some twenty."""
_VALUE_ENDS = frozenset({"number", "name", "text"})


class Unreadable(ValueError):
    """Text that is neither data nor plain arithmetic: each mistake with the line where it stands."""

    def __init__(self, *mistakes: tuple[int, str]) -> None:
        super().__init__("; ".join(reason for _, reason in mistakes))
        self.mistakes = mistakes


class Token(NamedTuple):
    """One word: kind (number, name, text, op, newline, other), text, line, and whether a space stands before it."""

    kind: str
    text: str
    line: int
    spaced: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its tokens, its own text and the line where it begins."""

    line: int
    text: str
    tokens: tuple[Token, ...]


def statements(text: str) -> Iterator[Statement]:
    r"""Yield the statements of a file; a matrix over many lines is one statement.

    Raises
    ------
    Unreadable
        At a string or a bracket that stays open, or a bracket that closes nothing.

    >>> [one.text for one in statements("a = 1; b = [1 2 % note\n 3];\n%{\nc = 3\n%}\n")]
    ['a = 1', 'b = [1 2 3]']
    """
    found: list[Token] = []
    depth = 0
    for token in _tokens(_without_blocks(text)):
        depth += (token.text in _OPEN) - (token.text in _CLOSED) if token.kind == "op" else 0
        if depth < 0:
            raise Unreadable((token.line, f"{token.text!r} closes nothing"))
        if depth == 0 and (token.kind == "newline" or (token.kind == "op" and token.text in ";,")):
            if found:
                yield _statement(found)
            found = []
        else:
            found.append(token)
    if depth:
        raise Unreadable((found[0].line, "a bracket stays open to the end of the file"))
    if found:
        yield _statement(found)


def _statement(tokens: list[Token]) -> Statement:
    words = []
    for token in tokens:
        words.append(" " if token.spaced or token.kind == "newline" else "")
        words.append({"newline": "", "text": f"'{token.text}'"}.get(token.kind, token.text))
    return Statement(tokens[0].line, " ".join("".join(words).split()), tuple(tokens))


def _without_blocks(text: str) -> str:
    """Return the text with the lines of block comments emptied, so that all others keep their numbers."""
    depth, kept = 0, []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        opens = _BLOCK_OPENS.fullmatch(line) is not None
        closes = depth > 0 and _BLOCK_CLOSES.fullmatch(line) is not None
        depth += opens
        kept.append("" if depth else line)
        depth -= closes
    return "\n".join(kept) + "\n"


def _tokens(text: str) -> Iterator[Token]:
    """Yield all tokens; inside brackets a newline stands for a new row, outside for a new statement."""
    at, line, spaced, brackets = 0, 1, False, ""
    last = Token("newline", "\n", 0)
    words = 0
    while at < len(text):
        if (found := _TOKEN.match(text, at)) is None:  # never: the last alternative takes any character
            raise Unreadable((line, f"{text[at]!r} is no word of the language"))
        kind, word, at = str(found.lastgroup), found[0], found.end()
        if kind in {"space", "comment"}:
            spaced = spaced or kind == "space"
            continue
        if kind == "more":
            at, line, spaced = at + 1, line + 1, True
            continue
        words = words + 1 if line == last.line else 0
        if words > MOST_WORDS:
            raise Unreadable((line, f"more than {MOST_WORDS:,} words in a line; write a row of a matrix a line"))
        if kind == "quote":
            kind, word, at = _quote(text, found.start(), line, last, spaced=spaced, brackets=brackets)
        elif kind == "double":
            kind, word = "text", word[1:-1].replace('""', '"')
        last = Token(kind, word, line, spaced)
        if kind == "op" and word in _OPEN + _CLOSED:
            brackets = brackets + word if word in _OPEN else brackets[:-1]
        if not (kind == "newline" and brackets.endswith("(")):
            yield last
        line, spaced = line + (kind == "newline"), False


def _quote(text: str, at: int, line: int, last: Token, *, spaced: bool, brackets: str) -> tuple[str, str, int]:
    """Return kind, text and end of what a single quote begins: a transpose behind a value, otherwise a string."""
    behind_value = last.kind in _VALUE_ENDS or (last.kind == "op" and last.text in (*_CLOSED, "'", ".'"))
    if behind_value and not (spaced and brackets.endswith(("[", "{"))):
        return "op", "'", at + 1
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise Unreadable((line, "a string stays open at the end of the line"))
    return "text", quoted[1].replace("''", "'"), quoted.end()
