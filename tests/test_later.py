"""Modules that wait: there at once, loaded at their first use, one time, also from threads and after a failure."""

import importlib
import subprocess
import sys
import threading

import pytest

from cosim.later import Later

PACKAGE = {
    "__init__": (
        "from waits_here.part import LOADED",
        "LOADED.append('package')",
        "double = lambda x: 2 * x",
        "S = {}",
    ),
    "part": ("LOADED = []",),
    "late": ("from waits_here import double", "from waits_here.part import LOADED", "LOADED.append('late')", "X = 4"),
    "fails": ("from waits_here.part import LOADED", "LOADED.append(0)", "1 / (len(LOADED) > 2)", "X = 1"),
}


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Make a package, let it wait, and return what says which of its modules were loaded."""
    (tmp_path / "waits_here").mkdir()
    for name, lines in PACKAGE.items():
        (tmp_path / "waits_here" / f"{name}.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    finder = Later({"waits_here": ("double",), "waits_here.late": (), "waits_here.fails": (), "not_there_at_all": ()})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    importlib.invalidate_caches()
    yield importlib.import_module("waits_here.part").LOADED
    for name in [name for name in sys.modules if name.partition(".")[0] == "waits_here"]:
        del sys.modules[name]


def test_a_part_is_imported_without_the_package_above_it(loaded):
    assert loaded == []
    assert "waits_here" in sys.modules


def test_the_first_use_loads_a_module_where_it_stands(loaded):
    import waits_here

    found = waits_here.S
    assert loaded == ["package"]
    assert waits_here.S is found
    assert sys.modules["waits_here"] is waits_here
    assert waits_here.part.LOADED is loaded
    assert type(waits_here) is type(sys)


def test_asking_what_a_module_holds_uses_it(loaded):
    import waits_here

    assert {"double", "S"} <= set(dir(waits_here))
    assert loaded == ["package"]


def test_what_is_taken_to_be_called_waits_until_it_is(loaded):
    from waits_here import double

    _ = double[int]  # as in an annotation
    assert loaded == []
    assert double(21) == 42
    assert loaded == ["package"]


def test_all_that_a_module_holds_is_imported_with_a_star(loaded):
    names = {}
    exec("from waits_here import *", names)  # noqa: S102 - a star is allowed at the top of a module only
    assert names["double"](1) == 2


def test_the_package_above_is_loaded_first(loaded):
    import waits_here.late

    assert waits_here.late.X == 4
    assert loaded == ["package", "late"]


def test_questions_that_are_asked_of_every_module_load_nothing(loaded):
    import waits_here.late

    assert not hasattr(waits_here.late, "__wrapped__")
    assert waits_here.late.__file__.endswith("late.py")
    assert loaded == []


def test_a_module_that_cannot_be_loaded_says_so_and_can_be_tried_again(loaded):
    import waits_here.fails

    with pytest.raises(ZeroDivisionError):
        _ = waits_here.fails.X
    assert waits_here.fails.X == 1
    with pytest.raises(AttributeError, match="nothing"):
        _ = waits_here.fails.nothing


def test_threads_load_it_once(loaded):
    import waits_here.late

    found, together = [], threading.Barrier(8)

    def use():
        together.wait()
        found.append(waits_here.late.X)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [4] * 8
    assert loaded == ["package", "late"]


def test_what_is_not_there_is_not_there(loaded):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("not_there_at_all")


def test_sheets_are_written_in_a_process_that_has_pandapower():
    """pandas imports a part of openpyxl, which looks at the whole that waits, which imports that part."""
    code = (
        "import io; from cosim.grid.lean import pandapower; pandapower(); import pandas as pd;"
        "w = pd.ExcelWriter(io.BytesIO(), engine='openpyxl'); pd.DataFrame({'a': [1]}).to_excel(w); w.close()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_package_that_waits_still_gives_its_files(loaded, tmp_path):
    from importlib.resources import files

    import waits_here

    (tmp_path / "waits_here" / "table.txt").write_text("numbers")
    assert waits_here.S == {}
    assert files("waits_here").joinpath("table.txt").read_text() == "numbers"


def test_a_command_draws_the_points_that_scipy_draws():
    """Without the files of scipy.stats its Sobol sequence goes on with zeros and says so on no channel but stderr."""
    draw = "from scipy.stats import qmc; print(qmc.Sobol(3, rng=7).random(8).tolist())"
    plain, lean = (
        subprocess.run([sys.executable, "-c", code + draw], capture_output=True, text=True, check=True)
        for code in ("", "from cosim.cli.start import lean; lean(); ")
    )
    assert (lean.stdout, lean.stderr) == (plain.stdout, "")
