"""Loading of transformers and lines: the largest, when, and for how long above the rating."""

import numpy as np
import pytest

from cosim.reports.figures import loading as figure
from cosim.reports.frames import NothingToDraw
from cosim.reports.margins import margins
from cosim.reports.summary import summarise

PERCENT = {"trafo 0 'T'": (60.0, 120.0, 104.0), "line 0 + line 1": (30.0, 70.0, 20.0), "line 2": (10.0, 80.0, 20.0)}
KINDS = ["trafo", "line", "line"]


def with_transformer(k, tables, gate):
    tables["lines"] = {
        "line": list(PERCENT), "from_bus": ["1", "2", "2"], "to_bus": ["2", "3", "4"], "cone_gap_pu2": [0.0] * 3,
        "loading_percent": [values[k] for values in PERCENT.values()], "kind": KINDS,
    }  # fmt: skip


def test_the_summary_tells_every_transformer_and_the_fullest_line(make_run):
    """Half-hour periods: two of them above 100 % are one hour."""
    summary = summarise(make_run(change=with_transformer))
    transformer, line = summary["loading_trafo 0 'T'"], summary["loading_line 2"]
    assert (transformer.value, transformer.period, transformer.note) == (120.0, 2, "1 h above 100 %")
    assert (line.value, line.period, line.note) == (80.0, 2, "0 h above 100 %")
    assert "loading_line 0 + line 1" not in summary


def test_the_margins_tell_both(make_run):
    told = {row.key: row for row in margins(make_run(change=with_transformer))}
    assert told["margin_transformer_percent"].value == pytest.approx(-20.0)
    assert told["margin_transformer_percent"].where == "trafo 0 'T'"
    assert (told["margin_loading_percent"].value, told["margin_loading_percent"].where) == (20.0, "line 2")


def test_room_is_that_below_what_the_net_allows(make_run):
    """A transformer that may be loaded to 150 % has a fifth of that left at 120 %; a line to 80 %, nothing."""

    def allowed(k, tables, gate):
        with_transformer(k, tables, gate)
        tables["lines"]["max_loading_percent"] = [150.0, np.nan, 80.0]

    told = {row.key: row for row in margins(make_run(change=allowed))}
    assert (told["margin_transformer_percent"].value, told["margin_transformer_percent"].note) == (20.0, "")
    assert (told["margin_loading_percent"].value, told["margin_loading_percent"].where) == (0.0, "line 2")


def test_buses_are_called_by_the_names_of_their_net(make_run):
    def named(k, tables, gate):
        tables["buses"]["name"] = ["", "village", ""]
        tables["buses"]["vm_ac_pu"] = [1.0, 0.97, 0.99]

    run = make_run(change=named)
    assert {row.key: row for row in margins(run)}["margin_low_pu"].where == "bus 2 'village'"
    assert summarise(run)["vmin_ac_pu"].where == "bus 2 'village'"


def test_the_figure_begins_with_the_transformers(make_run):
    drawn = figure.draw(make_run(change=with_transformer))
    assert [trace["name"] for trace in drawn.data] == ["trafo 0 'T'", "line 2", "line 0 + line 1"]
    assert np.allclose(drawn.data[0]["y"], PERCENT["trafo 0 'T'"])


def plain(k, tables, gate):
    del tables["lines"]["kind"]


def test_a_feeder_of_plain_lines_has_neither(make_run):
    run = make_run(change=plain)
    assert not [row for section in summarise(run).sections for row in section.rows if row.key.startswith("loading_")]
    with pytest.raises(NothingToDraw):
        figure.draw(run)
