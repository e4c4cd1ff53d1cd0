"""A second check of the grid: AC power flows with the charging load that the microscopic simulation measured.

It takes the dispatch's setpoints, replaces the planned charging load of every station by the measured one, and runs a
power flow per coupling step by sweeps; pandapower judges the first of every period, and any without a state. It judges
nothing: the dispatch answered the planned load, not this one.

Entities: one ``Measured`` with its ``Bus`` and ``Port`` children, a port per charging station.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult, OutputData, OutputRequest

from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.grid.engines.batch import BatchFlow
from cosim.grid.state import GridState
from cosim.quantities import meta
from cosim.records.grid import DispatchPeriod
from cosim.records.micro import MeasuredPeriod, MeasuredRows
from cosim.simulators.base import Inputs, PeriodSimulator, Values, child
from cosim.simulators.grid import SIGN
from cosim.units import s_to_min

POWER, REFERENCE = "P[MW]", "reference"


class Simulator(PeriodSimulator):
    """One power flow per step of ``microsim.coupling_s``; the record of a period is an event."""

    name = "measured"

    def __init__(self) -> None:
        super().__init__(meta("measured", "hybrid", {"Measured": []}))

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Build the power flow."""
        super().setup(**params)
        if self.case.dispatch is None:
            raise ComponentError(f"scenario '{self.case.name}' has no grid")
        self.dispatch = self.case.dispatch
        self.flow = BatchFlow(self.dispatch.feeder)
        self.step_size = round(self.case.microsim.coupling_s / self.time_resolution)
        self.rows: list[tuple[float, ...]] = []
        self.state: GridState | None = None
        self.record: MeasuredPeriod | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Measured with its children."""
        if num != 1 or self.entities:
            raise ComponentError("measured: there is one Measured per simulator")
        feeder, names = self.dispatch.feeder, self.dispatch.station_names
        self.entities = {"Measured-0": model}
        self.bus_at = {f"Bus-{bus}": i for i, bus in enumerate(feeder.bus_ids)}
        self.port_at = {f"Port-{name}": n for n, name in enumerate(names)}
        children = [child(eid, "Bus", id=feeder.bus_ids[i], pp_index=i) for eid, i in self.bus_at.items()]
        for eid, n in self.port_at.items():
            children.append(child(eid, "Port", id=names[n], bus=feeder.bus_ids[self.dispatch.station_buses[n]]))
        return [{"eid": "Measured-0", "type": "Measured", "rel": [], "children": children}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Run the power flow of the step; close the period at its end."""
        position = self.period_at(time)
        if first := position != self.position:
            self.position, self.rows = position, []
        planned, measured = self._planned(inputs), self._measured(inputs)
        injection = np.zeros((2, self.dispatch.feeder.n_buses))
        for eid, i in self.bus_at.items():
            for attr, sources in inputs.get(eid, {}).items():
                row, sign = SIGN[attr]
                injection[row, i] += sign * self.total(eid, attr, sources)
        np.add.at(injection[0], list(self.dispatch.station_buses), planned - measured)
        self.state = self.flow.solve(*injection)
        if first or not self.state.converged:
            self.state = self.flow.confirm(self.state, injection[0], injection[1], f"measured: period {position + 1}")
        end_s = self.day_s(time + self.step_size) - position * self.case.timeline.period_s
        self._keep(self.state, end_s, float(planned.sum()), float(measured.sum()))
        self.record = None
        if end_s == self.case.timeline.period_s:
            self.record = _told(position + 1, self.rows)
            self.periods_done += 1
        return time + self.step_size

    def _planned(self, inputs: Inputs) -> Array:
        """Return the charging load that the dispatch serves, MW, shape (S,)."""
        sources = inputs.get("Measured-0", {}).get(REFERENCE, {})
        told: DispatchPeriod = self.single("Measured-0", REFERENCE, sources)
        if told.period != self.position + 1:
            raise ComponentError(f"measured: the dispatch of period {told.period} in period {self.position + 1}")
        if told.stations is None:
            raise ComponentError(f"measured: the dispatch of period {told.period} serves no stations")
        served: Array = told.stations.energy_mwh / self.case.timeline.period_h
        return served

    def _measured(self, inputs: Inputs) -> Array:
        """Return the measured charging load, MW, shape (S,)."""
        missing = [eid for eid in self.port_at if POWER not in inputs.get(eid, {})]
        if missing:
            raise ComponentError(f"measured: no {POWER} for {', '.join(missing)} in period {self.position + 1}")
        return np.array([self.total(eid, POWER, inputs[eid][POWER]) for eid in self.port_at])

    def _keep(self, state: GridState, end_s: int, planned_mw: float, measured_mw: float) -> None:
        found = (float(state.vm_pu.min()), float(state.vm_pu.max()), float(state.loss_mw), float(state.slack_mw))
        self.rows.append((s_to_min(end_s), measured_mw, planned_mw, bool(state.converged), *found))

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Return the requested outputs; the record at the end of a period alone."""
        return {eid: self.pick(eid, self._values(eid), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str) -> Values:
        if self.state is None:
            return {}
        if eid in self.bus_at:
            return {"Vm[pu]": float(self.state.vm_pu[self.bus_at[eid]])} if self.state.converged else {}
        told: Values = {"converged": bool(self.state.converged), "period": self.position + 1}
        return told if self.record is None else told | {"record": self.record}


def _told(period: int, rows: Sequence[tuple[float, ...]]) -> MeasuredPeriod:
    """Return the power flows of a period."""
    end_min, ev_mw, planned_mw, converged, vmin, vmax, loss_mw, slack_mw = np.array(rows, dtype=float).T
    found = converged.astype(bool)
    return MeasuredPeriod(
        period=period,
        ac_measured=MeasuredRows(
            end_min=end_min, ev_mw=ev_mw, ev_planned_mw=planned_mw, converged=found, vmin_ac_pu=vmin, vmax_ac_pu=vmax,
            ac_loss_mw=loss_mw, ac_slack_mw=slack_mw,
        ),
        vmin_measured_pu=float(vmin[found].min()) if found.any() else None,
        vmax_measured_pu=float(vmax[found].max()) if found.any() else None,
    )  # fmt: skip
