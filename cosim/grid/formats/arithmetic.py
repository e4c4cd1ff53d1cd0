"""Plain arithmetic of MATLAB and Octave on numbers and matrices, evaluated by a parser of our own.

There are no calls but of the functions named here, no branches, no loops, no files: what is more than arithmetic is
refused. Matrices have two dimensions and at most `MOST_CELLS` numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.grid.formats.mfile import Token, Unreadable

Value = Array | str | tuple[str, ...]
"""A matrix (a number is 1 x 1), a text, or the texts of a cell array."""
Positions = tuple[IntArray, IntArray]

MOST_CELLS = 4_000_000
MOST_NESTED = 60
_END = Token("end", "", 0)
_BOTH = 2

_CONSTANTS = MappingProxyType({"Inf": np.inf, "inf": np.inf, "NaN": np.nan, "nan": np.nan, "pi": np.pi})
_FUNCTIONS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "sqrt": np.sqrt, "abs": np.abs, "exp": np.exp, "log": np.log,
        "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    }
)  # fmt: skip
_OPERATIONS: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {
        "+": np.add, "-": np.subtract, "*": np.multiply, ".*": np.multiply, "/": np.divide, "./": np.divide,
        "^": np.power, ".^": np.power,
    }
)  # fmt: skip


class Parser:
    """Recursive descent over tokens; each method reads what it is named after and leaves the rest.

    Parameters
    ----------
    values
        Variables by name, a field of a struct by its dotted name.
    tokens
        What is read.
    in_row
        Whether the tokens are a row between brackets, where a space parts two numbers.
    nested
        How many brackets and signs stand around them.
    end
        What ``end`` means inside an index.
    """

    def __init__(
        self,
        values: Mapping[str, Value],
        tokens: Sequence[Token],
        *,
        in_row: bool = False,
        nested: int = 0,
        end: int | None = None,
    ) -> None:
        self.values, self.tokens, self.at = values, tokens, 0
        self.in_row, self.nested, self.last = in_row, nested, end

    @property
    def next(self) -> Token:
        """The token that has not been read yet."""
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def fail(self, reason: str) -> Unreadable:
        """Return the mistake at the token that has not been read yet."""
        token = self.tokens[min(self.at, len(self.tokens) - 1)] if self.tokens else _END
        return Unreadable((token.line, reason))

    def takes(self, *texts: str) -> str:
        """Step over an operator if it is one of these, and return it."""
        if self.next.kind == "op" and self.next.text in texts:
            self.at += 1
            return self.tokens[self.at - 1].text
        return ""

    def done(self) -> None:
        """Raise `Unreadable` if anything is left."""
        if self.at < len(self.tokens):
            raise self.fail(f"{self.next.text!r} does not belong there")

    def name(self) -> str:
        """Return a name, or the dotted name of a field such as ``mpc.bus``."""
        parts: list[str] = []
        while not parts or self.takes("."):
            if self.next.kind != "name":
                raise self.fail(f"{self.next.text or 'its end'!r} stands where a name must be")
            parts.append(self.next.text)
            self.at += 1
        return ".".join(parts)

    def expression(self) -> Array:
        """Return the value of a range or a sum."""
        with self._deeper():
            parts = [self._sum()]
            while len(parts) <= _BOTH and self.takes(":"):
                parts.append(self._sum())
        return parts[0] if len(parts) == 1 else self._range(*(self._number(part) for part in parts))

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self.nested += 1
        try:
            if self.nested > MOST_NESTED:
                raise self.fail("it is nested too deeply")
            yield
        finally:
            self.nested -= 1

    def _number(self, value: Array) -> float:
        if value.size != 1:
            raise self.fail(f"a matrix of {_size(value)} stands where a number must be")
        return float(value.flat[0])

    def _range(self, start: float, second: float, third: float | None = None) -> Array:
        step, stop = (1.0, second) if third is None else (second, third)
        if not (np.isfinite([start, step, stop]).all() and step):
            raise self.fail("a range needs finite ends and a step that is not 0")
        count = max(int((stop - start) / step + 1e-10) + 1, 0) if (stop - start) * step >= 0.0 else 0
        if count > MOST_CELLS:
            raise self.fail(f"a range of {count} numbers is too long")
        return np.asarray(start + step * np.arange(count, dtype=np.float64)).reshape(1, -1)

    def _sum(self) -> Array:
        value = self._product()
        while self.next.text in ("+", "-") and self.next.kind == "op" and not self._begins_number():
            sign = self.takes("+", "-")
            value = self._combined(sign, value, self._product())
        return value

    def _begins_number(self) -> bool:
        """Whether a sign in a row begins the next number: ``[1 -2]`` has two, ``[1 - 2]`` and ``[1-2]`` one."""
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else _END
        return self.in_row and self.next.spaced and not after.spaced

    def _product(self) -> Array:
        value = self._unary()
        while sign := self.takes("*", "/", ".*", "./"):
            value = self._combined(sign, value, self._unary())
        return value

    def _unary(self) -> Array:
        if sign := self.takes("+", "-"):
            with self._deeper():
                value = self._unary()
            return -value if sign == "-" else value
        value = self._transposed()
        while sign := self.takes("^", ".^"):
            minus = self.takes("+", "-") == "-"
            exponent = self._transposed()
            value = self._combined(sign, value, -exponent if minus else exponent)
        return value

    def _combined(self, sign: str, left: Array, right: Array) -> Array:
        """Apply an operation element by element; a number, a row or a column stretches over a matrix."""
        whole = {"*": left.size > 1 and right.size > 1, "/": right.size > 1, "^": left.size > 1 or right.size > 1}
        if whole.get(sign, False):
            raise self.fail(f"{sign!r} with matrices is not evaluated, only with numbers")
        if any(a != b and 1 not in (a, b) for a, b in zip(left.shape, right.shape, strict=True)):
            raise self.fail(f"{_size(left)} and {_size(right)} do not fit together")
        if max(left.shape[0], right.shape[0]) * max(left.shape[1], right.shape[1]) > MOST_CELLS:
            raise self.fail("the result is too large")
        with np.errstate(all="ignore"):
            return np.asarray(_OPERATIONS[sign](left, right), dtype=np.float64)

    def _transposed(self) -> Array:
        value = self._primary()
        while self.takes("'", ".'"):
            value = value.T
        return value

    def _primary(self) -> Array:
        token = self.next
        if token.kind == "number":
            self.at += 1
            return np.array([[float(token.text)]])
        if self.takes("("):
            return self._inner(self.arguments(), 1)[0]
        if self.takes("["):
            return self.matrix()[0]
        if token.kind != "name":
            raise self.fail(f"{token.text or 'its end'!r} stands where a number must be")
        if token.text == "end" and self.last is not None:
            self.at += 1
            return np.array([[float(self.last)]])
        return self._named()

    def _named(self) -> Array:
        """Return a variable, a part of one, a constant, or a function's value."""
        name = self.name()
        value = self.values.get(name)
        called = not (self.in_row and self.next.spaced) and self.takes("(")
        if not called:
            value = np.array([[_CONSTANTS[name]]]) if value is None and name in _CONSTANTS else value
            if isinstance(value, np.ndarray):
                return value
        elif isinstance(value, np.ndarray):
            return np.asarray(value[np.ix_(*self.positions(self.arguments(), value))])
        elif value is None and name in _FUNCTIONS:
            with np.errstate(all="ignore"):
                return np.asarray(_FUNCTIONS[name](self._inner(self.arguments(), 1)[0]), dtype=np.float64)
        raise self.fail(f"{name!r} is no number known there")

    def _inner(self, parts: list[tuple[Token, ...]], count: int) -> list[Array]:
        """Return the values of the parts of a bracket."""
        if len(parts) != count:
            raise self.fail(f"{len(parts)} values stand in a bracket, must be {count}")
        values = []
        for part in parts:
            inner = Parser(self.values, part, nested=self.nested, end=self.last)
            with self._deeper():
                inner.nested = self.nested
                values.append(inner.expression())
            inner.done()
        return values

    def arguments(self) -> list[tuple[Token, ...]]:
        """Return the tokens of each part of a round bracket that has been opened, and step behind it."""
        return [part for part, _ in self._parts(")", (",",))]

    def _parts(self, closing: str, separators: tuple[str, ...]) -> Iterator[tuple[tuple[Token, ...], Token]]:
        """Yield the tokens between separators up to the bracket that closes, each with what ended it."""
        part: list[Token] = []
        depth = 1
        while True:
            token = self.next
            if token is _END:
                raise self.fail(f"{closing!r} is missing")
            self.at += 1
            depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
            if depth and not (depth == 1 and token.text in separators and token.kind in ("op", "newline")):
                part.append(token)
                continue
            yield tuple(part), token
            part = []
            if not depth:
                return

    def positions(self, index: list[tuple[Token, ...]], value: Array) -> Positions:
        """Return rows and columns, from 0, that an index names."""
        if len(index) == 1 and 1 in value.shape:
            along, zero = self._axis(index[0], value.size), np.zeros(1, dtype=np.intp)
            return (zero, along) if value.shape[0] == 1 else (along, zero)
        if len(index) != _BOTH:
            raise self.fail(f"{len(index)} indices for a matrix of {_size(value)}; give rows and columns")
        return self._axis(index[0], value.shape[0]), self._axis(index[1], value.shape[1])

    def _axis(self, tokens: tuple[Token, ...], length: int) -> IntArray:
        if [token.text for token in tokens] == [":"]:
            return np.arange(length, dtype=np.intp)
        with self._deeper():
            inner = Parser(self.values, tokens, nested=self.nested, end=length)
            wanted = inner.expression().ravel()
        inner.done()
        if not (np.isfinite(wanted).all() and (wanted == np.round(wanted)).all()):
            raise self.fail("an index is no whole number")
        if wanted.size and not (wanted.min() >= 1 and wanted.max() <= length):
            raise self.fail(f"an index lies outside 1 to {length}")
        return wanted.astype(np.intp) - 1

    def matrix(self) -> tuple[Array, list[int]]:
        """Return the matrix of a square bracket that has been opened, and the line of each of its rows."""
        blocks: list[Array] = []
        lines: list[int] = []
        mistakes: list[tuple[int, str]] = []
        for tokens, _ in self._parts("]", (";", "\n")):
            try:
                block = self._row(tokens, blocks[0].shape[1] if blocks else None)
            except Unreadable as error:
                mistakes.extend(error.mistakes)
                continue
            if block.size:
                blocks.append(block)
                lines.extend([tokens[0].line] * block.shape[0])
        if mistakes:
            raise Unreadable(*mistakes)
        return (np.vstack(blocks) if blocks else np.empty((0, 0))), lines

    def _row(self, tokens: tuple[Token, ...], width: int | None) -> Array:
        """Return the numbers of a row; ``width`` is how many columns the first row has."""
        inner = Parser(self.values, tokens, in_row=True, nested=self.nested, end=self.last)
        parts = []
        while inner.next is not _END:
            if not inner.takes(","):
                with self._deeper():
                    inner.nested = self.nested
                    parts.append(inner.expression())
        parts = [part for part in parts if part.size]
        if len({part.shape[0] for part in parts}) > 1:
            raise inner.fail("parts of a row have different heights")
        row = np.hstack(parts) if parts else np.empty((0, 0))
        if row.size and width not in (None, row.shape[1]):
            raise inner.fail(f"the row has {row.shape[1]} columns, the first has {width}")
        return row


def _size(value: Array) -> str:
    return f"{value.shape[0]} x {value.shape[1]}"
