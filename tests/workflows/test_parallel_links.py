"""Two links from one node to the next, two stations on one way, drivers who charge later: every path has its name."""

from itertools import product

import numpy as np
import pytest

from cosim.results.store import load as open_run
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.workflows.micro_study import stored_path_flows, told_of
from cosim.workflows.run import run
from cosim.workflows.validate import ValidateOptions, validate

ROADS = {
    "nodes.csv": "id,x,y\nO,0,0\nM,5,0\nD,10,0\n",
    "links.csv": "id,from_node,to_node,free_flow_min,capacity_vph,alpha,beta\n"
    "old,O,M,8,1800,0.15,4\nnew,O,M,9,1800,0.15,4\neast,M,D,8,1800,0.15,4\nwest,M,D,8,3600,0.15,4\n",
}
SCENARIO = """\
schema: 1
title: Two roads beside each other on each half of the way
extends: nguyen_ieee33
periods: 2
period_min: 30
roads: roads
traffic:
  capacity_column: capacity_vph
  demand: [{origin: O, destination: D, trips_vph: 600}]
  demand_profile: [0.5, 1.0]
ev: {fast_charge_share: 0.5, charge_later: {cost_min: 40}}
stations:
  - {name: S, node: O, bus: 16, chargers: 20, charger_kw: 60, access_min: 10, law: {kind: erlang}, access_fee: 0}
  - {name: T, node: M, bus: 20, chargers: 20, charger_kw: 60, access_min: 10, law: {kind: erlang}, access_fee: 0}
feeder: {load_profile: [0.9, 1.0]}
devices:
  pv: {available_mw: [0.3, 0.1]}
  wind: {available_mw: [0.2, 0.3]}
microsim: {periods: [2], seeds: 1, length_scale: 0.15, warmup_min: 20, capacity_basis: matched}
"""
WAYS = [">".join(way) for way in product(("old", "new"), ("east", "west"))]
PAST_A_STATION = [f"S>{way}" for way in WAYS] + [way.replace(">", ">T>") for way in WAYS]
LATER = WAYS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a run with a window of SUMO in its second half hour."""
    place = tmp_path_factory.mktemp("parallel")
    (place / "roads").mkdir()
    for name, text in ROADS.items():
        (place / "roads" / name).write_text(text, encoding="utf-8")
    (place / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    out = place / "run"
    run(place / "scenario.yaml", out=out, microsim="windows", report=False)
    return out


def test_every_path_stands_in_the_table_by_its_links(folder):
    result = open_run(folder)
    assert result["periods"]["period"].tolist() == [1, 2]
    for _, rows in result["paths"].groupby("period"):
        named = {kind: sorted(own["path"]) for kind, own in rows.groupby("class")}
        assert named == {"other": sorted(WAYS), "charging": sorted([*PAST_A_STATION, *LATER])}
        total = rows.groupby("class")["flow_vph"].sum()
        assert total["charging"] == pytest.approx(0.1 * total.sum(), rel=1e-9)
        flow = dict(zip(rows["class"] + ":" + rows["path"], rows["flow_vph"], strict=True))
        for old, new in ((one, one.replace("old", "new")) for one in flow if "old" in one):
            assert flow[old] > flow[new] > 0.0, "a minute longer, so driven less"


def test_links_carry_the_paths_that_are_named_after_them(folder):
    result = open_run(folder)
    paths, links = (result[name][result[name]["period"] == 2] for name in ("paths", "links"))
    for link, flow in zip(links["link"], links["flow_vph"], strict=True):
        through = paths[[link in name.split(">") for name in paths["path"]]]
        assert flow == pytest.approx(through["flow_vph"].sum(), rel=1e-9)
    charging = paths[paths["station"] != ""]
    stations = result["stations"][result["stations"]["period"] == 2].set_index("station")
    for name, own in charging.groupby("station"):
        assert stations.loc[name, "flow_vph"] == pytest.approx(own["flow_vph"].sum(), rel=1e-9)
        assert all(name in path.split(">") for path in own["path"])


def test_sumo_drives_both_links(folder):
    micro = open_run(folder)["micro_links"].set_index("link")["flow_vph"]
    links = open_run(folder)["links"]
    expected = links[links["period"] == 2].set_index("link")["flow_vph"]
    assert set(micro.index) == {"old", "new", "east", "west"}
    for link in micro.index:
        assert micro[link] == pytest.approx(expected[link], rel=0.1)


def test_the_stored_flows_are_those_that_were_solved(folder):
    result = open_run(folder)
    case = build_case(load(folder.parent / "scenario.yaml"))
    roads = case.roads
    flows = stored_path_flows(roads, told_of(case, result, 2))
    rows = result["paths"][result["paths"]["period"] == 2]
    assert flows.tolist() == rows["flow_vph"].tolist(), "the table stands in the order of the path set"
    assert len(set(roads.paths.ids)) == len(roads.paths) == 16


def test_validation_tells_of_every_path(folder):
    validate(folder, ValidateOptions(seeds=1))
    routes = open_run(folder)["validation_routes"]
    own = routes[routes["model"] == "SUE"]
    assert len(own) == len(own[["class", "path"]].drop_duplicates()) == 16
    driven = own[own["class"] == "other"].set_index("path")
    assert set(driven.index) == set(WAYS)
    assert np.all(driven["vehicles"] > 0)
    free = {"old": 8.0, "new": 9.0, "east": 8.0, "west": 8.0}
    for name, time in driven["time_sumo_min"].items():
        assert 0.95 <= time / sum(free[link] for link in name.split(">")) <= 1.4
