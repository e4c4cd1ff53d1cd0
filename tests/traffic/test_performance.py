import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from cosim.errors import InputError
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.erlang import LARGEST_USE
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import link_cost, link_cost_derivative, link_cost_integral


def one_link(law="bpr", **values):
    settings = {k: [values.pop(k)] for k in ("j", "knee", "scv") if k in values}
    given_values = {"free_flow_min": [7.0], "capacity_vph": [300.0]} | {k: [v] for k, v in values.items()}
    if law == "erlang":  # as many chargers as the time allows, at least one and at most 60; the rest is access
        time, capacity = given_values["free_flow_min"][0], given_values["capacity_vph"][0]
        servers = float(np.clip(np.nan_to_num(time * capacity / 60.0) // 1, 1, 60))
        enough = max(time, 60.0 * servers / capacity) if capacity > 0 else time
        given_values = {"servers": [servers]} | given_values | {"free_flow_min": [enough]}
    return RoadNetwork(node_ids=("a", "b"), link_ids=("ab",), tail=[0], head=[1], law=(law,), settings=settings,
                       **given_values)  # fmt: skip


def at(function, network, flow):
    return float(function(network, np.array([flow]))[0])


laws = st.sampled_from(sorted(LAWS))
shapes = st.fixed_dictionaries(
    {
        "free_flow_min": st.floats(0.1, 100),
        "capacity_vph": st.floats(10, 5000),
        "alpha": st.floats(0, 3),
        "beta": st.floats(1, 8),
        "j": st.floats(0, 2),
        "knee": st.floats(0.5, 0.97),
        "fixed_min": st.floats(-20, 20),
        "slope_min_per_vph": st.floats(0, 1),
    }
)


@given(law=laws, shape=shapes, use=st.floats(0.01, 2.5))
def test_derivative_is_that_of_the_cost(law, shape, use):
    network = one_link(law, **shape)
    flow = use * shape["capacity_vph"]
    for knee in (shape["knee"], LARGEST_USE):
        if abs(use - knee) < 1e-3:
            flow = (knee + 2e-3) * shape["capacity_vph"]
    step = 1e-5 * shape["capacity_vph"]
    ahead, behind = at(link_cost, network, flow + step), at(link_cost, network, flow - step)
    slope = (ahead - behind) / (2 * step)
    scale = max(abs(ahead), abs(behind)) / flow
    assert slope == pytest.approx(at(link_cost_derivative, network, flow), rel=1e-5, abs=1e-8 * scale)


@given(law=laws, shape=shapes, use=st.just(0.0) | st.floats(1e-9, 2.5))  # subnormal numbers have no relative accuracy
def test_integral_is_the_area_under_the_cost(law, shape, use):
    network = one_link(law, **shape)
    flow = use * shape["capacity_vph"]
    knees = [min(flow, knee * shape["capacity_vph"]) for knee in (shape["knee"], LARGEST_USE)]
    area, _ = quad(lambda v: at(link_cost, network, v), 0.0, flow, points=knees, epsabs=0, epsrel=1e-10)
    scale = flow * (at(link_cost, network, flow) + 20.0)
    assert at(link_cost_integral, network, flow) == pytest.approx(area, rel=1e-9, abs=1e-10 * scale)


@given(law=laws, shape=shapes, low=st.floats(0, 1e6), rise=st.floats(0, 1e6))
def test_cost_is_finite_increasing_and_convex(law, shape, low, rise):
    network = one_link(law, **shape)
    low_cost, high_cost = at(link_cost, network, low), at(link_cost, network, low + rise)
    assert np.isfinite(high_cost)
    assert high_cost >= low_cost - 1e-12 * abs(low_cost)
    low_slope, high_slope = (
        at(link_cost_derivative, network, low),
        at(link_cost_derivative, network, low + rise),
    )
    assert high_slope >= low_slope * (1 - 1e-12) >= 0


def test_bpr_at_capacity():
    assert at(link_cost, one_link(), 300.0) == pytest.approx(7.0 * 1.15, rel=1e-15)


def test_davidson_below_the_knee():
    """Half full: t0 (1 + J)."""
    network = one_link("davidson", j=0.1)
    assert at(link_cost, network, 150.0) == pytest.approx(7.0 * 1.1, rel=1e-15)


@pytest.mark.parametrize("function", [link_cost, link_cost_derivative, link_cost_integral])
def test_davidson_joins_its_tangent_smoothly(function):
    network = one_link("davidson", j=0.1, knee=0.9)
    below, above = (at(function, network, 270.0 * (1 + side)) for side in (-1e-12, 1e-12))
    assert below == pytest.approx(above, rel=1e-9)


def test_davidson_is_a_straight_line_beyond_the_knee():
    network = one_link("davidson", j=0.1, knee=0.9)
    slope = 7.0 * 0.1 / (300.0 * 0.1**2)
    at_knee = 7.0 * (1 + 0.1 * 0.9 / 0.1)
    assert at(link_cost, network, 1270.0) == pytest.approx(at_knee + 1000.0 * slope, rel=1e-12)


def test_linear_cost_has_its_slope_at_zero_flow():
    """beta = 1: c = t0 + b v with b = t0 alpha / cap."""
    network = one_link(beta=1.0, alpha=3.0)
    assert at(link_cost_derivative, network, 0.0) == pytest.approx(7.0 * 3.0 / 300.0, rel=1e-15)
    assert at(link_cost, network, 100.0) == pytest.approx(7.0 + 7.0, rel=1e-15)


@pytest.mark.parametrize("values", [{"alpha": 0.0, "beta": 0.0}, {"free_flow_min": 0.0, "beta": 0.5}])
def test_links_without_delay_have_no_slope(values):
    network = one_link(**values)
    assert at(link_cost_derivative, network, 0.0) == 0.0
    assert at(link_cost, network, 100.0) == network.free_flow_min[0]


@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("function", [link_cost, link_cost_derivative, link_cost_integral])
def test_negative_flow_counts_as_zero(law, function):
    network = one_link(law, fixed_min=2.0)
    assert at(function, network, -5.0) == at(function, network, 0.0)


@pytest.mark.parametrize(
    ("law", "field", "value"),
    [
        ("bpr", "capacity_vph", 0.0),
        ("bpr", "capacity_vph", np.nan),
        ("bpr", "free_flow_min", -1.0),
        ("bpr", "alpha", -0.1),
        ("bpr", "beta", 0.5),
        ("bpr", "beta", np.inf),
        ("davidson", "capacity_vph", -3.0),
        ("davidson", "j", -0.1),
        ("davidson", "knee", 1.0),
        ("davidson", "knee", np.nan),
        ("bpr", "fixed_min", np.nan),
        ("bpr", "slope_min_per_vph", -1.0),
    ],
)
def test_refused_parameters_are_named_with_their_link(law, field, value):
    with pytest.raises(InputError, match="link 'ab'") as caught:
        one_link(law, **{field: value})
    assert [problem.field for problem in caught.value.problems] == [field]
