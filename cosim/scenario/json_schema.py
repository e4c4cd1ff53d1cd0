"""The JSON Schema of a scenario: every key with its meaning, bounds, default, and unit."""

from __future__ import annotations

import inspect
import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DataclassSchema, FloatSchema

from cosim.quantities.names import unit_of
from cosim.scenario.kinds import KIND
from cosim.scenario.schema import Scenario

UNIT = "x-unit"
"""Keyword of a key's unit; none where the value has no unit."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario, as ``cosim schema`` prints it."""
    document = Scenario.model_json_schema(by_alias=True, schema_generator=Told)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_completed(document)}


class Told(GenerateJsonSchema):
    """JSON Schema in which every key says what it means, and in which unit: settings tell it in their docstrings."""

    def dataclass_schema(self, schema: DataclassSchema) -> JsonSchemaValue:
        """Return the schema of settings, with the meanings of their ``Attributes``."""
        found = super().dataclass_schema(schema)
        told = {KIND: "Which one this is"} | attributes_of(schema["cls"])
        for key, spec in found.get("properties", {}).items():
            if key in told:
                spec["description"] = told[key]
        return found


def attributes_of(settings: type) -> dict[str, str]:
    """Return what the ``Attributes`` sections of a class and its bases say of each field.

    >>> from cosim.timeline import SeriesRef
    >>> attributes_of(SeriesRef)["scale"]
    'Factor of all its values.'
    """
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__):
        _, _, section = inspect.cleandoc(owner.__doc__ or "").partition("Attributes\n----------\n")
        names: list[str] = []
        for line in section.splitlines():
            if not line.strip():
                break
            if line.startswith(" "):
                found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
            else:
                names = line.split(", ")
                found |= dict.fromkeys(names, "")
    return found


def schema_text() -> str:
    """Return the JSON Schema as the text of the shipped file ``schema.json``."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _completed(part: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Tell the units, and let every text be written as a whole number too, as the loader does (``bus: 33``)."""
    if isinstance(part, list):
        return [_completed(item) for item in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _completed(value) for key, value in part.items()}
    if isinstance(text := part.get("description"), str):
        changed["description"] = _plain(text)
    if part.get("type") == "string" and "const" not in part and "enum" not in part:
        changed["type"] = ["string", "integer"]
    for key, spec in changed.get("properties", {}).items():
        if (unit := unit_of(key)) and _is_number(spec):
            spec[UNIT] = unit
    return changed


def _plain(text: str) -> str:
    """Return the first paragraph of a docstring as plain words."""
    return text.strip().partition("\n")[0].replace("``", "`").replace("None", "none").rstrip(".")


def _is_number(spec: Any) -> bool:  # noqa: ANN401 - a JSON document
    """Whether a key takes a number, or several."""
    options = spec.get("anyOf", [spec])
    return any(one.get("items", one).get("type") in ("number", "integer") for one in options)


class _Documents(Told):
    """JSON Schema of what is written: every field is there, nothing else is, and a number may be none."""

    def float_schema(self, schema: FloatSchema) -> JsonSchemaValue:
        """Return the schema of a number: null stands for one that is none or infinite."""
        return {**super().float_schema(schema), "type": ["number", "null"]}

    def dataclass_schema(self, schema: DataclassSchema) -> JsonSchemaValue:
        """Return the schema of an object: nothing is left out, nothing added."""
        found = super().dataclass_schema(schema)
        keys = list(found.get("properties", {}))
        for key in keys:
            found["properties"][key].pop("default", None)
        found["description"] = _plain(found["description"])
        return {**found, "required": keys, "additionalProperties": False}


def document_schema_text(kind: type) -> str:
    """Return the JSON Schema of a dataclass as `cosim.workflows.documents` writes it, as text.

    Parameters
    ----------
    kind
        The dataclass.
    """
    document = TypeAdapter(kind).json_schema(mode="serialization", schema_generator=_Documents)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
