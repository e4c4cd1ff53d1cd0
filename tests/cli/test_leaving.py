"""Seen from outside, the end of a command's process is the interpreter's own: output, code, what it waits for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SAID = {
    "a code": ("", "9"),
    "none": ("print('said')", "None"),
    "a text": ("print('said')", "'why it ended'"),
    "more than a pipe holds": ("print('x' * 1_000_000, end='')", "0"),
    "both streams": ("print('out', end=''); print('err', end='', file=sys.stderr)", "10"),
    "at exit, the last first": ("import atexit; [atexit.register(print, number) for number in range(3)]", "5"),
    "an error at exit": ("import atexit; atexit.register(print); atexit.register(divmod, 1, 0)", "5"),
    "a thread that must end": (
        "import threading, time; threading.Thread(target=lambda: [time.sleep(0.2), print('late')]).start()",
        "6",
    ),
    "a worker that waits for work": (
        "from concurrent.futures import ThreadPoolExecutor as Pool; pool = Pool(1); pool.submit(print, 'worked')",
        "6",
    ),
    "a thread that need not end": (
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "7",
    ),
    "a temporary folder": (
        "import os, pathlib, tempfile, weakref; folder = tempfile.TemporaryDirectory()\n"
        "weakref.finalize(pathlib.Path, print, 'it is there:', os.path.exists(folder.name))",
        "0",
    ),
    "closed streams": ("sys.stdout.close()", "3"),
    "no streams": ("sys.stdout = None", "3"),
}


def ended(how, body, code, **streams):
    """Run Python code in a process that ends in one of the two ways."""
    script = f"import sys\nfrom cosim.cli.leaving import leave\n{body}\n{how}({code})"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, "PYTHONUNBUFFERED": ""}}
    return subprocess.run([sys.executable, "-c", script], text=True, check=False, timeout=30, **(pipes | streams))


@pytest.mark.parametrize(("body", "code"), SAID.values(), ids=SAID)
def test_the_end_looks_like_the_interpreters(body, code):
    ours, its = (ended(how, body, code) for how in ("leave", "sys.exit"))
    assert (ours.returncode, ours.stdout) == (its.returncode, its.stdout)
    assert ours.stderr.splitlines()[-1:] == its.stderr.splitlines()[-1:]


@pytest.mark.parametrize("how", ["leave", "sys.exit"])
def test_output_that_nobody_takes_has_the_interpreters_code(how):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        assert ended(how, "print('said')", "0", stdout=pipe).returncode == 120
    with Path("/dev/full").open("w") as full:
        assert ended(how, "print('said')", "9", stdout=full).returncode == 120


def test_nothing_is_taken_down_piece_by_piece():
    body = "class Held:\n    def __del__(self): print('taken down')\nheld = Held(); held.itself = held"
    assert ended("sys.exit", body, "4").stdout == "taken down\n"
    ours = ended("leave", body, "4")
    assert (ours.returncode, ours.stdout) == (4, "")


def test_who_watches_the_process_sees_its_end():
    body = "import cProfile; cProfile.run('leave(3)')"
    assert "function calls" in ended("leave", body, "0").stdout


@pytest.mark.parametrize(("line", "code"), [(["list"], 0), (["run", "nowhere"], 3), (["run", "--nothing"], 2)])
def test_the_commands_own_codes_and_words_reach_whoever_reads_them(line, code):
    done = subprocess.run([sys.executable, "-m", "cosim", *line], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert (done.stderr if code else done.stdout).strip()


def test_a_library_in_c_whose_threads_still_run_cannot_abort_the_process_at_its_end():
    """A library's thread that was never joined ends the process by ``abort`` where the library is taken down."""
    body = "import ctypes; libc = ctypes.CDLL(None); libc.__cxa_atexit(libc.abort, None, None)"
    assert ended("sys.exit", body, "7").returncode == -signal.SIGABRT
    assert ended("leave", body, "7").returncode == 7
