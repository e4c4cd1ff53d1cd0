"""Counts, and flows read off travel times."""

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.traffic.estimation import LinkCounts, flow_from_speed
from cosim.traffic.formats.counts import read_counts
from cosim.traffic.formats.od import read_od_pairs, read_prior
from cosim.traffic.performance import link_cost

PAIRS = (("1", "2"), ("1", "3"))


@pytest.fixture
def roads(nguyen):
    return nguyen.roads["default"]


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "counts.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_flow_read_off_its_travel_time_is_that_flow(roads):
    flow = roads.capacity_vph * np.linspace(0.1, 1.6, 19)
    found = flow_from_speed(roads, roads.link_ids, link_cost(roads, flow))
    assert np.allclose(found.flow_vph, flow, rtol=1e-8, atol=0)
    assert np.all(found.sd_vph == 0)


def test_a_time_at_or_below_free_flow_is_flow_0_of_unlimited_error(roads):
    for factor in (1.0, 0.8):
        found = flow_from_speed(roads, roads.link_ids, factor * roads.free_flow_min, 0.1)
        assert np.all(found.flow_vph == 0)
        assert np.all(np.isinf(found.sd_vph))


def test_errors_of_times_become_errors_of_flows_as_differences_say(roads):
    time = link_cost(roads, 0.9 * roads.capacity_vph)
    h = 1e-6 * time
    upper, lower = (flow_from_speed(roads, roads.link_ids, time + sign * h).flow_vph for sign in (1, -1))
    found = flow_from_speed(roads, roads.link_ids, time, 0.05 * time)
    assert np.allclose(found.slope_vph_per_min, (upper - lower) / (2 * h), rtol=1e-6, atol=0)
    assert np.allclose(found.sd_vph, 0.05 * time * (upper - lower) / (2 * h), rtol=1e-6, atol=0)


def test_errors_of_speeds_against_simulated_ones(roads):
    """At capacity a delay of 15 % is known to 1 % of the time: the flow to 1.9 %."""
    time = link_cost(roads, roads.capacity_vph)[:1]
    link = roads.link_ids[:1]
    found = flow_from_speed(roads, link, time, 0.01 * time)
    noisy = time[0] * (1 + 0.01 * np.random.default_rng(0).standard_normal(20_000))
    flows = flow_from_speed(roads, link * 1, time, 0.0).flow_vph * ((noisy / roads.free_flow_min[0] - 1) / 0.15) ** 0.25
    assert found.sd_vph[0] == pytest.approx(flows.std(), rel=0.03)
    assert found.sd_vph[0] / found.flow_vph[0] == pytest.approx(0.25 * 0.01 * 1.15 / 0.15, rel=1e-9)


def test_below_60_percent_of_capacity_speeds_say_next_to_nothing(roads):
    """A delay of 1.9 % under a 5 % error of the time."""
    time = link_cost(roads, 0.6 * roads.capacity_vph)
    assert np.allclose(time / roads.free_flow_min, 1.01944)
    found = flow_from_speed(roads, roads.link_ids, time, 0.05 * time)
    assert np.all(found.sd_vph > 0.6 * found.flow_vph)


def test_speeds_that_cannot_be_inverted_are_named(nguyen):
    network = nguyen.with_stations["default"]
    cases = [
        (("S8",), 31.0, "link 'S8' has no flow-dependent delay of law 'bpr'"),
        (("1-5",), 0.0, "link '1-5': 0 must be > 0"),
        (("1-5",), np.nan, "link '1-5': nan must be > 0 and finite"),
        (("1-55",), 8.0, "link '1-55' is not in the road network; did you mean"),
    ]
    for links, time, message in cases:
        with pytest.raises(InputError, match=message):
            flow_from_speed(network, links, [time])


