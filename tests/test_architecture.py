"""What no linter of ours counts: prints, dynamic code, and the size of modules and functions."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "cosim").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]
MAY_IMPORT_BY_NAME = {"cosim/plugins.py", "cosim/__init__.py", "cosim/later.py"}
DYNAMIC_CALLS = {"eval", "exec", "compile", "__import__", "print"}
DYNAMIC_MODULES = {"pickle", "dill", "joblib", "marshal", "shelve", "runpy", "imp"}


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def called(tree):
    """Yield the names of all plain calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def imported(tree):
    """Yield the dotted names of all imports, also those within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def body_lines(function):
    """Return the lines of a function's statements, without its docstring."""
    body = function.body[ast.get_docstring(function, clean=False) is not None :]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_there_is_something_to_look_at():
    assert len(MODULES) > 60
    assert all((ROOT / name).exists() for name in MAY_IMPORT_BY_NAME)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_print_and_no_code_from_data(path):
    tree = tree_of(path)
    assert not DYNAMIC_CALLS & set(called(tree))
    assert not DYNAMIC_MODULES & {name.partition(".")[0] for name in imported(tree)}
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not {"import_module", "spec_from_file_location", "exec_module", "allow_pickle"} & names or (
        str(path.relative_to(ROOT)) in MAY_IMPORT_BY_NAME
    )
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert not {"shell", "allow_pickle"} & keywords


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_modules_and_functions_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    functions = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {f.name: body_lines(f) for f in functions if body_lines(f) > 40} == {}


NAME_ONE = {
    "cosim/workflows/doctor.py": {"ieee33_grid_only"},  # the smoke solve
    "cosim/reports/paper/material.py": {  # the paper's own days
        "nguyen_ieee33", "nguyen_ieee33_no_flexibility", "nguyen_ieee33_coupled"
    },
}  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_network_and_no_feeder_is_built_in(path):
    """Networks are the user's; ours lie beside the package as data, and only `NAME_ONE` names any."""
    constants = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    named = [c.value for c in constants if id(c) not in docstrings and len(c.value) < 80 and "\n" not in c.value]
    found = {value for value in named if "nguyen" in value.lower() or "ieee33" in value.lower()}
    assert found == NAME_ONE.get(path.relative_to(ROOT).as_posix(), set())


SCIENCE = ("traffic", "dispatch", "coupling", "charging", "validation", "grid")
KEEPS_A_STATE = {
    "cosim/traffic/methods/newton.py _Progress", "cosim/grid/formats/workspace.py Workspace",
}  # fmt: skip
"""A method and a reader on their way; what they return is data."""
BY_POSITION = {
    "cosim/traffic/formats/counts.py _Reading", "cosim/traffic/formats/gmns_units.py Units",
    "cosim/traffic/formats/tntp_text.py TntpText", "cosim/traffic/methods/base.py Point",
    "cosim/traffic/methods/newton.py _Progress", "cosim/traffic/problem.py IterationRecord",
    "cosim/dispatch/backends/__init__.py Choice", "cosim/dispatch/backends/licences.py Licence",
    "cosim/grid/formats/matpower.py _InService", "cosim/grid/formats/mfile.py Statement",
    "cosim/grid/formats/workspace.py Workspace", "cosim/grid/table_rules.py Rule",
}  # fmt: skip
"""Of few fields, or of one place."""


@pytest.mark.parametrize("name", [name for name in NAMES if name.split("/")[1] in SCIENCE])
def test_data_of_the_science_is_frozen_and_slotted_and_its_fields_are_named(name):
    for node in ast.walk(tree_of(ROOT / name)):
        for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            if ast.unparse(call).startswith("dataclass"):
                said = {word.arg: ast.literal_eval(word.value) for word in getattr(call, "keywords", [])}
                which = f"{name} {node.name}"
                assert said.get("slots"), which
                assert bool(said.get("frozen")) == (which not in KEEPS_A_STATE), which
                assert bool(said.get("kw_only")) == (which not in BY_POSITION), which


def test_no_script_hides_a_package():
    """A script's own folder comes first where modules are looked for: `benchmarks/coverage.py` hid `coverage`."""
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    own_environment = {"coverage", "cosmic_ray"}
    assert not scripts & (set(sys.stdlib_module_names) | set(packages_distributions()) | own_environment)
