"""`cosim scenario to-python`: the script runs the same in plain mosaik, to the bit."""

import ast
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cosim.cli import main
from cosim.records.period import tables
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.workflows.simulate import simulate
from cosim.workflows.to_python import to_python
from cosim.world import RENAMED, wires

LOOP = ["coupling.mode=iterated", "coupling.ev_price.kind=nodal"]


def told_by(text):
    """Run a script and return its tables, rows of all periods."""
    namespace = {"__name__": "script"}
    exec(compile(text, "script", "exec"), namespace)  # noqa: S102 - our own
    frames = {}

    def sink(told, _):
        for name, columns in tables(told).items():
            frame = pd.DataFrame(columns)
            frame.insert(0, "period", told.period)
            frames.setdefault(name, []).append(frame)

    namespace["run"](sink)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}


@pytest.mark.parametrize(
    ("scenario", "overrides"),
    [("five_nodes", []), ("five_nodes", LOOP), ("ieee33_grid_only", ["dispatch.mode=day_ahead"])],
)
def test_the_script_has_the_numbers_of_the_run(scenario, overrides):
    script = told_by(to_python(scenario, overrides))
    ours = simulate(build_case(load(scenario, overrides))).tables
    assert script.keys() == ours.keys()
    for name, frame in ours.items():
        measured = [column for column in frame if column in ("solve_s", "wall_s", "cpu_s")]
        left, right = (table.drop(columns=measured) for table in (script[name], frame))
        pd.testing.assert_frame_equal(left, right.reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize(
    ("scenario", "overrides"),
    [
        ("nguyen_ieee33", ["microsim.mode=continuous"]),
        ("nguyen_ieee33", [*LOOP, "dispatch.mode=day_ahead"]),
        ("nguyen_traffic_only", ["microsim.mode=windows"]),
    ],
)
def test_every_wire_of_the_world_stands_in_the_script(scenario, overrides):
    told = []
    for node in ast.walk(ast.parse(to_python(scenario, overrides))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "connect":
            _, source, kind, target, partner, *attrs = node.args
            pairs = [ast.literal_eval(one) for one in attrs]
            weak = any(one.arg == "weak" and one.value.value for one in node.keywords)
            told.append((source.id, kind.value, target.id, partner.value, pairs, weak))
    case = build_case(load(scenario, overrides))
    expected = [
        (wire.source.lower(), wire.source_entity, wire.target.lower(), wire.target_entity,
         [attr if (there := RENAMED.get((wire.target, attr), attr)) == attr else (attr, there) for attr in wire.attrs],
         wire.weak)
        for wire in wires(case)
    ]  # fmt: skip
    assert told == expected


def test_it_is_plain_mosaik_that_one_can_change():
    text = to_python("five_nodes", LOOP)
    tree = ast.parse(text)
    imports = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in ast.walk(tree)
               if isinstance(node, ast.Import | ast.ImportFrom)}  # fmt: skip
    assert imports == {"mosaik", "cosim.simulators"}
    assert 'connect(world, dispatch, "Port", traffic, "Station", "price[CNY/MWh]", "P_offer[MW]", weak=True)' in text
    assert max(map(len, text.splitlines())) < 160


def test_it_runs_from_anywhere_and_tells_each_period(tmp_path):
    folder = tmp_path / 'it\'s "mine"'
    with pytest.raises(SystemExit):
        main(["init", str(folder)])
    with pytest.raises(SystemExit) as ended:
        main(["scenario", "to-python", str(folder), "--out", str(tmp_path / "day.py")])
    assert (ended.value.code or 0) == 0
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "../day.py"], cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"period {k}" for k in range(1, len(lines) + 1)]
    assert np.all(["optimal" in line and "AC losses" in line for line in lines])


def test_an_existing_file_is_left_alone_and_mistakes_are_told(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("mine")
    for words, code, reason in (
        (["five_nodes", "--out", str(tmp_path / "mine.py")], 2, "exists; choose another"),
        (["five_node"], 3, "did you mean 'five_nodes'"),
        (["five_nodes", "--set", "periods=0"], 3, "periods"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["scenario", "to-python", *words])
        assert ended.value.code == code
        assert reason in capsys.readouterr().err.lower()
    assert (tmp_path / "mine.py").read_text() == "mine"
