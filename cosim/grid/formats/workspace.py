"""What the assignments of a MATLAB or Octave file leave behind: one after the other, as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cosim.grid.formats.arithmetic import Parser, Value
from cosim.grid.formats.mfile import Statement


@dataclass(slots=True)
class Workspace:
    """Values by name; a field of a struct by its dotted name.

    Attributes
    ----------
    values
        What has been assigned so far.
    row_lines
        For every matrix, the line of the file in which each of its rows stands.
    """

    values: dict[str, Value] = field(default_factory=dict)
    row_lines: dict[str, list[int]] = field(default_factory=dict)

    def run(self, statement: Statement) -> str:
        """Carry out one assignment and return the name whose value it changes.

        Raises
        ------
        Unreadable
            If the statement is anything else, or an index or a size does not fit.

        >>> from cosim.grid.formats.mfile import statements
        >>> space = Workspace()
        >>> for one in statements("mpc.a = [1 -2; 30/3 4 - 1]; mpc.a(:, 2) = mpc.a(:, 2) * 2^3;"):
        ...     name = space.run(one)
        >>> space.values["mpc.a"].tolist()
        [[1.0, -16.0], [10.0, 24.0]]
        """
        parser = Parser(self.values, statement.tokens)
        name = parser.name()
        index = parser.arguments() if parser.takes("(") else None
        if not parser.takes("="):
            raise parser.fail("it is no assignment")
        value, lines = _right_side(parser)
        if index is None:
            self.values[name], self.row_lines[name] = value, lines
            return name
        old = self.values.get(name)
        if not (isinstance(old, np.ndarray) and isinstance(value, np.ndarray)):
            raise parser.fail(f"{name!r} is no matrix known there")
        rows, columns = parser.positions(index, old)
        if value.shape not in {(1, 1), (len(rows), len(columns))}:
            reason = f"{value.shape[0]} x {value.shape[1]} numbers for {len(rows)} x {len(columns)} places"
            raise parser.fail(reason)
        changed = old.copy()
        changed[np.ix_(rows, columns)] = value
        self.values[name] = changed
        return name


def _right_side(parser: Parser) -> tuple[Value, list[int]]:
    """Return the value behind the equals sign and the line of each of its rows."""
    start = parser.at
    line = parser.next.line
    value: Value
    if parser.next.kind == "text":
        value, parser.at = parser.next.text, parser.at + 1
    elif parser.takes("{"):
        value = _cell(parser)
    elif parser.takes("["):
        value, lines = parser.matrix()
        if parser.at == len(parser.tokens):
            return value, lines
        parser.at = start
        value = parser.expression()
    else:
        value = parser.expression()
    parser.done()
    return value, [line] * (len(value) if isinstance(value, np.ndarray) else 0)


def _cell(parser: Parser) -> tuple[str, ...]:
    """Return the texts of a cell array that has been opened; a cell without text gives an empty one."""
    texts = []
    while not parser.takes("}"):
        token = parser.next
        if token.kind == "end":
            raise parser.fail("'}' is missing")
        if not (token.kind == "newline" or token.text in (",", ";")):
            texts.append(token.text if token.kind == "text" else "")
        parser.at += 1
    return tuple(texts)
