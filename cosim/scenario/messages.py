"""From pydantic's errors to problems that name place, value, rule and way out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.bounds import way_out
from cosim.errors import InputError, Problem
from cosim.scenario.section import ID_RULE
from cosim.scenario.tree import Path, child, nearest
from cosim.scenario.yaml_reader import Mark, Node, dotted
from cosim.tables import closest, did_you_mean

Error = Mapping[str, Any]
_FIELD_FIRST = re.compile(r"[A-Za-z0-9_.-]+\.([a-z0-9_]+): ")
_QUOTED = re.compile(r"'([^']*)'")
_MISSING = {"missing", "union_tag_not_found"}
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}
_KINDS = {
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "dataclass_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
}
_RULES = {
    "finite_number": ("is not finite", "give a finite number"),
    "string_pattern_mismatch": ("is not an id", ID_RULE),
    "string_too_short": ("is too short", "give a text"),
    "too_short": ("is too short", "give more items"),
}
_ONE_FOR_ALL = {
    "value_of_time_per_min": "give one number: all charging vehicles have the same value of time",
}
"""Keys that readers expect to differ by class of vehicle, and why they do not."""
_OTHER_NAMES = {
    "power_kw": "charger_kw",
    "plugs": "chargers",
    "servers": "chargers",
    "horizon_h": "periods",
    "steps": "periods",
    "period_s": "period_min",
    "step_min": "period_min",
    "demand_vph": "trips_vph",
    "od": "demand",
    "network": "roads",
    "penetration": "share",
    "energy_mwh": "capacity_mwh",
    "soc0": "soc_initial",
    "eta": "charge_efficiency",
    "vn_min_pu": "v_min_pu",
    "vm_min_pu": "v_min_pu",
    "vm_max_pu": "v_max_pu",
    "min_vm_pu": "v_min_pu",
    "max_vm_pu": "v_max_pu",
}
"""What other tools, and people, call a key."""
_LONGEST = 60
_LIMITS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake with its place in the tree; ``branch`` names the member of a union that found it."""

    path: Path
    error: Error
    branch: str = ""
    union_path: Path = ()

    @property
    def kind(self) -> str:
        """Pydantic's type of the error."""
        return str(self.error["type"])


def findings(root: Node, errors: Sequence[Error]) -> list[Finding]:
    """Locate pydantic's errors in the tree, keeping of every union only the branch that was meant."""
    located = [_locate(root, error) for error in errors]
    kept: list[Finding] = []
    groups: dict[Path, list[Finding]] = {}
    for finding in located:
        if finding.branch:
            groups.setdefault(finding.union_path, []).append(finding)
        else:
            kept.append(finding)
    for path, group in groups.items():
        meant = [f for f in group if f.path != path or f.kind not in _KINDS]
        kept += meant or [_any_of(path, group)]
    return kept


def _locate(root: Node, error: Error) -> Finding:
    """Drop from an error's location the names of union members, which the tree does not have."""
    location: tuple[str | int, ...] = tuple(error["loc"])
    optional = location[-1:] if error["type"] == "missing" else ()
    path: Path = ()
    branch = ""
    union_path: Path = ()
    node: Node | None = root
    for key in location[: len(location) - len(optional)]:
        below = child(node, key) if node is not None and _fits(node, key) else None
        if below is None:
            branch, union_path = ("", ()) if _is_tag(node, key) else (str(key), path)
        else:
            path, node = (*path, key), below
    return Finding(path=(*path, *optional), error=error, branch=branch, union_path=union_path)


def _fits(node: Node, key: str | int) -> bool:
    return isinstance(key, int) == isinstance(node.value, list)


def _is_tag(node: Node | None, key: str | int) -> bool:
    """Whether the key is the ``kind`` of the mapping, the tag of a discriminated union."""
    kind = child(node, "kind") if node is not None and isinstance(node.value, dict) else None
    return kind is not None and kind.value == key


def _any_of(path: Path, group: Sequence[Finding]) -> Finding:
    wanted = " or ".join(dict.fromkeys(_KINDS[finding.kind] for finding in group))
    return Finding(path=path, error={"type": "any_of", "ctx": {"wanted": wanted}})


def problem(root: Node, finding: Finding, schema: Callable[[], dict[str, Any]]) -> Iterator[Problem]:
    """Yield the problem of a finding; several if a value broke several rules of its own."""
    node = nearest(root, finding.path)
    field = ".".join(map(str, finding.path))
    cause = finding.error.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        for one in cause.problems:
            yield _own_rule(node, field, one)
        return
    if finding.kind in _MISSING:
        yield _missing(node, finding, schema)
    elif finding.kind in _UNKNOWN_KEY:
        yield _unknown(root, node, finding, schema)
    else:
        at, reason, remedy = _value(node, finding)
        yield at.problem(dotted(field, "kind") if finding.kind == "union_tag_invalid" else field, reason, remedy)


def _own_rule(node: Node, field: str, one: Problem) -> Problem:
    """Place a problem that a dataclass found: it names its field, alone or as ``name.field: reason``."""
    stated = _FIELD_FIRST.match(one.reason)
    key = one.field.rpartition(".")[2] or (stated.group(1) if stated else "")
    below = child(node, key) if key and isinstance(node.value, dict) else None
    if below is None:
        return node.mark.problem(field, one.reason, one.remedy)
    reason = one.reason if one.field or stated is None else one.reason[stated.end() :]
    return below.mark.problem(dotted(field, key), reason, one.remedy)


