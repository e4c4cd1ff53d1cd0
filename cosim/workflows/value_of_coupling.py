"""The value of coupling: one day run three times, with ever more of the interaction of roads and grid.

``none``
    The grid alone. Its charging load is a fixed series: the same demand, split among the stations by one logit loading
    at free-flow times (`cosim.coupling.free_flow`), drawn in the hour of departure (Eq 9). Nobody looks at the roads.
``one_way``
    Roads, then grid (``coupling: {mode: sequential, ev_price: none}``): congestion and queues form the load, drivers
    see time only (a mark-up has no price to stand on), and what the grid cannot serve is curtailed.
``equilibrium``
    Price and flow agree (``coupling: {mode: iterated, ev_price: nodal}``).

All three have the scenario's seed, demand, tariff and devices.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.coupling.free_flow import free_flow_load_mw
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.solving import require_solver
from cosim.errors import InputError, Problem, StorageError
from cosim.plain import csv_text
from cosim.quantities.status import EXIT_ORDER
from cosim.records.period import PeriodRecord
from cosim.reports.comparison import Comparison, compare_runs
from cosim.reports.comparison_page import write_comparison
from cosim.results.store import RunResult, RunStore
from cosim.results.stored import read_records
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.export import write_folder
from cosim.scenario.load import LoadedScenario, load
from cosim.workflows.compare import STAGES
from cosim.workflows.ledger import Progress
from cosim.workflows.run import run

if TYPE_CHECKING:
    pass

NONE, ONE_WAY, EQUILIBRIUM = STAGES
HARDLY_MW = 0.05
"""Largest change of a station's load below which coupling hardly matters."""
_UNTRUSTED = EXIT_ORDER[0]
_HEAD = """\
schema: 1
title: {title}
extends: {base}
"""
_GRID_ALONE = """\
tariff: {{kind: static, prices_per_mwh: {tariff}}}
given: {{ev_load_mw: ev_load.csv}}
sources:
  title: descriptive
  tariff: as announced for the demand of the whole scenario
  given.ev_load_mw: free-flow logit split of the demand
"""
_WITHOUT_ROADS = """\
schema: 1
extends: base/scenario.yaml
roads: null
traffic: null
ev: null
stations: null
coupling: null
microsim: null
tariff: null
"""
_NODAL_PRICE = """\
coupling: {mode: iterated, ev_price: {kind: nodal}}
sources: {title: descriptive, coupling.mode: value of coupling, coupling.ev_price: value of coupling}
"""
_NO_PRICE = """\
coupling: {mode: sequential, ev_price: {kind: none}}
sources:
  title: descriptive
  coupling.mode: value of coupling
  coupling.ev_price: value of coupling
"""
_BODIES = {ONE_WAY: _NO_PRICE, EQUILIBRIUM: _NODAL_PRICE}
_TITLES = {NONE: "charging load as a fixed series", ONE_WAY: "one way", EQUILIBRIUM: "equilibrium"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadShift:
    """The largest change of a station's load from ``one_way`` to ``equilibrium``: MW, period, station."""

    shift_mw: float
    period: int
    station: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueOfCoupling:
    """Three runs of one day, and what they say together.

    Attributes
    ----------
    folder
        Holds the run folders ``none``, ``one_way``, ``equilibrium``, and ``comparison.json``, ``.csv``, ``.html``.
    runs
        The runs that were made, by stage; with ``strict`` the first flagged one is the last.
    comparison
        The table; None unless all three runs are complete.
    shift
        How far the equilibrium moves load between stations; None without a comparison.
    """

    folder: Path
    runs: dict[str, RunResult]
    comparison: Comparison | None
    shift: LoadShift | None

    @property
    def exit_code(self) -> int:
        """Exit code of the equilibrium; 6 if any run has periods without a trustworthy answer.

        What ``none`` and ``one_way`` leave unserved (5), or flag (10), is the finding and no failure. Of a study that
        ``strict`` ended, the last run's code.
        """
        codes = {name: result.exit_code for name, result in self.runs.items()}
        if self.comparison is None:
            return list(codes.values())[-1]
        return _UNTRUSTED if _UNTRUSTED in codes.values() else codes[EQUILIBRIUM]

    @property
    def verdict(self) -> str:
        """What the three runs say, in one sentence."""
        if self.comparison is None or self.shift is None:
            return "no comparison: a run is incomplete"
        unserved = dict(zip(self.runs, self.comparison.row("ev_not_served_mwh").values, strict=True))
        moved = (
            f"the equilibrium moves up to {self.shift.shift_mw:.3g} MW of a station's load "
            f"(period {self.shift.period}, station {self.shift.station})"
        )
        before, after = unserved[ONE_WAY], unserved[EQUILIBRIUM]
        if not isinstance(before, float) or not isinstance(after, float):
            return f"{moved}; what was not served is not known in every period"
        served = f"charging not served: {before:.4g} MWh one way, {after:.4g} MWh in equilibrium"
        if self.shift.shift_mw < HARDLY_MW and abs(before - after) < HARDLY_MW:
            return f"{moved}, less than {HARDLY_MW} MW: coupling hardly matters here; {served}"
        return f"{moved}; {served}"


def value_of_coupling(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    strict: bool = False,
    report: bool = True,
    progress: Progress | None = None,
    started: Callable[[str, Path], None] | None = None,
    command: Sequence[str] = (),
) -> ValueOfCoupling:
    """Run a scenario without interaction, one way, and in equilibrium; compare the three.

    Parameters
    ----------
    scenario, overrides, seed, report, progress, command
        As `cosim.run` takes them; mode, price and price series of the scenario's coupling are replaced.
    out
        New folder for the three run folders; by default ``runs/<scenario>-value-of-coupling-<UTC time>``.
    strict
        End at the first flagged period of any run; the runs after it are not made.
    started
        Called with name and folder of each run before its first period.

    Raises
    ------
    InputError
        If the scenario is wrong, or has no roads, no grid or no station at a bus; nothing is written then.
    UsageError
        If the folder exists.
    """
    assignments = (*overrides, *([f"seed={seed}"] if seed is not None else []))
    base = load(scenario, assignments)
    if trafos := [one.name for one in base.scenario.stations if one.trafo_kva is not None]:
        reason = f"station {trafos[0]!r} has a transformer of its own, which a run without roads has no place for"
        raise InputError(Problem(field="stations", reason=reason, remedy="put the transformer into the net"))
    case = build_case(base)
    dispatch = _require_both_sides(case)
    require_solver(dispatch)
    runs: dict[str, RunResult] = {}
    with _variants(base, case, dispatch) as variants:
        load(variants[EQUILIBRIUM])  # what it may not have is told before the other two are run
        store = RunStore.create_empty(_folder(base, out))
        for name in STAGES:
            runs[name] = run(
                variants[name],
                out=store.folder / name,
                strict=strict,
                report=report,
                progress=progress,
                started=None if started is None else partial(started, name),
                command=command,
            )
            if not runs[name].complete:
                return ValueOfCoupling(folder=store.folder, runs=runs, comparison=None, shift=None)
    comparison = compare_runs(list(runs.values()))
    store.write_json("comparison.json", comparison.as_dict())
    store.write_text("comparison.csv", csv_text(comparison.table()))
    if report:
        write_comparison(comparison, store.folder / "comparison.html")
    shift = load_shift(read_records(runs[ONE_WAY]), read_records(runs[EQUILIBRIUM]))
    return ValueOfCoupling(folder=store.folder, runs=runs, comparison=comparison, shift=shift)


def load_shift(before: Sequence[PeriodRecord], after: Sequence[PeriodRecord]) -> LoadShift:
    """Return the largest change of the load that drivers ask of a station in a period.

    Parameters
    ----------
    before, after
        What two runs of the same stations and periods told.

    Raises
    ------
    StorageError
        If they do not have the same stations and periods.
    """
    first, second = _asked_mw(before), _asked_mw(after)
    if first.keys() != second.keys():
        raise StorageError("the runs have not the same stations and periods; their loads cannot be compared")
    change = {key: abs(second[key] - first[key]) for key in first}
    period, station = max(change, key=lambda key: change[key])
    return LoadShift(shift_mw=change[period, station], period=period, station=station)


def _asked_mw(records: Sequence[PeriodRecord]) -> dict[tuple[int, str], float]:
    """Return the load that drivers ask for, by period and station."""
    rows = ((one.period, one.traffic.stations) for one in records if one.traffic is not None)
    return {
        (period, name): load_mw
        for period, told in rows
        if told is not None
        for name, load_mw in zip(told.station, told.p_demand_mw.tolist(), strict=True)
    }


def _require_both_sides(case: SimulationCase) -> DispatchCase:
    """Return the dispatch of a scenario that has roads, grid, and stations that join them."""
    missing = [word for word, part in (("roads", case.roads), ("grid", case.dispatch)) if part is None]
    if not missing and case.dispatch is not None and not case.dispatch.station_names:
        missing = ["station at a bus"]
    if missing or case.dispatch is None:
        reason = f"scenario '{case.name}' has no {' and no '.join(missing)}"
        raise InputError(f"{reason}; the value of coupling needs roads, a grid and stations that join them")
    return case.dispatch


@contextmanager
def _variants(base: LoadedScenario, case: SimulationCase, dispatch: DispatchCase) -> Iterator[dict[str, Path]]:
    """Yield one scenario per stage, each an extension of the base; the run folders keep what they need of them."""
    with tempfile.TemporaryDirectory(prefix="cosim-") as temporary:
        folders = {name: Path(temporary) / name / base.name for name in STAGES}
        for name, folder in folders.items():
            write_folder(base, folder / "base")
            title = json.dumps(f"{base.scenario.title}: {_TITLES[name]}", ensure_ascii=False)
            if name == NONE:
                (folder / "without_roads.yaml").write_text(_WITHOUT_ROADS + _of_lines(base), encoding="utf-8")
                _write_load(folder / "ev_load.csv", case, dispatch)
                body = _GRID_ALONE.format(tariff=json.dumps(dispatch.tariff_per_mwh.tolist()))
                text = _HEAD.format(title=title, base="without_roads.yaml") + body
            else:
                text = _HEAD.format(title=title, base="base/scenario.yaml") + _BODIES[name]
            (folder / "scenario.yaml").write_text(text, encoding="utf-8")
        yield folders


def _of_lines(base: LoadedScenario) -> str:
    """Return the outages of lines alone: without roads no station can be out."""
    lines = [one.model_dump(by_alias=True, exclude_none=True) for one in base.scenario.outages if one.line is not None]
    return f"outages: {json.dumps(lines)}\n" if base.scenario.outages else ""


def _write_load(path: Path, case: SimulationCase, dispatch: DispatchCase) -> None:
    """Write the free-flow load per bus, as far as the chargers can give it; stations at one bus are added."""
    stations = case.roads.stations if case.roads is not None else ()
    at_bus: dict[str, list[Array]] = {}
    served = case.chargers().serve(free_flow_load_mw(case.response()))
    for station, load_mw in zip(stations, served.p_mw, strict=True):
        if station.name in dispatch.station_names:
            at_bus.setdefault(station.bus, []).append(load_mw)
    columns = [np.sum(loads, axis=0) for loads in at_bus.values()]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["period", *at_bus])
        writer.writerows([k + 1, *map(float, row)] for k, row in enumerate(zip(*columns, strict=True)))


def _folder(base: LoadedScenario, out: str | Path | None) -> Path:
    if out is not None:
        return Path(out)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path("runs") / f"{base.name}-value-of-coupling-{stamp}"
