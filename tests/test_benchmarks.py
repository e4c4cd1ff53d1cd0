"""Benchmarks that nothing runs in the gate: what one takes from another is there."""

import ast
import tomllib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
TREES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.py"))}


def told(tree):
    """Return the names that a file holds at its top level."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(one.asname or one.name).partition(".")[0] for one in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return names


@pytest.mark.parametrize("name", TREES)
def test_a_benchmark_takes_from_others_what_they_have(name):
    taken = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.ImportFrom) and node.module in TREES]
    missing = {f"{node.module}.{one.name}" for node in taken for one in node.names} - {
        f"{other}.{known}" for other in TREES for known in told(TREES[other])
    }
    assert missing == set()


def test_equivalent_mutants_name_lines_that_are_there():
    """An entry whose line has changed speaks of nothing: `make mutation` would count its mutant as not noticed."""
    rows = tomllib.loads((FOLDER / "mutation_equivalent.toml").read_text(encoding="utf-8"))["equivalent"]
    lines = {
        name: (FOLDER.parent / name).read_text(encoding="utf-8").split("\n") for name in {one["file"] for one in rows}
    }
    gone = [one["before"] for one in rows if one["before"] not in map(str.strip, lines[one["file"]])]
    assert gone == []
