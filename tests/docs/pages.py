"""A page's blocks, followed in the order in which they stand.

``console``: every line is a command; its exit code is the one that its comment names (``# exit 10``), or 0. ``python``:
run in one namespace. ``yaml``, ``text`` and ``csv`` behind a file's name: written to that file. Any other ``text``:
lines of what the block before printed, in any order and but for blanks; ``...`` in a line stands for anything.
"""

import contextlib
import hashlib
import io
import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import cosim
from cosim.cli import _run

DOCS = Path(cosim.__file__).resolve().parent.parent / "docs"
FOLLOWED = ("tutorial.md", "run.md", "verify.md", "validate.md")
BLOCK = re.compile(r"(?:^`(?P<file>[\w/.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


class Step(NamedTuple):
    """A block: its language, the file whose name stands before it, its text."""

    language: str
    file: str | None
    text: str


def steps(page):
    text = (DOCS / page).read_text("utf-8")
    return [Step(found["language"], found["file"], found["text"]) for found in BLOCK.finditer(text)]


def digest(page):
    """Return the SHA-256 of a page's blocks."""
    told = "\n".join("\n".join(str(part) for part in step) for step in steps(page))
    return hashlib.sha256(told.encode()).hexdigest()


def squeezed(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def stands(line, told):
    """Whether a line is among those told; ``...`` in it stands for anything."""
    wanted = re.compile(".*".join(re.escape(part.strip()) for part in line.split("...")))
    return any(wanted.fullmatch(one) for one in told)


def ran(line):
    """Run a command; return what it printed."""
    assert line.startswith("$ cosim "), line
    words, _, said = line.removeprefix("$ cosim ").partition("#")
    wanted = int(re.search(r"exit (\d+)", said)[1]) if "exit" in said else 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = _run([*shlex.split(words)]) or 0
    assert code == wanted, (line, out.getvalue()[-2000:], err.getvalue()[-2000:])
    return out.getvalue() + err.getvalue()


def clock():
    """Return the seconds of processor time of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def follow(page):
    """Follow a page in the working folder; return the seconds of processor time of its commands, and of what."""
    names, told, spent = {"__name__": "page"}, "", []
    for language, file, text in steps(page):
        begun = clock()
        if file is not None:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text, encoding="utf-8")
        elif language == "console":
            told = "\n".join(ran(line) for line in text.splitlines())
            spent.append((clock() - begun, text.strip().replace("\n", "; ")))
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, page, "exec"), names)  # noqa: S102 - our own page
            told = out.getvalue()
        else:
            assert language == "text", f"{page} has a block of {language} that is not run"
            missing = [line for line in squeezed(text) if not stands(line, squeezed(told))]
            assert missing == [], f"{page} shows what was not printed; that was:\n{told}"
    return spent