def _missing(node: Node, finding: Finding, schema: Callable[[], dict[str, Any]]) -> Problem:
    path = finding.path
    if finding.kind == "union_tag_not_found":
        kinds = _kinds(schema(), path)
        field = ".".join(map(str, (*path, "kind")))
        return node.mark.problem(field, "required, but not given", f"add 'kind: ...', one of {', '.join(kinds)}")
    remedy = "add 'schema: 1'" if path == ("schema",) else f"add '{path[-1]}: ...'"
    return node.mark.problem(".".join(map(str, path)), "required, but not given", remedy)


def _unknown(root: Node, node: Node, finding: Finding, schema: Callable[[], dict[str, Any]]) -> Problem:
    parent = finding.path[:-1]
    holder = nearest(root, parent)
    used = set(holder.value) if isinstance(holder.value, dict) else set()
    known = known_keys(schema(), root, parent)
    mark = node.key_mark or node.mark
    key = str(finding.path[-1])
    unused = [name for name in known if name not in used]
    close = closest(_OTHER_NAMES.get(key, key), known)
    hint = f"did you mean {close!r}?" if close else did_you_mean(key, unused) if unused else "remove it"
    return mark.problem(".".join(map(str, finding.path)), "unknown key", hint)


def _value(node: Node, finding: Finding) -> tuple[Mark, str, str]:
    """Return place, reason and remedy of a value that breaks a rule."""
    kind, ctx = finding.kind, finding.error.get("ctx", {})
    shown = _shown(node)
    if kind in {"literal_error", "union_tag_invalid"}:
        known = _QUOTED.findall(str(ctx.get("expected") or ctx.get("expected_tags")))
        word = nearest(node, ("kind",)) if kind == "union_tag_invalid" else node
        return word.mark, f"{_shown(word)} is unknown", did_you_mean(word.text, known)
    if kind in _LIMITS:
        reason, remedy = _limit(finding, shown)
    elif kind in _KINDS or kind == "any_of":
        reason, remedy = _wrong_kind(node, finding.path, shown, ctx.get("wanted") or _KINDS[kind])
    elif kind in _RULES:
        rule, remedy = _RULES[kind]
        reason = f"{shown} {rule}"
    else:
        message = str(finding.error.get("msg", kind))
        reason, remedy = f"{shown}: {message[:1].lower()}{message[1:]}", ""
    return node.mark, reason, remedy


def _limit(finding: Finding, shown: str) -> tuple[str, str]:
    name, sign = _LIMITS[finding.kind]
    limit = finding.error["ctx"][name]
    if finding.path == ("schema",):
        return f"{shown} is not a format that this program knows ({sign} {limit:.12g})", "upgrade cosim"
    try:
        value = float(shown)
    except ValueError:  # a default, or a text of the file that means a number
        value = math.nan
    return f"{shown} must be {sign} {limit:.12g}", way_out(str(finding.path[-1]), value, sign, limit)


def _wrong_kind(node: Node, path: Path, shown: str, wanted: str) -> tuple[str, str]:
    one_for_all = _ONE_FOR_ALL.get(str(path[-1])) if path else None
    if isinstance(node.value, list | dict) and one_for_all is not None:
        return f"{shown} is not {wanted}", one_for_all
    if isinstance(node.value, str) and "number" in wanted:
        try:
            float(node.value)
        except ValueError:
            point = node.value.replace(",", ".")
            return f"{shown} is not {wanted}", "use a decimal point" if point != node.value else f"give {wanted}"
        return f"{shown} is text, must be {wanted}", "remove the quotes"
    return f"{shown} is not {wanted}", f"give {wanted}"


def _shown(node: Node) -> str:
    """Return a value as messages print it."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if isinstance(node.value, str):
        return repr(node.value if len(node.value) <= _LONGEST else node.value[:_LONGEST] + "...")
    return node.text[:_LONGEST] if node.text else "nothing"


def known_keys(schema: Mapping[str, Any], root: Node, path: Path) -> list[str]:
    """Return the keys that the schema knows in the mapping at ``path``."""
    parts = _parts(schema, schema, root)
    node: Node | None = root
    for key in path:
        node = child(node, key) if node is not None else None
        parts = [inner for part in parts for inner in _step(schema, part, key, node)]
    return list(dict.fromkeys(key for part in parts for key in part.get("properties", ())))


def _step(schema: Mapping[str, Any], part: Mapping[str, Any], key: str | int, node: Node | None) -> list[Any]:
    below = part.get("items") if isinstance(key, int) else part.get("properties", {}).get(key)
    return _parts(schema, below, node) if isinstance(below, dict) else []


def _parts(schema: Mapping[str, Any], part: Mapping[str, Any], node: Node | None) -> list[Any]:
    """Resolve references and unions; of a discriminated union only the member of the node's kind."""
    if reference := part.get("$ref"):
        return _parts(schema, schema["$defs"][reference.rpartition("/")[2]], node)
    if mapping := part.get("discriminator", {}).get("mapping"):
        kind = child(node, "kind") if node is not None else None
        chosen = mapping.get(kind.value) if kind is not None else None
        return _parts(schema, {"$ref": chosen}, node) if chosen else []
    if options := part.get("anyOf") or part.get("oneOf"):
        return [inner for option in options for inner in _parts(schema, option, node)]
    return [part]


def _kinds(schema: Mapping[str, Any], path: Path) -> list[str]:
    """Return the kinds of the discriminated union at ``path``."""
    part: Any = schema
    for key in path:
        part = part["items"] if isinstance(key, int) else part["properties"][key]
        part = next((option for option in part.get("anyOf", ()) if option.get("type") != "null"), part)
    return list(part.get("discriminator", {}).get("mapping", ()))
