"""What the figures draw, against balances and formulas done by hand."""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

import cosim.reports.figures as package
from cosim.reports.figures import FIGURES, cone_gap, demand_response, power_balance, station_load, storage, tariff_bands
from cosim.reports.frames import NothingToDraw, PeriodAxis, period_axis
from cosim.reports.plot import Figure

BASE_AND_EV = np.array([1.1, 1.6, 1.35])
AVAILABLE = np.array([0.0, 0.4, 0.1])


def named(figure, name):
    return next(trace for trace in figure.data if trace["name"] == name)


def test_every_file_of_the_folder_is_a_registered_figure():
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_data_title_and_units_on_its_axes(run, name):
    figure = FIGURES[name].draw(run)
    assert figure.data
    layout = figure.layout
    assert layout["title"]["text"] == FIGURES[name].TITLE
    if figure.frames:  # a map has places for axes
        assert not any(layout[axis]["visible"] for axis in layout if axis[1:].startswith("axis"))
        return
    for axis in (key for key in layout if key.startswith("yaxis")):
        assert layout[axis]["title"]["text"]
    if name.startswith("micro_"):
        assert layout["xaxis"]["title"]["text"]
    else:
        assert layout["xaxis"]["type"] == "category"


@pytest.mark.parametrize("name", FIGURES)
def test_figure_of_an_empty_run_names_what_is_missing(make_run, name):
    everything = {"links", "paths", "stations", "buses", "lines", "devices", "periods"}
    everything |= {f"validation_{part}" for part in ("statistics", "links", "routes", "stations", "ramp")}
    with pytest.raises(NothingToDraw, match="has no"):
        FIGURES[name].draw(make_run(without=everything))


def test_plotly_knows_every_setting_of_every_figure_and_changes_none(run):
    for name, module in FIGURES.items():
        drawn = module.draw(run).as_dict()
        checked = json.loads(go.Figure(drawn).to_json(engine="json"))  # raises on what plotly.js would ignore
        kept = {key: value for key, value in checked["layout"].items() if key != "template"}
        assert kept == {key: value for key, value in drawn["layout"].items() if key != "template"}, name
        assert checked["data"] == drawn["data"], name
        assert len(checked.get("frames", ())) == len(drawn.get("frames", ())), name


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Figure((1.0,)), {}),
        (
            Figure((0.68, 0.32), spacing=0.09, shared=True),
            {"rows": 2, "shared_xaxes": True, "vertical_spacing": 0.09, "row_heights": [0.68, 0.32]},
        ),
        (Figure((1.0, 2.0, 1.0), spacing=0.12), {"rows": 3, "vertical_spacing": 0.12, "row_heights": [1.0, 2.0, 1.0]}),
        (Figure((1.0, 1.0), spacing=0.12, beside=True), {"cols": 2, "horizontal_spacing": 0.12}),
    ],
)
def test_panels_lie_where_plotly_puts_its_subplots(ours, theirs):
    axes = json.loads(make_subplots(**theirs).to_json())["layout"]
    del axes["template"]
    assert ours.layout.keys() == axes.keys()
    for name, axis in axes.items():
        domain = axis.pop("domain")
        assert {key: value for key, value in ours.layout[name].items() if key != "domain"} == axis
        assert ours.layout[name]["domain"] == pytest.approx(domain, abs=1e-15)
        assert max(ours.layout[name]["domain"]) <= 1.0


def test_bars_of_the_balance_add_up_to_demand_and_losses(run):
    figure = power_balance.draw(run)
    bars = np.sum([trace["y"] for trace in figure.data if trace["type"] == "bar"], axis=0)
    np.testing.assert_allclose(bars, named(figure, "Demand + losses")["y"], atol=1e-12)
    np.testing.assert_allclose(bars, BASE_AND_EV + 0.01, atol=1e-12)
    assert {"Import", "Storage, charging", "Storage, discharging", "Demand response, cut"} <= {
        trace["name"] for trace in figure.data
    }


