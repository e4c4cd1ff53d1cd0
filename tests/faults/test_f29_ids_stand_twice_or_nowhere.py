"""F29: duplicate ids, unknown stations, nodes and buses: refused with line and column before anything starts."""

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.scenario.load import load


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stations.8.node=99", "is at node 99, which network 'nguyen' lacks"),
        ("stations.8.bus=99", "is at bus 99, which feeder 'ieee33' does not have"),
        ("stations.8.name='11'", "stands twice"),
        ("devices.gt.name=ess", "stands twice"),
        ("devices.gt.bus=77", "is at bus 77"),
        ("outages=[{station: '9', from: 1, to: 1}]", "'9' is no station"),
        (
            "traffic.demand=[{origin: 1, destination: 3, trips_vph: 5}, {origin: 1, destination: 3, trips_vph: 5}]",
            "twice",
        ),
        ("feeder.slack_bus=99", "99"),
    ],
)
def test_they_are_refused_by_name(override, words):
    with pytest.raises(InputError) as refused:
        load("nguyen_ieee33", [override])
    assert words in str(refused.value)
    assert refused.value.exit_code == 3


def test_all_mistakes_are_told_at_once():
    with pytest.raises(InputError) as refused:
        load("nguyen_ieee33", ["stations.8.node=99", "stations.8.bus=99", "devices.gt.bus=77"])
    assert len(refused.value.problems) == 3


def test_a_feeder_of_two_buses_of_one_name_is_none():
    """Unguarded, the load of both would be summed at one of them."""
    with pytest.raises(InputError, match="a bus id stands twice"):
        Feeder(
            name="twice", bus_ids=("1", "2", "2"), line_ids=("a", "b"), parent=np.array([0, 1]), child=np.array([1, 2]),
            slack=0, r_pu=np.ones(2), x_pu=np.ones(2), i_max_ka=np.full(2, np.inf), v_min_pu=np.full(3, 0.9),
            v_max_pu=np.full(3, 1.1), p_mw=np.zeros(3), q_mvar=np.zeros(3), base_mva=10.0, base_kv=12.66,
            slack_vm_pu=1.0,
        )  # fmt: skip
