"""A run that is stopped, damaged and resumed in any order ends as an undisturbed one, or says why it does not."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.errors import CosimError
from cosim.results.store import load
from cosim.workflows.resume import resume
from cosim.workflows.run import run
from tests.faults.days import PERIODS, four_periods, same, stopped, stopping
from tests.fuzz.base import EXAMPLES

STORED = (8, 9)
"""Exit codes of what is damaged."""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    return four_periods(tmp_path_factory.mktemp("four") / "scenario")


@pytest.fixture(scope="module")
def whole(scenario, tmp_path_factory):
    return run(scenario, out=tmp_path_factory.mktemp("whole") / "run", report=False)


def damaged(folder, place, how, at):
    """Cut, empty, change or remove one file of a run; say whether there was one."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[place % len(files)]
    content = path.read_bytes()
    if how == "remove":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif content and how == "cut":
        path.write_bytes(content[: at % len(content)])
    elif content:
        place = at % len(content)
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
    return path


def resumed(folder, until):
    """Go on with a run; return exit code and words of the error that ends it."""
    try:
        resume(folder, report=False, progress=stopping(until))
    except CosimError as error:
        return error.exit_code, str(error)
    return 0, ""


STOP = st.tuples(st.just("stop"), st.integers(1, PERIODS - 1))
DAMAGE = st.tuples(
    st.just("damage"), st.integers(0, 500), st.sampled_from(["remove", "empty", "cut", "change"]), st.integers(0, 10**6)
)


@settings(max_examples=EXAMPLES or 8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not EXAMPLES)
@given(first=st.integers(1, PERIODS - 1), actions=st.lists(STOP | DAMAGE, max_size=3))
def test_it_ends_as_the_undisturbed_one_or_is_told(scenario, whole, tmp_path_factory, first, actions):
    folder, hurt = stopped(scenario, tmp_path_factory.mktemp("stopped") / "run", first), []
    for action in [*actions, ("stop", 0)]:
        if action[0] == "damage":
            hurt.append(damaged(folder, *action[1:]))
            continue
        code, words = resumed(folder, action[1])
        if code and "PlugPulled" not in words:
            assert hurt, words
            assert code in STORED, (words, hurt)
            return
    found = load(folder)
    assert found.complete
    same(found, whole)
