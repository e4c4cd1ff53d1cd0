"""Mutation testing of the science: `make mutation` draws mutants by seed and asks whether a test notices them.

cosmic-ray makes the mutants; this adds what it lacks: drawing by seed, the tests that reach a line, limits, a report.

1. `survey` runs the tests once and keeps which test, and which fixture, ran which line, and what each costs.
2. Places that can be mutated are drawn without replacement, at each one mutation. What does not compile, or changes an
   annotation only, is drawn again.
3. The mutant replaces its file in a copy of the repository. Tests that reach the statement run there, narrow and cheap
   ones first, in a process forked after the libraries were imported, until one fails, the budget is spent, or time is
   up. What survives meets a second and larger budget of those that are left.

*killed*: a test fails, or the tests, which take at most a third of it without the mutant, exceed the limit of time.
*equivalent*: survives and stands in `mutation_equivalent.toml` with the reason. Score: killed / (drawn - equivalent).
"""

import argparse
import ast
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter, defaultdict
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import OPERATOR_PROVIDERS
from mutation_survey import PYTEST, NoShrinking, breadth, chosen, reaching, runs_at_import, survey

os.environ["OPENBLAS_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".mutation"
ARITHMETIC = {"arith_expr", "term"}
PACKAGES = ("traffic", "dispatch", "coupling", "charging", "validation")
TESTS = ("charging", "validation", "coupling", "dispatch", "traffic", "grid")
ELSEWHERE = (
    "tests/exports/test_other_tools_open_it.py", "tests/faults/test_f10_an_outage_islands_buses.py",
    "tests/workflows/test_fork.py", "tests/workflows/test_grade.py", "tests/workflows/test_import_roads.py",
)  # fmt: skip
"""Files of other rooms that alone reach some of the science: export, outages, a day that goes on with other inputs."""
OF_A_FILE = (
    "tests/scenario/test_scenario_schema.py::test_the_shipped_json_schema_is_current",
    "tests/test_architecture.py::test_data_of_the_science_is_frozen_and_slotted_and_its_fields_are_named[{file}]",
)
"""Tests of what is said outside functions, which they read and do not run."""
WHAT = {
    None: "killed by time",
    int(pytest.ExitCode.OK): "survived",
    int(pytest.ExitCode.NO_TESTS_COLLECTED): "untested",
}
FATES = ("killed", "killed by time", "equivalent", "survived", "untested")
TARGET = 0.9
SURVEY_S = 40
"""CPU seconds for the survey of one file of tests; tests after that are not known, and not asked."""
BUDGETS_S = (6.0, 24.0)
"""CPU seconds of tests, as surveyed, that a mutant may cost: at first, and once more if it survives."""
LIMIT_S = 18
"""CPU seconds after which a mutant is stopped within the first budget; as many times more in the second."""
ASLEEP_S = 180.0
"""Seconds by the clock after which it is stopped if it does not even compute."""
LIBRARIES = (
    "numpy", "scipy.sparse.linalg", "scipy.optimize", "scipy.stats", "pandas", "cvxpy",
    "pandapower", "networkx", "pydantic", "clarabel",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str
    line: int
    function: str
    operator: str
    before: str
    after: str
    source: str = field(repr=False)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: killed, killed by time, survived, untested or equivalent."""

    mutant: Mutant
    what: str
    tests: int
    reaching: int
    cpu_s: float
    reason: str = ""


# Mutants ------------------------------------------------------------------------------------------------------------


class DropOperand(Operator):
    """Leave out a summand or a factor."""

    def mutation_positions(self, node):
        for operand in node.children[::2] if node.type in ARITHMETIC else ():
            yield operand.start_pos, operand.end_pos

    def mutate(self, node, index):
        at = max(2 * index - 1, 0)
        del node.children[at : at + 2]
        return node

    @classmethod
    def examples(cls):
        return ()


class AnotherName(Operator):
    """Take another name that the same function calculates with."""

    def mutation_positions(self, node):
        if another_name(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.value = another_name(node)
        return node

    @classmethod
    def examples(cls):
        return ()


def another_name(node):
    """Return the next name in the arithmetic of the function, by alphabet; None where there is no other."""
    function = node.search_ancestor("funcdef") if node.type == "name" else None
    if function is None or node.parent.type not in ARITHMETIC:
        return None
    used = {one.value for one in ast_nodes(function) if one.type == "name" and one.parent.type in ARITHMETIC}
    later = sorted(name for name in used if name > node.value)
    return (later or sorted(used - {node.value}) or [None])[0]


def operators():
    """Return cosmic-ray's operators that need no arguments, and two of our own, by name."""
    core = OPERATOR_PROVIDERS["core"]
    found = {name: core[name]() for name in core if not core[name].arguments()}
    return found | {kind.__name__: kind() for kind in (DropOperand, AnotherName)}


def places(path, kinds):
    """Return ``{(line, column): [(operator, occurrence), ...]}`` of a file."""
    nodes, found = list(ast_nodes(get_ast_from_path(path))), defaultdict(list)
    for name, kind in kinds.items():
        starts = (start for node in nodes for start, _ in kind.mutation_positions(node))
        for occurrence, start in enumerate(starts):
            found[start].append((name, occurrence))
    return found


def without_annotations(source):
    """Return what a program does, as text; None where it does not compile."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            # Bounds stand in annotations, and are kept; whether something may be None does not matter at run time.
            node.annotation = node.annotation and "".join(
                ast.unparse(one) for one in ast.walk(node.annotation) if isinstance(one, ast.Call)
            )
            node.annotation = ast.Constant(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def drawn(seed):
    """Yield mutants without end in sight, by seed.

    A place's turn, and what happens to it, follow from the seed and the text around it alone: whoever changes one line
    changes the fate of no other.
    """
    kinds, everywhere = operators(), []
    files = sorted(path for name in PACKAGES for path in (ROOT / "cosim" / name).rglob("*.py"))
    for path in files:
        everywhere += drawable(path, kinds, seed)
    print(f"{len(everywhere)} places, {sum(len(ways) for *_, ways in everywhere)} mutants in {len(files)} files")
    for lot, path, line, ways in sorted(everywhere):
        name, occurrence = ways[lot % len(ways)]
        source = path.read_text(encoding="utf-8")
        changed = mutate_code(source, kinds[name], occurrence)
        meaning = changed and without_annotations(changed)
        if meaning and meaning != without_annotations(source):
            yield described(path, line, name, source, changed)


def drawable(path, kinds, seed):
    """Yield ``(lot, path, line, ways)`` of each place of a file; what the lot hashes is the text around it."""
    source = path.read_text(encoding="utf-8")
    text, inside, seen = source.splitlines(), holders(source), Counter()
    for (line, column), ways in sorted(places(path, kinds).items()):
        words = text[line - 1]
        where = (str(path.relative_to(ROOT)), inside(line), words.strip(), column - len(words) + len(words.lstrip()))
        seen[where] += 1
        lot = hashlib.sha256(repr((seed, where, seen[where])).encode()).digest()
        yield int.from_bytes(lot), path, line, sorted(ways)


def holders(source):
    """Return what tells the classes and functions that a line is in, as one dotted name."""
    nodes = [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.FunctionDef | ast.ClassDef)]
    return lambda line: ".".join(one.name for one in nodes if one.lineno <= line <= one.end_lineno)


def described(path, line, operator, source, changed):
    """Return the mutant with the line that differs."""
    old, new = source.splitlines(), changed.splitlines()
    at = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), line - 1)
    return Mutant(
        file=str(path.relative_to(ROOT)), line=line, function=holders(source)(line), operator=operator,
        before=old[at].strip(), after=new[at].strip() if at < len(new) else "", source=changed,
    )  # fmt: skip


# Verdicts -----------------------------------------------------------------------------------------------------------


class Only:
    """A pytest plugin: these tests alone."""

    def __init__(self, names):
        self.names = set(names)

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self.names]


def forked(copy, work, limit_s):
    """Run ``work`` in a fork within the copy; return exit code (None if stopped) and CPU seconds."""
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s) + 20))
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        os.environ["PYTHONPATH"] = str(copy)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        code = 70
        try:
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                code = work()
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            raise
        finally:
            os._exit(code)
    deadline = time.monotonic() + ASLEEP_S * max(1.0, limit_s / LIMIT_S)
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    return code, usage.ru_utime + usage.ru_stime


def judged(copy, known, mutant, equivalents):
    """Put the mutant in its place, run the tests that reach it, and put the original back.

    The cheap tests first; whom they let live meets more of those that reach it.
    """
    original = (ROOT / mutant.file).read_text(encoding="utf-8")
    tests, count = reaching(known, mutant.file, original, mutant.line)
    first = chosen(known, tests, BUDGETS_S[0])
    more = chosen(known, [name for name in tests[:count] if name not in first], BUDGETS_S[1])
    if runs_at_import(original, mutant.line):
        first += [name.format(file=mutant.file) for name in OF_A_FILE]
    (copy / mutant.file).write_text(mutant.source, encoding="utf-8")
    try:
        code, cpu_s = forked(copy, lambda: run_only(first), LIMIT_S)
        asked = len(first)
        if WHAT.get(code) in ("survived", "untested") and more:
            code, further_s = forked(copy, lambda: run_only(more), LIMIT_S * BUDGETS_S[1] / BUDGETS_S[0])
            asked, cpu_s = asked + len(more), cpu_s + further_s
    finally:
        shutil.copy2(ROOT / mutant.file, copy / mutant.file)
    what = WHAT.get(code, "killed")
    reason = equivalents.get((mutant.file, mutant.function, mutant.before, mutant.after), "")
    return Verdict(mutant, "equivalent" if what == "survived" and reason else what, asked, count, cpu_s, reason)


def run_only(tests):
    """Run these tests until one fails; return the exit code."""
    sys.dont_write_bytecode = True
    files = list(dict.fromkeys(name.partition("::")[0] for name in tests))
    return int(pytest.main([*PYTEST, "-x", *files], plugins=[Only(tests), NoShrinking()])) if files else 5


def equivalent():
    """Return the reasons of `mutation_equivalent.toml` by mutant, and tell which entries name a line that is gone."""
    rows = tomllib.loads((ROOT / "benchmarks" / "mutation_equivalent.toml").read_text(encoding="utf-8"))
    gone = [
        f"{row['file']}: {row['before']}" for row in rows.get("equivalent", [])
        if not (ROOT / row["file"]).exists()
        or row["before"] not in map(str.strip, (ROOT / row["file"]).read_text(encoding="utf-8").splitlines())
    ]  # fmt: skip
    if gone:
        print("mutation_equivalent.toml names lines that are gone:", *gone, sep="\n  ")
    return {
        (row["file"], row["function"], row["before"], row["after"]): row["reason"] for row in rows.get("equivalent", [])
    }


# The run ------------------------------------------------------------------------------------------------------------


@contextmanager
def copied():
    """Yield a copy of the repository's files in which mutants may live."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        for name in ("cosim", "tests", "scenarios", "grid_models", "sumo_nets", "docs", "benchmarks"):
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"):
            shutil.copy2(ROOT / name, folder)
        yield Path(folder)


def surveyed(copy, again):
    """Return the map, from the last time unless asked anew, and the CPU seconds that it took then."""
    KEPT.mkdir(exist_ok=True)
    known, used = {"lines": {}, "cost": {}, "fixtures": {}, "needs": {}, "failed": []}, 0.0
    files = [
        *(str(path.relative_to(ROOT)) for name in TESTS for path in sorted((ROOT / "tests" / name).glob("test_*.py"))),
        *(f"cosim/{name}" for name in PACKAGES),
        *ELSEWHERE,
    ]
    for file in files:
        path = KEPT / f"{file.replace('/', '.')}.json"
        if again or not path.exists():
            path.unlink(missing_ok=True)
            forked(copy, lambda file=file, path=path: survey(copy, PACKAGES, file, path), SURVEY_S)
        if not path.exists():
            known["failed"].append(file)
            continue
        part = json.loads(path.read_text(encoding="utf-8"))
        for name, lines in part.pop("lines").items():
            for line, who in lines.items():
                known["lines"].setdefault(name, {}).setdefault(line, []).extend(who)
        known["failed"] += part.pop("failed")
        used += part.pop("cpu_s")
        for key, value in part.items():
            known[key] |= value
    if not known["cost"]:
        sys.exit("no test could be surveyed: every mutant would survive")
    known["breadth"] = breadth(known["lines"])
    print(
        f"{len(known['cost'])} tests of {len(files)} files surveyed in {used:.0f} CPU s; red: {known['failed']}",
        flush=True,
    )
    return known, used


def told(verdict):
    """Return one verdict as a line."""
    m = verdict.mutant
    how = f"{verdict.tests} tests of {verdict.reaching} that reach it, {verdict.cpu_s:.1f} CPU s"
    return f"{verdict.what}: {m.file}:{m.line} {m.function} [{m.operator}] {how}\n  - {m.before}\n  + {m.after}"


def main():
    parser = argparse.ArgumentParser(description="Draw mutants and see whether a test notices them.")
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="CPU minutes after which no further mutant is begun"
    )
    parser.add_argument("--skip", type=int, default=0, help="leave out the first of the draw")
    parser.add_argument("--only", default="", help="part of file:line of the mutants to judge")
    parser.add_argument("--survey", action="store_true", help="survey anew; needed once code or tests have changed")
    asked = parser.parse_args()
    for library in LIBRARIES:
        __import__(library)
    equivalents, verdicts = equivalent(), []
    with copied() as copy:
        known, survey_s = surveyed(copy, asked.survey)
        used = survey_s
        for number, mutant in enumerate(drawn(asked.seed)):
            if number >= asked.skip + asked.mutants or used + time.process_time() > 60.0 * asked.minutes:
                break
            if number < asked.skip or asked.only not in f"{mutant.file}:{mutant.line}":
                continue
            verdicts.append(judged(copy, known, mutant, equivalents))
            used += verdicts[-1].cpu_s
            if not verdicts[-1].what.startswith("killed"):
                print(told(verdicts[-1]), flush=True)
    report(asked, verdicts, used + time.process_time())


def report(asked, verdicts, used):
    """Keep every verdict, print the figures by package, and leave with an error below the target."""
    rows = [asdict(one) for one in verdicts]
    for one in rows:
        del one["mutant"]["source"]
    (KEPT / "report.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"{'package':12}" + "".join(f"{name:>16}" for name in ("drawn", *FATES, "score", "CPU s")))
    for name in PACKAGES:
        row(name, [one for one in verdicts if one.mutant.file.startswith(f"cosim/{name}/")])
    score = row("all", verdicts)
    print(f"seed {asked.seed}: {len(verdicts)} drawn of {asked.mutants} asked, {used / 60.0:.1f} CPU minutes in all")
    if score < TARGET:
        sys.exit(f"{score:.1%} are killed; at least {TARGET:.0%} should be")


def row(name, verdicts):
    """Print the figures of one package; return the score, one where nothing was judged."""
    counts = {fate: sum(one.what == fate for one in verdicts) for fate in FATES}
    judged_fairly = len(verdicts) - counts["equivalent"]
    score = (counts["killed"] + counts["killed by time"]) / judged_fairly if judged_fairly else 1.0
    cells = (len(verdicts), *counts.values(), f"{score:.1%}", f"{sum(one.cpu_s for one in verdicts):.0f}")
    print(f"{name:12}" + "".join(f"{cell:>16}" for cell in cells))
    return score


if __name__ == "__main__":
    main()
