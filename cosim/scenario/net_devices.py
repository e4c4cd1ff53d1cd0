"""Devices that are elements of the net: what the net says of them fills in what the scenario leaves out.

``grid.devices`` names the elements. What the list ``devices`` says of a device goes before what the net does; one that
it does not list comes to its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from cosim.errors import InputError, Problem
from cosim.grid.reduction.net_elements import GIVING
from cosim.scenario import kinds
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.grid_net import PROFILES, ReadNet, read_net
from cosim.scenario.net_roles import Role, role_of, usual_kind
from cosim.scenario.net_source import NetSource
from cosim.scenario.tree import find, name_of, updated
from cosim.scenario.yaml_reader import Mark, Node

_PERCENT = 100.0


def settled(tree: Node, files: ScenarioFiles) -> Node:
    """Return the tree with the settings of all devices that are elements of its net."""
    grid, devices = find(tree, ("grid",)), find(tree, ("devices",))
    if grid is None or not isinstance(grid.value, dict) or "devices" not in grid.value:
        return tree
    entries = [] if devices is None else devices.value
    if not isinstance(entries, list):
        return tree
    try:
        source = NetSource.model_validate_json(json.dumps(grid.plain()))
        read = read_net(source, _text(tree, "slack_bus"), _number(tree, "slack_vm_pu"), files)
    except (ValidationError, InputError):
        return tree  # told by the checks, which meet it again
    roles = [role_of(source, one, profiles=source.first_day is not None) for one in read.elements]
    known = {role.device: role for role in roles if role.device}
    listed = [name_of(one) for one in entries]
    blank = Node(value={}, mark=grid.mark, level=grid.level)
    found = [
        _filled(one, known[name], read, grid) if name in known else one
        for one, name in zip(entries, listed, strict=True)
    ]
    found += [_filled(blank, role, read, grid) for name, role in known.items() if name not in listed]
    return updated(tree, ("devices",), replace(blank if devices is None else devices, value=found))


def _text(tree: Node, key: str) -> str | None:
    node = find(tree, ("feeder", key))
    return None if node is None or node.value is None else node.text or str(node.value)


def _number(tree: Node, key: str) -> float | None:
    node = find(tree, ("feeder", key))
    return float(node.value) if node is not None and isinstance(node.value, int | float) else None


def _filled(given: Node, role: Role, read: ReadNet, grid: Node) -> Node:
    """Return the entry of a device with what the net knows of its element, as far as its kind asks for it."""
    own = dict(given.value) if isinstance(given.value, dict) else {}
    kind = usual_kind(role.element) or "photovoltaic"
    told: dict[str, Any] = {"kind": kind, "name": role.device, **dict(_of_net(role, read))}
    wanted = kinds.settings_of(str(own["kind"].value) if "kind" in own else kind)
    mark = given.mark if own else grid.mark
    new = {name: node_of(value, mark, grid.level) for name, value in told.items() if name in wanted and name not in own}
    return replace(given, value={**own, **new})


def node_of(value: Any, mark: Mark, level: int) -> Node:  # noqa: ANN401 - plain data
    """Return plain data as a node of the tree."""
    if isinstance(value, dict):
        below = {name: node_of(one, mark, level) for name, one in value.items()}
        return Node(value=below, mark=mark, level=level)
    return Node(value=value, mark=mark, text=str(value), level=level)


def _of_net(role: Role, read: ReadNet) -> Iterator[tuple[str, Any]]:
    """Yield what the net says of an element, by the names of settings."""
    element = role.element
    row = read.net[element.kind].loc[element.index]
    size = float(np.hypot(element.p_mw, element.q_mvar))

    def given(name: str) -> float | None:
        value = row[name] if name in row.index else None
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            return None
        found = float(value)  # whole columns hold numpy's integers, which are no int
        return found if np.isfinite(found) else None

    rated = given("sn_mva") or size
    yield "bus", str(element.bus)
    yield "s_max_mva", rated
    if element.kind != "storage":
        if element.kind in GIVING and element.p_mw > 0.0 and not role.profile:  # a load is refused with the roles
            called = f"{element.kind} {element.index}"
            reason = f"it draws {element.p_mw:g} MW; a device that feeds in would lose this load"
            raise InputError(Problem(field="grid.devices", reason=f"{called}: {reason}", remedy="leave it fixed"))
        offered: dict[str, Any] = {"file": PROFILES, "column": role.columns[0], "scale": max(-element.p_mw, 0.0)}
        yield "available_mw", offered if role.profile else max(-element.p_mw, 0.0)
        return
    capacity, least = given("max_e_mwh"), given("min_e_mwh") or 0.0
    yield "p_max_mw", rated
    if capacity:
        yield "capacity_mwh", capacity
        yield "soc_min", least / capacity
        yield "soc_max", 1.0
        if (soc := given("soc_percent")) is not None:
            yield "soc_initial", min(max(soc / _PERCENT, least / capacity), 1.0)
