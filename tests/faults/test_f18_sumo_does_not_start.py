"""F18: SUMO dies before it takes a connection: seen by polling, with its last words."""

import time

import pytest

from cosim.errors import SumoError
from cosim.microsim import process
from cosim.microsim.process import SumoProcess

DIES = '#!/bin/sh\nfor k in $(seq 1 30); do echo "line $k" >&2; done\nexit 3\n'


def test_the_last_twenty_lines_are_told_within_a_second(tmp_path, monkeypatch):
    binary = tmp_path / "sumo"
    binary.write_text(DIES)
    binary.chmod(0o755)
    monkeypatch.setattr(process, "sumo_binary", lambda: binary)
    sumo = SumoProcess([], tmp_path)
    polled, seen = SumoProcess._poll, []

    def poll(self):
        code = polled(self)
        seen.append((code, time.monotonic()))
        return code

    monkeypatch.setattr(SumoProcess, "_poll", poll)
    with pytest.raises(SumoError, match=r"ended before it could be asked anything.*return code 3") as caught:
        sumo.__enter__()
    assert "line 10 |" not in str(caught.value)
    assert " | ".join(f"line {k}" for k in range(11, 31)) in str(caught.value)
    assert caught.value.exit_code == 7
    looks = [at_s for code, at_s in seen if code is None]
    dead = next(at_s for code, at_s in seen if code is not None)
    assert not looks or dead - looks[-1] < 1.0, "it was alive at the look before"