def test_bad_counts_are_named():
    cases = [
        ({"link_ids": (), "flow_vph": np.zeros((1, 0))}, "no observed link"),
        ({"link_ids": ("a", "a"), "flow_vph": [1.0, 2.0]}, "link 'a' stands twice"),
        ({"link_ids": ("a", "b"), "flow_vph": [1.0, -2.0]}, "link 'b', sample 1: -2 must be >= 0"),
        (
            {"link_ids": ("a", "b"), "flow_vph": [[1, 2], [np.nan, 2]]},
            "link 'a', sample 2: nan must be >= 0 and finite",
        ),
        ({"link_ids": ("a", "b"), "flow_vph": [1.0, 2.0], "observed": [[True, False]]}, "link 'b' has no sample"),
        ({"link_ids": ("a",), "flow_vph": [1.0, 2.0]}, r"has shape \(1, 2\)"),
        ({"link_ids": ("a",), "flow_vph": [1.0], "extra_variance": [np.inf]}, "link 'a': inf must be >= 0 and finite"),
        ({"link_ids": ("a",), "flow_vph": [1.0], "hours": 0.0}, "0.0 must be > 0"),
    ]
    for given, message in cases:
        with pytest.raises(InputError, match=message):
            LinkCounts(**given)


def test_counts_that_were_not_observed_need_no_value():
    counts = LinkCounts(
        link_ids=("a", "b"), flow_vph=[[1.0, np.nan], [3.0, 5.0]], observed=[[True, False], [True, True]]
    )
    assert counts.mean_vph.tolist() == [2.0, 5.0]
    assert counts.shared.tolist() == [[2.0, 1.0], [1.0, 1.0]]


# Files


def test_samples_by_number_or_by_order(roads, written):
    text = "link,sample,flow_vph\n1-5,7,10\n1-5,3,20\n1-12,7,30\n1-12,3,40\n"
    numbered = read_counts(written(text), roads).counts
    assert numbered.link_ids == ("1-5", "1-12")
    assert numbered.flow_vph.tolist() == [[20, 40], [10, 30]]
    ordered = read_counts(written("link,flow_vph\n1-5,20\n1-12,40\n1-5,10\n"), roads).counts
    assert ordered.flow_vph.tolist() == [[20, 40], [10, 0]]
    assert ordered.observed.tolist() == [[True, True], [True, False]]


def test_speeds_and_times_complete_counts_but_never_replace_them(roads, written):
    time = link_cost(roads, roads.capacity_vph)
    rows = ["1-5,400,,", f"1-5,,,{time[0]}", f"1-12,,{60 * 6 / time[1]},", f"4-5,,,{time[2]}", "4-9,,,11.9"]
    read = read_counts(
        written("\n".join(["link,flow_vph,speed_kmh,travel_time_min", *rows])), roads, length_km={"1-12": 6.0}
    )
    counts = read.counts
    assert counts.link_ids == ("1-5", "1-12", "4-5")
    assert np.allclose(counts.mean_vph, [400, *roads.capacity_vph[1:3]])
    assert counts.extra_variance[0] == 0
    expected = roads.capacity_vph[1:3] * 0.25 * 0.05 * 1.15 / 0.15
    assert np.allclose(np.sqrt(counts.extra_variance[1:]), expected, rtol=1e-9)
    assert read.remarks == (
        "link '1-5' has counts; its speeds are not used",
        "link '4-9': a travel time of 11.9 min is not above free flow and says nothing; left out",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("link,flow_vph\n", "counts.csv: there is no sample"),
        (
            "link,flow_vph\n1-5,10\n1-55,3\n",
            "counts.csv:3:1: field 'link': link '1-55' is not in the road network; did you",
        ),
        ("link,flow_vph\n1-5,-3\n", "counts.csv:2:2: field 'flow_vph': -3 must be >= 0"),
        ("link,flow_vph\n1-5,nan\n", "counts.csv:2:2: field 'flow_vph': 'nan' is not a finite decimal number"),
        ("link,flow_vph\n1-5,\n", "counts.csv:2:1: field 'link': the row has no value; give one of flow_vph"),
        ("link,flow\n1-5,3\n", "counts.csv:1:2: field 'flow': unknown column 'flow'"),
        ("link,travel_time_min\n1-5,0\n", "counts.csv:2:2: field 'travel_time_min': 0 must be > 0"),
        ("link,speed_kmh\n1-5,40\n", "counts.csv:2:2: field 'speed_kmh': the length of link '1-5' is not known"),
        ("link,travel_time_min\n1-5,6\n", "no link has a count, or a travel time above its free-flow time"),
        ("link,flow_vph,speed_kmh\n1-5,5,40\n", "field 'flow_vph': the row has flow_vph and speed_kmh"),
        ("link,sample,flow_vph\n1-5,,3\n", "counts.csv:2:2: field 'sample': the value is empty"),
        (
            "link,sample,flow_vph\n1-5,1,3\n1-5,1,4\n",
            "counts.csv:3:1: field 'link': link '1-5', sample 1 stands already",
        ),
    ],
)
def test_mistakes_in_a_file_are_named_where_they_stand(roads, written, text, message):
    with pytest.raises(InputError) as refused:
        read_counts(written(text), roads)
    assert message in str(refused.value)


