"""F2: a simulator raises: in the driver's process, and in one of its own, where mosaik ends quietly."""

import time

import mosaik
import pytest

from cosim.errors import ComponentError
from cosim.world import check_complete
from tests.faults.processes import ASSIGNMENT, command, roads

RAISES = """\
import time
from pathlib import Path
def fail():
    Path("raised").write_text(str(time.monotonic()))
    raise ValueError("no such thing")
"""


def test_it_is_named_with_its_period_and_the_run_ends_within_two_seconds(tmp_path):
    with command(tmp_path, fault=ASSIGNMENT + RAISES + "in_period(2, fail)\n") as driven:
        driven.until((driven.run / "run.json").exists)
        assert time.monotonic() - float((tmp_path / "raised").read_text()) < 2.0
        assert driven.wait() == 7
        assert driven.told["reasons"] == ["traffic failed at period 2: ValueError: no such thing"]
        assert driven.said().endswith("error: traffic failed at period 2: ValueError: no such thing\n")
        assert driven.committed() == [1]


def test_one_in_another_process_ends_mosaik_quietly_and_is_found_out(tmp_path, caplog):
    """Nobody sends path flows, so the simulator raises in its first step: `run` returns as if all were well."""
    started = {"Sumo": {"cmd": "%(python)s -m cosim.simulators.sumo %(addr)s"}}
    with mosaik.World(started, skip_greetings=True, configure_logging=False) as world:
        sumo = world.start("Sumo", scenario=str(roads(tmp_path)), overrides=["microsim.mode=continuous"])
        sumo.Micro()
        world.run(until=900, print_progress=False)
        with pytest.raises(ComponentError, match=r"Sumo (finished 0 of 3 periods|does not answer after the run)"):
            check_complete({"Sumo": sumo}, 3)
