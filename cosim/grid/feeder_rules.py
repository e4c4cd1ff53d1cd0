"""What a feeder must be: each rule returns the mistakes, and knows that those before it found none."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.grid.topology import listed, order_lines

if TYPE_CHECKING:
    from cosim.grid.feeder import Feeder

SLACK_VM_RANGE_PU = (0.8, 1.2)


def _shape_mistakes(feeder: Feeder) -> list[str]:
    """Return what is wrong with the lengths and the ids."""
    n, m = feeder.n_buses, feeder.n_lines
    mistakes = []
    if m != n - 1 or m < 1:
        mistakes.append(f"{n} buses and {m} lines; a radial feeder has one line less than buses, at least one")
    expected = dict.fromkeys(("parent", "child", "r_pu", "x_pu", "i_max_ka"), (m,))
    expected |= dict.fromkeys(("v_min_pu", "v_max_pu", "p_mw", "q_mvar"), (n,))
    for name, shape in expected.items():
        found = getattr(feeder, name).shape
        if found != shape:
            mistakes.append(f"{name} has shape {found}, must be {shape}")
    if feeder.length_km.shape not in {(0,), (m,)}:
        mistakes.append(f"length_km has shape {feeder.length_km.shape}, must be {(m,)}")
    if feeder.layout.shape not in {(0, 2), (n, 2)}:
        mistakes.append(f"layout has shape {feeder.layout.shape}, must be {(n, 2)}")
    if len(feeder.bus_names) not in {0, n}:
        mistakes.append(f"{len(feeder.bus_names)} names of buses, must be {n}")
    for name, ids in (("bus", feeder.bus_ids), ("line", feeder.line_ids)):
        if len(set(ids)) < len(ids):
            mistakes.append(f"a {name} id stands twice in {listed(sorted(ids))}")
    return mistakes


def _tree_mistakes(feeder: Feeder) -> list[str]:
    """Return why the lines are not a breadth-first tree; shapes are known to fit."""
    n, ids = feeder.n_buses, feeder.bus_ids
    ends = np.concatenate([feeder.parent, feeder.child, [feeder.slack]])
    if np.any((ends < 0) | (ends >= n)):
        return [f"a bus position is outside 0..{n - 1}"]
    tree = order_lines(n, feeder.parent.tolist(), feeder.child.tolist(), feeder.slack)
    mistakes = [
        f"line {feeder.line_ids[line]!r} closes the loop {'-'.join(ids[bus] for bus in loop)}; open one line"
        for line, loop in tree.loops
    ]
    if tree.unsupplied:
        mistakes.append(f"no line connects the slack to bus {listed([ids[bus] for bus in tree.unsupplied])}")
    if mistakes:
        return mistakes
    depth = np.zeros(n, dtype=np.intp)
    for parent, child in zip(tree.parent, tree.child, strict=True):
        depth[child] = depth[parent] + 1
    if np.any(np.diff(depth[feeder.child]) < 0) or np.any(depth[feeder.child] != depth[feeder.parent] + 1):
        mistakes.append("the lines are not in breadth-first order away from the slack; use order_lines")
    return mistakes


def _value_mistakes(feeder: Feeder) -> list[str]:
    """Return which values are not finite or out of range; shapes and tree are known to fit."""
    low, high = SLACK_VM_RANGE_PU
    mistakes = [
        f"{item.name} must be finite"
        for item in fields(feeder)
        if item.type in {"Array", "float"}
        and item.name != "i_max_ka"
        and not np.all(np.isfinite(getattr(feeder, item.name)))
    ]
    if not (feeder.base_mva > 0.0 and feeder.base_kv > 0.0):
        mistakes.append(f"base_mva {feeder.base_mva} and base_kv {feeder.base_kv} must be > 0")
    if not low <= feeder.slack_vm_pu <= high:
        mistakes.append(f"slack_vm_pu: {feeder.slack_vm_pu} outside {low}..{high}; is it in kV?")
    r, x = feeder.r_pu, feeder.x_pu
    sound, rule = (r >= 0.0) & (x >= 0.0) & (r + x > 0.0), "needs r >= 0, x >= 0 and r + x > 0"
    if not feeder.plain:  # the leg of a three-winding transformer's star may have a negative one
        sound, rule = (r != 0.0) | (x != 0.0), "needs an impedance"
    lines = [
        (~sound, rule),
        (~(feeder.i_max_ka > 0.0), "needs i_max_ka > 0 (infinite for none)"),
    ]
    for wrong, rule in lines:
        mistakes += [f"line {feeder.line_ids[k]!r} {rule}" for k in np.flatnonzero(wrong)]
    ordered = (feeder.v_min_pu >= 0.0) & (feeder.v_min_pu < feeder.v_max_pu)
    for bus in np.flatnonzero(~ordered):
        limits = f"v_min_pu {feeder.v_min_pu[bus]} is not below v_max_pu {feeder.v_max_pu[bus]}"
        mistakes.append(f"bus {feeder.bus_ids[bus]!r}: {limits}; swap them")
    return mistakes


def _circuit_mistakes(feeder: Feeder) -> list[str]:
    """Return what is wrong with the circuit of a feeder that is right without it."""
    circuit = feeder.circuit
    if circuit is None:
        return []
    n, m, k = feeder.n_buses, feeder.n_lines, len(circuit.elements)
    shapes: dict[str, tuple[NDArray[Any], tuple[int, ...]]]
    shapes = {name: (array, (m,)) for name, array in circuit.of_branches.items()}
    shapes |= {name: (array, (n,)) for name, array in circuit.of_buses.items()}
    shapes |= {name: (getattr(circuit.elements, name), (k, 2)) for name in ("of_voltage", "of_current", "rated_pu")}
    shapes |= {name: (getattr(circuit.elements, name), (k,)) for name in ("branch", "by_power", "most_percent")}
    mistakes = [
        f"{name} has shape {array.shape}, must be {shape}"
        for name, (array, shape) in shapes.items()
        if array.shape != shape
    ]
    mistakes += [
        f"{name} must be finite"
        for name, (array, _) in shapes.items()
        if name not in {"rated_pu", "most_percent"} and not np.isfinite(array).all()
    ]
    if len(circuit.also) != n:
        mistakes.append(f"further ids of {len(circuit.also)} buses, must be of {n}")
    positive = (circuit.bus_kv, circuit.ratio_parent, circuit.ratio_child, circuit.elements.most_percent)
    if not all(bool((array > 0.0).all()) for array in positive):
        mistakes.append("voltages, ratios and the loading that is allowed must be > 0")
    if not np.isinf(feeder.i_max_ka).all():
        mistakes.append("i_max_ka stands beside a circuit, whose elements say what may flow")
    return mistakes


RULES = (_shape_mistakes, _tree_mistakes, _value_mistakes, _circuit_mistakes)
