"""Explain a word: a key of scenarios, an exit code, a status, a check, a table, a column, a kind, a port.

Nothing is told here that does not stand elsewhere: keys and kinds come from the schema, checks, statuses, columns and
ports from the vocabulary, exit codes from `cosim.errors`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from cosim.coupling.prices import PRICES
from cosim.dispatch.devices import catalogue
from cosim.dispatch.tariffs import TARIFFS
from cosim.errors import EXITS, InputError, Problem
from cosim.quantities import COLUMNS, PORTS, Column
from cosim.quantities.bands import BANDS
from cosim.quantities.checks import ABILITIES, CHECKS, SENSES, Check
from cosim.quantities.inputs import INPUTS
from cosim.quantities.status import EXIT_CODES, MEANINGS
from cosim.scenario import renamed, shipped
from cosim.scenario.families import station_laws
from cosim.scenario.keys import ITEM, Key, all_keys
from cosim.scenario.kinds import KIND
from cosim.scenario.yaml_reader import read_yaml
from cosim.tables import closest
from cosim.validation.micro_vocabulary import VALIDATED
from cosim.validation.vocabulary import STUDIED, VERIFIED

TABLES: tuple[Column, ...] = (*COLUMNS, *VERIFIED, *VALIDATED, *STUDIED, *INPUTS)
"""Columns of every table that is written or read."""
_MOST_EXAMPLES = 6
"""Keys that an example is looked for: of more nobody asked for one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of a word.

    Attributes
    ----------
    what
        Sort of thing: ``key``, ``exit code``, ...
    name
        Its full name.
    meaning
        In a sentence.
    details
        Further lines: label and text.
    """

    what: str
    name: str
    meaning: str
    details: tuple[tuple[str, str], ...] = ()


def explain(word: str) -> tuple[Fact, ...]:
    """Return everything that has this name.

    Raises
    ------
    InputError
        If nothing has; the nearest name is told.
    """
    asked = word.strip().strip("`")
    keys = all_keys()
    found = (
        *_exit_codes(asked), *_statuses(asked), *_checks(asked), *_keys(asked, keys), *_former(asked),
        *_kinds(asked, keys), *_tables(asked), *_columns(asked), *_ports(asked),
    )  # fmt: skip
    if not found:
        reason = f"{word!r} is no key, kind, exit code, status, check, table, column or port"
        near = closest(asked, [key.dotted for key in keys] if "." in asked else names(keys))
        raise InputError(Problem(reason=reason, remedy=f"did you mean {near!r}?" if near else "see: cosim schema"))
    return found


def names(keys: Sequence[Key]) -> list[str]:
    """Return every name of one word."""
    words = [
        *CHECKS, *EXIT_CODES, *(key.path[-1] for key in keys), *(kind for _, kind, _ in _families()),
        *(one.table for one in TABLES), *(one.name for one in TABLES), *(port.name for port in PORTS),
    ]  # fmt: skip
    return list(dict.fromkeys(words))


def _exit_codes(asked: str) -> Iterator[Fact]:
    code = asked.removeprefix("exit ").removeprefix("code ").strip()
    if code.isdecimal() and int(code) in EXITS:
        statuses = [status for status, one in EXIT_CODES.items() if one == int(code)]
        rows = [(f"status {status}", MEANINGS[status]) for status in statuses]
        yield Fact(what="exit code", name=str(int(code)), meaning=EXITS[int(code)], details=tuple(rows))


def _statuses(asked: str) -> Iterator[Fact]:
    for status, code in EXIT_CODES.items():
        if status == asked:
            by = [name for name, row in CHECKS.items() if row.status == status]
            rows = [("exit code", f"{code}: {EXITS[code]}"), *([("given by", ", ".join(by))] if by else [])]
            yield Fact(what="status", name=status, meaning=MEANINGS[status], details=tuple(rows))


def _checks(asked: str) -> Iterator[Fact]:
    if row := CHECKS.get(asked.removeprefix("gates.")):
        yield Fact(what="check", name=row.name, meaning=row.meaning, details=tuple(_check_rows(row)))


def _check_rows(row: Check) -> Iterator[tuple[str, str]]:
    limit = str(row.limit).lower() if isinstance(row.limit, bool) else str(row.limit)
    unit = "" if row.unit == "-" else f" {row.unit}"
    sized = ", for a feeder of 10 MVA, else in proportion" if row.sized else ""
    yield "passes", f"{SENSES[row.sense]} {limit}{unit}{sized}"
    if row.relative_to:
        yield "relative to", f"{row.relative_to}, at least {row.floor:g} {row.floor_unit}"
    if key := row.set_by or (f"gates.{row.limit_key}" if row.limit_key else ""):
        yield "limit", f"set by {key}"
    yield "beyond it", f"status {row.status} (exit code {EXIT_CODES[row.status]})"
    yield "does", "; ".join(ABILITIES[one] for one in row.does)


def _keys(asked: str, keys: Sequence[Key]) -> Iterator[Fact]:
    words, kinds = asked.split("."), frozenset(kind for _, kind, _ in _families())
    words = words[:-1] if len(words) > 1 and words[-1].isdecimal() else words  # an item of a list
    found = [key for key in keys if key.answers(words, kinds)] or [key for key in keys if key.ends_with(words, kinds)]
    alike = groupby(sorted(found, key=_alike), key=_alike)
    for shown, (_, group) in enumerate(alike):
        same = list(group)
        one, of = same[0], ", ".join(key.kind for key in same if key.kind)
        details = [("of", of)] if of else []
        details += [("value", one.value), ("default", one.default)]
        if band := BANDS.get(one.dotted):
            details.append(("usual", f"{band.low:g} to {band.high:g}" + (f" {band.unit}" if band.unit != "-" else "")))
        if shown < _MOST_EXAMPLES and (example := _example(same)):
            details.append(("example", example))
        details += _within(one, keys)
        yield Fact(what="key", name=one.dotted, meaning=one.meaning, details=tuple(details))


def _alike(key: Key) -> tuple[str, ...]:
    return key.dotted, key.meaning, key.value, key.default


def _within(section: Key, keys: Sequence[Key]) -> list[tuple[str, str]]:
    """Return the keys of a section, one level down; of a family its kinds."""
    here = section.path
    family = {kind: what for place, kind, what in _families() if place == tuple(one for one in here if one != ITEM)}
    if family:
        return list(family.items())
    return [
        (key.path[-1], key.meaning)
        for key in keys
        if key.path[:-1] in (here, (*here, ITEM)) and (not key.kind or key.kind == section.kind)
    ]


def _example(same: Sequence[Key]) -> str:
    """Return a value that a shipped scenario has; else one of the schema's."""
    wanted = frozenset(key.kind for key in same)
    for name, content in _shipped().items():
        found = list(_values(content, same[0].path, wanted))
        if found and found[0] is not None and not isinstance(found[0], dict | list):
            return f"{_written(found[0])} ({name})"
    examples = same[0].examples
    return " or ".join(_written(one) for one in examples)


