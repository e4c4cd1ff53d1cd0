"""A scenario as a text to begin from: what it says, every key with its meaning, and what else may be said."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from cosim.scenario.keys import ITEM, Key, all_keys
from cosim.scenario.kinds import KIND
from cosim.scenario.load import LoadedScenario
from cosim.scenario.schema import Scenario
from cosim.scenario.yaml_reader import plain_scalar
from cosim.timeline import SeriesRef

SCHEMA_FILE = "scenario.schema.json"
"""Beside the scenario, for editors."""
_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_.][\w./-]*( [\w./()-]+)*")
_NAMES = {name: field.alias or name for name, field in Scenario.model_fields.items()}
_LAST = "sources"
_SERIES = {field.name for field in fields(SeriesRef)}


def commented_yaml(loaded: LoadedScenario, name: str) -> str:
    """Return the scenario with what it extends, a comment at every key, and the defaults of the other keys as comments.

    Parameters
    ----------
    loaded
        The scenario.
    name
        Of the folder in which the text will stand.
    """
    told = {key: value for key, value in loaded.tree.plain().items() if key != "extends" and value is not None}
    head = [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        f"# Begun from {loaded.name}; it runs as it is: cosim run {name}",
        f"# After each change: cosim check {name}. What a key means: cosim explain KEY. What runs: cosim plan {name}.",
        "# A line '# key: value # ...' is a key that is not given, with its default.",
    ]
    return "\n".join([*head, *_section(told, (), "", "", set())]) + "\n"


def _section(
    told: dict[str, Any], path: tuple[str, ...], kind: str, indent: str, seen: set[tuple[str, ...]]
) -> Iterator[str]:
    """Yield the lines of a mapping: keys that are given, then those that are not; meanings only where new."""
    known = [key for key in all_keys() if key.path[:-1] == path and key.kind in ("", kind)]
    by_name = {key.path[-1]: key for key in known}
    new = (*path, kind) not in seen
    seen.add((*path, kind))
    apart = False
    order = [name for name in (_NAMES.values() if not path else ()) if name in told and name != _LAST]
    last = [_LAST] if not path and _LAST in told else []
    for name in [*order, *(one for one in told if one not in (*order, *last)), *_missing(told, known, path), *last]:
        if not path and (apart or isinstance(told.get(name), dict | list)):
            yield ""
        apart = isinstance(told.get(name), dict | list)
        key = by_name.get(name)
        if name in told:
            yield from _entry(name, told[name], key, (*path, name), indent, seen, new=new)
        elif new and key is not None:
            yield from _commented(f"{indent}# {name}: {_default(key)}", key.meaning, indent)


def _missing(told: dict[str, Any], known: Sequence[Key], path: tuple[str, ...]) -> list[str]:
    """Return the keys that are not given."""
    names = [key.path[-1] for key in known if key.path[-1] not in told and key.path[-1] != KIND]
    return [name for name in names if path or name not in ("extends", _LAST)]


def _entry(
    name: str, value: object, key: Key | None, path: tuple[str, ...], indent: str,
    seen: set[tuple[str, ...]], *, new: bool,
) -> Iterator[str]:  # fmt: skip
    """Yield the lines of a key that is given."""
    meaning = key.meaning if key is not None and new else ""
    inner = value.get(KIND, "") if isinstance(value, dict) else ""
    if isinstance(value, dict) and (own := _own(path)):
        yield from _commented(f"{indent}{name}:", meaning, indent)
        given = value or {own[0].path[-1]: own[0].spec["default"]}  # without any line it would be no mapping
        yield from _section(given, path, inner, f"{indent}  ", seen)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield from _commented(f"{indent}{name}:", meaning, indent)
        for item in value:
            short = f"{indent}  - {flow(item)}"
            if (*path, ITEM, item.get(KIND, "")) in seen and len(short) <= _WIDTH:
                yield short
                continue
            lines = list(_section(item, (*path, ITEM), item.get(KIND, ""), f"{indent}    ", seen))
            yield from _as_item(lines, indent)
    elif name == _LAST and isinstance(value, dict):
        yield from _commented(f"{indent}{name}:", meaning, indent)
        yield from (f"{indent}  {flow(at)}: {flow(text)}" for at, text in value.items())
    else:
        yield from _commented(f"{indent}{name}: {flow(value)}", meaning, indent)


def _own(path: tuple[str, ...]) -> list[Key]:
    """Return the keys of a section; none of a column of a file, which stands on one line."""
    own = [key for key in all_keys() if key.path[:-1] == path]
    return [] if {key.path[-1] for key in own} == _SERIES else own


def _default(key: Key) -> str:
    """Return the default of a key as YAML; a section all of whose keys have one may be empty."""
    default = key.spec.get("default", {})
    return "{}" if isinstance(default, dict) and KIND not in default else flow(default)


def _as_item(lines: list[str], indent: str) -> Iterator[str]:
    """Yield the lines of a mapping as an item of a list: the dash before its first key."""
    first = next(place for place, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from lines[:first]
    yield f"{indent}  - {lines[first].lstrip()}"
    yield from lines[first + 1 :]


def _commented(line: str, meaning: str, indent: str) -> Iterator[str]:
    """Yield a line and what it means: behind it, or above where there is no room."""
    if not meaning:
        yield line
    elif len(line) + len(meaning) + 3 <= _WIDTH:
        yield f"{line} # {meaning}"
    else:
        yield from textwrap.wrap(meaning, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        yield line


def flow(value: object) -> str:
    """Return a value as YAML on one line.

    >>> flow({"file": "profiles.csv", "scale": 1e-6, "column": "1/n: no"}), flow(["16", None, True])
    ('{file: profiles.csv, scale: 1e-06, column: "1/n: no"}', '[16, null, true]')
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        number = re.fullmatch(r"0|[1-9][0-9]{0,8}", value)  # an id; the reader makes it text again
        plain = _PLAIN.fullmatch(value) and plain_scalar(value) == value
        return value if plain or number else json.dumps(value, ensure_ascii=False)
    return repr(value)
