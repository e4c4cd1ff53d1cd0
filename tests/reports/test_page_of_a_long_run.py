"""Figures of a long run show a part of it, and the page says which and why; numbers are of the whole."""

import pytest

from cosim.reports import frames, page
from cosim.results.store import RunResult


@pytest.fixture
def run(finished):
    return frames.ReadOnce(RunResult(finished("sequential").folder))


def test_a_day_is_shown_whole(run):
    part, told = frames.drawn_part(run)
    assert part is run
    assert told == ""


def test_of_a_longer_run_the_periods_around_the_lowest_voltage(run, monkeypatch):
    monkeypatch.setattr(frames, "MOST_DRAWN", 4)
    monkeypatch.setattr(frames, "DRAWN", 3)
    part, told = frames.drawn_part(run)
    periods = run["periods"]
    worst = int(periods.loc[periods["vmin_ac_pu"].idxmin(), "period"])
    shown = list(part["periods"]["period"])
    assert len(shown) == 3
    assert worst in shown
    assert shown == list(range(shown[0], shown[0] + 3))
    assert set(part["buses"]["period"]) == set(shown)
    assert told == (
        f"Figures show periods {shown[0]} to {shown[-1]} of {len(periods)}: those around period {worst}, which has the "
        "lowest AC voltage. Tables hold them all."
    )
    text = page.render(run)
    assert told in text
    whole = page.summarise(run)
    assert whole["import_mwh"].value == pytest.approx(
        page.summarise(RunResult(run.folder))["import_mwh"].value
    )  # fmt: skip


def test_a_page_names_so_many_flagged_periods(run, monkeypatch):
    monkeypatch.setattr(page, "MOST_FLAGGED", 1)
    monkeypatch.setattr(
        page.gates,
        "flagged",
        lambda _: [{"period": k, "flags": ("x",), "status": "x", "reasons": ()} for k in (1, 2, 3)],
    )
    assert "and 2 more: column status of the table periods" in page.render(run)
