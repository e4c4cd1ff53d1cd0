"""F26: memory ends, by the kernel's own limit on the driver, or on SUMO."""

import re

import pytest

from cosim.errors import SumoError
from cosim.microsim import process
from tests.faults.processes import ASSIGNMENT, command
from tests.faults.test_f31_the_port_is_taken import NET

TAKES_ALL = """\
import resource
from pathlib import Path
import numpy
def take():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 200 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    numpy.ones(2**30)
"""


def test_the_reason_and_the_peak_are_told_and_the_commits_stay(tmp_path):
    with command(tmp_path, fault=ASSIGNMENT + TAKES_ALL + "in_period(2, take)\n") as driven:
        assert driven.wait() == 7, driven.said()
        (reason,) = driven.told["reasons"]
        told = re.fullmatch(
            r"traffic failed at period 2: out_of_memory, at most (\d+) MiB were in use \(.*MemoryError: .*8.00 GiB.*\)",
            reason,
        )
        assert told, reason
        assert 50 < int(told[1]) < 2000
        assert driven.told["exit_code"] == 7
        assert driven.committed() == [1]


def test_a_sumo_without_memory_is_an_error_with_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "MEMORY_BYTES", 60 * 2**20)
    with pytest.raises(SumoError, match="before its first step.*failed to map segment") as caught:
        process.SumoProcess(NET, tmp_path).__enter__()
    assert caught.value.exit_code == 7
    assert caught.value.return_code != 0
