"""What each simulator tells of a period: tables, figures for the period's row, and figures for the gate.

A part is plain data (dicts, lists, numbers), so that it crosses mosaik's borders. `merge` joins the parts of a period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.charging.stations import Station
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.errors import ComponentError
from cosim.grid.ac_flow import AcState
from cosim.grid.feeder import Feeder
from cosim.quantities.checks import GateLimits, sized_limit
from cosim.results.charging import charge_later_figures
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.problem import SueResult
from cosim.units import KILO_PER_MEGA
from cosim.validation.devices import Injected, device_figures
from cosim.validation.grid import GridDifference

Part = dict[str, Any]
KEYS = {"links": "link", "paths": "path", "stations": "station", "buses": "bus", "lines": "line", "devices": "device"}


def part(period: int, tables: Mapping[str, Any], figures: Mapping[str, Any], gate: Mapping[str, Any]) -> Part:
    """Return a part of period ``period`` (numbered from 1)."""
    return {"period": period, "tables": dict(tables), "figures": dict(figures), "gate": dict(gate)}


def traffic_part(
    period: int,
    *,
    network: RoadNetwork,
    paths: PathSet,
    stations: Sequence[Station],
    result: SueResult,
    charging: Mapping[str, Any],
    charging_gate: Mapping[str, float],
    price_per_mwh: ArrayLike | None,
    coupling: Mapping[str, Any],
    in_time: Mapping[str, ArrayLike] | None = None,
    behaviour: Mapping[str, float] | None = None,
) -> Part:
    """Return links, paths, stations and figures of an equilibrium, and the row of a simulated fleet.

    ``charging`` has the columns of what the stations are asked for and serve (`cosim.results.charging`); ``in_time``
    further ones (the load by period of departure and in time). ``charging_gate`` is what the gate judges of them: logit
    choice ignores capacity, and a station may be asked for more than it can give.
    """
    roads = np.flatnonzero(~network.is_station)
    tables = {
        "links": {
            "link": [network.link_ids[a] for a in roads],
            "flow_vph": result.link_flow_vph[roads].tolist(),
            "travel_time_min": result.link_time_min[roads].tolist(),
            "volume_capacity": (result.link_flow_vph[roads] / network.capacity_vph[roads]).tolist(),
        },
        "paths": _path_table(network, paths, result),
    }
    if stations:
        tables["stations"] = _station_table(network, stations, result, price_per_mwh) | dict(charging)
        tables["stations"] |= {name: np.asarray(values).tolist() for name, values in (in_time or {}).items()}
    if behaviour is not None:
        tables["ev_behaviour"] = {name: [value] for name, value in behaviour.items()}
    figures = {
        "sue_residual": result.residual,
        "sue_gap": result.gap,
        "sue_iterations": result.iterations,
        "sue_status": result.status,
        **charge_later_figures(paths, result.path_flow_vph),
        **coupling,
    }
    gate = {"sue_residual": result.residual, "sue_status": result.status, **charging_gate}
    judged = ("coupling_residual_mw", "coupling_converged", "coupling_spread_rel")
    gate |= {key: coupling[key] for key in judged if key in coupling}
    return part(period, tables, figures, gate)


def _path_table(network: RoadNetwork, paths: PathSet, result: SueResult) -> dict[str, list[Any]]:
    commodities = [paths.commodities[w] for w in paths.commodity]
    return {
        "path": list(paths.names),
        "class": [commodity.user_class for commodity in commodities],
        "origin": [commodity.origin for commodity in commodities],
        "destination": [commodity.destination for commodity in commodities],
        "station": [network.link_ids[a] if a >= 0 else "" for a in paths.station],
        "flow_vph": result.path_flow_vph.tolist(),
        "cost_min": result.path_cost_min.tolist(),
    }


def _station_table(
    network: RoadNetwork,
    stations: Sequence[Station],
    result: SueResult,
    price_per_mwh: ArrayLike | None,
) -> dict[str, list[Any]]:
    at = network.station_positions
    time_min = result.link_time_min[at] - network.fixed_min[at]
    table = {
        "station": [station.name for station in stations],
        "node": [station.node for station in stations],
        "bus": [station.bus or "" for station in stations],
        "flow_vph": result.link_flow_vph[at].tolist(),
        "travel_time_min": time_min.tolist(),
        "wait_min": (time_min - network.free_flow_min[at]).tolist(),
        "above_knee": [station.name in result.above_knee for station in stations],
    }
    if price_per_mwh is not None:
        table["price_per_mwh"] = np.asarray(price_per_mwh, dtype=float).tolist()
    return table


def dispatch_part(case: DispatchCase, plan: DispatchPlan, offset: int, *, stations: Sequence[Station]) -> Part:
    """Return buses, lines, devices, the grid side of the stations, and figures of one period of a plan.

    Parameters
    ----------
    offset
        Column of the plan.
    stations
        The road network's stations, whose loads the plan serves; none if the loads are given per bus.
    """
    k, position = offset, plan.start + offset
    tables = {"buses": _bus_table(case.feeder, plan, k), "lines": _line_table(case.feeder, plan, k)}
    if plan.devices:
        tables["devices"] = _device_table(plan, k)
    if stations:
        tables["stations"] = _served_table(case, plan, k, stations)
    figures = _dispatch_figures(plan, k) | {"tariff_per_mwh": float(case.tariff_per_mwh[position])}
    return part(position + 1, tables, figures, _dispatch_gate(case, plan, k, figures))


def _dispatch_figures(plan: DispatchPlan, k: int) -> dict[str, Any]:
    record = plan.record
    return {
        "solver": record.backend,
        "solver_status": record.status,
        "solver_iterations": record.iterations,
        "elastic": record.elastic,
        "solver_retries": "; ".join(record.retries),
        "diagnosis": plan.diagnosis[k],
        "primal_residual": record.primal_residual,
        "dual_residual": record.dual_residual,
        "duality_gap_rel": record.gap,
        "cone_gap_pu2": float(np.abs(plan.cone.gap_pu2[:, k]).max()),
        "cone_gap_rel": float(plan.cone.relative[:, k].max()),
        "energy_balance_mw": float(plan.energy_balance_mw()[k]),
        "own_power_mw": float(plan.own_power_mw[k]),
        "import_mw": float(plan.slack_mw[k]),
        "import_mvar": float(plan.slack_mvar[k]),
        "loss_mw": float(plan.loss_mw[k]),
        "vmin_pu": float(plan.vm_pu[:, k].min()),
        "vmax_pu": float(plan.vm_pu[:, k].max()),
        "ev_mw": float(plan.ev_mw[:, k].sum()),
        "ev_curtailed_mw": float(plan.ev_curtailed_mw[:, k].sum()),
        "shed_mw": float(plan.shed_mw[:, k].sum()),
        "requirement_missed": max((float(d.missed[k]) for d in plan.devices.values()), default=None),
        "voltage_slack_pu2": float(plan.voltage_slack_pu2[:, k].max()),
        "lower_bound": plan.lower_bound,
        "window_cost": float(plan.total_cost.sum()),
        **_repairs(plan, k),
        "cost": float(plan.total_cost[k]) if plan.cost else float("nan"),
        **{f"cost_{term}": float(value[k]) for term, value in plan.cost.items()},
    }


def _repairs(plan: DispatchPlan, k: int) -> dict[str, Any]:
    """Return how the period's plan departs from the relaxation's answer; empty words and zeros if it does not."""
    repair, storage = plan.restoration, plan.exclusivity
    found = {
        "restoration": "",
        "restoration_steps": 0,
        "restoration_gap_rel": 0.0,
        "loss_price_floor_per_mwh": 0.0,
        "price_objection": "" if repair is None else repair.price_objection,
        "relaxed_gap_pu2": float(np.abs(plan.cone.gap_pu2[:, k]).max()),
        "storage_repair": "" if storage is None or not storage.periods[k] else storage.method,
        "storage_gap_rel": 0.0 if storage is None else storage.gap_rel,
    }
    if repair is not None and repair.inexact[k]:
        found |= {
            "restoration": repair.method,
            "restoration_steps": repair.steps,
            "restoration_gap_rel": repair.gap_rel,
            "loss_price_floor_per_mwh": repair.loss_price_floor_per_mwh or 0.0,
            "relaxed_gap_pu2": repair.first_gap_pu2,
        }
    return found


def _dispatch_gate(case: DispatchCase, plan: DispatchPlan, k: int, figures: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "solver_status", "primal_residual", "duality_gap_rel", "cone_gap_rel", "energy_balance_mw", "own_power_mw",
        "ev_curtailed_mw", "shed_mw", "requirement_missed", "voltage_slack_pu2",
    )  # fmt: skip
    return {
        **{name: figures[name] for name in names},
        "dual_residual": figures["dual_residual"] if np.isfinite(plan.price_per_mwh[:, k]).all() else None,
        "restoration": figures["restoration"] or None,
        "restoration_gap_rel": figures["restoration_gap_rel"] if figures["restoration"] else None,
        "storage_gap_rel": figures["storage_gap_rel"] if figures["storage_repair"] else None,
        "storage_recursion_mwh": plan.recursion_error_mwh(k),
        **device_figures(case, plan.devices, _injected(case, plan), plan.start, k),
    }


def _injected(case: DispatchCase, plan: DispatchPlan) -> Injected:
    """Return what a plan injects, takes from upstream and serves."""
    at = slice(plan.start, plan.start + plan.length)
    return Injected(
        p_gen_mw=plan.p_gen_mw, q_gen_mvar=plan.q_gen_mvar, exchange=np.stack([plan.slack_mw, plan.slack_mvar]),
        unlowered_mw=case.base_p_mw[:, at].sum(axis=0) + plan.ev_mw.sum(axis=0), p_load_mw=plan.p_load_mw,
    )  # fmt: skip


def _device_table(plan: DispatchPlan, k: int) -> dict[str, list[Any]]:
    devices = plan.devices.values()
    measures = ("p_mw", "q_mvar", "energy_mwh", "available_mw", "overlap_mw", "missed", "cost")
    return {
        "device": [device.name for device in devices],
        "kind": [device.kind for device in devices],
        "bus": [device.bus for device in devices],
        **{name: [float(getattr(device, name)[k]) for device in devices] for name in measures},
    }


def _bus_table(feeder: Feeder, plan: DispatchPlan, k: int) -> dict[str, list[Any]]:
    return {
        "bus": list(feeder.bus_ids),
        **{
            name: getattr(plan, name)[:, k].tolist()
            for name in (
                "p_load_mw", "q_load_mvar", "p_gen_mw", "q_gen_mvar", "vm_pu", "price_per_mwh", "shed_mw"
            )
        },
        "v_min_pu": feeder.v_min_pu.tolist(),
        "v_max_pu": feeder.v_max_pu.tolist(),
    }  # fmt: skip


def _line_table(feeder: Feeder, plan: DispatchPlan, k: int) -> dict[str, list[Any]]:
    squared = (plan.i_ka[:, k] / feeder.base_current_ka) ** 2
    return {
        "line": list(feeder.line_ids),
        "from_bus": [feeder.bus_ids[i] for i in feeder.parent],
        "to_bus": [feeder.bus_ids[i] for i in feeder.child],
        "p_mw": plan.p_line_mw[:, k].tolist(),
        "q_mvar": plan.q_line_mvar[:, k].tolist(),
        "i_ka": plan.i_ka[:, k].tolist(),
        "loss_kw": (KILO_PER_MEGA * feeder.base_mva * feeder.r_pu * squared).tolist(),
        "cone_gap_pu2": plan.cone.gap_pu2[:, k].tolist(),
        "fictitious_loss_kw": plan.cone.fictitious_loss_kw[:, k].tolist(),
    }


def _served_table(case: DispatchCase, plan: DispatchPlan, k: int, stations: Sequence[Station]) -> dict[str, list[Any]]:
    served = plan.ev_mw[:, k] - plan.ev_curtailed_mw[:, k]
    return {
        "station": list(case.station_names),
        "nodal_price_per_mwh": plan.price_per_mwh[list(case.station_buses), k].tolist(),
        "p_set_mw": caps_mw(stations, plan, k, case.limits).tolist(),
        "curtailed_mw": plan.ev_curtailed_mw[:, k].tolist(),
        "energy_mwh": (served * case.period_h).tolist(),
    }


def grid_part(
    period: int,
    feeder: Feeder,
    ac: AcState,
    difference: GridDifference | None,
    *,
    stations: Mapping[str, Any] | None = None,
) -> Part:
    """Return the AC side of buses, lines and stations, and the differences from the relaxed solution."""
    limited = np.isfinite(feeder.i_max_ka)
    loading = np.where(limited, 100.0 * ac.i_ka / np.where(limited, feeder.i_max_ka, 1.0), np.nan)
    tables = {
        "buses": {"bus": list(feeder.bus_ids), "vm_ac_pu": ac.vm_pu.tolist()},
        "lines": {
            "line": list(feeder.line_ids),
            "i_ac_ka": ac.i_ka.tolist(),
            "loading_percent": loading.tolist(),
        },
    }
    if stations is not None:
        tables["stations"] = dict(stations)
    figures: dict[str, Any] = {
        "ac_converged": ac.converged,
        "ac_loss_mw": ac.loss_mw,
        "ac_slack_mw": ac.slack_mw,
        "vmin_ac_pu": float(ac.vm_pu.min()),
        "vmax_ac_pu": float(ac.vm_pu.max()),
        "injection_error_mw": ac.injection_error_mw,
    }
    gate: dict[str, Any] = {
        "ac_converged": ac.converged,
        "ac_mismatch_mva": ac.mismatch_mva,
        "injection_error_mw": ac.injection_error_mw,
    }
    if difference is not None:
        figures |= {
            "ac_dv_pu": difference.dv_pu,
            "ac_di_a": difference.di_a,
            "ac_dloss_kw": difference.dloss_kw,
            "ac_dslack_kw": difference.dslack_kw,
        }
        gate |= {
            "dv_pu": difference.dv_pu,
            "dloss_rel": difference.dloss_rel,
            "ac_voltage_violation_pu": difference.voltage_violation_pu,
            "ac_current_violation_rel": difference.current_violation_rel,
        }
    return part(period, tables, figures, gate)


def merge(parts: Sequence[Part]) -> Part:
    """Join the parts of one period; tables of the same name are joined on their key.

    Raises
    ------
    ComponentError
        If the parts belong to different periods, or tables of one name have different keys.
    """
    periods = sorted({item["period"] for item in parts})
    if len(periods) != 1:
        raise ComponentError(f"parts of periods {periods} met; a stale value is on a wire")
    tables: dict[str, dict[str, Any]] = {}
    for item in parts:
        for name, columns in item["tables"].items():
            if name in tables and tables[name][KEYS[name]] != columns[KEYS[name]]:
                reason = f"two parts of table '{name}' have different {KEYS[name]} ids"
                raise ComponentError(f"period {periods[0]}: {reason}")
            tables[name] = tables.get(name, {}) | columns
    figures = {key: value for item in parts for key, value in item["figures"].items()}
    gate = {key: value for item in parts for key, value in item["gate"].items()}
    return part(periods[0], tables, figures, gate)


def caps_mw(
    stations: Sequence[Station], plan: DispatchPlan, k: int, limits: GateLimits
) -> np.ndarray[Any, np.dtype[np.float64]]:
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
