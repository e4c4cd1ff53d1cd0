"""Lines of any direction and row order brought into one tree, or the loops and islands named."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import IntArray

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Lines brought into breadth-first order, and what keeps them from being one tree.

    Attributes
    ----------
    order
        Positions of the lines of the tree in the given table, breadth-first from the slack.
    parent, child
        Sending and receiving bus of each line of ``order``.
    loops
        For every line that closes a loop: its position, and the buses around the loop.
    unsupplied
        Buses that no line connects to the slack.
    """

    order: IntArray
    parent: IntArray
    child: IntArray
    loops: tuple[tuple[int, tuple[int, ...]], ...]
    unsupplied: tuple[int, ...]


def order_lines(n_buses: int, from_bus: Sequence[int], to_bus: Sequence[int], slack: int) -> Tree:
    """Orient lines away from the slack and sort them breadth-first.

    Neither the direction in which a line is given nor its row matters: lines of equal depth are
    sorted by the positions of their parent (in the order reached) and of their child.

    Parameters
    ----------
    n_buses
        Number of buses.
    from_bus, to_bus
        End positions of each line in service, in any direction and order.
    slack
        Position of the slack bus.

    Returns
    -------
    Tree
        Order and orientation, loops and unsupplied buses.

    >>> tree = order_lines(4, [2, 1, 1], [1, 0, 3], slack=0)
    >>> tree.order.tolist(), tree.parent.tolist(), tree.child.tolist()
    ([1, 0, 2], [0, 1, 1], [1, 2, 3])
    >>> order_lines(3, [0, 1, 2], [1, 2, 0], slack=0).loops
    ((2, (2, 1, 0)),)
    """
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(n_buses)]
    root = list(range(n_buses))
    loops = []
    for line, (a, b) in enumerate(zip(from_bus, to_bus, strict=True)):
        root_a, root_b = _root(root, a), _root(root, b)
        if root_a == root_b:
            loops.append((line, _way(neighbours, a, b)))
            continue
        root[root_a] = root_b
        neighbours[a].append((b, line))
        neighbours[b].append((a, line))
    order, parent, child = [], [], []
    seen = [False] * n_buses
    seen[slack] = True
    queue = deque([slack])
    while queue:
        bus = queue.popleft()
        for other, line in sorted(neighbours[bus]):
            if not seen[other]:
                seen[other] = True
                queue.append(other)
                order.append(line)
                parent.append(bus)
                child.append(other)
    return Tree(
        order=np.array(order, dtype=np.intp),
        parent=np.array(parent, dtype=np.intp),
        child=np.array(child, dtype=np.intp),
        loops=tuple(loops),
        unsupplied=tuple(bus for bus in range(n_buses) if not seen[bus]),
    )


def listed(ids: Sequence[str]) -> str:
    """Return ids for a message, the middle left out if there are many.

    >>> listed(["1", "2"]), listed([str(i) for i in range(1, 34)])
    ('1, 2', '1, 2, ..., 33')
    """
    if len(ids) <= _SHOWN:
        return ", ".join(ids)
    return f"{ids[0]}, {ids[1]}, ..., {ids[-1]}"


def _root(root: list[int], bus: int) -> int:
    """Return the representative of the connected part of ``bus``, shortening the way to it."""
    while root[bus] != bus:
        root[bus] = root[root[bus]]
        bus = root[bus]
    return bus


def _way(neighbours: list[list[tuple[int, int]]], start: int, end: int) -> tuple[int, ...]:
    """Return the buses of the only way from ``start`` to ``end`` in a forest."""
    before = {start: start}
    queue = deque([start])
    while end not in before:
        bus = queue.popleft()
        for other, _ in neighbours[bus]:
            if other not in before:
                before[other] = bus
                queue.append(other)
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return tuple(reversed(way))
