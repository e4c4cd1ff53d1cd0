"""MATPOWER cases as they are written: comments, several statements on a line, arithmetic, infinite limits.

Two buses, 10 kV, base 10 MVA, r = x = 0.05 pu, 1 MW and 0.5 Mvar: the receiving voltage solves
v^4 - (1 - 2 (r p + x q)) v^2 + |z|^2 |s|^2 = 0.
"""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.cli import main
from cosim.errors import InputError
from cosim.grid.formats.matpower import read_matpower
from cosim.grid.formats.mfile import Unreadable, statements
from cosim.grid.formats.workspace import Workspace
from cosim.workflows.import_feeder import import_feeder

BUS = " 1 3 0 0 0 0 1 1 0 10 1 1.1 0.9;\n"
CASE = {
    "head": "function mpc = case2\nmpc.version = '2';",
    "base": "mpc.baseMVA = 10;",
    "bus": f"mpc.bus = [\n{BUS} 2 1 1.0 0.5 0 0 1 1 0 10 1 1.1 0.9;\n];",
    "gen": "mpc.gen = [ 1 0 0 10 -10 1 100 1 10 0 ];",
    "branch": "mpc.branch = [ 1 2 0.05 0.05 0 0 0 0 0 0 1 -360 360 ];",
    "tail": "",
}


def two_buses(p_mw, r_pu=0.05, x_pu=0.05, q_mvar=0.5, base_mva=10.0):
    """Return voltage and losses in kW of one line, from the closed form."""
    p, q = p_mw / base_mva, q_mvar / base_mva
    half = 0.5 - r_pu * p - x_pu * q
    squared = half + math.sqrt(half**2 - (r_pu**2 + x_pu**2) * (p**2 + q**2))
    return math.sqrt(squared), 1e3 * base_mva * r_pu * (p**2 + q**2) / squared


@pytest.fixture
def imported(tmp_path):
    def result(**parts):
        (tmp_path / "case.m").write_text("\n".join((CASE | parts).values()) + "\n", encoding="utf-8")
        return import_feeder("matpower", tmp_path / "case.m", tmp_path / "out")

    return result


