"""Ctrl-C and SIGTERM in the middle of a run: the code, the committed periods, nobody left behind."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cosim import cli, supervision
from cosim.results.store import RunStore, load


def session_members(session):
    """Return the processes of a session that are not zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_with_its_code_and_keeps_what_was_committed(tmp_path, number, code):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "cosim", "run", "nguyen_ieee33", "--out", str(folder), "--no-report"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while not (folder / "periods" / "0002").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == code, err
    word = {143: "terminated", 130: "interrupted"}[code]
    assert err.splitlines()[-1] == f"{word}; the committed periods stay in the run folder"
    assert session_members(process.pid) == []
    result = load(folder)
    committed = RunStore(folder).committed()
    assert (result.exit_code, result.complete) == (code, False)
    assert 2 <= len(committed) == result.run["periods"]["committed"] < 24
    assert result.run["reasons"] == [word]
    assert sorted(result["buses"]["period"].unique()) == list(range(1, len(committed) + 1))
    for period in committed:
        for line in (period / "SHA256SUMS").read_text().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256((period / name).read_bytes()).hexdigest() == digest
    assert "Traceback" not in out


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
