"""In what runs differ by their inputs: scenario keys, contents of files, versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.plain import Json
from cosim.scenario import kinds

_ABSENT = "–"
_WORDS_ONLY = frozenset({"sources", "title", "description", "extends", "schema"})
_LONGEST = 48
_FEW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An input in which the runs differ: dotted scenario key, ``file <name>`` or ``version <package>``."""

    key: str
    values: tuple[str, ...]


def differences(manifests: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Yield in what runs differ by their manifests: scenario keys, contents of files of one name, versions."""
    resolved = [kinds.present(manifest.get("resolved") or {}) for manifest in manifests]
    meant = [{key: value for key, value in one.items() if key not in _WORDS_ONLY} for one in resolved]
    yield from _differing("", meant)
    yield from _named_differences("file", [_contents(manifest) for manifest in manifests], shared=True)
    yield from _named_differences("version", [manifest.get("versions") or {} for manifest in manifests])


def _contents(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of every table that a run read; what its YAML says is compared key by key."""
    inputs = manifest.get("inputs") or []
    return {one["file"]: one["sha256"][:12] for one in inputs if not one["file"].endswith((".yaml", ".yml"))}


def _named_differences(kind: str, found: Sequence[Mapping[str, str]], *, shared: bool = False) -> Iterator[Difference]:
    for name in dict.fromkeys(name for one in found for name in one):
        values = tuple(one.get(name, _ABSENT) for one in found)
        if len(set(values) - ({_ABSENT} if shared else set())) > 1:
            yield Difference(key=f"{kind} {name}", values=values)


def _differing(path: str, values: Sequence[Any]) -> Iterator[Difference]:
    """Yield the smallest parts of the scenarios that differ.

    A section that one of them lacks is one part; a small one inside a section is told value by value. Of two kinds of a
    thing only the kinds are told: their settings are not those of each other.
    """
    if all(value == values[0] for value in values[1:]):
        return
    parts = [_parts(value) for value in values]
    if len(set(kinds_told := [str((part or {}).get(kinds.KIND)) for part in parts])) > 1 and all(parts):
        yield Difference(key=f"{path}.{kinds.KIND}", values=tuple(kinds_told))
        return
    if all(part for part in parts) or ("." in path and all(map(_is_small, values))):
        for key in dict.fromkeys(key for part in parts for key in part or ()):
            yield from _differing(f"{path}.{key}" if path else key, [(part or {}).get(key) for part in parts])
        return
    yield Difference(key=path, values=tuple(_shown(value) for value in values))


def _parts(value: Any) -> Mapping[str, Json] | None:  # noqa: ANN401 - a part of a resolved scenario
    """Return a mapping, or a list of named items as one; None of anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {str(item["name"]): item for item in value}
    return None


def _is_small(value: Any) -> bool:  # noqa: ANN401 - a part of a resolved scenario
    """Whether a part is missing, or a few values without a name of their own."""
    if not isinstance(value, dict):
        return value is None
    plain = not any(isinstance(one, dict | list) for one in value.values())
    return plain and "name" not in value and 0 < len(value) <= _FEW


def _shown(value: Any) -> str:  # noqa: ANN401 - a part of a resolved scenario
    """Return a value as short text.

    >>> _shown(None), _shown(0.5), _shown({"kind": "static"})
    ('–', '0.5', 'given')
    """
    if value in (None, [], {}):
        return _ABSENT
    if isinstance(value, dict) or _parts(value):
        return "given"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