SAME = {
    "as it stands": {},
    "a block comment": {"tail": "%{\n" + CASE["bus"].replace("1.0 0.5", "9.0 4.5") + "\n%}"},
    "a block comment in a block comment, in Octave's spelling": {
        "tail": "#{\nmpc.baseMVA = 1;\n  %{\nmpc.baseMVA = 2;\n %}\nmpc.baseMVA = 3;\n#}"
    },
    "a block comment within a matrix": {"bus": CASE["bus"].replace(BUS, BUS + "%{\n 2 1 7 7\n%}\n")},
    "the base as an expression": {"base": "mpc.baseMVA = 30/3;"},
    "Octave's comment and end": {"bus": CASE["bus"].replace(BUS, BUS + "# 2 1 7.0 0.5\n"), "tail": "endfunction"},
    "infinite limits": {"gen": "mpc.gen = [ 1 0 0 Inf -Inf 1 100 1 Inf 0 ];"},
    "numbers that nobody needs may be missing": {"gen": "mpc.gen = [ 1 NaN NaN Inf -Inf 1 NaN 1 Inf 0 ];"},
    "a rating without limit": {"branch": CASE["branch"].replace("0 0 0 0 0 0 1", "0 Inf 0 0 0 0 1")},
    "kW in numbered columns": {
        "bus": CASE["bus"].replace("1.0 0.5", "1000 500"),
        "tail": "mpc.bus(:, 3:4) = mpc.bus(:, 3:4) / 1e3;",
    },
    "kW and ohm, as distribution cases end": {
        "bus": CASE["bus"].replace("1.0 0.5", "1000 500"),
        "branch": CASE["branch"].replace("0.05 0.05", "0.5 0.5"),
        "tail": "[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...\n VA, BASE_KV] = idx_bus;\n"
        "[F_BUS, T_BUS, BR_R, BR_X] = idx_brch;\nVbase = mpc.bus(1, BASE_KV) * 1e3;  %% in Volts\n"
        "Sbase = mpc.baseMVA * 1e6;\n"
        "mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);\n"
        "mpc.bus(:, [PD QD]) = mpc.bus(:, [PD QD]) / 1e3;",
    },
    "apparent power and a power factor": {
        "bus": CASE["bus"].replace("1.0 0.5", f"{math.hypot(1.0, 0.5)!r} 0"),
        "tail": f"pf = {1.0 / math.hypot(1.0, 0.5)!r};\ndefine_constants;\n"
        "mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf)); mpc.bus(:, PD) = mpc.bus(:, PD) * pf;",
    },
    "a statement behind a field": {
        "bus": CASE["bus"].replace("1.0 0.5", "0.25 0.5"),
        "tail": "mpc.version = '2'; mpc.bus(:, 3) = mpc.bus(:, 3) * 4;",
    },
    "rows in other spellings": {
        "bus": "mpc.bus = [1,3,0,0,0,0,1,1,0,10,1,1.1,.9\n 2, 1 2/2 1 - .5 -0 +0 1 1 0 1e1 1 1.1 9e-1]  ;",
    },
    "names of buses with signs of comments": {"tail": "mpc.bus_name = {\n 'grid %1'; 'it''s # [2]'\n};"},
    "two equal branches side by side": {
        "branch": "mpc.branch = [ 1 2 0.1 0.1 0 0 0 0 0 0 1 -360 360\n 2 1 0.1 0.1 0 0 0 0 0 0 1 -360 360 ];"
    },
    "unequal branches side by side": {
        "branch": "mpc.branch = [ 1 2 0.15 0.15 0 0 0 0 0 0 1 -360 360\n 1 2 0.075 0.075 0 0 0 0 0 0 1 -360 360 ];"
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_every_spelling_gives_the_same_flow(imported, name):
    found = imported(**SAME[name])
    voltage, loss_kw = two_buses(1.0)
    assert (voltage, loss_kw) == (pytest.approx(0.99243969, abs=5e-9), pytest.approx(6.34559, abs=5e-6))
    assert found.feeder.p_mw.sum() == pytest.approx(1.0, rel=1e-12)
    assert found.state.vm_pu[1] == pytest.approx(voltage, abs=1e-10)
    assert 1e3 * found.state.loss_mw == pytest.approx(loss_kw, abs=1e-6)


def test_statements_on_one_line_all_count(imported):
    found = imported(tail="mpc.version = '2'; mpc.bus(:, 3) = mpc.bus(:, 3) * 3;")
    assert found.feeder.p_mw.sum() == 3.0
    assert found.state.vm_pu[1] == pytest.approx(0.98210004, abs=5e-9)
    assert 1e3 * found.state.loss_mw == pytest.approx(47.95129, abs=5e-6)
    assert "evaluated, line 10: mpc.bus(:, 3) = mpc.bus(:, 3) * 3" in found.remarks


def test_a_matrix_that_is_computed_anew_is_said(imported):
    found = imported(tail="twice = [1 1; 1 1] * 2; mpc.bus = mpc.bus .* [1; 1];")
    assert "evaluated, line 10: mpc.bus = mpc.bus .* [1; 1]" in found.remarks
    assert found.feeder.p_mw.sum() == 1.0


def test_a_case_in_kilowatt_and_ohm_at_20_kilovolt(imported):
    """90 kW and 30 kvar behind 0.1 + j0.1 ohm: 0.999970 pu and 2.2501e-6 MW, whatever the base."""
    found = imported(
        base="mpc.baseMVA = 100;",
        bus=CASE["bus"].replace("1.0 0.5", "90 30").replace(" 10 1 ", " 20 1 "),
        branch=CASE["branch"].replace("0.05 0.05", "0.1 0.1"),
        tail=SAME["kW and ohm, as distribution cases end"]["tail"],
    )
    assert found.state.vm_pu[1] == pytest.approx(0.999970, abs=5e-7)
    assert found.state.loss_mw == pytest.approx(2.2501e-6, abs=5e-11)


def test_parallel_branches_carry_what_the_weaker_lets_pass(imported):
    """Currents divide as admittances: 2 MVA on 0.1 pu and 1 MVA on 0.2 pu reach their limits at 3 MVA together."""
    found = imported(
        branch="mpc.branch = [ 1 2 0.1 0.1 0 2 0 0 0 0 1 0 0\n 1 2 0.2 0.2 0 1 0 0 0 0 1 0 0\n"
        " 1 2 9 9 0 1 0 0 0 0 0 0 0];"
    )
    assert found.feeder.n_lines == 1
    assert found.feeder.r_pu[0] == pytest.approx(0.2 / 3, rel=1e-12)
    assert found.feeder.i_max_ka[0] == pytest.approx(3.0 / (math.sqrt(3.0) * 10.0), rel=1e-12)
    assert any("lines 1, 2 lie side by side between buses 1 and 2" in remark for remark in found.remarks)


def test_limits_of_the_supply_are_said_and_suggested(imported):
    found = imported(bus=CASE["bus"].replace("1.0 0.5", "3.0 0.5"), gen="mpc.gen = [ 1 0 0 10 -10 1 100 1 2.0 0 ];")
    assert any("Pmax 2 MW" in remark and "not carried" in remark for remark in found.remarks)
    assert "the supply's Pmax 2 MW is below the nominal load of 3 MW" in found.remarks
    assert "devices: [{kind: substation, name: grid, import_max_mw: 2, export: false}]" in found.scenario_lines


def test_limits_of_the_buses_are_suggested_as_the_file_has_them(imported, tmp_path):
    found = imported(bus=CASE["bus"].replace("1.1 0.9;\n 2", "1 1;\n 2").replace("1.1 0.9;\n]", "1.06 0.92;\n]"))
    assert "voltage_limits: file, v_min_pu: 0.92, v_max_pu: 1.06" in found.scenario_lines[1]
    assert (found.feeder.v_min_pu[1], found.feeder.v_max_pu[1]) == (0.92, 1.06)
    assert (tmp_path / "out" / "bus.csv").read_text().splitlines()[1:] == ["1,10,,", "2,10,0.92,1.06"]


REFUSED = {
    "a branch": ("if 1\n mpc.bus(2, 3) = 2;\nend", "case.m:10:1: 'if 1' is not data; its effect would be lost"),
    "a loop": ("for k = 1:2\n mpc.bus(k, 3) = 2;\nend", "'for k = 1:2' is not data"),
    "another file": ("mpc = loadcase('case9');", "'mpc = loadcase('case9')' is not data"),
    "a second function": ("end\nfunction x = more", "'function x = more' is not data"),
    "an early return": ("return; mpc.bus(2, 3) = 9;", "'return' is not data"),
    "an operator of Octave": ("mpc.bus(2, 3) += 5;", "'mpc.bus(2, 3) += 5' is not data"),
    "a copy that is changed": ("other = mpc;", "'mpc' is no number known there"),
    "a field in another case": ("mpc.Bus = mpc.bus;", "field 'mpc.Bus': is not read"),
    "a call": ("mpc = ext2int(mpc);", "'mpc = ext2int(mpc)' is not data; its effect would be lost: 'ext2int'"),
    "a command": ("clear all", "'clear all' is not data"),
    "a shell": ("!rm -rf x", "is not data"),
    "a logical index": ("mpc.bus(mpc.bus(:,2) == 1, 3) = 0;", "is not data"),
    "an index outside": ("mpc.bus(3, 3) = 0;", "an index lies outside 1 to 2"),
    "an index that is a fraction": ("mpc.bus(1.5, 3) = 0;", "an index is no whole number"),
    "another size": ("mpc.bus(:, 3) = [1 2 3];", "1 x 3 numbers for 2 x 1 places"),
    "a product of matrices": ("mpc.bus(:, 3) = mpc.bus * mpc.bus;", "'*' with matrices is not evaluated"),
    "an unknown name": ("mpc.bus(:, 3) = mpc.bus(:, 3) * factor;", "'factor' is no number known there"),
    "a field that is not read": ("mpc.dcline = [1 2 3];", "field 'mpc.dcline': is not read; its effect would be lost"),
    "an open string": ("mpc.note = 'half", "a string stays open at the end of the line"),
    "an open bracket": ("mpc.areas = [1 2", "a bracket stays open to the end of the file"),
    "another version": ("mpc.version = '3';", "field 'mpc.version': '3' is unknown; known: 1, 2"),
    "a number that is none": ("mpc.bus(2, 3) = 0/0;", "field 'mpc.bus': Pd nan is not finite"),
    "an infinite load": ("mpc.bus(2, 3) = Inf;", "field 'mpc.bus': Pd inf is not finite"),
    "a limit that is none": ("mpc.branch(1, 6) = NaN;", "rateA nan is not finite"),
    "a negative rating": ("mpc.branch(1, 6) = -1;", "rateA -1 must be >= 0"),
    "a bus twice": ("mpc.bus(2, 1) = 1;", "bus 1 stands already in line 5"),
    "a bus twice on one line of the file": (
        "mpc.bus = [1 3 0 0 0 0 1 1 0 10 1 1.1 0.9; 2 1 1 0 0 0 1 1 0 10 1 1.1 0.9; 2 1 5 0 0 0 1 1 0 10 1 1.1 0.9];",
        "bus 2 stands already in line",
    ),
    "crossed limits": ("mpc.bus(2, 12) = 0.8;", "Vmin 0.9 is above Vmax 0.8"),
    "two voltages of the supply": (
        "mpc.gen = [1 0 0 1 -1 1 1 1 1 0; 1 0 0 1 -1 1.02 1 1 1 0];", "another generator of the bus holds 1 pu",
    ),
    "a deep nest": ("x = " + "(" * 100 + "1" + ")" * 100 + ";", "it is nested too deeply"),
    "a long range": ("x = 1:1e9;", "too long"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_more_than_data_and_arithmetic_is_refused(imported, tmp_path, name):
    tail, message = REFUSED[name]
    with pytest.raises(InputError) as refused:
        imported(tail=tail)
    assert message in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_statement_that_needs_a_refused_one_is_no_mistake_of_its_own(imported):
    with pytest.raises(InputError) as refused:
        imported(tail="k = rand(2); m = 2 * k; mpc.bus(2, 3) = m;")
    assert len(refused.value.problems) == 1


def test_an_older_case_with_several_results_is_refused(tmp_path):
    (tmp_path / "old.m").write_text("function [baseMVA, bus, gen, branch] = old\nbaseMVA = 100;\n", encoding="utf-8")
    with pytest.raises(InputError, match="returns one struct"):
        read_matpower(tmp_path / "old.m")


def test_many_mistakes_are_told_by_kind_first(tmp_path, capsys):
    rows = "\n".join(f"{k} 1 0.01 0 0 {0.1 if k % 2 else 0} 1 1 0 10 1 1.1 0.9" for k in range(2, 2000))
    lines = "\n".join(f"{k} {k + 1} 0.01 0.01 {k / 1e6} 0 0 0 0 0 1 0 0" for k in range(1, 1999))
    text = f"mpc.baseMVA = 1;\nmpc.bus = [{BUS}{rows}];\nmpc.branch = [\n{lines}];\n"
    (tmp_path / "case.m").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["import", "matpower", str(tmp_path / "case.m"), "--out", str(tmp_path / "out")])
    told = capsys.readouterr().err.splitlines()
    assert stop.value.code == 3
    assert told[0] == "error: 2,997 mistakes of 2 kinds:"
    assert told[1] == "   1,998 x b ... must be 0: the branch flow has no line charging"
    assert told[2] == "     999 x a shunt (Gs, Bs) is not modelled; give it as a load or a device"
    assert len(told) == 1 + 2 + 1 + 20


def test_a_row_is_not_nested_in_the_mistakes_above_it(imported):
    with pytest.raises(InputError) as refused:
        imported(bus="mpc.bus = [\n" + " 2 1 x\n" * 80 + "];")
    assert {problem.reason for problem in refused.value.problems} == {"'x' is no number known there"}


numbers = st.integers(1, 9).map(float)
expressions = st.recursive(
    numbers.map(lambda value: (f"{value:g}", value)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(
            lambda part: (f"({part[0][0]} {part[1]} {part[2][0]})", _apply(part[1], part[0][1], part[2][1]))
        ),
        inner.map(lambda part: (f"-{part[0]}", -part[1])),
        inner.map(lambda part: (f"{part[0]} ^ 2" if part[0][0] == "(" else f"({part[0]})^2", part[1] ** 2)),
    ),
    max_leaves=6,
)


def _apply(sign, left, right):
    if sign == "/":
        return left / right if right else math.nan
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


@settings(max_examples=100, deadline=None)
@given(expressions)
def test_arithmetic_is_that_of_the_language(expression):
    text, value = expression
    space = Workspace()
    for statement in statements(f"x = {text}; y = [7 {text}]; z = [1,{text};2 3]"):
        space.run(statement)
    if math.isfinite(value) and "/ 0" not in text and "/ (" not in text:
        assert space.values["x"].item() == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert space.values["z"][0, 1] == space.values["x"].item()


@settings(max_examples=200, deadline=None)
@given(st.text("ab12.()[]{},;:=+-*/^'\" \n%#e", max_size=30))
def test_any_text_is_either_read_or_refused(text):
    space = Workspace()
    with contextlib.suppress(Unreadable):
        for statement in statements(text):
            space.run(statement)
    assert all(isinstance(value, np.ndarray | str | tuple) for value in space.values.values())
