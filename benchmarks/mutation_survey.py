"""Which tests reach which line, and what they cost: the survey of `mutation.py`, and its choice of tests."""

import ast
import json
import os
import signal
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import coverage
import pytest
from hypothesis import Phase, settings

PYTEST = (
    "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning",
    "--hypothesis-seed=0",
)  # fmt: skip


class Surveyor:
    """A pytest plugin: who ran which line (a test, or a fixture), and what it cost."""

    def __init__(self, coverage, file):
        self.coverage, self.file = coverage, file
        self.cost, self.fixtures, self.needs, self.failed = {}, {}, {}, set()
        self.stack = [""]

    @contextmanager
    def counted(self, name, costs):
        self.stack.append(name)
        self.coverage.switch_context(name)
        start = time.process_time()
        try:
            yield
        finally:
            self.stack.pop()
            self.coverage.switch_context(self.stack[-1])
        costs[name] = costs.get(name, 0.0) + time.process_time() - start

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        with self.counted(f"fixture {fixturedef.argname} {self.file}", self.fixtures):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        self.needs[item.nodeid] = [] if isinstance(item, pytest.DoctestItem) else list(item.fixturenames)
        with self.counted(item.nodeid, self.cost):
            return (yield)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)


def survey(copy, packages, file, path):
    """Run the tests of one file, or the examples of one package, once; write which lines they ran, up to the limit."""
    measured = coverage.Coverage(
        data_file=None, include=[f"{copy}/cosim/{package}/*" for package in packages], config_file=False, messages=False
    )
    surveyor = Surveyor(measured, file)

    def keep(*_):
        measured.stop()
        data = measured.get_data()
        lines = {
            str(Path(name).relative_to(copy)): {
                line: sorted(who) for line, who in data.contexts_by_lineno(name).items()
            }
            for name in data.measured_files()
        }
        known = {
            "lines": lines, "cost": {name: c for name, c in surveyor.cost.items() if name not in surveyor.failed},
            "fixtures": surveyor.fixtures, "needs": surveyor.needs, "failed": sorted(surveyor.failed),
            "cpu_s": time.process_time(),
        }  # fmt: skip
        path.write_text(json.dumps(known), encoding="utf-8")
        os._exit(0)

    signal.signal(signal.SIGXCPU, keep)
    measured.start()
    measured.switch_context("")
    pytest.main([*PYTEST, file], plugins=[surveyor, NoShrinking()])
    keep()


class NoShrinking:
    """A pytest plugin: hypothesis need not look for the smallest example of a mutant, nor remember it."""

    def pytest_sessionstart(self):
        settings.register_profile("mutation", settings(), database=None, phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutation")


def statement(source, line):
    """Return first and last line of the smallest statement (the head of a compound one) that holds a line."""
    best = (line, line)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno:
            body = getattr(node, "body", None)
            last = max(body[0].lineno - 1, node.lineno) if body else node.end_lineno
            if line <= last:
                best = (node.lineno, last)
    return best


def runs_at_import(source, line):
    """Return whether a line is in no function's body: constants, settings, decorators, defaults of parameters."""
    bodies = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return not any(node.body[0].lineno <= line <= node.end_lineno for node in bodies)


def mentions(source, line):
    """Return the lines that mention a constant or a setting that is given its value on a line; none of a function's."""
    tree = ast.parse(source)
    given = [
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.lineno <= line <= node.end_lineno
        for target in getattr(node, "targets", None) or [node.target]
        if isinstance(target, ast.Name) and runs_at_import(source, line)
    ]
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return sorted({one.lineno for one in used if one.id in given} | {one.lineno for one in read if one.attr in given})


def decorated(source, line):
    """Return first and last line of what a decorator on a line changes, in a list; none elsewhere."""
    nodes = [node for node in ast.walk(ast.parse(source)) if getattr(node, "decorator_list", None)]
    return [
        (node.body[0].lineno, node.end_lineno)
        for node in nodes
        if any(one.lineno <= line <= one.end_lineno for one in node.decorator_list)
    ]


def reaching(known, file, source, line):
    """Return the tests that reach a statement, then the others of their files; and how many reach it.

    Those that run it themselves come before those whose fixture ran it, and among these the cheap ones that run little
    else: a line is best judged by the tests that were written for it. What runs when a module is imported may be seen
    where the module mentions the name, and if it does not, by every test that runs any line of it. A decorator is seen
    where what it stands above is run.
    """
    lines = known["lines"].get(file, {})
    places = decorated(source, line) or [statement(source, number) for number in mentions(source, line)]
    places = places or [statement(source, line)]
    who = {name for first, last in places for number in range(first, last + 1) for name in lines.get(str(number), [])}
    if runs_at_import(source, line) and not who - {""}:
        who = {name for file_lines in lines.values() for name in file_lines}
    made = [name.split(" ")[1:] for name in who if name.startswith("fixture ")]
    own = {name for name in who if name in known["cost"]}
    tests = set(own)
    for name, needs in known["needs"].items():
        if any(fixture in needs and name.startswith(where) for fixture, where in made) and name in known["cost"]:
            tests.add(name)
    homes = {name.partition("::")[0] for name in tests}
    others = {name for name in known["cost"] if name.partition("::")[0] in homes} - tests

    def turn(name):
        return name not in own, known["cost"][name] * known["breadth"].get(name, 1), name

    return [*sorted(tests, key=turn), *sorted(others, key=turn)], len(tests)


def breadth(lines):
    """Return how many modules each test runs."""
    return Counter(name for file in lines.values() for name in {one for who in file.values() for one in who})


def chosen(known, tests, budget_s):
    """Return the cheapest tests within a budget, fixtures counted once a file; the first costs twice that at most."""
    picked, paid, total = [], set(), 0.0
    for name in tests:
        home, cost, new = name.partition("::")[0], known["cost"][name], set()
        for fixture in known["needs"][name]:
            key = f"fixture {fixture} {home}"
            if key in known["fixtures"] and key not in paid:
                new.add(key)
        cost += sum(known["fixtures"][key] for key in new)
        if total + cost > (budget_s if picked else 2.0 * budget_s):
            continue
        picked.append(name)
        paid |= new
        total += cost
    return picked
