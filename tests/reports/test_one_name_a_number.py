"""A number has the same name at the end of a run, in a comparison and on the page."""

import re

from cosim.quantities.labels import LABELS
from cosim.reports.measures import measures
from cosim.reports.page import _TILES, _TILES_ROADS, render
from cosim.reports.summary import summarise


def rows_of(sections):
    return {row.key: row.label for section in sections for row in section.rows}


def test_run_and_comparison_agree(run):
    told, compared = rows_of(summarise(run).sections), rows_of(measures(run))
    both = told.keys() & compared.keys()
    assert len(both) > 8
    assert {key: told[key] for key in both} == {key: compared[key] for key in both}


def test_run_and_comparison_agree_on_stations_over_their_chargers(make_run):
    def crowded(k, tables, gate):
        tables["periods"] |= {"ev_mw": [0.2], "ev_curtailed_mw": [0.0]}
        tables["stations"] |= {
            "p_demand_mw": [0.2, 0.1], "p_served_mw": [0.1, 0.1], "unserved_mwh": [0.05, 0.0],
            "backlog_mwh": [0.0, 0.0], "overloaded": [True, False],
        }  # fmt: skip

    over = make_run(change=crowded)
    told, compared = rows_of(summarise(over).sections), rows_of(measures(over))
    both = told.keys() & compared.keys()
    assert {"ev_demand_mwh", "chargers_not_served_mwh"} <= both
    assert {key: told[key] for key in both} == {key: compared[key] for key in both}


def test_tables_take_their_names_from_one_place(run):
    for found in (rows_of(summarise(run).sections), rows_of(measures(run))):
        for key in found.keys() & LABELS.keys():
            assert found[key].startswith(LABELS[key])


def test_a_tile_has_the_name_of_its_row(run):
    told = rows_of(summarise(run).sections)
    labels = re.findall(r'class="tile"><div class="label">([^<]*)<', render(run))
    assert labels
    assert set(labels) <= {told[key] for key in (*_TILES, *_TILES_ROADS) if key in told}
    assert labels[0] == "Paid (without weights and penalties)"
    assert "Total cost" not in render(run)