def test_equivalent_load_is_demand_less_what_sun_could_give(run):
    figure = tariff_bands.draw(run)
    load = BASE_AND_EV - AVAILABLE
    np.testing.assert_allclose(named(figure, "Equivalent load")["y"], load, atol=1e-12)
    lines = sorted(shape["y0"] for shape in figure.layout["shapes"] if shape["type"] == "line")
    spread = 0.3 * (load.max() - load.min())
    np.testing.assert_allclose(lines, [load.mean() - spread, load.mean(), load.mean() + spread])
    bands = [(shape["x0"], shape["x1"]) for shape in figure.layout["shapes"] if shape["type"] == "rect"]
    assert bands == [(-0.5, 0.5), (0.5, 1.5), (1.5, 2.5)]


@pytest.mark.parametrize(
    ("tariff", "told"),
    [
        ([300.0] * 48 + [500.0] * 3 + [400.0] * 45, ["300", "400"]),  # three of 96 periods leave no room for a number
        ([float(300 + k) for k in range(96)], ["300", "395"]),  # a price that never rests: its ends
        ([385.0, 715.0, 550.0], ["385", "715", "550"]),
    ],
)
def test_prices_above_the_bands_have_room(tariff, told):
    figure = Figure()
    tariff_bands._shade(figure, pd.Series(tariff), "EUR")
    assert [re.search(r"<b>(.*?)</b>", note["text"]).group(1) for note in figure.layout["annotations"]] == told
    assert len(figure.layout["shapes"]) == len(list(groupby(tariff)))


def test_gap_of_zero_is_drawn_at_the_floor_and_hovers_as_zero(run):
    (trace,) = cone_gap.draw(run).data
    np.testing.assert_allclose(trace["z"], [[-12.0] * 3, [-9.0, -8.0, -7.0]])
    np.testing.assert_array_equal(trace["customdata"], [[0.0] * 3, [1e-9, 1e-8, 1e-7]])


def test_storage_shows_its_energy_and_window(run):
    figure = storage.draw(run)
    np.testing.assert_allclose(named(figure, "ess, energy")["y"], [0.8, 0.9, 1.0])
    assert sorted(shape["y0"] for shape in figure.layout["shapes"]) == pytest.approx([0.32, 1.28])


def test_demand_response_stays_inside_the_drawn_caps(run):
    figure = demand_response.draw(run)
    cut, cap = named(figure, "dr (bus 2)")["y"], named(figure, "Largest cut")["y"]
    assert np.all(np.abs(cut) <= cap)


def test_power_asked_for_but_not_served_gets_a_line_of_its_own(make_run):
    def curtail(k, tables, gate):
        if k == 1:
            tables["stations"]["energy_mwh"][0] = 0.01

    figure = station_load.draw(make_run(change=curtail))
    asked = named(figure, "Station S1, asked")
    served = next(trace for trace in figure.data if trace["name"] == "Station S1" and trace["yaxis"] == asked["yaxis"])
    np.testing.assert_allclose(served["y"], [0.04, 0.02, 0.06])
    np.testing.assert_allclose(asked["y"], [0.04, 0.08, 0.06])
    assert not [trace for trace in station_load.draw(make_run()).data if "asked" in trace["name"]]


def test_period_axis_reads_numbers_and_clock(run):
    axis = period_axis(run)
    assert axis.numbers == (1, 2, 3)
    assert axis.clocks == ("00:00-00:30", "00:30-01:00", "01:00-01:30")
    assert axis.period_h == 0.5


@pytest.mark.parametrize(("periods", "most"), [(1, 1), (7, 7), (24, 7), (96, 7)])
def test_axis_never_has_more_than_seven_ticks_and_starts_with_the_first_period(periods, most):
    axis = PeriodAxis(numbers=tuple(range(1, periods + 1)), clocks=("07:00-08:00",) * periods)
    positions, texts = axis.ticks
    assert len(positions) == len(texts) <= most
    assert texts[0] == "1<br>07:00"
