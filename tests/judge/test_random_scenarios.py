"""Sixty random scenarios, judged by a judge that shares no code with the product; half run as a user would run them.

No number may be silently wrong, nothing may crash or hang. `make torture` counts the share of false alarms, too, with
its bound, over a thousand larger scenarios.
"""

import pytest

from tests.judge.torture import try_seed

FIRST = 1_000_000
PARTS, EACH = 10, 6
"""Parts share the work among test processes."""
WRONG = ("silent wrong", "crash", "too slow", "not judged")


@pytest.mark.parametrize("part", range(PARTS))
def test_no_number_is_silently_wrong(part, tmp_path):
    found = [
        try_seed(seed, tmp_path / str(seed), small=True, by_command=seed % 2 == 1)
        for seed in range(FIRST + part * EACH, FIRST + (part + 1) * EACH)
    ]
    assert not {one.seed: (one.verdict, one.exit_code, one.why) for one in found if one.verdict in WRONG}
    assert sum(one.verdict != "refused" for one in found) >= EACH - 1
