"""The wheel works away from the repository: it carries scenarios, networks and feeders."""

import os
import subprocess
import sys
import zipfile
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


def test_the_wheel_holds_only_the_package(unpacked):
    top = {path.name.split("-")[0] for path in unpacked.iterdir()}
    assert top == {"cosim", "cosim_ptn"}
