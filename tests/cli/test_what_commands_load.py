"""Help, check and schema stay quick because they load little: told by modules, not by seconds."""

import subprocess
import sys

import pytest

COMMANDS = [
    "run",
    "check",
    "plan",
    "assign",
    "estimate-od",
    "list",
    "schema",
    "report",
    "compare",
    "reproduce",
    "runs",
    "sensitivity",
    "verify",
    "import",
    "doctor",
    "build-net",
    "validate",
    "calibrate",
    "migrate",
    "explain",
    "init",
    "export",
    "figures",
    "grade",
]
LIGHT = (
    "numpy",
    "pandas",
    "scipy",
    "cvxpy",
    "pandapower",
    "mosaik",
    "plotly",
    "pyarrow",
    "ruamel",
    "traci",
    "sumolib",
    "sumo",
)


def loaded_after(*command_lines, heavy):
    """Run command lines in one fresh interpreter; return which of the heavy modules it has then."""
    code = f"""
import sys
from cosim.cli import _run
codes = [_run(list(line)) for line in {command_lines!r}]
sys.stderr.write("loaded:" + ",".join(sorted(set({heavy!r}) & set(sys.modules))) + " codes:" + repr(codes))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    loaded, codes = done.stderr.rsplit("loaded:", 1)[1].split(" codes:")
    assert set(eval(codes)) <= {0, None}, done.stderr  # noqa: S307 - written by the lines above
    return [name for name in loaded.split(",") if name]


def test_help_of_every_command_loads_nothing_heavy():
    lines = [("--help",), ("-h",), ("--version",), *((name, "--help") for name in COMMANDS)]
    lines += [("scenario", "--help"), ("scenario", "to-python", "--help")]
    assert loaded_after(*lines, heavy=LIGHT) == []


def test_these_are_all_commands():
    from cosim.cli.app import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert sorted(names) == sorted(COMMANDS)


@pytest.mark.parametrize("line", [("check", "nguyen_ieee33"), ("schema",), ("list",), ("explain", "dv_pu")])
def test_reading_scenarios_loads_no_solver_and_no_simulator(line):
    heavy = ("cvxpy", "clarabel", "gurobipy", "pandapower", "mosaik", "mosaik_api_v3", "traci", "plotly", "pyarrow")
    assert loaded_after(line, heavy=heavy) == []


def test_a_process_of_the_command_line_puts_off_plots_statistics_and_checks_of_types_and_has_them_when_asked():
    code = """
import sys
from cosim.cli import start
from cosim.grid.lean import pandapower
start.lean()
pp = pandapower()
import cvxpy
put_off = {"matplotlib.figure", "scipy.stats._stats_py", "scipy.interpolate._interpolate", "scipy.special._ufuncs"}
put_off |= {"scipy.optimize._linprog", "numpy.f2py.crackfortran", "pandapower.networks.create_examples", "plotly"}
put_off |= {"pandera.engines", "deepdiff.model", "osqp.interface", "gurobipy._core", "highspy._core", "scs._scs_direct"}
print(sorted(put_off & set(sys.modules)))
import matplotlib.figure, pandera.pandas, scipy.optimize, scipy.stats
from pandapower.control.util.characteristic import default_interp1d
print(len(pp.networks.example_simple().bus), scipy.stats.t.ppf(0.975, 3), scipy.stats.entropy([0.5, 0.5]))
print(default_interp1d([0, 1, 2], [0, 1, 4])(1.5), cvxpy.sum(cvxpy.entr(0.5)).value)
import scs, deepdiff
x = cvxpy.Variable()
cvxpy.Problem(cvxpy.Minimize(cvxpy.square(x - 1)), [x >= 2]).solve(solver="OSQP")
print(scs.__version__.count("."), len(deepdiff.DeepDiff({"a": 1}, {"a": 2})), round(float(x.value), 3))
print(pp.plotting.simple_plot.__name__, pandera.pandas.Column(int).dtype, scipy.optimize.brentq(lambda x: x - 2, 0, 3))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    early, late, square, solvers, others = done.stdout.splitlines()
    assert early == "[]"
    buses, student, entropy = late.split()
    assert int(buses) == 7
    assert float(student) == pytest.approx(3.182446305284263)  # of any table of Student's t
    assert float(entropy) == pytest.approx(0.6931471805599453)  # log 2
    assert [float(one) for one in square.split()] == pytest.approx([2.25, 0.34657359027997264])  # 0.5 log 2
    assert solvers.split() == ["2", "1", "2.0"]
    assert others.split() == ["simple_plot", "int64", "2.0"]
