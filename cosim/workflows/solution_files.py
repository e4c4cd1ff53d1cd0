"""Answers to cases of the benchmark pack as files: a folder of three tables and a claim, or a run folder of ours.

::

    solution.json   {"format": 1, "case": "announced_tariff", "cost": 2929.91, "by": "who", "how": "with what"}
    links.csv       period, link, flow_vph          every link of the roads, all classes together
    stations.csv    period, station, flow_vph, p_mw, price_per_mwh   who charges, what the chargers give, what they pay
    devices.csv     period, device, p_mw, q_mvar    signs as in the results; of the upstream grid p_mw may be told
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices import catalogue
from cosim.errors import InputError, Problem, StorageError, UsageError
from cosim.plain import csv_text
from cosim.results.committed import is_run
from cosim.results.store import load
from cosim.scenario.case import SimulationCase
from cosim.scenario.export import write_folder
from cosim.scenario.load import load as load_scenario
from cosim.tables import Table, did_you_mean, scan_table
from cosim.validation.solution import Solution, devices_of
from cosim.workflows.benchmark_pack import PackCase, pack_case

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
CLAIM = "solution.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table of an answer: what its rows are of, the numbers that they give, and those that they may give."""

    key: str
    numbers: tuple[str, ...]
    optional: tuple[str, ...] = ()


