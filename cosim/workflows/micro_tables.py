"""The tables that `cosim validate` writes: statistics, links, routes, stations, runs, ramp, micro-equilibrium."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import numpy as np

from cosim.arrays import Array
from cosim.plain import Cell, Cells
from cosim.units import s_to_min
from cosim.validation.metrics import estimate, geh
from cosim.validation.micro import expected_flow, measured_cost_min, route_times_min
from cosim.validation.micro_verdict import STATISTICS
from cosim.validation.station_waits import law_waits_min, use_of_chargers
from cosim.workflows.micro_found import ModelRuns, PeriodValidation, Validation

Columns = dict[str, list[Cell]]


def tables(found: Validation) -> dict[str, Columns]:
    """Return every table of a validation that has rows, as columns."""
    rows: dict[str, Iterable[Cells]] = {
        "validation_statistics": (row for one in found.periods for row in _statistics(found, one)),
        "validation_links": (row for one in found.periods for row in _links(one)),
        "validation_routes": (row for one in found.periods for row in _routes(found, one)),
        "validation_stations": (row for one in found.periods for row in station_rows(found, one)),
        "validation_runs": (row for one in found.periods for row in _runs(found, one)),
        "validation_jams": ({"period": one.period, **asdict(jam)} for one in found.periods for jam in one.jams),
        "validation_ramp": _ramp(found),
        "validation_equilibrium": _equilibrium(found),
    }
    columns = {name: _columns(list(some)) for name, some in rows.items()}
    return {name: some for name, some in columns.items() if some}


def _columns(rows: Sequence[Cells]) -> Columns:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _models(one: PeriodValidation) -> Iterator[ModelRuns]:
    yield from (one.sue, one.null)


def _statistics(found: Validation, one: PeriodValidation) -> Iterator[Cells]:
    settings = found.study.settings
    judged = {finding.name: finding for finding in one.findings}
    for model in _models(one):
        for name, statistic in STATISTICS.items():
            if name not in model.estimates:
                continue
            value = model.estimates[name]
            finding = judged.get(name) if model is one.sue else None
            yield {
                "period": one.period, "variant": found.study.engine.variant, "length_scale": settings.length_scale,
                "step_s": settings.step_s, "model": model.claim.name, "statistic": name, "unit": statistic.unit,
                "mean": value.mean, "low": value.low, "high": value.high, "least": value.least, "most": value.most,
                "seeds": value.n, "limit": finding.limit if finding else float("nan"),
                "verdict": finding.word if finding else "shown",
                "sure": finding.sure if finding else True,
            }  # fmt: skip


def _links(one: PeriodValidation) -> Iterator[Cells]:
    network = one.problem.network
    for model in _models(one):
        flows = np.stack([run.link_flow_vph for run in model.seen])
        times = np.stack([run.link_time_min for run in model.seen])
        expected = np.mean([expected_flow(one.problem, model.claim, run) for run in model.seen], axis=0)
        for at in np.flatnonzero(~network.is_station).tolist():
            flow, time = estimate(flows[:, at]), estimate(times[:, at])
            yield {
                "period": one.period, "model": model.claim.name, "link": network.link_ids[at],
                "flow_vph": float(expected[at]), "flow_sumo_vph": flow.mean, "flow_low_vph": flow.low,
                "flow_high_vph": flow.high, "geh": float(geh(flow.mean, expected[at])),
                "time_min": float(model.claim.link_time_min[at]), "time_sumo_min": time.mean,
                "time_low_min": time.low, "time_high_min": time.high,
                "free_flow_min": float(network.free_flow_min[at]),
                "vehicles": float(np.mean([run.link_vehicles[at] for run in model.seen])),
                "volume_capacity": float(expected[at] / network.capacity_vph[at]),
            }  # fmt: skip


def _routes(found: Validation, one: PeriodValidation) -> Iterator[Cells]:
    paths = one.problem.path_set
    for model in _models(one):
        said = route_times_min(one.problem, model.claim.link_time_min)
        times = np.stack([run.path_time_min for run in model.seen])
        chosen = np.mean([_chosen(found, one, run_at, model) for run_at in range(len(model.seen))], axis=0)
        for k, (w, name) in enumerate(zip(paths.commodity.tolist(), paths.names, strict=True)):
            time = estimate(times[:, k])
            yield {
                "period": one.period, "model": model.claim.name, "path": name,
                "class": paths.commodities[w].user_class, "flow_vph": float(model.claim.path_flow_vph[k]),
                "flow_chosen_vph": float(chosen[k]), "time_min": float(said[k]), "time_sumo_min": time.mean,
                "time_low_min": time.low, "time_high_min": time.high,
                "vehicles": float(np.mean([run.path_vehicles[k] for run in model.seen])),
            }  # fmt: skip


def _chosen(found: Validation, one: PeriodValidation, run_at: int, model: ModelRuns) -> Array:
    """Return the flows that drivers would choose at the times of one run."""
    cost = measured_cost_min(one.problem, model.seen[run_at], found.study.unused_factor)
    return one.problem.load(cost).path_flow_vph


def station_rows(found: Validation, one: PeriodValidation) -> Iterator[Cells]:
    """Yield what the stations of a period do, by the models, the laws and SUMO."""
    stations = found.study.roads.stations
    at = one.problem.network.station_positions
    for model in _models(one) if stations else ():
        arrivals = np.stack([run.link_flow_vph[at] for run in model.seen])
        waits = np.stack([run.station_wait_min for run in model.seen])
        energy = np.stack([run.station_energy_kwh for run in model.seen])
        laws = law_waits_min(stations, model.claim.link_flow_vph[at])
        use = use_of_chargers(stations, arrivals.mean(axis=0))
        said = model.claim.link_time_min[at] - one.problem.network.free_flow_min[at]
        planned = model.claim.station_energy_kwh
        for n, station in enumerate(stations):
            wait = estimate(waits[:, n])
            yield {
                "period": one.period, "model": model.claim.name, "station": station.name,
                "arrivals_vph": float(model.claim.link_flow_vph[at[n]]),
                "arrivals_sumo_vph": float(arrivals[:, n].mean()), "use": float(use[n]),
                "beyond_laws": bool(use[n] >= 1.0),
                "wait_min": float(said[n]), "wait_sumo_min": wait.mean, "wait_low_min": wait.low,
                "wait_high_min": wait.high, "wait_davidson_min": float(laws["davidson"][n]),
                "wait_erlang_min": float(laws["erlang"][n]),
                "energy_mwh": float(planned[n] / 1000.0) if planned is not None else float("nan"),
                "energy_sumo_mwh": float(energy[:, n].mean() / 1000.0),
                "growth_vph": float(np.mean([run.station_growth_vph[n] for run in model.seen])),
            }  # fmt: skip


def _runs(found: Validation, one: PeriodValidation) -> Iterator[Cells]:
    for model in _models(one):
        for run, result in zip(model.seen, model.results, strict=True):
            yield {
                "period": one.period, "model": model.claim.name, "seed": run.seed,
                "warmup_min": s_to_min(result.links.begin_s), "vehicles": run.vehicles,
                "inserted": result.quality.inserted, "arrived": result.quality.arrived,
                "running": result.quality.running, "never_inserted": run.never_inserted, "late": run.unfinished,
                "teleports": run.teleported, "collisions": run.collisions, "emergency_stops": run.emergency_stops,
                "cpu_s": result.cpu_s, "digest": result.digest,
            }  # fmt: skip


def _ramp(found: Validation) -> Iterator[Cells]:
    ramp = found.ramp
    if ramp is None:
        return
    for j, factor in enumerate(ramp.factors):
        for at, link in enumerate(found.study.engine.link_ids):
            yield {
                "slice": j + 1, "factor": factor, "link": link,
                "flow_vph": float(ramp.flow.expected[j, at]), "flow_sumo_vph": float(ramp.flow.measured[j, at]),
                "flow_tolerance_vph": float(ramp.flow.tolerance[j, at]), "geh": float(ramp.flow.geh[j, at]),
                "flow_inside": bool(ramp.flow.inside[j, at]),
                "time_min": float(ramp.time.expected[j, at]), "time_sumo_min": float(ramp.time.measured[j, at]),
                "time_tolerance_min": float(ramp.time.tolerance[j, at]), "time_inside": bool(ramp.time.inside[j, at]),
                "queue": float(ramp.queue[j].sum()),
            }  # fmt: skip


def _equilibrium(found: Validation) -> Iterator[Cells]:
    if found.equilibrium is not None:
        for one in found.equilibrium.rounds:
            yield {
                "period": found.equilibrium.period, "round": one.number, "closure": one.closure, "to_sue": one.to_sue,
                "difference": found.equilibrium.difference,
            }  # fmt: skip
