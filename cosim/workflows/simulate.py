"""Simulate a case without a run folder: the same tables and verdicts as a run's, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosim.results.parts import Part
from cosim.scenario.case import SimulationCase
from cosim.validation.gate import GateRecord, exit_code
from cosim.world import run_world

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """A simulated day.

    Attributes
    ----------
    tables
        Results by table name, rows of all periods.
    records
        The gate's judgement of each period.
    """

    tables: Mapping[str, pd.DataFrame]
    records: tuple[GateRecord, ...]

    @property
    def exit_code(self) -> int:
        """The code that a run of the case would end with."""
        return exit_code([record.status for record in self.records])


def simulate(case: SimulationCase) -> Simulated:
    """Run all periods of a case and keep what a run folder would hold.

    Raises
    ------
    ComponentError
        If a simulator raises, or did not finish every period.
    """
    import pandas as pd

    frames: dict[str, list[pd.DataFrame]] = {}
    records: list[GateRecord] = []

    def keep(part: Part, record: GateRecord) -> None:
        records.append(record)
        for name, columns in part["tables"].items():
            frame = pd.DataFrame(columns)
            frame.insert(0, "period", part["period"])
            frames.setdefault(name, []).append(frame)

    run_world(case, keep)
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}
    return Simulated(tables=tables, records=tuple(records))
