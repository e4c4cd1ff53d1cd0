"""A second check of the grid: AC power flows with the charging load that the microscopic simulation measured.

It takes the dispatch's setpoints, replaces the planned charging load of every station by the measured one, and runs a
power flow per coupling step, those of a period together, by sweeps; pandapower judges the first of every period, and
any without a state. It judges nothing: the dispatch answered the planned load, not this one.

Entities: one ``Measured`` with its ``Bus`` and ``Port`` children, a port per charging station.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is asked of a step: its end in the period, the charging load measured and planned, and all injections."""

    end_min: float
    measured_mw: float
    planned_mw: float
    injection: Array


class Simulator(PeriodSimulator):
    """One power flow per step of ``microsim.coupling_s``; the record of a period is an event.

    The state of a single step is worked out where somebody asks for it.
    """

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
        self.steps: list[_Step] = []
        self._state: GridState | None = None
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
        if position != self.position:
            self.position, self.steps = position, []
        planned, measured = self._planned(inputs), self._measured(inputs)
        injection = np.zeros((2, self.dispatch.feeder.n_buses))
        for eid, i in self.bus_at.items():
            for attr, sources in inputs.get(eid, {}).items():
                row, sign = SIGN[attr]
                injection[row, i] += sign * self.total(eid, attr, sources)
        np.add.at(injection[0], list(self.dispatch.station_buses), planned - measured)
        end_s = self.day_s(time + self.step_size) - position * self.case.timeline.period_s
        self.steps.append(
            _Step(
                end_min=s_to_min(end_s), measured_mw=float(measured.sum()), planned_mw=float(planned.sum()),
                injection=injection,
            )
        )  # fmt: skip
        self._state, self.record = None, None
        if end_s == self.case.timeline.period_s:
            self.record = _told(position + 1, self.steps, self._flows())
            self.periods_done += 1
        return time + self.step_size

    def _flows(self) -> GridState:
        """Return the states of all steps of the period, judged by pandapower where it is asked."""
        p, q = np.array([step.injection for step in self.steps]).transpose(1, 2, 0)
        found = self.flow.solve(p, q)
        asked = sorted({0, *np.flatnonzero(~found.converged).tolist()})
        what = f"measured: period {self.position + 1}"
        return found.replaced({k: self.flow.confirm(found.at(k), p[:, k], q[:, k], what) for k in asked})

    @property
    def state(self) -> GridState:
        """The state at the end of the last step."""
        if self._state is None:
            p, q = self.steps[-1].injection
            found = self.flow.solve(p, q)
            what = f"measured: period {self.position + 1}"
            self._state = found if found.converged else self.flow.confirm(found, p, q, what)
        return self._state

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

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Return the requested outputs; the record at the end of a period alone."""
        return {eid: self.pick(eid, self._values(eid, attrs), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str, attrs: list[str]) -> Values:
        if not self.steps:
            return {}
        if eid in self.bus_at:
            return {"Vm[pu]": float(self.state.vm_pu[self.bus_at[eid]])} if self.state.converged else {}
        told: Values = {"period": self.position + 1}
        if "converged" in attrs:
            told["converged"] = bool(self.state.converged)
        return told if self.record is None else told | {"record": self.record}


def _told(period: int, steps: Sequence[_Step], found: GridState) -> MeasuredPeriod:
    """Return the power flows of a period."""
    lowest, highest, have = found.vm_pu.min(axis=0), found.vm_pu.max(axis=0), found.converged
    return MeasuredPeriod(
        period=period,
        ac_measured=MeasuredRows(
            end_min=np.array([step.end_min for step in steps]),
            ev_mw=np.array([step.measured_mw for step in steps]),
            ev_planned_mw=np.array([step.planned_mw for step in steps]),
            converged=have, vmin_ac_pu=lowest, vmax_ac_pu=highest,
            ac_loss_mw=found.loss_mw, ac_slack_mw=found.slack_mw,
        ),
        vmin_measured_pu=float(lowest[have].min()) if have.any() else None,
        vmax_measured_pu=float(highest[have].max()) if have.any() else None,
    )  # fmt: skip
