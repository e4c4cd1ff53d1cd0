"""Every key of a scenario by its dotted path: what it means, takes, and is without being given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cosim.scenario.json_schema import UNIT, schema
from cosim.scenario.kinds import KIND

ITEM = "*"
"""Stands for the items of a list."""
_BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
_TYPES = {"number": "number", "integer": "whole number", "boolean": "true or false"}
Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of a scenario.

    Attributes
    ----------
    path
        From the top; `ITEM` for the items of a list.
    kind
        The kind whose key it is: of a device, a law, a tariff, a price; empty for keys without.
    spec
        What the schema says of it.
    required
        Whether it must be given.
    """

    path: tuple[str, ...]
    kind: str
    spec: Spec
    required: bool

    @property
    def meaning(self) -> str:
        """What it is."""
        return str(self.spec.get("description", ""))

    @property
    def value(self) -> str:
        """What it takes, bounds and unit included."""
        return value_text(self.spec)

    @property
    def default(self) -> str:
        """What it is if it is not given."""
        return "required" if self.required else default_text(self.spec.get("default"))

    @property
    def examples(self) -> list[Any]:
        """Values that it may have."""
        return list(self.spec.get("examples", ()))

    @property
    def dotted(self) -> str:
        """The path as one writes it."""
        return ".".join(self.path)

    def answers(self, words: Sequence[str], kinds: frozenset[str]) -> bool:
        """Whether a path means this key: items by name, number or kind, or not at all.

        Parameters
        ----------
        words
            The path.
        kinds
            Names of all kinds: such a word says the kind.
        """
        return _aligned(words, self.path, self.kind, kinds)

    def ends_with(self, words: Sequence[str], kinds: frozenset[str]) -> bool:
        """Whether the end of the path means this key."""
        return any(_aligned(words, self.path[first:], self.kind, kinds) for first in range(1, len(self.path)))


def _aligned(words: Sequence[str], path: Sequence[str], kind: str, kinds: frozenset[str]) -> bool:
    if words and words[0] == kind and len(words) > 1 and _aligned(words[1:], path, "", kinds):
        return True
    if not path:
        return not words
    if path[0] == ITEM:
        named = bool(words) and words[0] not in kinds and _aligned(words[1:], path[1:], kind, kinds)
        return named or _aligned(words, path[1:], kind, kinds)
    return bool(words) and words[0] == path[0] and _aligned(words[1:], path[1:], kind, kinds)


@cache
def all_keys() -> tuple[Key, ...]:
    """Return every key, sections before what is in them."""
    document = schema()
    return tuple(_keys(document, document["$defs"], (), ""))


def _keys(section: Spec, sections: Mapping[str, Spec], path: tuple[str, ...], kind: str) -> Iterator[Key]:
    required = section.get("required", [])
    for key, spec in section["properties"].items():
        here = (*path, key)
        yield Key(path=here, kind=kind, spec=spec, required=key in required or key == KIND)
        for place, name, inner in _inside(spec, here):
            yield from _keys(sections[inner], sections, place, name or kind)


def _inside(spec: Spec, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield the sections that a key may hold: where, of which kind, and their names."""
    for option in spec.get("anyOf", [spec]):
        place = path
        if option.get("type") == "array":
            option, place = option["items"], (*path, ITEM)  # noqa: PLW2901 - what the list holds
        named = option.get("discriminator", {}).get("mapping", {})
        references = named or ({"": option["$ref"]} if "$ref" in option else {})
        for kind, reference in references.items():
            yield place, kind, reference.rpartition("/")[2]


def value_text(spec: Spec) -> str:
    """Return kind, bounds and unit of a value.

    >>> value_text({"type": "number", "exclusiveMinimum": 0, UNIT: "MW"})
    'number > 0, MW'
    """
    options = [option for option in spec.get("anyOf", [spec]) if option.get("type") != "null"]
    words = [_kind_text(option) for option in options]
    text = " or ".join(dict.fromkeys(words))
    if any("SeriesRef" in str(option.get("$ref", "")) for option in options):
        text = " or ".join([*(word for word in words if word.startswith("`")), "series"])
    return f"{text}, {spec[UNIT]}" if UNIT in spec else text


def _kind_text(spec: Spec) -> str:
    if words := spec.get("enum", [spec["const"]] if "const" in spec else []):
        return " or ".join(f"`{word}`" for word in words)
    if "$ref" in spec or "oneOf" in spec or spec.get("type") == "object":
        return "mapping"
    if spec.get("type") == "array":
        return "list"
    name = _TYPES.get(str(spec.get("type")), "text")
    if {"minimum", "maximum"} <= spec.keys():
        if spec["minimum"] == spec["maximum"]:
            return _number(spec["minimum"])
        return f"{name} {_number(spec['minimum'])} to {_number(spec['maximum'])}"
    bounds = [f"{sign} {_number(spec[key])}" for key, sign in _BOUNDS.items() if key in spec]
    return " ".join([name, ", ".join(bounds)]).strip()


def default_text(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return what a key is if it is not given.

    >>> default_text(None), default_text(0.5), default_text({"kind": "none"})
    ('none', '0.5', '`none`')
    """
    if value is None:
        return "none"
    if value in ([], {}, ""):
        return "empty"
    if isinstance(value, dict):
        return f"`{value[KIND]}`" if KIND in value else "all defaults"
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
