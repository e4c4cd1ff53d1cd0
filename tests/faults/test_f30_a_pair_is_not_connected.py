"""F30: trips between nodes that no path joins: every such pair is listed; unguarded, SUMO teleports them."""

import pytest

from cosim.errors import InputError
from cosim.scenario.load import load
from cosim.workflows.check import check

NODES = "id,x,y\na,0,0\nb,1,0\nc,2,0\nd,9,9\n"
LINKS = "id,from_node,to_node,free_flow_min,capacity_vph,alpha,beta\nab,a,b,5,800,0.15,4\nbc,b,c,6,800,0.15,4\n"
SCENARIO = """\
schema: 1
periods: 1
roads: net
traffic:
  theta_per_min: 0.1
  demand:
    - {origin: a, destination: c, trips_vph: 300}
    - {origin: c, destination: a, trips_vph: 10}
    - {origin: a, destination: d, trips_vph: 20}
"""


@pytest.fixture
def apart(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "nodes.csv").write_text(NODES)
    (tmp_path / "net" / "links.csv").write_text(LINKS)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    return tmp_path


def test_every_pair_is_listed_with_its_place(apart):
    with pytest.raises(InputError) as refused:
        load(apart)
    told = [str(problem) for problem in refused.value.problems]
    assert len(told) == 2
    assert "scenario.yaml:8:" in told[0]
    assert "no path leads from 'c' to 'a'" in told[0]
    assert "no path leads from 'a' to 'd'" in told[1]


def test_it_is_checked_without_a_run(apart):
    assert len(check(apart).mistakes) == 2
    (apart / "net" / "links.csv").write_text(LINKS + "cb,c,b,6,800,0.15,4\nba,b,a,5,800,0.15,4\nad,a,d,5,800,0.15,4\n")
    assert check(apart).mistakes == ()
