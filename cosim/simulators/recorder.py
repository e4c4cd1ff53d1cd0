"""Recorder: joins the parts of a period, judges it by the gate, and commits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mosaik_api_v3.types import CreateResult, OutputData, OutputRequest

from cosim.coupling.checkpoint import Checkpoint, State, checkpoint
from cosim.errors import ComponentError
from cosim.quantities import meta
from cosim.records.base import Told
from cosim.records.period import PeriodRecord, joined
from cosim.results.charging import payments, station_price_rel
from cosim.simulators.base import Inputs, PeriodSimulator
from cosim.validation.gate import GateRecord, evaluate

Sink = Callable[[PeriodRecord, GateRecord], None]
Keep = Callable[[Checkpoint], None]


class Simulator(PeriodSimulator):
    """Event-based: it takes the records of all simulators that are connected.

    Parameters of mosaik's ``world.start``: ``sink``, called with what was told and the gate's judgement of each
    period; without it, the records stay in `committed`. ``keep`` is called before it with where all stand then.
    """

    name = "recorder"

    def __init__(self) -> None:
        super().__init__(meta("recorder", "event-based", {"Recorder": []}))

    def setup(self, sink: Sink | None = None, keep: Keep | None = None, **params: Any) -> None:  # noqa: ANN401
        """Take who is told."""
        super().setup(**params)
        self.committed: list[tuple[PeriodRecord, GateRecord]] = []
        self.held: dict[str, Told] = {}
        self.states: dict[str, State] = {}
        self.sink: Sink = sink or (lambda record, judged: self.committed.append((record, judged)))
        self.keep: Keep = keep or (lambda _: None)

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Recorder."""
        if num != 1 or self.entities:
            raise ComponentError("recorder: there is one Recorder per simulator")
        self.entities = {"Recorder-0": model}
        return [{"eid": "Recorder-0", "type": model}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Commit the period whose parts have all arrived; parts of measurements come at its end."""
        self.position = self.period_at(time)
        ports = inputs["Recorder-0"]
        self.held.update(ports.get("record", {}))
        self.states.update(ports.get("state", {}))
        late = sum(one.late and one.period == self.position + 1 for one in self.held.values())
        if late < self.case.late_parts:
            return None
        record = joined(list(self.held.values()), self.case.timeline.clock(self.position))
        self.held.clear()
        if record.period != self.position + 1:
            raise ComponentError(f"recorder: parts of period {record.period} in period {self.position + 1}")
        if record.period != self.periods_done + 1:
            raise ComponentError(f"recorder: period {record.period} came after period {self.periods_done}")
        self.keep(checkpoint(record.period, self.states.values()))
        self._commit(record)
        self.periods_done += 1
        return None

    def _commit(self, record: PeriodRecord) -> None:
        """Judge a period, payments and prices included, which need what several simulators told."""
        case = self.case
        if case.roads is not None:
            record = replace(record, paid=payments(record, case.roads.stations, period_h=case.timeline.period_h))
        limit = None if case.dispatch is None else case.dispatch.settings.ev_curtailment_price_per_mwh
        prices = station_price_rel(record, markup=case.coupling.rule.markup, curtailment_price_per_mwh=limit)
        judged = replace(evaluate(record.judged() | prices, case.gates), notes=record.notes)
        self.sink(replace(record, status=judged.status, flags=judged.flags), judged)

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Return nothing: the recorder ends the chain."""
        return {}
