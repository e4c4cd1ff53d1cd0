"""Grid simulator: AC power flow of each period with the setpoints it is given, and its distance from the relaxation.

Entities: one ``Grid`` with its ``Bus`` and ``Line`` children.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mosaik_api_v3.types import CreateResult

from cosim.arrays import Array
from cosim.errors import ComponentError
from cosim.grid.ac_flow import AcFlow, AcState
from cosim.quantities import meta
from cosim.results.charging import without_loss_penalty
from cosim.results.parts import Part, grid_part
from cosim.simulators.base import Inputs, PeriodSimulator, child
from cosim.validation.ac_price import marginal_loss
from cosim.validation.grid import GridDifference, compare

REFERENCE = "reference"
SIGN = {"P_load[MW]": (0, -1.0), "P_gen[MW]": (0, 1.0), "Q_load[MVar]": (1, -1.0), "Q_gen[MVar]": (1, 1.0)}
TOLERANCE_MVA = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """The relaxed side of the comparison, from the dispatch's record."""

    vm_pu: Array
    i_ka: Array
    loss_mw: float
    slack_mw: float
    slack_mvar: float


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
        self.flow = AcFlow(self.feeder, tolerance_mva=TOLERANCE_MVA)
        self.state: AcState | None = None
        self.difference: GridDifference | None = None
        self.stations: dict[str, Any] | None = None

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
        self.state = self.flow.solve(*injection)
        record = self._reference(inputs)
        self.difference = None if record is None else self._difference(record, self.state)
        self.stations = None if record is None else self._station_prices(record, injection)
        self.periods_done += 1
        return time + self.step_size

    def _reference(self, inputs: Inputs) -> Part | None:
        """Return the dispatch's record of the same period, where one is connected."""
        sources = inputs.get("Grid-0", {}).get(REFERENCE)
        if not sources:
            return None
        record: Part = self.single("Grid-0", REFERENCE, sources)
        if record["period"] != self.position + 1:
            raise ComponentError(f"grid: setpoints of period {record['period']} arrived in period {self.position + 1}")
        return record

    def _difference(self, record: Part, state: AcState) -> GridDifference:
        """Compare with the dispatch's record."""
        tables, figures = record["tables"], record["figures"]
        relaxed = Relaxed(
            vm_pu=np.array(tables["buses"]["vm_pu"]),
            i_ka=np.array(tables["lines"]["i_ka"]),
            loss_mw=figures["loss_mw"],
            slack_mw=figures["import_mw"],
            slack_mvar=figures["import_mvar"],
        )
        return compare(relaxed, state, self.feeder, self.case.gates)

    def _station_prices(self, record: Part, injection: Array) -> dict[str, Any] | None:
        """Return the stations' nodal prices without the loss penalty; None without stations."""
        table, dispatch = record["tables"].get("stations"), self.case.dispatch
        if table is None or dispatch is None:
            return None
        p_mw, q_mvar = injection
        slope = marginal_loss(self.feeder, p_mw, q_mvar, dispatch.station_buses)
        price = without_loss_penalty(
            table["nodal_price_per_mwh"], slope, loss_price_per_mwh=dispatch.settings.loss_price_per_mwh
        )
        return {"station": table["station"], "price_without_loss_per_mwh": price}

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Return the requested outputs; without an AC state only what can be said without one."""
        if self.state is None:
            return {}
        return {eid: self.pick(eid, self._values(eid, self.state), attrs) for eid, attrs in outputs.items()}

    def _values(self, eid: str, state: AcState) -> dict[str, Any]:
        if eid in self.bus_at:
            return {"Vm[pu]": float(state.vm_pu[self.bus_at[eid]])} if state.converged else {}
        if eid in self.line_at:
            k = self.line_at[eid]
            limit, current = float(self.feeder.i_max_ka[k]), float(state.i_ka[k])
            return {"I[kA]": current, "loading[%]": 100.0 * current / limit} if state.converged else {}
        record = grid_part(self.position + 1, self.feeder, state, self.difference, stations=self.stations)
        always = {"converged": state.converged, "period": self.position + 1, "record": record}
        if not state.converged:
            return always
        return always | {
            "P_loss[MW]": state.loss_mw,
            "P_slack[MW]": state.slack_mw,
            "injection_error[MW]": state.injection_error_mw,
        }
