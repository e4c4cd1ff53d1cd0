"""The station law `erlang` against closed forms, high precision and our own queue."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.laws.base import LinkParameters
from cosim.traffic.laws.erlang import LARGEST_USE, Erlang, ErlangSettings, mean_wait
from cosim.traffic.performance import link_cost

SERVICE_MIN = 20.0
ACCESS_MIN = 10.0


def law(servers, scv=1.0):
    """Chargers of 20 min behind 10 min of access."""
    return Erlang(
        LinkParameters(
            free_flow_min=np.array([SERVICE_MIN + ACCESS_MIN]),
            capacity_vph=np.array([60.0 * servers / SERVICE_MIN]),
            servers=np.array([float(servers)]),
            settings={"scv": np.array([scv])},
        )
    )


def wait_min(servers, use, scv=1.0):
    flow = np.atleast_1d(use)[:, np.newaxis] * 60.0 * servers / SERVICE_MIN
    return law(servers, scv).value(flow)[:, 0] - SERVICE_MIN - ACCESS_MIN


def exact_wait(servers, use):
    """Erlang C by its sum, at mpmath's precision: mean wait of M/M/c in service times."""
    a = mp.mpf(servers) * mp.mpf(use)
    last = a**servers / mp.factorial(servers) * servers / (servers - a)
    waits = last / (mp.fsum(a**k / mp.factorial(k) for k in range(servers)) + last)
    return waits / (servers - a)


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [0.05, 0.3, 0.6, 0.9, 0.98])
def test_one_and_two_servers(use):
    """M/M/1: r / (1 - r); M/M/2: r^2 / (1 - r^2); M/D/1 is half of M/M/1 (Pollaczek & Khinchine)."""
    assert wait_min(1, use)[0] == pytest.approx(SERVICE_MIN * use / (1 - use), rel=1e-9)
    assert wait_min(2, use)[0] == pytest.approx(SERVICE_MIN * use**2 / (1 - use**2), rel=1e-9, abs=1e-12)
    assert wait_min(1, use, scv=0.0)[0] == pytest.approx(SERVICE_MIN * use / (1 - use) / 2, rel=1e-9)


@pytest.mark.parametrize("servers", [1, 3, 20, 100])
def test_erlang_c_in_forty_digits(servers):
    for use in (0.1, 0.41, 0.6, 0.8, 0.9, 0.95, 0.98):
        with mp.workdps(40):
            expected = float(exact_wait(servers, use))
        assert float(mean_wait(servers, np.array([use]))[0][0]) == pytest.approx(expected, rel=1e-12)
        found = wait_min(servers, use)[0] / SERVICE_MIN
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_twenty_chargers_hardly_wait_where_davidson_says_two_minutes():
    """M/M/20 with 20 min of service at 41, 80 and 90 % use."""
    assert np.allclose(wait_min(20, [0.41, 0.8, 0.9]), [0.0006, 1.28, 5.51], rtol=0.03)


@pytest.mark.parametrize("servers", [1, 2, 7, 60])
def test_derivatives_of_the_wait_are_exact(servers):
    for use in (0.2, 0.7, 0.95):
        _, slope, bend = mean_wait(servers, np.array([use]))
        with mp.workdps(40):
            first = mp.diff(lambda r: exact_wait(servers, r), mp.mpf(use), 1)
            second = mp.diff(lambda r: exact_wait(servers, r), mp.mpf(use), 2)
        assert float(slope[0]) == pytest.approx(float(first), rel=1e-9)
        assert float(bend[0]) == pytest.approx(float(second), rel=1e-8)


@pytest.mark.parametrize(("servers", "slope", "bend"), [(1, 1.0, 2.0), (2, 0.0, 2.0), (3, 0.0, 0.0)])
def test_empty_station(servers, slope, bend):
    assert [float(x[0]) for x in mean_wait(servers, np.array([0.0]))] == [0.0, slope, bend]
    assert wait_min(servers, 0.0)[0] == 0.0


# --- shape ----------------------------------------------------------------------------------------


@given(servers=st.integers(1, 200), scv=st.floats(0, 4), use=st.floats(0, 3), rise=st.floats(0, 1))
def test_wait_is_convex_and_scales_with_the_variation(servers, scv, use, rise):
    found = law(servers, scv)
    flow = np.array([[use], [use + rise / 2], [use + rise]]) * 60.0 * servers / SERVICE_MIN
    low, middle, high = found.value(flow)[:, 0]
    assert middle <= (low + high) / 2 * (1 + 1e-12)
    slopes = found.derivative(flow)[:, 0]
    assert np.all(np.diff(slopes) >= -1e-12 * slopes[1:])
    expected = (1 + scv) / 2 * wait_min(servers, use)[0]
    assert wait_min(servers, use, scv)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("method", ["value", "derivative", "integral"])
@pytest.mark.parametrize("servers", [1, 20])
def test_tangent_joins_smoothly(method, servers):
    edge = LARGEST_USE * 60.0 * servers / SERVICE_MIN
    below, above = (getattr(law(servers), method)(np.array([edge * (1 + side)]))[0] for side in (-1e-13, 1e-13))
    assert below == pytest.approx(above, rel=1e-9)


