"""Write the generated parts of the pages: ``python docs/generate.py``.

A part stands between ``<!-- begin DIRECTIVE -->`` and ``<!-- end -->``; DIRECTIVE is a name in `DIRECTIVES` and its
arguments. Tables come from the code (schema, ports, columns, statuses), files from ``docs/examples``. A key, column or
status without a meaning is an error, so that nothing new stays untold.
"""

from __future__ import annotations

import csv
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cosim.charging.behaviour import BehaviourSettings
from cosim.coupling.prices import PRICES
from cosim.dispatch.devices import catalogue
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.tariffs import TARIFFS
from cosim.errors import EXITS
from cosim.grid import table_rules
from cosim.grid.net_table_rules import NET_COLUMNS
from cosim.quantities import COLUMNS, PORTS
from cosim.quantities.bands import BANDS, NOT_JUDGED, PER_EURO
from cosim.quantities.checks import ABILITIES, CHECKS, Check, GateLimits
from cosim.quantities.inputs import OF_FILE
from cosim.quantities.status import EXIT_CODES, MEANINGS
from cosim.reports.paper.equations import EQUATIONS
from cosim.reports.paper.figures import FIGURES
from cosim.scenario import road_sections, schema
from cosim.scenario.families import station_laws
from cosim.scenario.json_schema import schema as json_schema
from cosim.scenario.keys import default_text, value_text
from cosim.scenario.kinds import KIND
from cosim.scenario.net_source import NetSource
from cosim.timeline import SeriesRef
from cosim.traffic.formats import csv as roads_csv
from cosim.validation.micro_limits import MicroLimits
from cosim.workflows.benchmark_pack import case_names, pack_case
from cosim.workflows.grade import grade

DOCS = Path(__file__).resolve().parent
PAGES = (
    "../README.md",
    "scenarios.md",
    "mosaik.md",
    "results.md",
    "paper.md",
    "troubleshooting.md",
    "benchmark-pack.md",
)
SCHEMA = json_schema()
EXACT_REL = 1e-9
"""A gap to a bound below which it is rounding."""
REFERENCE = re.compile(r'"#/\$defs/(?!SeriesRef)')
"""To a section that has a table of its own."""
REGION = re.compile(r"(<!-- begin (?P<directive>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)

FAMILIES: dict[str, Mapping[str, Any]] = {
    "device": catalogue(),
    "law": station_laws(),
    "tariff": TARIFFS,
    "price": PRICES,
}

SECTIONS: dict[str, type] = {
    "scenario": schema.Scenario,
    "seeds": schema.Seeds,
    "roads": road_sections.RoadSource,
    "traffic": road_sections.Traffic,
    "trips": road_sections.TripSource,
    "od": road_sections.OdPair,
    "ev": road_sections.ElectricVehicles,
    "charge_later": road_sections.ChargeLater,
    "behaviour": BehaviourSettings,
    "stations": schema.StationEntry,
    "grid": NetSource,
    "feeder": schema.FeederSettings,
    "dispatch": DispatchSettings,
    "outages": schema.OutageEntry,
    "coupling": schema.Coupling,
    "given": schema.Given,
    "sessions": schema.SessionSource,
    "microsim": schema.Microsim,
    "thresholds": MicroLimits,
    "gates": GateLimits,
    "series": SeriesRef,
    **{f"{family}.{kind}": one.Settings for family, members in FAMILIES.items() for kind, one in members.items()},
}

TABLES: dict[str, tuple[Mapping[str, type], Mapping[str, type]]] = {
    "nodes.csv": (roads_csv.NODE_COLUMNS, roads_csv.OTHER_NODE_COLUMNS),
    "links.csv": (roads_csv.LINK_COLUMNS, roads_csv.OTHER_LINK_COLUMNS),
    "bus.csv": (table_rules.BUS, table_rules.BUS_OPTIONAL),
    "line.csv": (table_rules.LINE, table_rules.LINE_OPTIONAL),
    "load.csv": (table_rules.LOAD, table_rules.LOAD_OPTIONAL),
    **NET_COLUMNS,
}


def rendered(text: str) -> str:
    """Return a page with every generated part written anew."""

    def replaced(match: re.Match[str]) -> str:
        name, *arguments = match["directive"].split()
        body = DIRECTIVES[name](*arguments)
        return f"{match[1]}{body}\n{match[3]}"

    return REGION.sub(replaced, text)


def _table(header: str, rows: Iterable[Iterable[str]]) -> str:
    head = [f"| {header} |", "|" + "---|" * (header.count("|") + 1)]
    return "\n".join([*head, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)])


