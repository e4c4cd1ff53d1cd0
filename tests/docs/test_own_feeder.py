"""The planner's path of `docs/your-own-feeder.md`, step by step as it stands there; needs the extra `simbench`."""

import contextlib
import io
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

import cosim
from cosim.cli import _run

PAGE = Path(cosim.__file__).resolve().parent.parent / "docs" / "your-own-feeder.md"
BLOCK = re.compile(r"(?:^`(?P<file>[\w/.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def steps():
    return [(found["language"], found["file"], found["text"]) for found in BLOCK.finditer(PAGE.read_text("utf-8"))]


def squeezed(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def ran(line):
    """Run a command; return what it printed."""
    words, _, said = line.removeprefix("$ cosim ").partition("#")
    wanted = int(re.search(r"exit (\d+)", said)[1]) if "exit" in said else 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = _run([*shlex.split(words)]) or 0
    assert code == wanted, (line, out.getvalue()[-2000:], err.getvalue()[-2000:])
    return out.getvalue()


@pytest.mark.timeout(1800)  # four days of 96 power flows, on a machine that has other work
def test_the_path_of_a_planner(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names, told, spent = {"__name__": "page"}, "", []
    for language, file, text in steps():
        begun = time.process_time()
        if language == "console":
            told = "\n".join(ran(line) for line in text.splitlines())
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, PAGE.name, "exec"), names)  # noqa: S102 - our own page
            told = out.getvalue()
        elif language == "yaml":
            Path(file).parent.mkdir(exist_ok=True)
            Path(file).write_text(text, encoding="utf-8")
        else:
            assert [line for line in squeezed(text) if line not in squeezed(told)] == [], told
        if language == "console":
            spent.append((time.process_time() - begun, text.strip().replace("\n", "; ")))
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{seconds:7.1f} s  {what}" for seconds, what in spent) + "\n")


def test_the_page_has_its_notice_and_no_data_of_the_grid():
    text = PAGE.read_text(encoding="utf-8")
    assert "Open Database Licence" in text
    assert "10.3390/en13123290" in text
    shipped = [
        path for folder in ("scenarios", "grid_models", "docs") for path in (PAGE.parents[1] / folder).rglob("*.csv")
    ]
    for path in shipped:
        assert "LV1.101" not in path.read_text(encoding="utf-8"), path


def test_every_step_is_of_a_kind_that_is_run():
    assert {language for language, _, _ in steps()} == {"console", "yaml", "python", "text"}
    assert all(file for language, file, _ in steps() if language == "yaml")