PRICE = "price_per_mwh"
SHEETS: Mapping[str, Sheet] = {
    "links": Sheet(key="link", numbers=("flow_vph",)),
    "stations": Sheet(key="station", numbers=("flow_vph", "p_mw"), optional=(PRICE,)),
    "devices": Sheet(key="device", numbers=("p_mw", "q_mvar")),
}
_CLAIM_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "format": int, "case": str, "cost": (int, float), "by": str, "how": str,
}  # fmt: skip
_NEEDED = ("format", "case", "cost")
_MOST_SHOWN = 3
_OF_RUNS = {"p_served_mw": "p_mw"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Handed:
    """What somebody handed in.

    Attributes
    ----------
    pack, case
        The case that it answers.
    by, how
        Who made it, and with what.
    solution
        The answer.
    """

    pack: PackCase
    case: SimulationCase
    by: str
    how: str
    solution: Solution


def read_solution(folder: Path) -> Handed:
    """Read an answer.

    Raises
    ------
    InputError
        With every mistake: what is missing, stands twice, is no number, or is not of the case.
    StorageError
        If a run folder cannot be read.
    """
    if is_run(folder):
        return _from_run(folder)
    claim = _claim(folder / CLAIM)
    pack = pack_case(claim["case"])
    case, tables, problems = pack.case(), {}, []
    for name, sheet in SHEETS.items():
        needed = {"period": int, sheet.key: str, **dict.fromkeys(sheet.numbers, float)}
        tables[name], wrong = scan_table(folder / f"{name}.csv", needed, dict.fromkeys(sheet.optional, float))
        problems += wrong
    if problems:
        raise InputError(problems)
    told = {name: table for name, table in tables.items() if table is not None}
    solution = _solution(case, told, float(claim["cost"]))
    return Handed(pack=pack, case=case, by=claim.get("by", ""), how=claim.get("how", ""), solution=solution)


def _claim(path: Path) -> dict[str, Any]:
    """Read which case is answered, and the cost that is claimed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=str)
    except OSError as error:
        raise _wrong(path, f"the file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"it is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise _wrong(path, "it holds no object")
    if problems := list(_claim_problems(str(path), content)):
        raise InputError(problems)
    return content


def _wrong(path: Path, reason: str) -> InputError:
    remedy = "'cosim grade --write-template CASE' writes one to fill in"
    return InputError(Problem(file=str(path), reason=reason, remedy=remedy))


def _claim_problems(file: str, content: Mapping[str, Any]) -> Iterator[Problem]:
    for name in content:
        if name not in _CLAIM_TYPES:
            remedy = did_you_mean(name, list(_CLAIM_TYPES))
            yield Problem(file=file, field=name, reason=f"unknown key {name!r}", remedy=remedy)
    for name, kind in _CLAIM_TYPES.items():
        value = content.get(name)
        if value is None:
            if name in _NEEDED:
                yield Problem(file=file, field=name, reason="it is missing", remedy="add it")
        elif not isinstance(value, kind) or isinstance(value, bool):
            word = "a text" if kind is str else "a finite number"
            yield Problem(file=file, field=name, reason=f"{str(value)[:60]!r} is not {word}", remedy=f"give {word}")
    told = content.get("format")
    if isinstance(told, int) and told != FORMAT:
        remedy = "upgrade cosim" if told > FORMAT else f"write format {FORMAT}"
        yield Problem(file=file, field="format", reason=f"{told} is not {FORMAT}", remedy=remedy)


def _from_run(folder: Path) -> Handed:
    """Read an answer from a run folder of a case of the pack."""
    result = load(folder)
    pack = pack_case(str(result.manifest.get("scenario", "")))
    case = pack.case()
    if not result.complete:
        raise InputError(f"run '{folder}' has {result.progress}; an answer needs every period")
    tables = {name: _as_table(name, result[name]) for name in SHEETS if name in result}
    if lacking := sorted(SHEETS.keys() - tables.keys()):
        raise InputError(f"run '{folder}' has no table {', '.join(lacking)}; it is no answer to a coupled case")
    solution = _solution(case, tables, float(result["periods"]["cost"].sum()))
    return Handed(pack=pack, case=case, by=str(folder), how="a run of cosim", solution=solution)


def _as_table(name: str, frame: pd.DataFrame) -> Table:
    """Return a table of a run as one of an answer; what a device of the last resort did not do is left out."""
    sheet = SHEETS[name]
    frame = frame.rename(columns=_OF_RUNS)
    if name == "devices":
        resort = frame["kind"].map(lambda kind: kind in catalogue() and catalogue()[kind].last_resort)
        frame = frame[~(resort & (frame["p_mw"].abs() <= 0.0))]
    columns: dict[str, list[Any]] = {
        "period": [int(k) for k in frame["period"]],
        sheet.key: [str(one) for one in frame[sheet.key]],
    }
    told = [column for column in (*sheet.numbers, *sheet.optional) if column in frame]
    values: dict[str, list[Any]] = {column: [float(one) for one in frame[column]] for column in told}
    return Table(
        file=f"tables/{name}", columns=columns | values, line_numbers=tuple(range(1, len(frame) + 1)), field_numbers={}
    )


def _solution(case: SimulationCase, tables: Mapping[str, Table], cost: float) -> Solution:
    """Put the tables into the order of the case."""
    if case.roads is None or case.dispatch is None:
        raise InputError(f"scenario '{case.name}' is not coupled")
    dispatch, periods = case.dispatch, case.timeline.periods
    streets, stations = case.roads.streets.link_ids, tuple(one.name for one in case.roads.stations)
    sets = devices_of(dispatch)
    upstream = tuple(one.name for one in dispatch.devices if one.name not in sets)
    problems: list[Problem] = []

    def matrix(name: str, column: str, ids: Sequence[str], also: Sequence[str] = ()) -> Array:
        found, wrong = _matrix(tables[name], SHEETS[name].key, column, ids, also, periods)
        problems.extend(one for one in wrong if one not in problems)
        return found

    road = matrix("links", "flow_vph", streets, stations)
    visits, given = (matrix("stations", column, stations) for column in ("flow_vph", "p_mw"))
    p, q = (matrix("devices", column, sets, upstream) for column in ("p_mw", "q_mvar"))
    price = matrix("stations", PRICE, *((stations, ()) if case.priced_by_node else ((), stations)))
    imported = matrix("devices", "p_mw", (), (*upstream, *sets))
    problems += [one for name in ("links", "stations") for one in _negative(tables[name])]
    if problems:
        raise InputError(problems)
    flows = dict(zip((*streets, *stations), (*road[: len(streets)], *visits), strict=True))
    rows = [stations.index(name) for name in dispatch.station_names]
    told = imported[: len(upstream)].sum(axis=0) if upstream else np.full(periods, math.nan)
    return Solution(
        link_flow_vph=np.array([flows[name] for name in case.roads.network.link_ids]), charging_mw=given[rows],
        price_per_mwh=price[rows], p_mw=p[: len(sets)], q_mvar=q[: len(sets)], import_mw=told, cost=cost,
    )  # fmt: skip


def _matrix(
    table: Table, key: str, column: str, ids: Sequence[str], also: Sequence[str], periods: int
) -> tuple[Array, list[Problem]]:
    """Return the values of ``ids``, then of ``also``, which need not be there (NaN), shape (ids + also, T)."""
    order = {name: row for row, name in enumerate((*ids, *also))}
    found = np.full((len(order), periods), math.nan)
    problems = table.duplicates("period", key)
    for row, (period, name, value) in enumerate(
        zip(table.columns["period"], table.columns[key], table.columns.get(column, [None] * len(table)), strict=True)
    ):
        if name not in order:
            reason = f"the case has no {key} {name!r}"
            problems.append(table.problem(row, key, reason, did_you_mean(name, list(order))))
        elif not 1 <= period <= periods:
            reason = f"{period} is no period of the case"
            problems.append(table.problem(row, "period", reason, f"its periods are 1 to {periods}"))
        elif value is not None:
            found[order[name], period - 1] = value
    gaps = [(name, k + 1) for name in ids for k in np.flatnonzero(np.isnan(found[order[name]]))]
    if gaps:
        shown = ", ".join(f"{name!r} in period {period}" for name, period in gaps[:_MOST_SHOWN])
        more = f" and {len(gaps) - _MOST_SHOWN} more" if len(gaps) > _MOST_SHOWN else ""
        reason = f"no value of {key} {shown}{more}"
        problems.append(Problem(file=table.file, field=column, reason=reason, remedy="add the rows"))
    return found, problems


def _negative(table: Table) -> Iterator[Problem]:
    for name in ("flow_vph", "p_mw"):
        for row, value in enumerate(table.columns.get(name, ())):
            if value < 0.0:
                yield table.problem(row, name, f"{value:g} must be >= 0", "vehicles and charging have no sign")


def write_solution(folder: Path, handed: Handed) -> None:
    """Write an answer into a new folder, in the format that is read; see `write_template`."""
    case, answer = handed.case, handed.solution
    if case.roads is None or case.dispatch is None:
        raise InputError(f"scenario '{case.name}' is not coupled")
    flows = dict(zip(case.roads.network.link_ids, answer.link_flow_vph, strict=True))
    given = dict(zip(case.dispatch.station_names, answer.charging_mw, strict=True))
    sets = devices_of(case.dispatch)
    paid = dict(zip(case.dispatch.station_names, answer.price_per_mwh, strict=True))
    values: dict[str, dict[str, tuple[Array, ...]]] = {
        "links": {name: (flows[name],) for name in case.roads.streets.link_ids},
        "stations": {
            one.name: (flows[one.name], given[one.name], *([paid[one.name]] if case.priced_by_node else ()))
            for one in case.roads.stations
        },
        "devices": dict(zip(sets, zip(answer.p_mw, answer.q_mvar, strict=True), strict=True)),
    }
    claim = {"format": FORMAT, "case": handed.pack.name, "cost": answer.cost, "by": handed.by, "how": handed.how}
    _write(folder, claim, case, {
        name: [
            [k + 1, one, *(_digits(numbers[k]) for numbers in columns)]
            for k in range(case.timeline.periods) for one, columns in rows.items()
        ]
        for name, rows in values.items()
    })  # fmt: skip


def write_template(name: str, folder: Path) -> None:
    """Write the scenario of a case, and an answer to be filled in, into a new folder.

    Raises
    ------
    InputError
        If there is no such case.
    UsageError
        If the folder exists.
    StorageError
        If it cannot be written.
    """
    pack = pack_case(name)
    case = pack.case()
    if case.roads is None or case.dispatch is None:
        raise InputError(f"scenario '{case.name}' is not coupled")
    ids: dict[str, Sequence[str]] = {
        "links": case.roads.streets.link_ids,
        "stations": [one.name for one in case.roads.stations],
        "devices": devices_of(case.dispatch),
    }
    claim = {"format": FORMAT, "case": name, "cost": None, "by": "", "how": ""}
    _write(folder, claim, case, {
        table: [
            [k + 1, one, *[""] * len(_numbers(SHEETS[table], case))]
            for k in range(case.timeline.periods) for one in rows
        ]
        for table, rows in ids.items()
    })  # fmt: skip
    write_folder(load_scenario(pack.folder), folder / name)  # a run is of the case by this name


def _digits(value: float) -> str:
    """Return a number to twelve digits; what is nearer to 0 than its twelfth decimal is 0.

    >>> _digits(0.1 + 0.2), _digits(-3e-37)
    ('0.3', '0')
    """
    return format(round(float(value), 12) + 0.0, ".12g")


def _numbers(sheet: Sheet, case: SimulationCase) -> tuple[str, ...]:
    """Return the columns that an answer to the case needs."""
    return (*sheet.numbers, *(sheet.optional if case.priced_by_node else ()))


def _write(
    folder: Path, claim: Mapping[str, object], case: SimulationCase, rows: Mapping[str, Sequence[Sequence[object]]]
) -> None:
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"'{folder}' exists; choose another with --out")
    try:
        folder.mkdir(parents=True)
        (folder / CLAIM).write_text(json.dumps(claim, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, body in rows.items():
            sheet = SHEETS[name]
            text = csv_text([["period", sheet.key, *_numbers(sheet, case)], *body])
            (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written ({error.strerror})") from error
