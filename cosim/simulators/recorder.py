"""Recorder: joins the parts of a period, judges it by the gate, and commits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mosaik_api_v3.types import CreateResult

from cosim.errors import ComponentError
from cosim.quantities import meta
from cosim.quantities.finite import missing_values
from cosim.results.charging import payments, station_price_rel
from cosim.results.micro_parts import LATE
from cosim.results.parts import Part, merge
from cosim.simulators.base import Inputs, PeriodSimulator
from cosim.validation.gate import GateRecord, evaluate

Sink = Callable[[Part, GateRecord], None]


class Simulator(PeriodSimulator):
    """Event-based: it takes the records of all simulators that are connected.

    Parameters of mosaik's ``world.start``: ``sink``, called with the merged part and the gate's judgement of each
    period; without it, the records stay in `committed`.
    """

    name = "recorder"

    def __init__(self) -> None:
        super().__init__(meta("recorder", "event-based", {"Recorder": []}))

    def setup(self, sink: Sink | None = None, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Take the sink."""
        super().setup(**params)
        self.committed: list[tuple[Part, GateRecord]] = []
        self.held: dict[str, Part] = {}
        self.sink: Sink = sink or (lambda part, record: self.committed.append((part, record)))

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Recorder."""
        if num != 1 or self.entities:
            raise ComponentError("recorder: there is one Recorder per simulator")
        self.entities = {"Recorder-0": model}
        return [{"eid": "Recorder-0", "type": model}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Commit the period whose parts have all arrived; parts of measurements come at its end."""
        self.position = self.period_at(time)
        self.held.update(inputs["Recorder-0"]["record"])
        late = [item for item in self.held.values() if item.get(LATE)]
        if sum(item["period"] == self.position + 1 for item in late) < self.case.late_parts:
            return None
        merged = merge(list(self.held.values()))
        self.held.clear()
        if merged["period"] != self.position + 1:
            raise ComponentError(f"recorder: parts of period {merged['period']} in period {self.position + 1}")
        if merged["period"] != self.periods_done + 1:
            raise ComponentError(f"recorder: period {merged['period']} came after period {self.periods_done}")
        row = {"clock": self.case.timeline.clock(self.position), **merged["figures"]}
        merged["tables"]["periods"] = {name: [value] for name, value in row.items()}
        if "stations" in merged["tables"] and self.case.roads is not None:
            merged["tables"]["stations"] |= payments(
                self.case.roads.stations,
                merged["tables"]["stations"],
                tariff_per_mwh=merged["figures"].get("tariff_per_mwh"),
                period_h=self.case.timeline.period_h,
            )
        lacking = sum(missing_values(name, columns) for name, columns in merged["tables"].items())
        judged = evaluate({**merged["gate"], **self._price_check(merged), "values_missing": lacking}, self.case.gates)
        merged["tables"]["periods"] |= {"status": [judged.status], "flags": [" ".join(judged.flags)]}
        self.sink(merged, judged)
        self.periods_done += 1
        return None

    def _price_check(self, merged: Part) -> dict[str, Any]:
        """Return the check of the prices that drivers pay, where these are nodal: it needs the tables of both sides."""
        table, figures, dispatch = merged["tables"].get("stations", {}), merged["figures"], self.case.dispatch
        if dispatch is None or "nodal_price_per_mwh" not in table or not figures.get("coupling_nodal"):
            return {}
        return station_price_rel(
            table, markup=self.case.coupling.markup,
            curtailment_price_per_mwh=dispatch.settings.ev_curtailment_price_per_mwh if figures["elastic"] else None,
        )  # fmt: skip

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Return nothing: the recorder ends the chain."""
        return {}


def gate_json(judged: GateRecord) -> dict[str, Any]:
    """Return the gate's judgement as plain data."""
    return {"status": judged.status, "flags": list(judged.flags), "checks": [asdict(c) for c in judged.checks]}
