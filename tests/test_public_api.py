"""`import cosim`: at most twenty names, all there, none loaded before it is used."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cosim

README = Path(__file__).parents[1] / "README.md"
HEAVY = ("cvxpy", "clarabel", "pandapower", "mosaik", "mosaik_api_v3", "pandas", "scipy", "plotly", "pyarrow")
HEAVY += ("traci", "pydantic", "networkx", "numpy", "rich", "typer")


def loaded_after(code):
    """Return which heavy modules a fresh interpreter has after running a line."""
    report = f"import sys\n{code}\nsys.stderr.write(' '.join(sorted(set(sys.modules) & set({HEAVY!r}))))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_all_names_are_importable_documented_and_few():
    assert len(cosim.__all__) <= 20
    assert cosim.__all__ == sorted(cosim.__all__)
    for name in cosim.__all__:
        assert getattr(cosim, name).__doc__, name


PARAMETERS = re.compile(r"^Parameters\n-{10}\n(?P<body>.*?)(?=\n\n\w+\n-{3,}\n|\Z)", re.DOTALL | re.MULTILINE)
FUNCTIONS = [name for name in cosim.__all__ if inspect.isfunction(getattr(cosim, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_of_a_function_is_told_in_numpy_style(name):
    function = getattr(cosim, name)
    found = PARAMETERS.search(inspect.cleandoc(function.__doc__))
    told = re.findall(r"^(\w[\w, ]*)$", found["body"], flags=re.MULTILINE) if found else []
    names = [word.strip() for line in told for word in line.split(",")]
    assert sorted(names) == sorted(inspect.signature(function).parameters)


def test_a_name_of_an_earlier_version_works_and_tells_what_takes_its_place():
    with pytest.warns(DeprecationWarning, match=r"cosim.summarise goes away; use result.summary\(\)"):
        former = cosim.summarise
    assert former is importlib.import_module("cosim.reports.summary").summarise


def test_dir_shows_them_and_nothing_else():
    assert sorted(dir(cosim)) == sorted([*cosim.__all__, "__version__"])


def test_star_import_gives_them():
    names = {}
    exec("from cosim import *", names)  # noqa: S102 - what a user may type
    assert set(names) - {"__builtins__"} == set(cosim.__all__)


def test_each_name_is_the_object_at_its_home():
    for name, (module, attribute) in cosim._HOMES.items():
        assert getattr(cosim, name) is getattr(importlib.import_module(module), attribute)
    assert set(cosim._HOMES) == set(cosim.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'cosim' has no attribute 'simulate'"):
        cosim.simulate  # noqa: B018
    assert not hasattr(cosim, "simulate")


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import cosim; cosim.__version__; dir(cosim)") == set()
    assert loaded_after("import cosim; cosim.InputError") == set()


def test_the_installed_version_is_ours():
    from importlib.metadata import version

    assert version("cosim-ptn") == cosim.__version__


def test_the_python_of_the_readme_runs(finished, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    asked = []

    def run(scenario, **named):
        asked.append((scenario, named))
        cosim.load_scenario(scenario, tuple(named.get("overrides", ())))  # refuses what is not in the schema
        return finished("sequential")

    monkeypatch.setitem(vars(cosim), "run", run)
    names = {}
    for block in blocks:  # read from top to bottom
        exec(block, names)  # noqa: S102 - our own documentation
    assert asked
    assert capsys.readouterr().out
