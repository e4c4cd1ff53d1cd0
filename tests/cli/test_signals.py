"""Signals outside of a run; those within one: `tests/faults/test_f25_signals.py`."""

import signal

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