@cache
def _shipped() -> Mapping[str, Any]:
    """Return what each shipped scenario says itself."""
    files = {name: shipped.find_shipped(name) for name in shipped.names(shipped.SCENARIOS)}
    return {name: read_yaml(file.read_bytes(), file.name).plain() for name, file in files.items()}


def _values(data: Any, path: Sequence[str], kinds: frozenset[str], kind: str = "") -> Iterator[Any]:  # noqa: ANN401 - YAML
    """Yield the values at a path; of the kinds only, where the key is of some."""
    kind = data.get(KIND, kind) if isinstance(data, Mapping) else kind
    if not path:
        if kinds == {""} or kind in kinds:
            yield data
    elif path[0] == ITEM:
        for item in data if isinstance(data, list) else ():
            yield from _values(item, path[1:], kinds, kind)
    elif isinstance(data, Mapping) and path[0] in data:
        yield from _values(data[path[0]], path[1:], kinds, kind)


def _written(value: Any) -> str:  # noqa: ANN401 - YAML
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _former(asked: str) -> Iterator[Fact]:
    for row in renamed.FORMER:
        old = ".".join((*row.section, row.key))
        if asked in (old, row.key) and not row.was_a_word:
            now = ".".join((*row.section, *row.now)) if row.now else f"{'.'.join(row.section)}.{row.instead}"
            meaning = f"is called {now} now; cosim migrate renames it" if row.now else f"is gone; {now} counts instead"
            yield Fact(what="former key", name=old, meaning=meaning)


def _families() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where a kind stands in scenarios, its name, and what it is."""
    families: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]] = (
        (("devices",), catalogue()), (("stations", "law"), station_laws()), (("tariff",), TARIFFS),
        (("coupling", "ev_price"), PRICES),
    )  # fmt: skip
    for place, members in families:
        for kind, member in members.items():
            yield place, kind, inspect.cleandoc(member.__doc__ or "").partition("\n")[0].replace("``", "`").rstrip(".")


def _kinds(asked: str, keys: Sequence[Key]) -> Iterator[Fact]:
    for place, kind, what in _families():
        if asked in (kind, ".".join((*place, kind))):
            own = [key for key in keys if key.kind == kind and _plain(key.path[:-1]) == place]
            rows = tuple((key.path[-1], key.meaning) for key in own if key.path[-1] != KIND)
            yield Fact(what=f"kind of {'.'.join(place)}", name=kind, meaning=what, details=rows)


def _plain(path: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in path if one != ITEM)


def _tables(asked: str) -> Iterator[Fact]:
    own = [column for column in TABLES if column.table == asked]
    if own:
        rows = tuple((column.name, _with_unit(column)) for column in own)
        yield Fact(what="table", name=asked, meaning=f"{len(own)} columns", details=rows)


def _with_unit(column: Column) -> str:
    return column.meaning + ("" if column.unit == "-" else f" [{column.unit}]")


def _columns(asked: str) -> Iterator[Fact]:
    """Yield the columns of a name; those that mean one and the same together."""
    asked = asked.replace(".csv:", ".csv.")
    found = [column for column in TABLES if asked in (column.name, f"{column.table}.{column.name}")]
    for (meaning, unit), group in groupby(sorted(found, key=_said), key=_said):
        tables = ", ".join(column.table for column in group)
        name = found[0].name
        details = [("of", tables), *([("unit", unit)] if unit != "-" else [])]
        if check := CHECKS.get(name):
            details.append(("check", f"{SENSES[check.sense]} {check.limit}: cosim explain {name}"))
        yield Fact(what="column", name=name, meaning=meaning, details=tuple(details))


def _said(column: Column) -> tuple[str, str]:
    return column.meaning, column.unit


def _ports(asked: str) -> Iterator[Fact]:
    for port in PORTS:
        if asked in (port.name, port.name.partition("[")[0]):
            of = f"{port.simulator.capitalize()}.{port.entity}"
            yield Fact(what="port", name=port.name, meaning=port.meaning, details=(("of", of), ("kind", port.kind)))
