"""The wheel works away from the repository: it carries scenarios, networks and feeders."""

import configparser
import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_a_shipped_scenario_is_found_and_sound(unpacked, tmp_path):
    code = (
        "import cosim, sys; assert cosim.__file__.startswith(sys.argv[1]), cosim.__file__;"
        "found = cosim.check('nguyen_ieee33'); assert not found.mistakes, found.mistakes;"
        "print(found.loaded.folder)"
    )
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(unpacked)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(unpacked / "cosim" / "_data")


def files(folder):
    """Return the files below a folder and what they hold."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }  # fmt: skip


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("cosim", "cosim"),
        *((name, f"cosim/_data/{name}") for name in ("scenarios", "sumo_nets", "grid_models")),
    ],
)
def test_every_file_of_package_scenarios_networks_and_feeders_is_in_it(unpacked, here, there):
    told = subprocess.run(
        ["git", "ls-files", here], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()  # what lies about besides is none of it
    kept = files(ROOT / here)
    wanted = {Path(name).relative_to(here) for name in told} & set(kept) if told else set(kept)
    packed = files(unpacked / there)
    assert wanted <= set(packed)
    assert all(packed[name] == kept[name] for name in wanted)
    if here == "cosim":
        needed = [
            "py.typed",
            "scenario/schema.json",
            *(f"reports/templates/{name}.html.j2" for name in ("report", "maps")),
        ]
        assert {Path(name) for name in needed} <= wanted


def test_its_metadata_says_what_it_is_and_which_commands_it_has(unpacked):
    (info,) = unpacked.glob("*.dist-info")
    told = Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    version = {}
    exec((ROOT / "cosim" / "version.py").read_text(), version)  # noqa: S102 - one line of ours
    assert (told["Name"], told["Version"]) == ("cosim-ptn", version["__version__"])
    assert told["License-Expression"] == "MIT"
    assert (info / "licenses" / "LICENSE").is_file()
    assert told["Requires-Python"] == ">=3.11"
    assert any(url.startswith("Paper, https://doi.org/") for url in told.get_all("Project-URL"))
    scripts = configparser.ConfigParser()
    scripts.read(info / "entry_points.txt")
    assert {"cosim", "cosim-traffic", "cosim-dispatch", "cosim-grid", "cosim-sumo"} <= set(scripts["console_scripts"])
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {version['__version__']} (" in log


def test_a_day_and_its_report_come_out_of_it(unpacked, tmp_path):
    for words in (["run", "five_nodes", "--out", "day", "--progress", "off"], ["report", "day"]):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cosim", *words], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(unpacked)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "Every gate passed" in (tmp_path / "day" / "report.html").read_text(encoding="utf-8")


def test_the_wheel_holds_only_the_package(unpacked):
    top = {path.name.split("-")[0] for path in unpacked.iterdir()}
    assert top == {"cosim", "cosim_ptn"}