def keys(section: str) -> str:
    """Return the table of a section's keys, from the schema of scenarios."""
    document = _document(SECTIONS[section])
    required = document.get("required", [])
    rows = []
    for key, spec in document["properties"].items():
        default = "required" if key in required or key == KIND else default_text(spec.get("default"))
        below = ": below" if REFERENCE.search(json.dumps(spec)) else ""
        rows.append((f"`{key}`", value_text(spec), default, _plain(spec["description"]) + below))
    return _table("key | value | default | meaning", sorted(rows, key=lambda row: row[0] != f"`{KIND}`"))


def _document(settings: type) -> Mapping[str, Any]:
    return SCHEMA if settings is schema.Scenario else SCHEMA["$defs"][settings.__name__]  # type: ignore[no-any-return]


def kinds(family: str) -> str:
    """Return the tables of the keys of a family's kinds, each behind its name and what it is."""
    told = []
    for kind, member in FAMILIES[family].items():
        what = inspect.cleandoc(member.__doc__ or "").splitlines()[0].replace("``", "`")
        told.append(f"`{kind}`: {what}\n\n{keys(f'{family}.{kind}')}")
    return "\n\n".join(told)


def _plain(text: str) -> str:
    return text[0].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def csv_columns(file: str) -> str:
    """Return the table of a CSV file's columns."""
    required, optional = TABLES[file]
    kinds = {str: "text", float: "number", int: "whole number", bool: "true or false"}
    rows = []
    for need, names in (("required", required), ("optional", optional)):
        for name, kind in names.items():
            told = OF_FILE[file][name]
            unit = "" if told.unit == "-" else f", {told.unit}"
            rows.append((f"`{name}`", need, f"{kinds[kind]}{unit}", told.meaning))
    return _table("column | | value | meaning", rows)


def ports() -> str:
    """Return the table of all ports."""
    rows = [(f"{p.simulator.capitalize()}.{p.entity}", f"`{p.name}`", p.kind, p.meaning) for p in PORTS]
    return _table("simulator.entity | attribute | kind | meaning", rows)


def columns(table: str) -> str:
    """Return the table of a result table's columns."""
    return _table(
        "column | unit | meaning",
        [(f"`{c.name}`" + "?" * c.may_lack, c.unit, c.meaning) for c in COLUMNS if c.table == table],
    )


def statuses() -> str:
    """Return the table of period statuses, worst first."""
    return _table("status | exit code | meaning", [(f"`{s}`", str(EXIT_CODES[s]), MEANINGS[s]) for s in EXIT_CODES])


def exits() -> str:
    """Return the table of exit codes."""
    return _table("code | meaning", ((str(code), meaning) for code, meaning in EXITS.items()))


def checks() -> str:
    """Return the table of checks, and what its words mean."""
    rows = [
        (
            f"`{row.name}`", _accepted(row), f"`{row.limit_key}`" if row.limit_key and not row.set_by else _fixed(row),
            f"`{row.status}`", ", ".join(row.does), _with_floor(row),
        )
        for row in CHECKS.values()
    ]  # fmt: skip
    told = "\n".join(f"* {word}: {meaning}" for word, meaning in ABILITIES.items())
    return _table("check | accepted | limit under `gates:` | beyond it | does | of what", rows) + "\n\n" + told


