"""What was found out about a run: its tables are those of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosim.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from cosim.results.store import RunResult


class RunJudged(Result):
    """A finding about a run, which holds the run as ``result``."""

    __slots__ = ()
    result: RunResult

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the run's tables, those of the finding among them."""
        return self.result.tables

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table of the run; errors as of `RunResult`."""
        return self.result[name]
