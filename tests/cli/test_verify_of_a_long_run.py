"""Of a long run the ledger prints what matters: periods that are flagged, and the largest gaps."""

from types import SimpleNamespace

import pytest

from cosim.cli.verifying import MOST_FLAGGED, MOST_GAPS, MOST_PERIODS, told_periods


def entries(count, flagged=(), gaps=None):
    gaps = gaps or {}
    return [
        SimpleNamespace(
            period=k, status="ac_violation" if k in flagged else "optimal", gap_rel=gaps.get(k, 1e-12),
        )
        for k in range(1, count + 1)
    ]  # fmt: skip


def test_four_days_of_hours_are_printed_whole():
    assert [one.period for one in told_periods(entries(MOST_PERIODS))] == list(range(1, MOST_PERIODS + 1))


def test_of_a_year_the_flagged_ones_and_the_largest_gaps():
    gaps = {4000 + k: 1e-3 * (k + 1) for k in range(2 * MOST_GAPS)}
    told = [one.period for one in told_periods(entries(8760, {7, 8000}, gaps | {12: float("nan")}))]
    largest = sorted(gaps, key=gaps.__getitem__)[1 - MOST_GAPS :]
    assert told == sorted([7, 8000, 12, *largest])


@pytest.mark.parametrize("count", [MOST_PERIODS + 1, 8760])
def test_no_more_than_so_many(count):
    told = told_periods(entries(count, flagged=set(range(1, count + 1))))
    assert len(told) <= MOST_FLAGGED + MOST_GAPS
