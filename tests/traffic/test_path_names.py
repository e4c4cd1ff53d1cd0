"""Every path has one name, made of its links, and no other path has it."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.traffic.charge_later import with_charge_later
from cosim.traffic.cheapest import k_shortest
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import all_simple_paths, node_sequence, path_id, path_name

IDS = st.text(alphabet="ab>:\\-# ", min_size=1, max_size=4)
CLASSES = {"other": False, "charging": True}


@given(one=st.lists(IDS, min_size=1, max_size=4), two=st.lists(IDS, min_size=1, max_size=4))
@settings(max_examples=300)
def test_a_name_tells_the_links(one, two):
    assert (path_name(one) == path_name(two)) == (one == two)


@given(
    one=st.tuples(IDS, st.lists(IDS, min_size=1, max_size=3)), two=st.tuples(IDS, st.lists(IDS, min_size=1, max_size=3))
)
@settings(max_examples=300)
def test_an_id_tells_the_class_and_the_links(one, two):
    ids = [path_id(user_class, path_name(links)) for user_class, links in (one, two)]
    assert (ids[0] == ids[1]) == (one == two)


def test_marks_within_ids_are_written_with_a_backslash():
    assert path_name(["a>b", "c"]) == r"a\>b>c"
    assert path_name(["a", "b>c"]) == r"a>b\>c"
    assert path_name(["a\\", "b"]) == r"a\\>b"
    assert path_id("a:b", "c") == r"a\:b:c"


def network(ends, names):
    nodes = sorted({node for pair in ends for node in pair})
    return RoadNetwork(
        node_ids=tuple(nodes),
        link_ids=tuple(names),
        tail=[nodes.index(u) for u, _ in ends],
        head=[nodes.index(v) for _, v in ends],
        free_flow_min=np.arange(1.0, 1.0 + len(ends)),
        capacity_vph=100.0,
    )


def station(name, node):
    return Station(name=name, node=node, bus="1", free_flow_min=30.0, capacity_vph=60.0)


def test_nguyen_dupuis_is_named_by_its_links(nguyen):
    paths = nguyen.paths
    assert paths.names[0] == "1-5>5-6>6-7>7-8>8-2"
    for path, name in enumerate(paths.names):
        nodes = node_sequence(nguyen.roads["default"], paths.path_links(path))
        assert name == ">".join(f"{u}-{v}" for u, v in zip(nodes, nodes[1:], strict=False))
    assert nguyen.mixed_paths.ids[:2] == tuple(f"other:{name}" for name in paths.names[:2])
    assert all(name.split(">").count(f"S{n}") <= 1 for name in nguyen.mixed_paths.names for n in (8, 11, 13))


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_parallel_links_and_stations_on_one_way_are_told_apart(copies):
    """With n links on each of two stretches there are n^2 ways, each past one of two stations or past none."""
    ends = [("A", "B")] * copies + [("B", "C")] * copies
    roads = network(ends, [f"{u}{v}{k}" for k, (u, v) in enumerate(ends)]).with_stations(
        [station("S", "A"), station("T", "B")]
    )
    paths = with_charge_later(all_simple_paths(roads, [("A", "C")], CLASSES), cost_min=10.0)
    ways = [f"{one}>{two}" for one, two in product(roads.link_ids[:copies], roads.link_ids[copies : 2 * copies])]
    past = [f"S>{way}" for way in ways] + [way.replace(">", ">T>") for way in ways]
    assert Counter(paths.ids) == Counter([f"other:{way}" for way in ways] + [f"charging:{way}" for way in past + ways])


def test_another_link_elsewhere_changes_no_name():
    ends = [("A", "B"), ("B", "C")]
    before = all_simple_paths(network(ends, ["ab", "bc"]), [("A", "C")], {"all": False})
    more = network([*ends, ("A", "B"), ("A", "C")], ["ab", "bc", "ab again", "ac"])
    after = all_simple_paths(more, [("A", "C")], {"all": False})
    assert before.names == ("ab>bc",)
    assert set(after.names) == {"ab>bc", "ab again>bc", "ac"}


@given(seed=st.integers(0, 10**6), names=st.lists(IDS, min_size=12, max_size=12, unique=True))
@settings(max_examples=40)
def test_ids_of_a_path_set_are_unique(seed, names):
    """On cyclic roads with parallel links and odd ids, on both layers: a way may come back the way it went."""
    rng = np.random.default_rng(seed)
    ends = [("A", "B"), ("B", "C"), ("C", "A")]
    ends += [tuple(rng.choice(list("ABC"), 2, replace=False).tolist()) for _ in range(7)]
    roads = network(ends, names[:10]).with_stations([station(names[10], "A"), station(names[11], "B")])
    paths = k_shortest(roads, [("A", "C"), ("C", "B")], CLASSES, 12)
    assert len(set(paths.ids)) == len(paths)
