"""Verify the dispatch of a run: AC power flow of the stored setpoints, trust ledger, audit, stress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices import catalogue, traits_of
from cosim.dispatch.injection_bounds import given, import_min_mw, injection_bounds
from cosim.dispatch.plan import DispatchCase
from cosim.errors import InputError, StorageError, UsageError
from cosim.records.period import PeriodRecord
from cosim.reports.frames import ReadOnce
from cosim.results.committed import is_run
from cosim.results.store import RunResult
from cosim.results.stored import missing, read_records, stored_claim
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load
from cosim.validation.apriori import sufficient_condition
from cosim.validation.audit import AuditInputs, AuditItem, StoredStations, StoringDevice, audit
from cosim.validation.gate import EXIT_CODES
from cosim.validation.ledger import LedgerInputs, build_ledger
from cosim.validation.ledger_entry import Ledger
from cosim.validation.stored import StoredDispatch, stored_dispatch
from cosim.validation.stress import Stress, stress
from cosim.workflows import verify_tables
from cosim.workflows.day_bound import day_bound, day_local_optimum
from cosim.workflows.ledger import Progress
from cosim.workflows.run import run
from cosim.workflows.same_nets import other_nets
from cosim.workflows.stored_stations import station_figures, stored_charging_mw, stored_stations
from cosim.workflows.verify_tables import RunLedger, Verification

NOT_VERIFIED = 6


def verify(
    source: str | Path,
    *,
    stress_draws: int = 0,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
) -> Verification:
    """Verify a run; a scenario is run first.

    Parameters
    ----------
    source
        Run folder, or a scenario as `cosim.run` takes it.
    stress_draws
        Disturbed power flows; none if 0.
    seed
        Seed of the stress test (and of a scenario that is run); None takes the run's.
    overrides, out, progress, command
        For a scenario, as `cosim.run` takes them.

    Raises
    ------
    InputError
        If the scenario is wrong or has no grid.
    StorageError
        If the run cannot be read.
    """
    _check_scenario(source, overrides)
    result = opened(source, overrides, out, seed, progress, command)
    loaded = load(result.folder / "scenario")
    if odd := list(other_nets(result.manifest, loaded)):
        raise StorageError(f"run '{result.folder}' cannot be verified: {'; '.join(odd)}")
    case = build_case(loaded)
    if case.dispatch is None:
        name = result.manifest.get("scenario", case.name)
        raise InputError(f"run '{result.folder}' ({name}) has no grid; there is no dispatch to verify")
    tables = ReadOnce(result)
    records = _records(tables, case.dispatch)
    lacking = missing(tables, [one.period for one in records])
    stored = stored_dispatch(records, traits_of(result.manifest.get("kinds", {})), lacking)
    dispatch = _committed(case.dispatch, stored)
    ev_mw = stored_charging_mw(records, case)
    stations = stored_stations(records, case, dispatch)
    inputs = replace(
        _ledger_inputs(case, dispatch, stored, ev_mw), stations=station_figures(records, case, dispatch, stations)
    )
    ledger = build_ledger(inputs, stored)
    items = tuple(audit(_audit_inputs(dispatch, stored, ev_mw, stations), stored, ledger))
    tested = None
    if stress_draws:
        used = int(result.manifest.get("seed", 1)) if seed is None else seed
        tested = stress(
            dispatch.feeder, stored, dispatch.supplied_mva[0], limits=case.gates, draws=stress_draws,
            seed=used,
        )  # fmt: skip
    whole = _whole(case, stored, ev_mw, ledger, items, tested)
    if claim := stored_claim(tables):
        whole = replace(whole, equilibrium=claim.sentence, flow_bound_vph=claim.bound_vph)
    found = Verification(result=result, ledger=ledger, whole=whole, audit=items, stress=tested)
    result.judge("verify", verify_tables.finding(found))  # first of all, so that nothing stays green
    verify_tables.write(found, dispatch, stored)
    return found


def _records(result: RunResult, dispatch: DispatchCase) -> list[PeriodRecord]:
    """Return what the run told, buses, lines and stations in the order of its scenario."""
    if not result.committed and not result.ended:
        raise StorageError(f"run '{result.folder}' has {result.progress}; there is no dispatch to verify")
    if lacking := [name for name in ("periods", "buses", "lines") if name not in result]:
        raise StorageError(f"run '{result.folder}' has no table {', '.join(lacking)}; there is no dispatch to verify")
    feeder = dispatch.feeder
    ids = {"buses": feeder.bus_ids, "lines": feeder.line_ids, "stations": dispatch.station_names}
    return read_records(result, ids)


def _check_scenario(source: str | Path, overrides: Sequence[str]) -> None:
    """Refuse a scenario without a grid before it is run."""
    if not is_run(Path(source)) and load(source, overrides).scenario.grid is None:
        raise InputError(f"scenario '{source}' has no grid; there is no dispatch to verify")


def opened(
    source: str | Path,
    overrides: Sequence[str],
    out: str | Path | None,
    seed: int | None,
    progress: Progress | None,
    command: Sequence[str],
) -> RunResult:
    """Open a run folder, or run a scenario.

    Raises
    ------
    UsageError
        If a finished run shall be changed or written elsewhere.
    """
    folder = Path(source)
    if not is_run(folder):
        return run(source, out=out, overrides=overrides, seed=seed, report=False, progress=progress, command=command)
    if overrides or out is not None:
        raise UsageError(f"'{source}' is a run, not a scenario; --set and --out are for scenarios")
    result = RunResult(folder)
    result.check()
    return result


def _committed(dispatch: DispatchCase, stored: StoredDispatch) -> DispatchCase:
    """Return the dispatch of the periods that were committed (all of them, unless the run ended early)."""
    length = stored.length
    if stored.periods.tolist() != list(range(1, length + 1)) or length > dispatch.periods:
        raise StorageError(f"the run has periods {stored.periods.tolist()}, not 1 to {dispatch.periods}")
    return replace(
        dispatch,
        base_p_mw=dispatch.base_p_mw[:, :length],
        base_q_mvar=dispatch.base_q_mvar[:, :length],
        tariff_per_mwh=dispatch.tariff_per_mwh[:length],
        series={
            name: {field: values[:length] for field, values in rows.items()} for name, rows in dispatch.series.items()
        },
    )


def _ledger_inputs(case: SimulationCase, dispatch: DispatchCase, stored: StoredDispatch, ev_mw: Array) -> LedgerInputs:
    p_max, q_max = injection_bounds(dispatch, ev_mw, stored.elastic)
    return LedgerInputs(
        case=dispatch,
        ev_mw=ev_mw,
        limits=case.gates,
        sufficient=sufficient_condition(
            dispatch.feeder, p_max, q_max,
            import_price_per_mwh=dispatch.tariff_per_mwh + dispatch.settings.loss_price_per_mwh,
            import_min_mw=import_min_mw(dispatch),
        ),
    )  # fmt: skip


def _audit_inputs(
    dispatch: DispatchCase, stored: StoredDispatch, ev_mw: Array, stations: StoredStations | None
) -> AuditInputs:
    kinds = catalogue()
    storing = {
        one.name: StoringDevice(
            gained_mwh=partial(kinds[one.kind].gained_mwh, one, given(dispatch, one, slice(None))),
            start_mwh=kinds[one.kind].initial_state(one).get("energy_mwh", math.nan),
        )
        for one in dispatch.devices
        if kinds[one.kind].traits().stores
    }
    return AuditInputs(
        feeder=dispatch.feeder,
        period_h=dispatch.period_h,
        loss_price_per_mwh=dispatch.settings.loss_price_per_mwh,
        base_p_mw=dispatch.base_p_mw,
        ev_mw=ev_mw.sum(axis=0) if len(ev_mw) else np.zeros(stored.length),
        storing=storing,
        stations=stations,
    )


def _whole(
    case: SimulationCase,
    stored: StoredDispatch,
    ev_mw: Array,
    ledger: Ledger,
    items: Sequence[AuditItem],
    tested: Stress | None,
) -> RunLedger:
    """Judge the run as a whole."""
    kind, bound = day_bound(case, stored, ev_mw, ledger)
    upper = ledger.upper_bound
    gap = (upper - bound) / max(1.0, abs(bound))
    local = day_local_optimum(case, stored, ev_mw, gap)
    closes = all(item.closes for item in items)
    code = ledger.exit_code
    return RunLedger(
        equilibrium="",
        flow_bound_vph=math.nan,
        bound_kind=kind,
        lower_bound=bound,
        ac_cost=math.fsum(entry.ac_cost for entry in ledger.entries),
        gap_rel=gap,
        local_optimum=local.cost,
        local_gap_rel=local.gap_rel(upper),
        local_optimum_said=local.sentence if local.starts else "",
        exactness=ledger.exactness,
        status=_worst_status(ledger),
        exit_code=code if closes else NOT_VERIFIED,
        audit_closes=closes,
        robust_share=math.nan if tested is None else tested.share_inside,
    )


def _worst_status(ledger: Ledger) -> str:
    found = {entry.status for entry in ledger.entries}
    return next((status for status in EXIT_CODES if status in found), "optimal")