def _accepted(row: Check) -> str:
    """Return what passes: sense, limit and unit."""
    limit = str(row.limit).lower() if isinstance(row.limit, bool) else row.limit
    number = limit if isinstance(limit, str) else f"{limit:g}"
    if row.sense == "word":
        return f"`{number}`"
    sign = {"max": "≤", "min": "≥", "abs": "±"}[row.sense]
    unit = "" if row.unit == "-" else f" {row.unit.replace('^2', '²')}"
    return f"{sign} {number}{unit}{' per 10 MVA' if row.sized else ''}"


def _fixed(row: Check) -> str:
    return f"`{row.set_by}`" if row.set_by else "fixed"


def _with_floor(row: Check) -> str:
    if not row.relative_to:
        return row.meaning
    return f"{row.meaning}; relative to {row.relative_to}, at least {row.floor:g} {row.floor_unit.replace('^2', '²')}"


def bands() -> str:
    """Return the tables of usual ranges, and of quantities that have none."""
    rows = [
        (f"`{row.name}`" if "." in row.name or "_" in row.name else row.name, f"{row.low:.3g} to {row.high:.6g}"
         + (f" {row.unit}" if row.unit != "-" else ""), row.below, row.above, row.source)
        for row in BANDS.values()
    ]  # fmt: skip
    told = _table("quantity | usual | below | above | source", rows)
    left = _table("not judged | why", [(f"`{name}`", why) for name, why in NOT_JUDGED.items()])
    rates = ", ".join(f"{rate:g} {name}" for name, rate in PER_EURO.items())
    return f"{told}\n\nMoney is converted by 1 EUR = {rates}; in another currency the widest range holds.\n\n{left}"


def file(name: str) -> str:
    """Return a file of ``docs/examples``, or of a shipped scenario, as a block of code."""
    path = next(path for folder in (DOCS / "examples", DOCS.parent / "scenarios") if (path := folder / name).is_file())
    language = {".yaml": "yaml", ".csv": "text"}[path.suffix]
    return f"`{path.name}`:\n\n```{language}\n{path.read_text(encoding='utf-8').rstrip()}\n```"


def equations() -> str:
    """Return the table of the paper's equations: where each is computed, and which test holds it."""
    rows = ((str(one.number), one.what, f"`{one.function}`", f"`{one.test}`") for one in EQUATIONS)
    return _table("equation | what | function in `cosim` | test in `tests`", rows)


def reproduction(name: str) -> str:
    """Return a table of the last reproduction that is kept, a row a line; claims as one row a figure."""
    with (DOCS / "reproduction" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        head, *rows = csv.reader(stream)
    if name == "claims":
        figures = {row[0]: (row[0], row[1], row[2], FIGURES[int(row[0])].why) for row in rows}
        return _table("figure | shows | verdict | why not wholly", figures.values())
    return _table(" | ".join(head), rows)


def pack() -> str:
    """Return the table of the benchmark pack's cases, with what is known of them."""
    rows = []
    for name in case_names():
        one = pack_case(name)
        best, bound = one.known.best_known, one.known.lower_bound
        gap = max(best - bound, 0.0) / max(1.0, abs(bound))
        shown = f"{100.0 * gap:.2f} %" if gap > EXACT_REL else "0"
        text = f"**{one.title}.** {one.description}"
        rows.append((f"`{name}`", f"{best:,.4f}", f"{bound:,.4f} {one.currency}", shown, text))
    return _table("case | best known | lower bound | gap | what it asks for", rows)


def pack_checks() -> str:
    """Return the table of what an answer must keep."""
    found = grade(pack_case("weak_feeder_nodal").best)  # one with every kind of check
    rows = [(f"`{one.name}`", one.meaning, f"{one.limit:g}", one.unit) for one in found.checks]
    return _table("check | what is held against what | limit | unit", rows)


DIRECTIVES: dict[str, Callable[..., str]] = {
    "keys": keys, "kinds": kinds, "csv": csv_columns, "ports": ports, "columns": columns, "statuses": statuses,
    "checks": checks, "exits": exits, "bands": bands, "file": file, "equations": equations,
    "reproduction": reproduction, "pack": pack, "pack_checks": pack_checks,
}  # fmt: skip


def main() -> None:
    """Rewrite the pages."""
    for page in PAGES:
        path = DOCS / page
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
