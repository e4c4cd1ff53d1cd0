"""The table of faults: every number has its file, which says in its first words which fault it is."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FAULTS = range(1, 35)
FILES = {int(path.name[6:8]): path for path in HERE.glob("test_f[0-9][0-9]_*.py")}


def test_every_fault_has_one_file():
    assert sorted(FILES) == list(FAULTS)
    assert len(FILES) == len(list(HERE.glob("test_f*.py")))


@pytest.mark.parametrize("number", sorted(FILES))
def test_it_is_named_and_tested(number):
    tree = ast.parse(FILES[number].read_text(encoding="utf-8"))
    assert re.match(rf"F{number}\b", ast.get_docstring(tree) or "")
    assert any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in tree.body)
