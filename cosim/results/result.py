"""What every verb of the Python surface returns: an exit code, tables, and how it shows itself in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from cosim.errors import EXITS

if TYPE_CHECKING:
    import pandas as pd

    from cosim.reports.summary import Summary
    from cosim.results.store import RunResult

Shown = tuple[str, str, str]
"""A row that people read: what it is, its value with unit, and where it stands or what to know."""
_TONES = {0: "#1a7f37", 5: "#9a6700", 10: "#9a6700"}
_FAILED = "#b42318"


class Result(ABC):
    """What `run`, `verify`, `validate`, `assign`, `compare`, `grade` and `load` return.

    ``result.exit_code`` is that of the command, ``result["links"]`` a table as a tidy DataFrame, ``result.tables`` the
    names of all. A notebook shows the verdict and the figures that count.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def exit_code(self) -> int:
        """Exit code of the command of the same name."""

    @property
    @abstractmethod
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""

    @abstractmethod
    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table.

        Raises
        ------
        KeyError
            If there is no such table; the message lists those there are.
        """

    def __contains__(self, name: object) -> bool:
        return name in self.tables

    @property
    @abstractmethod
    def heading(self) -> str:
        """What it is, in a few words."""

    @abstractmethod
    def shown(self) -> Iterable[Shown]:
        """Return the rows that a notebook shows."""

    def _repr_html_(self) -> str:
        """Return verdict and rows as HTML, as notebooks ask for."""
        tone = _TONES.get(self.exit_code, _FAILED)
        said = escape(EXITS.get(self.exit_code, ""))
        rows = "".join(
            f"<tr>{''.join(f'<td style={_LEFT}>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.shown()
        )
        head = f"<b>{escape(self.heading)}</b><br><b style='color:{tone}'>exit {self.exit_code}</b>: {said}"
        tables = f"<div>tables: {escape(', '.join(self.tables))}</div>" if self.tables else ""
        return f"<div>{head}</div><table>{rows}</table>{tables}"


_LEFT = "'text-align:left'"


class ShownRun(Result):
    """How a run tells itself."""

    @property
    def heading(self: RunResult) -> str:  # type: ignore[misc]
        """Scenario and folder."""
        return f"{self.manifest.get('scenario', '')}: run '{self.folder}', {self.progress}"

    def __repr__(self: RunResult) -> str:  # type: ignore[misc]
        how = f"exit_code={self.exit_code}" if self.complete else self.progress
        return f"RunResult('{self.folder}', {how}, tables={list(self.tables)})"

    def summary(self: RunResult) -> Summary:  # type: ignore[misc]
        """Return the numbers at the end of the run: what `cosim run` prints."""
        from cosim.reports.summary import summarise

        return summarise(self)

    def shown(self: RunResult) -> Iterable[Shown]:  # type: ignore[misc]
        """Return verdict, margins and energy not served, and what was flagged."""
        from cosim.reports.headline import headline

        return headline(self)
