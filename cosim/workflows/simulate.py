"""Simulate a case: tables and verdicts in memory, or to whoever takes them period by period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cosim.records.period import PeriodRecord, tables
from cosim.scenario.case import SimulationCase
from cosim.simulators.recorder import Sink
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
        Results by table name, rows of all periods; none where a sink took them.
    records
        The gate's judgement of each period.
    """

    tables: Mapping[str, pd.DataFrame]
    records: tuple[GateRecord, ...]

    @property
    def exit_code(self) -> int:
        """The code that a run of the case would end with."""
        return exit_code([record.status for record in self.records])


@dataclass(slots=True)
class _Memory:
    """A sink that keeps what it is told."""

    records: list[GateRecord] = field(default_factory=list)
    frames: dict[str, list[pd.DataFrame]] = field(default_factory=dict)

    def __call__(self, told: PeriodRecord, judged: GateRecord) -> None:
        import pandas as pd

        self.records.append(judged)
        for name, columns in tables(told).items():
            frame = pd.DataFrame(columns)
            frame.insert(0, "period", told.period)
            self.frames.setdefault(name, []).append(frame)


def simulate(case: SimulationCase, sink: Sink | None = None) -> Simulated:
    """Run all periods of a case; `cosim.workflows.run.run` is this with a sink that commits, and a report.

    Parameters
    ----------
    case
        The scenario's domain objects.
    sink
        Takes each period as it is judged, and its tables with it; it ends the day by raising. By default they are kept.

    Raises
    ------
    ComponentError
        If a simulator raises, or did not finish every period.
    """
    import pandas as pd

    memory = _Memory()
    run_world(case, sink or memory)
    frames = {name: pd.concat(parts, ignore_index=True) for name, parts in memory.frames.items()}
    return Simulated(tables=frames, records=tuple(memory.records))
