"""Route models by name: which ways travellers choose from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from cosim.errors import InputError
from cosim.traffic.cheapest import k_shortest
from cosim.traffic.dag import frozen_dag
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet, all_simple_paths
from cosim.traffic.routes import Routes

ALL = "all"
ALL_PATHS_OF_A_PAIR = 10_000
_CHEAPEST = re.compile(r"k=[1-9][0-9]{0,3}")
Pairs = tuple[tuple[str, str], ...]
Builder = Callable[[RoadNetwork, Pairs, Mapping[str, bool]], Routes]


def listed_paths(
    name: str, network: RoadNetwork, od_pairs: Pairs, needs: Mapping[str, bool], limit: int = ALL_PATHS_OF_A_PAIR
) -> PathSet:
    """Return the paths of every class and OD pair: ``all`` simple ones, or the ``k=10`` cheapest on empty roads.

    Parameters
    ----------
    name
        ``all`` or ``k=NUMBER``.
    network, od_pairs, needs
        As `cosim.traffic.paths.all_simple_paths` takes them.
    limit
        Most paths of a pair with ``all``.

    Raises
    ------
    InputError
        If there is no such model, or a pair has no path.
    """
    if not lists_paths(name):
        raise InputError(f"paths: {name!r} is unknown; known: all, k=NUMBER")
    if name == ALL:
        return all_simple_paths(network, od_pairs, needs, limit)
    return k_shortest(network, od_pairs, needs, int(name.removeprefix("k=")))


def lists_paths(name: str) -> bool:
    """Whether a name is that of a model that lists paths.

    >>> lists_paths("all"), lists_paths("k=10"), lists_paths("dag"), lists_paths("k=0")
    (True, True, False, False)
    """
    return name == ALL or _CHEAPEST.fullmatch(name) is not None


def route_builder(name: str) -> Builder:
    """Return how the choice sets of a route model are made: ``all``, ``k=10``, ``dag``.

    Raises
    ------
    InputError
        If there is no such model.
    """
    if name == "dag":
        return frozen_dag
    if lists_paths(name):
        return lambda network, pairs, classes: listed_paths(name, network, pairs, classes)
    raise InputError(f"paths: {name!r} is unknown; known: all, dag, k=NUMBER")
