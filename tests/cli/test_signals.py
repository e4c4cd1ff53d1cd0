"""Signals outside of a run; those within one: `tests/faults/test_f25_signals.py`."""

import signal
import time

import pytest

from cosim import cli, supervision


def test_an_interrupted_assignment_speaks_of_no_run_folder(monkeypatch, capsys):
    """Nothing stays of it; a run under way tells of its folder, also when a second signal comes."""

    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)

    before = {number: signal.getsignal(number) for number in supervision.STOPPED}
    monkeypatch.setattr("cosim.cli.assigning.assign_command", interrupted)
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main(["assign", "somewhere"])
        assert caught.value.code == 130
        assert capsys.readouterr().err == "interrupted\n"
        with supervision.deferred():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(supervision.Stopped) as stop:
                signal.raise_signal(signal.SIGINT)
        assert stop.value.kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_signals_of_a_command_that_ended_do_not_end_the_next(monkeypatch):
    """The patience with the first one went on, and ended the process three seconds into the second."""
    before = {number: signal.getsignal(number) for number in supervision.STOPPED}
    monkeypatch.setattr(supervision, "FIRST_PATIENCE_S", 0.2)
    monkeypatch.setattr(supervision, "end_process", lambda code, reason: ended.append((code, reason)))
    ended = []
    try:
        supervision.install()
        with pytest.raises(supervision.Stopped):
            signal.raise_signal(signal.SIGINT)
        supervision.install()
        time.sleep(0.5)
        assert ended == []
        with pytest.raises(supervision.Stopped):
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.5)
        assert ended[0][0] == 130, "its own signal still has a limit"
        supervision.install()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
