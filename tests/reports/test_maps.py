"""Maps: everything at its place, coloured by its own value in each period, the worst of what is too much."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.reports import maps
from cosim.reports.figures import FIGURES
from cosim.reports.frames import NothingToDraw
from cosim.results.places import NOWHERE, Places, located, read_places
from cosim.results.sums import Damaged
from tests.reports.conftest import PLACES


def coloured(figure, frame):
    """Return the class of each line by its start, in one frame."""
    _, moves = figure.frames[frame]
    classes = [move for move in moves.values() if "x" in move]
    return {
        (x, y): k
        for k, move in enumerate(classes)
        for x, y in zip(move["x"][::3], move["y"][::3], strict=True)
        if x is not None
    }


def test_each_link_has_the_colour_of_its_own_volume_over_capacity(make_run):
    fullness = {0: [0.1, 0.6], 1: [0.9, 1.1], 2: [0.3, 0.2]}

    def loaded(k, tables, gate):
        tables["links"]["volume_capacity"] = fullness[k]

    figure = FIGURES["road_map"].draw(make_run(change=loaded, without={"validation_links"}))
    assert [label for label, _ in figure.frames] == [
        "Period 1 · 00:00–00:30", "Period 2 · 00:30–01:00", "Period 3 · 01:00–01:30",
    ]  # fmt: skip
    # Both links begin at node 1 (0, 0); the classes end at 20, 50, 80 and 100 %.
    both = [[k for (x, y), k in coloured(figure, frame).items() if (x, y) == (0.0, 0.0)] for frame in range(3)]
    assert both == [[2], [4], [0]] or all(both)
    _, moves = figure.frames[1]
    classes = [move for move in moves.values() if "x" in move]
    assert [len([x for x in move["x"] if x is not None]) // 2 for move in classes] == [0, 0, 0, 1, 1]


def test_roads_with_two_directions_lie_beside_each_other_to_the_right():
    points = {"a": (0.0, 0.0), "b": (10.0, 0.0)}
    two = maps.strokes({"ab": ("a", "b"), "ba": ("b", "a")}, points, (1.0,), ("low", "high"))
    assert two.start[0, 1] < 0.0 < two.start[1, 1]  # eastwards below, westwards above
    one = maps.strokes({"ab": ("a", "b")}, points, (1.0,), ("low", "high"))
    assert one.start[0].tolist() == [0.0, 0.0]


def test_a_feeder_without_coordinates_is_a_single_line_diagram():
    ends = [("1", "2"), ("2", "3"), ("3", "4"), ("2", "5"), ("5", "6"), ("3", "7")]
    places = maps.placed(dict.fromkeys("1234567"), ends, "1")
    assert [places[bus] for bus in "1234"] == [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
    assert all(places[child][0] == places[parent][0] + 1.0 for parent, child in ends)
    assert len(set(places.values())) == 7


@given(st.lists(st.integers(0, 10_000), min_size=0, max_size=60))
def test_no_two_buses_of_any_tree_share_a_place(draws):
    ends = [(str(draw % (k + 1)), str(k + 1)) for k, draw in enumerate(draws)]
    places = maps.placed(dict.fromkeys(str(k) for k in range(len(draws) + 1)), ends, "0")
    assert len(set(places.values())) == len(draws) + 1


def test_of_too_many_the_worst_are_shown_and_it_is_said(make_run, monkeypatch):
    monkeypatch.setattr(maps, "MOST_STROKES", 1)

    def loaded(k, tables, gate):
        tables["links"]["volume_capacity"] = [0.1, 0.2 + 0.1 * k]

    figure = FIGURES["road_map"].draw(make_run(change=loaded))
    assert figure.layout["title"]["text"] == "Roads: the 1 fullest of 2 links"
    pointed = next(trace for trace in figure.data if trace.get("text") and "Link" in trace["hovertemplate"])
    assert pointed["text"] == ["1-12"]


def test_buses_have_the_colour_of_their_voltage_in_each_period(make_run):
    figure = FIGURES["feeder_map"].draw(make_run())
    _, moves = figure.frames[2]
    marks = next(move for move in moves.values() if "marker" in move)
    assert marks["marker"]["color"] == [1.03, 0.98, 0.9899]


def test_a_run_of_an_earlier_version_says_that_it_knows_no_places(make_run):
    run = make_run(places=NOWHERE)
    for name in ("road_map", "feeder_map"):
        with pytest.raises(NothingToDraw, match="an earlier version wrote it"):
            FIGURES[name].draw(run)


def test_places_come_back_as_they_were_and_other_files_are_damaged():
    assert read_places(PLACES.text().encode(), "there") == PLACES
    assert read_places(Places().text().encode(), "there") == Places()
    for content in (b"[]", b"{", b'{"nodes": {"1": 3}, "links": {}, "buses": {}, "lines": {}, "slack": null}'):
        with pytest.raises(Damaged, match="'there' does not say where things are"):
            read_places(content, "there")


def test_places_all_alike_are_none():
    assert located(["a", "b"], np.zeros((2, 2))) == {"a": None, "b": None}
    assert located(["a"], [[3.0, 4.0]]) == {"a": (3.0, 4.0)}
    assert replace(PLACES, slack=None).slack is None


def simulated(figure):
    """Return the trace of what was measured, by its position."""
    return next(
        (position, trace) for position, trace in enumerate(figure.data)
        if "simulated vehicles<br>" in trace.get("hovertemplate", "")
    )  # fmt: skip


def test_simulated_vehicles_stand_beside_the_model_where_and_when_they_were_measured(make_run):
    def second_alone(k, tables, gate):
        if k != 1:
            tables.pop("validation_links")

    figure = FIGURES["road_map"].draw(make_run(change=second_alone))
    position, trace = simulated(figure)
    assert trace["meta"] == ("flow_sumo_vph", "volume_capacity_sumo", "time_sumo_min", "flow_vph")
    told = [dict(zip(trace["text"], moves[position]["customdata"], strict=True)) for _, moves in figure.frames]
    assert told[0]["1-5"] == told[2]["1-5"] == [None] * 4
    # 101 veh/h were measured where the model has 101 and volume over capacity 0.2; the other link was not simulated.
    assert told[1] == {"1-5": [101.0, 0.2, 7.2, 101.0], "1-12": [None] * 4}
    (_, moves) = figure.frames[1]
    at = moves[position]
    assert at["x"][0] == pytest.approx(0.5)
    assert at["y"][0] < 0.0  # eastwards: to the right is below
    assert at["x"][1] is None
    dotted = [k for k, one in enumerate(figure.data) if one.get("line", {}).get("dash") == "dot"]
    drawn = [[x for x in moves[k]["x"] if x is not None] for k in dotted]
    assert [len(xs) for xs in drawn] == [2, 0, 0, 0, 0]
    assert [figure.data[k]["showlegend"] for k in dotted] == [True, False, False, False, False]


def test_a_run_with_its_own_simulation_shows_the_mean_of_its_seeds(make_run):
    def driven(k, tables, gate):
        tables.pop("validation_links")
        tables["micro_links"] = {
            "seed": [1, 2, 1, 2], "link": ["1-5", "1-5", "1-12", "1-12"], "flow_vph": [90.0, 110.0, 0.0, 0.0],
            "travel_time_min": [7.0, 8.0, float("nan"), float("nan")], "vehicles": [90, 110, 0, 0],
        }  # fmt: skip

    figure = FIGURES["road_map"].draw(make_run(change=driven))
    position, trace = simulated(figure)
    told = dict(zip(trace["text"], figure.frames[0][1][position]["customdata"], strict=True))
    assert told == {"1-5": [100.0, 0.2, 7.5, 100.0], "1-12": [0.0, 0.0, None, 50.0]}


def test_without_a_simulation_the_map_has_no_such_layer(make_run):
    figure = FIGURES["road_map"].draw(make_run(without={"validation_links"}))
    assert not any(trace.get("line", {}).get("dash") == "dot" for trace in figure.data)
