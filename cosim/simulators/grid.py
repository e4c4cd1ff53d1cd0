"""Grid simulator: AC power flow of each period with the setpoints it is given, and its distance from the relaxation.

Entities: one ``Grid`` with its ``Bus`` and ``Line`` children.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult, OutputData, OutputRequest

from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.grid.engines import ENGINES
from cosim.grid.feeder import Feeder
from cosim.grid.loading import line_loading_percent
from cosim.grid.state import GridState
from cosim.quantities import meta
from cosim.records.grid import DispatchPeriod, LossFreeRows
from cosim.records.period import PeriodRecord
from cosim.results.charging import without_loss_penalty
from cosim.results.parts import grid_period
from cosim.simulators.base import Inputs, PeriodSimulator, Values, child, serve
from cosim.validation.ac_price import marginal_loss
from cosim.validation.gate import evaluate
from cosim.validation.grid import GridDifference, compare

REFERENCE = "reference"
SIGN = {"P_load[MW]": (0, -1.0), "P_gen[MW]": (0, 1.0), "Q_load[MVar]": (1, -1.0), "Q_gen[MVar]": (1, 1.0)}
TOLERANCE_MVA = 1e-10
SAMPLE = 8
"""One period of so many is put to the judge whatever the flow says."""


class Simulator(PeriodSimulator):
    """Time-based: one flat-started power flow per period."""

    name = "grid"

    def __init__(self) -> None:
        super().__init__(meta("grid", "time-based", {"Grid": []}))

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Build the power flow."""
        super().setup(**params)
        if self.case.dispatch is None:
            raise ComponentError(f"scenario '{self.case.name}' has no grid")
        self.feeder = self.case.dispatch.feeder
        engine = ENGINES[self.case.dispatch.settings.ac_engine]
        self.flow = engine(self.feeder, tolerance_mva=TOLERANCE_MVA)
        self.state: GridState | None = None
        self.difference: GridDifference | None = None
        self.stations: LossFreeRows | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:  # noqa: ANN401
        """Create the one Grid with its children."""
        if num != 1 or self.entities:
            raise ComponentError("grid: there is one Grid per simulator")
        feeder = self.feeder
        self.entities = {"Grid-0": model}
        self.bus_at = {f"Bus-{bus}": i for i, bus in enumerate(feeder.bus_ids)}
        self.line_at = {f"Line-{line}": k for k, line in enumerate(feeder.line_ids)}
        children = [child(eid, "Bus", id=feeder.bus_ids[i], pp_index=i) for eid, i in self.bus_at.items()]
        for eid, k in self.line_at.items():
            ends = [f"Bus-{feeder.bus_ids[b]}" for b in (feeder.parent[k], feeder.child[k])]
            children.append(child(eid, "Line", ends, id=feeder.line_ids[k]))
        return [{"eid": "Grid-0", "type": "Grid", "rel": [], "children": children}]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Run the power flow of the period."""
        self.position = self.period_at(time)
        injection = np.zeros((2, self.feeder.n_buses))
        for eid, i in self.bus_at.items():
            for attr, sources in inputs.get(eid, {}).items():
                row, sign = SIGN[attr]
                injection[row, i] += sign * self.total(eid, attr, sources)
        record, self.stations = self._reference(inputs), None
        state = self._tell(self.flow.solve(*injection), record)
        if self.position % SAMPLE == 0 or self._flagged(state, record):
            self._tell(
                self.flow.confirm(state, injection[0], injection[1], f"grid: period {self.position + 1}"), record
            )
        if record is not None:
            self.stations = self._station_prices(record, injection)
        self.periods_done += 1
        return time + self.step_size

    def _tell(self, state: GridState, record: DispatchPeriod | None) -> GridState:
        """Keep and return a state, and keep its difference from the relaxed one."""
        self.state = state
        self.difference = None
        if record is not None:
            self.difference = compare(record.state, state, self._feeder_now(), self.case.gates)
        return state

    def _flagged(self, state: GridState, record: DispatchPeriod | None) -> bool:
        """Whether the gate would flag dispatch and grid of the period."""
        found = grid_period(self.position + 1, self.feeder, state, self.difference)
        told = PeriodRecord(period=self.position + 1, dispatch=record, grid=found)
        return bool(evaluate(told.judged(), self.case.gates).flags)

    def _feeder_now(self) -> Feeder:
        """Return the feeder with the limits that hold in the period."""
        return self.feeder if self.case.dispatch is None else self.case.dispatch.feeder_in(self.position)

    def _reference(self, inputs: Inputs) -> DispatchPeriod | None:
        """Return the dispatch's record of the same period, where one is connected."""
        sources = inputs.get("Grid-0", {}).get(REFERENCE)
        if not sources:
            return None
        record: DispatchPeriod = self.single("Grid-0", REFERENCE, sources)
        if record.period != self.position + 1:
            raise ComponentError(f"grid: setpoints of period {record.period} arrived in period {self.position + 1}")
        return record

    def _station_prices(self, record: DispatchPeriod, injection: Array) -> LossFreeRows | None:
        """Return the stations' nodal prices without the loss penalty; None without stations."""
        rows, dispatch = record.stations, self.case.dispatch
        if rows is None or dispatch is None:
            return None
        slope = marginal_loss(self.feeder, injection[0], injection[1], dispatch.station_buses)
        price = without_loss_penalty(
            rows.nodal_price_per_mwh, slope, loss_price_per_mwh=dispatch.settings.loss_price_per_mwh
        )
        return LossFreeRows(station=rows.station, price_without_loss_per_mwh=price)

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Return the requested outputs; without an AC state only what can be said without one."""
        if self.state is None:
            return {}
        return {eid: self.pick(eid, self._values(eid, self.state), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str, state: GridState) -> Values:
        if eid in self.bus_at:
            return {"Vm[pu]": float(state.vm_pu[self.bus_at[eid]])} if state.converged else {}
        if eid in self.line_at:
            k = self.line_at[eid]
            loading = float(np.nan_to_num(line_loading_percent(self.feeder, state)[0][k]))
            return {"I[kA]": float(state.i_ka[k]), "loading[%]": loading} if state.converged else {}
        record = grid_period(self.position + 1, self.feeder, state, self.difference, stations=self.stations)
        always: Values = {"converged": bool(state.converged), "period": self.position + 1, "record": record}
        if not state.converged:
            return always
        return always | {
            "P_loss[MW]": float(state.loss_mw),
            "P_slack[MW]": float(state.slack_mw),
            "injection_error[MW]": float(state.injection_error_mw),
        }


def main() -> None:
    """Serve the simulator to a mosaik world in another process."""
    serve(Simulator)


if __name__ == "__main__":
    main()
