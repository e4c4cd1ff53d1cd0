"""What the dispatch and the AC power flow tell of a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.grid.state import GridState
from cosim.quantities.checks import Figure
from cosim.records.base import Figures, Rows, Told, Words


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BusRows(Rows):
    """The buses in the relaxed solution, with their names in the net that they come from."""

    bus: Words
    name: Words | None = None
    p_load_mw: Array
    q_load_mvar: Array
    p_gen_mw: Array
    q_gen_mvar: Array
    vm_pu: Array
    price_per_mwh: Array
    shed_mw: Array
    not_supplied_mw: Array | None = None
    supplied: BoolArray | None = None
    v_min_pu: Array
    v_max_pu: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineRows(Rows):
    """The lines in the relaxed solution; what kind of branch each is, in a feeder with transformers."""

    line: Words
    from_bus: Words
    to_bus: Words
    p_mw: Array
    q_mvar: Array
    i_ka: Array
    loss_kw: Array
    cone_gap_pu2: Array
    fictitious_loss_kw: Array
    kind: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceRows(Rows):
    """The devices; NaN where a quantity has no meaning."""

    device: Words
    kind: Words
    bus: Words
    p_mw: Array
    q_mvar: Array
    energy_mwh: Array
    available_mw: Array
    overlap_mw: Array
    missed: Array
    cost: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedRows(Rows):
    """The stations as the dispatch sees them."""

    station: Words
    nodal_price_per_mwh: Array
    p_set_mw: Array
    curtailed_mw: Array
    energy_mwh: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldFigures(Figures):
    """Devices held to their settings, for the gate alone; None where there is nothing to hold."""

    storage_overlap_mw: float | None = None
    device_excess_mw: float | None = None
    device_cost_rel: float | None = None
    device_balance_mw: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DispatchPeriod(Told):
    """One period of a dispatch plan; figures without an answer are NaN, words without a cause are empty.

    ``devices`` is None where nothing was dispatched, ``stations`` where there are no roads. ``storage_recursion_mwh``
    and ``held`` are for the gate alone; optional figures are None where nobody measured them.
    """

    buses: BusRows
    lines: LineRows
    devices: DeviceRows | None = None
    stations: ServedRows | None = None
    solver: str
    solver_status: str
    solver_iterations: int
    elastic: bool
    solver_retries: str
    diagnosis: str
    primal_residual: float
    dual_residual: float | None = None
    duality_gap_rel: float
    cone_gap_pu2: float
    cone_gap_rel: float
    energy_balance_mw: float
    own_power_mw: float
    import_mw: float
    import_mvar: float
    loss_mw: float
    vmin_pu: float
    vmax_pu: float
    ev_mw: float
    ev_curtailed_mw: float
    shed_mw: float
    not_supplied_mw: float | None = None
    requirement_missed: float | None = None
    voltage_slack_pu2: float | None = None
    lower_bound: float
    window_cost: float
    restoration: str
    restoration_steps: int
    restoration_gap_rel: float | None = None
    loss_price_floor_per_mwh: float
    price_objection: str
    later_gap_rel: float | None = None
    relaxed_gap_pu2: float
    storage_repair: str
    storage_gap_rel: float
    cost: float
    cost_terms: Mapping[str, float]
    tariff_per_mwh: float
    storage_recursion_mwh: float | None = None
    held: HeldFigures = HeldFigures()

    @property
    def state(self) -> GridState:
        """The relaxed state of the grid."""
        return GridState(
            vm_pu=self.buses.vm_pu, i_ka=self.lines.i_ka, p_from_mw=self.lines.p_mw, q_from_mvar=self.lines.q_mvar,
            loss_mw=np.array(self.loss_mw), slack_mw=np.array(self.import_mw), slack_mvar=np.array(self.import_mvar),
            converged=np.array(np.isfinite(self.buses.vm_pu).all()),
        )  # fmt: skip

    def judged(self) -> dict[str, Figure | None]:
        """Return the figures of the gate: prices are asked where there are any, the cost of a repair where one was."""
        repaired = {"restoration": self.restoration or None, "own_power_mw": self.own_power_mw}
        asked = {
            "dual_residual": bool(np.isfinite(self.buses.price_per_mwh).all()),
            "restoration_gap_rel": bool(self.restoration),
            "storage_gap_rel": bool(self.storage_repair),
            "requirement_missed": self.devices is not None,
        }
        figures = Figures.judged(self)
        return {name: value for name, value in figures.items() if asked.get(name, True)} | repaired


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcBusRows(Rows):
    """The buses in the AC power flow."""

    bus: Words
    vm_ac_pu: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcLineRows(Rows):
    """The lines in the AC power flow; how far they may be loaded, where that is not their rating."""

    line: Words
    i_ac_ka: Array
    loading_percent: Array
    max_loading_percent: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossFreeRows(Rows):
    """The stations' prices without the weight of losses."""

    station: Words
    price_without_loss_per_mwh: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridPeriod(Told):
    """The AC power flow of a period, and its difference from the relaxed solution, None where there is none.

    ``ac_mismatch_mva`` and what follows it are for the gate alone.
    """

    buses: AcBusRows
    lines: AcLineRows
    stations: LossFreeRows | None = None
    ac_converged: bool
    ac_loss_mw: float
    ac_slack_mw: float
    vmin_ac_pu: float
    vmax_ac_pu: float
    injection_error_mw: float
    ac_dv_pu: float | None = None
    ac_di_a: float | None = None
    ac_dloss_kw: float | None = None
    ac_dslack_kw: float | None = None
    ac_mismatch_mva: float | None = None
    dloss_rel: float | None = None
    ac_voltage_violation_pu: float | None = None
    ac_current_violation_rel: float | None = None
    ac_reached_share: float | None = None

    def judged(self) -> dict[str, Figure | None]:
        """Return the figures of the gate."""
        return Figures.judged(self) | {"dv_pu": self.ac_dv_pu}
