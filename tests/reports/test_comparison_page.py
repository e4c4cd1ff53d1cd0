"""The page of a comparison: one file, every row, the days in one picture, nothing of the runs read as markup."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from cosim.reports.comparison import compare_runs
from cosim.reports.comparison_page import draw, write_comparison
from cosim.reports.difference_maps import difference_maps
from cosim.reports.frames import NothingToDraw
from tests.reports.conftest import PLACES

HOSTILE = "<script>alert(1)</script>"


def charging(missed):
    def change(k, tables, gate):
        tables["periods"] |= {"ev_mw": [0.2], "ev_curtailed_mw": [missed[k]], "vmin_ac_pu": [0.96 + 0.01 * k]}

    return change


def test_the_page_has_every_row_and_escapes_what_the_runs_say(make_run, tmp_path):
    runs = [make_run(manifest={"resolved": {"ev": {"share": share}}}) for share in (0.2, HOSTILE)]
    comparison = compare_runs(runs)
    text = write_comparison(comparison, tmp_path / "page.html").read_text(encoding="utf-8")
    body = text[text.index("<body>") :]
    assert HOSTILE not in body  # a station's name and a scenario's value
    assert body.count(html.escape(HOSTILE)) >= 2
    for row in comparison.rows:
        assert html.escape(row.label) in body
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)


def test_the_picture_has_one_line_a_run_in_each_panel_with_the_periods_own_values(make_run):
    runs = [make_run(change=charging((0.0, 0.1, 0.2))), make_run(change=charging((0.0, 0.0, 0.0)))]
    figure = draw(runs, ["one", "two"])
    assert [trace["name"] for trace in figure.data] == ["one", "two"] * 3
    assert list(figure.data[0]["y"]) == [0.0, 0.1, 0.2]
    assert list(figure.data[3]["y"]) == pytest.approx([0.96, 0.97, 0.98])
    assert [bool(trace["showlegend"]) for trace in figure.data] == [True, True, False, False, False, False]


def test_runs_without_a_grid_have_a_page_without_a_picture(make_run, tmp_path):
    def roads_only(k, tables, gate):
        tables["periods"].pop("import_mw")

    runs = [make_run(change=roads_only, without={"buses", "lines", "devices"}) for _ in range(2)]
    with pytest.raises(NothingToDraw, match="no run has a grid"):
        draw(runs, ["one", "two"])
    text = write_comparison(compare_runs(runs), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Left out: no run has a grid" in text


def test_maps_show_where_the_last_run_differs_and_begin_where_it_does_most(make_run, tmp_path):
    def fuller(k, tables, gate):
        tables["links"]["volume_capacity"] = [0.2 + (0.5 if k == 1 else 0.05), 0.1]
        tables["buses"]["vm_ac_pu"] = [1.03, 0.99 - 0.01 * k, 0.9899]

    drawn, begin = difference_maps(make_run(), make_run(change=fuller), "plain", "fuller")
    assert [one.title for one in drawn] == ["Roads: flow over capacity", "Feeder: AC voltage"]
    assert all(one.caption.startswith("fuller less plain; ") for one in drawn)
    assert "0.5" in drawn[0].html
    assert "-0.01" in drawn[1].html
    assert begin == 1
    only_roads = difference_maps(
        make_run(without={"buses", "lines", "devices"}), make_run(change=fuller), "plain", "fuller"
    )
    assert [one.title for one in only_roads[0]] == ["Roads: flow over capacity"]
    assert only_roads[1] == 1
    page = write_comparison(compare_runs([make_run(), make_run(change=fuller)]), tmp_path / "page.html")
    assert page.read_text(encoding="utf-8").count('class="plotly-graph-div"') == 3
    other = replace(PLACES, links={"9-9": ("1", "5")}, buses={"9": None}, slack="9", lines={})
    assert difference_maps(make_run(), make_run(places=other), "a", "b") == ([], 0)