def test_all_mistakes_of_a_file_come_at_once(roads, written):
    with pytest.raises(InputError) as refused:
        read_counts(written("link,flow_vph\nx,-1\n1-5,-2\ny,3\n"), roads)
    assert len(refused.value.problems) == 4


def test_pairs_and_priors(roads, written):
    text = "origin,destination,trips_vph\n1,2,5\n1,3,6\n"
    assert read_od_pairs(written(text), roads) == PAIRS
    prior = read_prior(written("origin,destination,trips_vph,sd_vph\n1,3,50,20\n"), PAIRS)
    assert prior.trips_vph.tolist() == [0, 50]
    assert prior.precision.tolist() == [0, 1 / 400]


def test_wrong_pairs_and_priors_are_named(roads, written):
    cases = [
        ("1,2\n1,2\n", "counts.csv:3:1: field 'origin': '1', '2' stands already in line 2"),
        ("1,99\n", "counts.csv:2:2: field 'destination': node '99' is not in the road network"),
        ("1,1\n", "'1' is also the origin"),
        ("", "there is no OD pair"),
    ]
    for rows, message in cases:
        with pytest.raises(InputError) as refused:
            read_od_pairs(written("origin,destination\n" + rows), roads)
        assert message in str(refused.value)
    cases = [
        ("4,2,5,1\n", "'4' -> '2' is not estimated; 1 -> 2, 1 -> 3"),
        ("1,2,-5,1\n", "counts.csv:2:3: field 'trips_vph': -5 must be >= 0"),
        ("1,2,5,0\n", "counts.csv:2:4: field 'sd_vph': 0 must be > 0"),
    ]
    for rows, message in cases:
        with pytest.raises(InputError) as refused:
            read_prior(written("origin,destination,trips_vph,sd_vph\n" + rows), PAIRS)
        assert message in str(refused.value)


STAMPED = "link,time,flow_vph\n1-5,2026-03-28T08:00,20\n1-12,2026-03-28T07:00,40\n1-5,2026-03-28T07:00,10\n"


def test_rows_of_one_instant_are_one_sample(roads, written):
    """As if they were numbered in the order of time; a stamp with another offset may be the same instant."""
    numbered = read_counts(written("link,sample,flow_vph\n1-5,2,20\n1-12,1,40\n1-5,1,10\n"), roads).counts
    elsewhere = STAMPED.replace("07:00", "07:00Z").replace("08:00", "09:00+01:00")
    for text in (STAMPED, elsewhere):
        stamped = read_counts(written(text), roads).counts
        assert stamped.link_ids == numbered.link_ids
        assert np.array_equal(stamped.flow_vph, numbered.flow_vph)
        assert np.array_equal(stamped.observed, numbered.observed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STAMPED.replace("2026-03-28T08:00", "8 am"), "2:2: .*'8 am' is no ISO 8601 time"),
        (STAMPED.replace("08:00", "08:00Z"), "some stamps have an offset and some none"),
        (STAMPED.replace("08:00", "07:15"), "samples of 60 min begin 15 min apart; tell their length: --sample-min"),
        (STAMPED.replace("08:00", "07:00"), "1-5.*stands already in line 2"),
        ("link,time,sample,flow_vph\n1-5,2026-03-28T08:00,1,20\n", "'sample' and 'time' both tell"),
    ],
)
def test_stamps_that_tell_no_samples_are_named(roads, written, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(written(text), roads)