def test_beyond_the_edge_it_is_a_straight_line():
    capacity = 60.0 * 20 / SERVICE_MIN
    found = law(20)
    flow = np.array([[1.0], [1.5], [2.0]]) * capacity
    low, middle, high = found.value(flow)[:, 0]
    assert middle == pytest.approx((low + high) / 2, rel=1e-12)
    assert (high - low) / capacity == pytest.approx(found.derivative(flow)[0, 0], rel=1e-12)


# --- our own queue --------------------------------------------------------------------------------

USES = np.array([0.3, 0.6, 0.8, 0.9, 0.95])
REPEATS = 120


def queue(servers, scv, seed, customers=24_000, warm=8_000):
    """First come, first served: mean wait in service times and its standard error, for each of `USES`."""
    rng = np.random.default_rng(seed)
    use = np.repeat(USES, REPEATS)
    rows = np.arange(len(use))
    free, clock, total = np.zeros((len(use), servers)), np.zeros(len(use)), np.zeros(len(use))
    for customer in range(customers):
        clock += rng.standard_exponential(len(use)) / (servers * use)
        server = free.argmin(axis=1)
        begin = np.maximum(clock, free[rows, server])
        free[rows, server] = begin + (rng.standard_exponential(len(use)) if scv else 1.0)
        if customer >= warm:
            total += begin - clock
    mean = (total / (customers - warm)).reshape(len(USES), REPEATS)
    return mean.mean(axis=1), mean.std(axis=1, ddof=1) / np.sqrt(REPEATS)


@pytest.mark.parametrize("servers", [1, 4, 20])
def test_exponential_service_agrees_with_a_simulated_queue(servers):
    mean, error = queue(servers, 1.0, seed=servers)
    assert np.all(np.abs(wait_min(servers, USES) / SERVICE_MIN - mean) <= 4 * error + 1e-6)


@pytest.mark.parametrize("servers", [1, 4, 20])
def test_fixed_service_agrees_with_a_simulated_queue(servers):
    """Allen & Cunneen's M/D/c: exact for one server, else within 1 % of the service time or 5 % of the wait."""
    mean, error = queue(servers, 0.0, seed=servers)
    off = np.abs(wait_min(servers, USES, scv=0.0) / SERVICE_MIN - mean)
    allowed = 0.0 if servers == 1 else np.maximum(0.01, 0.05 * mean)
    assert np.all(off <= allowed + 4 * error)


# --- in the network -------------------------------------------------------------------------------


def chargers(node, bus, **changes):
    return Station.from_chargers(
        name=f"S{node}", node=node, bus=bus, chargers=20, charger_kw=60.0, access_min=10.0, energy_kwh=20.0, **changes
    )


def test_stations_of_a_network(nguyen):
    """20 chargers of 20 min; nobody waits at the default case's peak, and the flows are an equilibrium."""
    stations = [chargers(node, node, law="erlang") for node in ("8", "11", "13")]
    network = nguyen.roads["default"].with_stations(stations)
    assert network.law[-3:] == ("erlang",) * 3
    assert np.allclose(network.servers[-3:], 20)
    for total, theta in ((48.0, 0.1), (150.0, 1.0), (300.0, 0.5)):
        base = nguyen.mixed(theta=theta, charging_vph=total)
        problem = SueProblem(network=network, paths=nguyen.mixed_paths, demand_vph=base.demand_vph, theta_per_min=theta)
        result = solve(problem, tolerance=1e-10)
        assert result.converged
        assert result.link_flow_vph[-3:].sum() == pytest.approx(total, rel=1e-9)
        wait = result.link_time_min[-3:] - 30.0
        assert (wait.max() < 0.05) == (total == 48.0)
        assert bool(result.above_knee) == (total == 300.0)


def test_varying_energy_makes_drivers_wait_longer(nguyen):
    flow = np.append(np.zeros(19), [50.0, 50.0, 50.0])
    fixed, varying = (
        nguyen.roads["default"].with_stations([chargers(n, n, law=ErlangSettings(scv=scv)) for n in ("8", "11", "13")])
        for scv in (0.0, 1.0)
    )
    assert np.allclose(link_cost(varying, flow)[-3:] - 30.0, 2 * (link_cost(fixed, flow)[-3:] - 30.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"servers": 0.0}, "servers"),
        ({"servers": 2.5}, "servers"),
        ({"free_flow_min": 19.0}, "free_flow_min"),
        ({"scv": -0.5}, "scv"),
        ({"capacity_vph": 0.0}, "capacity_vph"),
    ],
)
def test_wrong_stations_are_named(nguyen, values, field):
    network = nguyen.roads["default"].with_stations([chargers("8", "16", law="erlang")])
    changed = {name: np.append(getattr(network, name)[:-1], value) for name, value in values.items() if name != "scv"}
    own = {name: np.append(network.setting(name)[:-1], values.get(name, 0.0)) for name in ("scv",)}
    with pytest.raises(InputError, match="link 'S8'") as caught:
        replace(network, **changed, settings={**network.settings, **own})
    assert [problem.field for problem in caught.value.problems] == [field]


def test_station_without_chargers_is_refused(nguyen):
    station = Station(name="S8", node="8", bus="16", free_flow_min=30.0, capacity_vph=60.0, law="erlang")
    with pytest.raises(InputError, match="number of chargers"):
        nguyen.roads["default"].with_stations([station])
