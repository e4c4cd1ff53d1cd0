"""Every command of README and reference pages runs in the order in which it stands, in one folder a page.

A day is cut to its first hours, dispatched at once, and SUMO stands aside for the quick engine: that they run in this
order is what is told here; what comes of them is told elsewhere.
"""

import csv
import re
import shlex
from pathlib import Path

import pytest

import cosim
from cosim.cli import _run
from cosim.scenario import shipped
from cosim.scenario.export import write_folder
from cosim.scenario.load import load
from cosim.scenario.template import flow

ROOT = Path(cosim.__file__).resolve().parent.parent
HOURS = 9
QUICK = ("dispatch.mode=day_ahead", "microsim.engine=point_queue", "microsim.length_scale=0.25")
ANSWERED = (0, 5, 10)
OTHERWISE = {
    ("nguyen_ieee33", "--microsim", "meso"): ("microsim.engine=sumo",),  # the quick engine has single vehicles alone
    ("nguyen_ieee33", "--out", "runs/first"): ("dispatch.mode=rolling",),  # what is decided at once cannot be forked
}
ELSEWHERE = {"reproduce": "tests/reproduction", "pytest": "itself", "make": "CI", "python3": "CI"}


PAGES = ("README.md", "docs/charging.md", "docs/coupling.md", "docs/scenarios.md", "docs/microsimulation.md")
FILES_OF_A_READER = {"case33bw.m", "feeder.dss"}
"""Named as examples; their formats are read in tests/grid."""
FEWER = {"--ramp": "tests/validation", "calibrate": "tests/validation"}
"""Minutes of simulation: their home is there."""


def commands(page="README.md"):
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
             for line in block.splitlines() if line.startswith("$ ")]  # fmt: skip
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [line[1:] if line[0] == "cosim" else line for line in words]


def shorter(name, folder):
    """Write a shipped scenario's first hours into a folder of its name, where a command looks first."""
    loaded = load(name)
    hours = min(HOURS, loaded.scenario.periods)
    sections = [one for one in QUICK if loaded.resolved[one.partition(".")[0]] is not None]
    told = {**load(name, sections).resolved, "periods": hours}
    told.pop("extends")
    if isinstance((traffic := told["traffic"] or {}).get("demand_profile"), list):
        traffic["demand_profile"] = traffic["demand_profile"][:hours]
    write_folder(loaded, folder / name, "\n".join(f"{key}: {flow(value)}" for key, value in told.items()))
    for path in (folder / name).glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        if rows[0][0] == "period":
            with path.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows(rows[: hours + 1])


@pytest.mark.timeout(1800)  # some thirty commands, on a machine that has other work
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_in_its_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    lines = commands(page)
    assert len(lines) > (20 if page == "README.md" else 1)
    named = {word for line in lines for word in line} & set(shipped.names(shipped.SCENARIOS))
    for name in named:
        shorter(name, tmp_path)
    for line in lines:
        if line[0] in ELSEWHERE or set(line) & {*FILES_OF_A_READER, *FEWER}:
            continue
        asked = ["7" if word == "17" else word for word in line]  # of nine hours, not of 24
        code = _run([*asked, *(word for one in OTHERWISE.get(tuple(line[1:]), ()) for word in ("--set", one))]) or 0
        assert code in ANSWERED, (line, code, capsys.readouterr().err)


def test_every_page_with_commands_has_a_test_that_names_it():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for path in (ROOT / "docs").glob("*.md"):
        own = [line for line in commands(f"docs/{path.name}") if line[0] not in ELSEWHERE]
        assert not own or path.name in tests, f"{path.name}: name it in PAGES"


def test_what_is_left_to_others_is_in_the_readme():
    assert {line[0] for line in commands()} >= set(ELSEWHERE)


@pytest.mark.parametrize("page", ["README.md", "docs/scenarios.md"])
def test_no_command_stands_where_it_would_not_be_run(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    outside = re.sub(r"^```console\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^(?:\$ )?cosim (?:run|verify|validate|assign|init) .*$", outside, re.MULTILINE) == []
