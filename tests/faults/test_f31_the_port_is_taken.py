"""F31: somebody else listens on the port that SUMO was to have, and would take the connection."""

import socket
from pathlib import Path

import pytest
from sumolib import miscutils

import cosim
from cosim.errors import SumoError
from cosim.microsim.process import SumoProcess

NET = ("-n", str(Path(cosim.__file__).parents[1] / "sumo_nets/nguyen/merge/net.net.xml"))


@pytest.fixture
def foreign():
    """Return the port of a listener that takes connections and says nothing."""
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        other.setblocking(False)
        yield other


def accepted(listener):
    """Return how many connections somebody made."""
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_a_foreign_listener_is_never_spoken_to(tmp_path, monkeypatch, foreign):
    free, taken = miscutils.getFreeSocketPort, foreign.getsockname()[1]
    ports = iter([taken, taken, free()])
    monkeypatch.setattr(miscutils, "getFreeSocketPort", lambda: next(ports))
    with SumoProcess(NET, tmp_path) as process:
        process.step_to(1.0)
    monkeypatch.setattr(miscutils, "getFreeSocketPort", lambda: taken)
    with pytest.raises(SumoError, match="found its port taken by others 3 times") as caught:
        SumoProcess(NET, tmp_path).__enter__()
    assert caught.value.exit_code == 7
    assert accepted(foreign) == 0


def test_without_asking_whose_listener_it_is_we_would_speak_to_it(tmp_path, monkeypatch, foreign):
    monkeypatch.setattr(miscutils, "getFreeSocketPort", lambda: foreign.getsockname()[1])
    monkeypatch.setattr(SumoProcess, "_listens", lambda *_: True)
    with pytest.raises(SumoError):
        SumoProcess(NET, tmp_path, hang_limit_s=0.5).__enter__()
    assert accepted(foreign) == 1
