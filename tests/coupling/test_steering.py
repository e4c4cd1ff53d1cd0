"""Whether a price can move drivers is told before the run, and the equilibria agree."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.coupling.steering import steering_remark
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.workflows.plan import plan

NODAL = ("coupling.mode=iterated", "coupling.ev_price=nodal")
ONE_BUS = tuple(f"stations.{name}.bus=20" for name in ("8", "13"))
STUCK, MOVES = "this price cannot move route choice", "this price moves how many charge under way, not where"


def remarks(*overrides):
    return [one for one in plan("nguyen_ieee33", overrides).remarks if one.startswith("this price")]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("coupling.ev_price=tariff",), "it is the same at all stations"),
        (("coupling.ev_price=tariff", "coupling.markup=0.4"), "it is the same at all stations"),
        ((*NODAL, *ONE_BUS), "all stations are at bus 20, which has one price"),
        ((*NODAL, *ONE_BUS, "coupling.markup=0.4"), "all stations are at bus 20, which has one price"),
        ((*NODAL, "ev.share=0"), "nobody looks for a station"),
    ],
)
def test_a_price_without_spread_is_named_with_its_reason(overrides, reason):
    (found,) = remarks(*overrides)
    assert found.startswith(f"{STUCK}: {reason}; every charging vehicle charges once")


@pytest.mark.parametrize("overrides", [(), NODAL, (*NODAL, "stations.8.bus=20"), (*NODAL, "coupling.markup=0.4")])
def test_no_price_and_one_with_spread_need_no_remark(overrides):
    assert remarks(*overrides) == []


def test_with_charging_later_one_price_moves_demand():
    (found,) = remarks("coupling.ev_price=tariff", "ev.charge_later={cost_min: 60}")
    assert found.startswith(MOVES)


@pytest.fixture(scope="module")
def roads():
    return build_case(load("nguyen_ieee33")).roads


def remark(roads, price, buses=("16", "20", "32"), **changes):
    paths = changes.pop("paths", roads.paths)
    busiest = changes.pop("busiest", roads.demand_vph.max(axis=0))
    links = roads.network.station_positions.tolist()
    return steering_remark(paths, busiest, links, price_per_mwh=price, buses=buses)


def test_prices_that_differ_in_one_period_alone_can_move_drivers(roads):
    price = np.full((3, 24), 700.0)
    assert remark(roads, price).startswith(STUCK)
    price[1, 20] += 1e-3
    assert remark(roads, price) == ""


def test_a_spread_that_no_pair_can_choose_between_is_named(roads):
    """Each pair keeps the paths past one station: the stations differ, but nobody has the choice."""
    paths = roads.paths
    keep = [
        k for k, w in enumerate(paths.commodity) if paths.station[k] in (-1, roads.network.station_positions[w % 2])
    ]
    sizes = np.diff(paths.row_start)[keep]
    split = replace(
        paths,
        commodity=paths.commodity[keep],
        row_start=np.cumsum([0, *sizes]),
        links=np.concatenate([paths.path_links(k) for k in keep]),
        station=paths.station[keep],
        offset_min=paths.offset_min[keep],
    )
    found = remark(roads, None, paths=split)
    assert "each pair of origin and destination meets stations of one price only" in found
