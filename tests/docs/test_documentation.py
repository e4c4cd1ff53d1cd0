"""The pages tell what the code does: tables are current, examples are shown as they are and run, every block works."""

import importlib.util
import re
import shlex
import signal
from pathlib import Path

import pytest

import cosim
from cosim import cli, supervision
from cosim.quantities import COLUMNS, PORTS
from cosim.quantities.checks import CHECKS
from cosim.scenario.json_schema import schema
from cosim.validation.gate import EXIT_CODES
from cosim.workflows.init import FIRST, init

ROOT = Path(cosim.__file__).resolve().parent.parent
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
README = ROOT / "README.md"
PAGES = [
    README,
    *(
        DOCS / name
        for name in (
            "scenarios.md",
            "mosaik.md",
            "results.md",
            "python.md",
            "coupling.md",
            "charging.md",
            "sensitivity.md",
        )
    ),
]
FAST = ["dispatch.mode=day_ahead"]  # one solve in place of one a period


def _generator():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generator()


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), flags=re.DOTALL | re.MULTILINE)


def with_blocks(language):
    return [page for page in PAGES if f"```{language}\n" in text_of(page)]


def name(page):
    return page.name


# --- tables


@pytest.mark.parametrize("page", generate.PAGES)
def test_generated_parts_are_current(page):
    text = text_of(DOCS / page)
    assert generate.rendered(text) == text, "run: python docs/generate.py"


def test_every_key_of_the_schema_stands_in_the_page():
    document, page = schema(), text_of(DOCS / "scenarios.md")
    parts = {"Scenario": document, **document["$defs"]}
    assert {settings.__name__ for settings in generate.SECTIONS.values()} == set(parts)
    for section, settings in generate.SECTIONS.items():
        family, _, kind = section.partition(".")
        begin = f"<!-- begin kinds {family} -->" if kind else f"<!-- begin keys {section} -->"
        table = page.split(begin)[1].split("<!-- end -->")[0]
        if kind:
            table = re.split(r"^`\w+`: ", table.split(f"`{kind}`: ")[1], flags=re.MULTILINE)[0]
        told = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
        assert sorted(told) == sorted(parts[settings.__name__]["properties"])


def test_every_column_of_every_csv_file_stands_in_the_page():
    page = text_of(DOCS / "scenarios.md")
    for file, (required, optional) in generate.TABLES.items():
        table = page.split(f"<!-- begin csv {file} -->")[1].split("<!-- end -->")[0]
        for column, need in {**dict.fromkeys(required, "required"), **dict.fromkeys(optional, "optional")}.items():
            assert f"| `{column}` | {need} |" in table


def test_every_port_column_and_status_stands_in_its_page():
    mosaik, results = text_of(DOCS / "mosaik.md"), text_of(DOCS / "results.md")
    for port in PORTS:
        assert f"| {port.simulator.capitalize()}.{port.entity} | `{port.name}` | {port.kind} |" in mosaik
    for column in COLUMNS:
        table = results.split(f"<!-- begin columns {column.table} -->")[1].split("<!-- end -->")[0]
        assert f"| `{column.name}`{'?' * column.may_lack} | {column.unit} |" in table
    for status, code in EXIT_CODES.items():
        assert f"| `{status}` | {code} |" in results


def test_every_check_stands_in_the_page_with_limit_status_and_meaning():
    table = text_of(DOCS / "results.md").split("<!-- begin checks -->")[1].split("<!-- end -->")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert list(rows) == list(CHECKS)
    for name, row in CHECKS.items():
        assert f"`{row.status}`" in rows[name]
        assert row.meaning.replace("|", "\\|") in rows[name]
        assert f"`{row.set_by or row.limit_key or 'fixed'}`".replace("`fixed`", "fixed") in rows[name]


def test_every_page_that_is_named_is_there():
    for page in PAGES:
        for named in re.findall(r"`(?:docs/)?([\w-]+\.md)`", text_of(page)):
            assert (DOCS / named).exists() or (ROOT / named).exists(), f"{page.name} names {named}"


# --- examples


@pytest.mark.parametrize("path", sorted(p for p in EXAMPLES.rglob("*") if p.is_file()), ids=name)
def test_an_example_is_shown_as_it_is(path):
    assert f"\n{text_of(path)}```\n" in text_of(DOCS / "scenarios.md")
    assert f"<!-- begin file {path.relative_to(EXAMPLES)} -->" in text_of(DOCS / "scenarios.md")


@pytest.mark.parametrize("folder", sorted(p.parent for p in EXAMPLES.rglob("scenario.yaml")), ids=name)
def test_an_example_runs(folder, tmp_path):
    assert not cosim.load_scenario(folder).warnings
    result = cosim.run(folder, out=tmp_path / "run", report=False)
    assert (result.exit_code, result.run["reasons"]) == (0, [])
    known = {(column.table, column.name) for column in COLUMNS}
    assert {(table, column) for table in result.tables for column in result[table].columns} <= known


# --- blocks


@pytest.mark.parametrize("page", with_blocks("python"), ids=name)
def test_the_python_blocks_run_in_one_namespace(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "documentation"}
    for block in blocks(page, "python"):
        assert not re.search(r"^\s*\.\.\.\s*$", block, flags=re.MULTILINE), "a reader cannot run '...'"
        exec(compile(block, str(page), "exec"), namespace)  # noqa: S102 - our own pages


@pytest.mark.parametrize("page", with_blocks("yaml"), ids=name)
def test_the_yaml_blocks_are_scenarios_that_run(page, tmp_path):
    shown = [text_of(path) for path in EXAMPLES.rglob("*.yaml")]  # run above
    shown.append(text_of(ROOT / "scenarios" / FIRST / "scenario.yaml"))  # run by tests of `cosim init`
    own = [block for block in blocks(page, "yaml") if block not in shown]
    assert own
    for number, block in enumerate(own):
        path = tmp_path / str(number) / "scenario.yaml"
        path.parent.mkdir()
        path.write_text(block, encoding="utf-8")
        result = cosim.run(path, out=tmp_path / f"run-{number}", overrides=FAST, report=False)
        assert (result.exit_code, result.run["reasons"]) == (0, [])


COMMANDS = [
    shlex.split(line.removeprefix("$ cosim "), comments=True)
    for page in PAGES
    for block in blocks(page, "console")
    for line in block.splitlines()
    if re.match(r"\$ cosim (run|check|plan) (?!runs/)", line)
]
BEGUN = [
    shlex.split(line.removeprefix("$ cosim "))
    for page in PAGES
    for block in blocks(page, "console")
    for line in block.splitlines()
    if line.startswith("$ cosim init ")
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_names_a_scenario_without_mistakes(arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for line in BEGUN:
        if line[1] == arguments[1] and not Path(line[1]).exists():
            init(Path(line[1]), line[3] if line[2:3] == ["--from"] else None)
    handlers = {number: signal.getsignal(number) for number in supervision.STOPPED}
    changes = {"--set": "{}", "--seed": "seed={}"}
    pairs = zip(arguments, arguments[1:], strict=False)
    values = [changes[option].format(value) for option, value in pairs if option in changes]
    sets = [word for value in values for word in ("--set", value)]
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", arguments[1], *sets])
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert (ended.value.code or 0) == 0, capsys.readouterr().err


def test_setting_a_section_replaces_it():
    with pytest.raises(cosim.InputError, match=r"ev\.battery_kwh.*required"):
        cosim.load_scenario("nguyen_ieee33", ["ev={share: 0.3}"])
    assert cosim.load_scenario("nguyen_ieee33", ["ev.share=0.3"]).scenario.ev.battery_kwh == 40
