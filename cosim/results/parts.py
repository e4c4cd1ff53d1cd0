"""What each simulator tells of a period, taken from what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.charging.stations import Station
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.grid.ends import branch_loss_kw
from cosim.grid.feeder import Feeder
from cosim.grid.loading import line_loading_percent
from cosim.grid.state import GridState
from cosim.quantities.checks import GateLimits, sized_limit
from cosim.records.grid import (
    AcBusRows,
    AcLineRows,
    BusRows,
    DeviceRows,
    DispatchPeriod,
    GridPeriod,
    LineRows,
    LossFreeRows,
    ServedRows,
)
from cosim.records.traffic import CouplingFigures, FleetRow, LinkRows, PathRows, StationRows, TrafficPeriod
from cosim.results.charging import charge_later_figures
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.problem import SueResult
from cosim.validation.devices import Injected, device_figures
from cosim.validation.grid import GridDifference

AnyArray = NDArray[Any]
Restored = tuple[str, int, float, float, float]


def traffic_period(
    period: int,
    *,
    network: RoadNetwork,
    paths: PathSet,
    stations: Sequence[Station],
    result: SueResult,
    charging: Mapping[str, AnyArray],
    charging_gate: Mapping[str, float],
    price_per_mwh: ArrayLike | None,
    coupling: CouplingFigures,
    in_time: Mapping[str, AnyArray] | None = None,
    behaviour: Mapping[str, float] | None = None,
) -> TrafficPeriod:
    """Return links, paths, stations and figures of an equilibrium, and the row of a simulated fleet.

    ``charging`` has the columns of what the stations are asked for and serve (`cosim.results.charging`); ``in_time``
    further ones (the load by period of departure and in time). ``charging_gate`` is what the gate judges of them: logit
    choice ignores capacity, and a station may be asked for more than it can give.
    """
    roads = np.flatnonzero(~network.is_station)
    columns = {**charging, **(in_time or {})}
    return TrafficPeriod(
        period=period,
        links=LinkRows(
            link=tuple(network.link_ids[a] for a in roads),
            flow_vph=result.link_flow_vph[roads],
            travel_time_min=result.link_time_min[roads],
            volume_capacity=result.link_flow_vph[roads] / network.capacity_vph[roads],
        ),
        paths=_paths(network, paths, result),
        stations=_stations(network, stations, result, price_per_mwh, columns) if stations else None,
        ev_behaviour=None if behaviour is None else FleetRow(**{name: (value,) for name, value in behaviour.items()}),
        sue_residual=result.residual,
        sue_gap=result.gap,
        sue_iterations=result.iterations,
        sue_status=result.status,
        coupling=coupling,
        **charge_later_figures(paths, result.path_flow_vph),
        **charging_gate,
    )


def _paths(network: RoadNetwork, paths: PathSet, result: SueResult) -> PathRows:
    commodities = [paths.commodities[w] for w in paths.commodity]
    return PathRows(
        path=tuple(paths.names), class_=tuple(one.user_class for one in commodities),
        origin=tuple(one.origin for one in commodities), destination=tuple(one.destination for one in commodities),
        station=tuple(network.link_ids[a] if a >= 0 else "" for a in paths.station), flow_vph=result.path_flow_vph,
        cost_min=result.path_cost_min,
    )  # fmt: skip


def _stations(
    network: RoadNetwork,
    stations: Sequence[Station],
    result: SueResult,
    price_per_mwh: ArrayLike | None,
    columns: Mapping[str, AnyArray],
) -> StationRows:
    at = network.station_positions
    time_min = result.link_time_min[at] - network.fixed_min[at]
    return StationRows(
        station=tuple(one.name for one in stations), node=tuple(one.node for one in stations),
        bus=tuple(one.bus or "" for one in stations), flow_vph=result.link_flow_vph[at], travel_time_min=time_min,
        wait_min=time_min - network.free_flow_min[at],
        above_knee=np.array([one.name in result.above_knee for one in stations]),
        price_per_mwh=None if price_per_mwh is None else np.array(price_per_mwh, dtype=float), **columns,
    )  # fmt: skip


def dispatch_period(
    case: DispatchCase, plan: DispatchPlan, offset: int, *, stations: Sequence[Station]
) -> DispatchPeriod:
    """Return buses, lines, devices, the grid side of the stations, and figures of one period of a plan.

    Parameters
    ----------
    offset
        Column of the plan.
    stations
        The road network's stations, whose loads the plan serves; none if the loads are given per bus.
    """
    k, position, record = offset, plan.start + offset, plan.record
    method, steps, gap_rel, floor_per_mwh, relaxed_gap_pu2 = _restored(plan, k)
    repair, storage = plan.restoration, plan.exclusivity
    return DispatchPeriod(
        period=position + 1, buses=_buses(case.feeder_in(position), plan, k), lines=_lines(case.feeder, plan, k),
        devices=_devices(plan, k) if plan.devices else None,
        stations=_served(case, plan, k, stations) if stations else None, solver=record.backend,
        solver_status=record.status, solver_iterations=record.iterations, elastic=record.elastic,
        solver_retries="; ".join(record.retries), diagnosis=plan.diagnosis[k], primal_residual=record.primal_residual,
        dual_residual=record.dual_residual, duality_gap_rel=record.gap, restoration=method, restoration_steps=steps,
        restoration_gap_rel=gap_rel, loss_price_floor_per_mwh=floor_per_mwh,
        price_objection="" if repair is None else repair.price_objection, relaxed_gap_pu2=relaxed_gap_pu2,
        storage_repair="" if storage is None or not storage.periods[k] else storage.method,
        storage_gap_rel=0.0 if storage is None else storage.gap_rel,
        cost=float(plan.total_cost[k]) if plan.cost else float("nan"),
        cost_terms={term: float(value[k]) for term, value in plan.cost.items()},
        tariff_per_mwh=float(case.tariff_per_mwh[position]), storage_recursion_mwh=plan.recursion_error_mwh(k),
        held=device_figures(case, plan.devices, _injected(case, plan), plan.start, k),
        later_gap_rel=_later_gap(case, plan), **_measures(plan, k),
    )  # fmt: skip


def _measures(plan: DispatchPlan, k: int) -> dict[str, float]:
    """Return what the answer comes to: cones, balance, import, voltages, what was not served, bounds."""
    grid = plan.grid
    return {
        "cone_gap_pu2": float(np.abs(plan.cone.gap_pu2[:, k]).max()),
        "cone_gap_rel": float(plan.cone.relative[:, k].max()), "energy_balance_mw": float(plan.energy_balance_mw()[k]),
        "own_power_mw": float(plan.own_power_mw[k]), "import_mw": float(grid.slack_mw[k]),
        "import_mvar": float(grid.slack_mvar[k]), "loss_mw": float(grid.loss_mw[k]),
        "vmin_pu": float(grid.vm_pu[:, k].min()), "vmax_pu": float(grid.vm_pu[:, k].max()),
        "ev_mw": float(plan.ev_mw[:, k].sum()), "ev_curtailed_mw": float(plan.ev_curtailed_mw[:, k].sum()),
        "shed_mw": float(plan.shed_mw[:, k].sum()),
        **({} if plan.lost is None else {"not_supplied_mw": float(plan.lost.load_mw[:, k].sum())}),
        "requirement_missed": max((float(one.missed[k]) for one in plan.devices.values()), default=float("nan")),
        "voltage_slack_pu2": float(plan.voltage_slack_pu2[:, k].max()), "lower_bound": plan.lower_bound,
        "window_cost": float(plan.total_cost.sum()),
    }  # fmt: skip


def _later_gap(case: DispatchCase, plan: DispatchPlan) -> float | None:
    """Return the largest cone gap of periods that are foreseen, not applied, where the gate would not let it pass."""
    foreseen = plan.cone.relative[:, case.settings.applied_periods(plan.length) :]
    largest = float(foreseen.max(initial=0.0))
    return None if largest <= case.limits.cone_gap_rel or not plan.record.usable else largest


def _restored(plan: DispatchPlan, k: int) -> Restored:
    """Return how the cones were made tight, in how many steps, what that cost, the least loss price, the gap before."""
    repair = plan.restoration
    if repair is None or not repair.inexact[k]:
        return "", 0, 0.0, 0.0, float(np.abs(plan.cone.gap_pu2[:, k]).max())
    return repair.method, repair.steps, repair.gap_rel, repair.loss_price_floor_per_mwh or 0.0, repair.first_gap_pu2


def _injected(case: DispatchCase, plan: DispatchPlan) -> Injected:
    """Return what a plan injects, takes from upstream and serves."""
    at = slice(plan.start, plan.start + plan.length)
    return Injected(
        p_gen_mw=plan.p_gen_mw, q_gen_mvar=plan.q_gen_mvar,
        exchange=np.stack([plan.grid.slack_mw, plan.grid.slack_mvar]), p_load_mw=plan.p_load_mw,
        unlowered_mw=case.base_p_mw[:, at].sum(axis=0) + plan.ev_mw.sum(axis=0),
    )  # fmt: skip


def _devices(plan: DispatchPlan, k: int) -> DeviceRows:
    devices = plan.devices.values()
    measures = ("p_mw", "q_mvar", "energy_mwh", "available_mw", "overlap_mw", "missed", "cost")
    return DeviceRows(
        device=tuple(one.name for one in devices),
        kind=tuple(one.kind for one in devices),
        bus=tuple(one.bus for one in devices),
        **{name: np.array([getattr(one, name)[k] for one in devices], dtype=float) for name in measures},
    )


def _buses(feeder: Feeder, plan: DispatchPlan, k: int) -> BusRows:
    measures = ("p_load_mw", "q_load_mvar", "p_gen_mw", "q_gen_mvar", "price_per_mwh", "shed_mw")
    lost = plan.lost
    return BusRows(
        bus=feeder.bus_ids, name=feeder.bus_names or None,
        vm_pu=plan.grid.vm_pu[:, k], v_min_pu=feeder.v_min_pu, v_max_pu=feeder.v_max_pu,
        not_supplied_mw=None if lost is None else lost.load_mw[:, k],
        supplied=None if lost is None else lost.supplied[:, k],
        **{name: getattr(plan, name)[:, k] for name in measures},
    )  # fmt: skip


def _lines(feeder: Feeder, plan: DispatchPlan, k: int) -> LineRows:
    state = plan.grid.at(k)
    return LineRows(
        line=feeder.line_ids, from_bus=tuple(feeder.bus_ids[i] for i in feeder.parent),
        to_bus=tuple(feeder.bus_ids[i] for i in feeder.child), p_mw=state.p_from_mw, q_mvar=state.q_from_mvar,
        i_ka=state.i_ka, loss_kw=branch_loss_kw(feeder, state),
        cone_gap_pu2=plan.cone.gap_pu2[:, k], fictitious_loss_kw=plan.cone.fictitious_loss_kw[:, k],
        kind=None if feeder.circuit is None else feeder.circuit.branch_kinds,
    )  # fmt: skip


def _served(case: DispatchCase, plan: DispatchPlan, k: int, stations: Sequence[Station]) -> ServedRows:
    return ServedRows(
        station=case.station_names, nodal_price_per_mwh=plan.price_per_mwh[list(case.station_buses), k],
        p_set_mw=caps_mw(stations, plan, k, case.limits), curtailed_mw=plan.ev_curtailed_mw[:, k],
        energy_mwh=(plan.ev_mw[:, k] - plan.ev_curtailed_mw[:, k]) * case.period_h,
    )  # fmt: skip


def grid_period(
    period: int,
    feeder: Feeder,
    ac: GridState,
    difference: GridDifference | None,
    *,
    stations: LossFreeRows | None = None,
) -> GridPeriod:
    """Return the AC side of buses, lines and stations, and the differences from the relaxed solution."""
    loading, most = line_loading_percent(feeder, ac)
    apart = {} if difference is None else {
        "ac_dv_pu": difference.dv_pu, "ac_di_a": difference.di_a, "ac_dloss_kw": difference.dloss_kw,
        "ac_dslack_kw": difference.dslack_kw, "dloss_rel": difference.dloss_rel,
        "ac_voltage_violation_pu": difference.voltage_violation_pu,
        "ac_current_violation_rel": difference.current_violation_rel,
    }  # fmt: skip
    return GridPeriod(
        period=period, buses=AcBusRows(bus=feeder.bus_ids, vm_ac_pu=ac.vm_pu),
        lines=AcLineRows(
            line=feeder.line_ids, i_ac_ka=ac.i_ka, loading_percent=loading, max_loading_percent=most
        ),
        stations=stations,
        ac_converged=bool(ac.converged), ac_loss_mw=float(ac.loss_mw), ac_slack_mw=float(ac.slack_mw),
        vmin_ac_pu=float(ac.vm_pu.min()), vmax_ac_pu=float(ac.vm_pu.max()),
        injection_error_mw=float(ac.injection_error_mw), ac_mismatch_mva=float(ac.mismatch_mva),
        ac_reached_share=float(ac.reached) if np.isfinite(ac.reached) else None, **apart,
    )  # fmt: skip


def caps_mw(stations: Sequence[Station], plan: DispatchPlan, k: int, limits: GateLimits) -> NDArray[np.float64]:
    """Return the cap that the dispatch sends to each station.

    Installed power where no more is curtailed than the gate's limit for the solver's rounding (a cap
    at the planned mean would starve sessions); else the planned load less the curtailment. Without an answer it is the
    load demanded.
    """
    if not plan.record.usable:
        return plan.ev_mw[:, k].copy()
    served = plan.ev_mw[:, k] - plan.ev_curtailed_mw[:, k]
    installed = np.array([s.installed_mw if s.installed_mw is not None else np.nan for s in stations])
    free = plan.ev_curtailed_mw[:, k] <= sized_limit("unserved_mw", limits, plan.own_power_mw[k])
    return np.where(free & np.isfinite(installed), installed, served)
