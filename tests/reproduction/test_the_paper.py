"""The paper reproduced: the kept tables are what comes out, verdicts follow their checks, and false claims fail."""

import csv
import importlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

import cosim
from cosim import cli
from cosim.errors import InputError, UsageError
from cosim.reports.paper import printed
from cosim.reports.paper.claims import Finding, at_least, at_most, equals, verdict_of
from cosim.reports.paper.equations import EQUATIONS
from cosim.reports.paper.figures import FIGURES
from cosim.reports.paper.material import WITH, Material
from cosim.results.store import load
from cosim.workflows import paper_days
from cosim.workflows.paper_days import _paper_day, connections
from cosim.workflows.reproduce import BROKEN_PROMISE, reproduce

ROOT = Path(cosim.__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "reproduction"
NUMBER = 1e-3
"""Relative difference of a number that a solver's last digits may make."""
ROUNDING = 1e-6


@pytest.fixture(scope="module")
def whole(finished, tmp_path_factory):
    """The whole reproduction; its days are those that other tests look at as well (the command runs its own)."""

    def run(scenario, *, out, **_):
        shutil.copytree(finished("sequential" if scenario == "nguyen_ieee33" else scenario).folder, out)
        return load(out)

    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper_days, "run", run)
        found = reproduce(out=tmp_path_factory.mktemp("paper") / "all", tell=told.append)
    return found, told


@pytest.fixture(scope="module")
def day(finished):
    result = finished("sequential")
    loaded = cosim.load_scenario("nguyen_ieee33")
    return _paper_day(loaded, cosim.build_case(loaded), {name: result[name] for name in result.tables})


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def same(mine, kept):
    """Compare two cells: numbers to three digits, what rounding leaves not at all, words to the letter."""
    if mine == kept:
        return True
    try:
        one, other = float(mine), float(kept)
    except ValueError:
        return False
    return abs(one - other) <= NUMBER * abs(other) + ROUNDING


# --- the tables


@pytest.mark.parametrize("name", ["claims", "days", "variations", "dispatches"])
def test_what_comes_out_is_what_is_kept(whole, name):
    mine, kept = rows(whole[0].folder / f"{name}.csv"), rows(KEPT / f"{name}.csv")
    assert [len(row) for row in mine] == [len(row) for row in kept]
    numbers = re.compile(r"-?\d+(\.\d+)?(e[-+]\d+)?")
    for row, other in zip(mine, kept, strict=True):
        for cell, was in zip(row, other, strict=True):
            words = numbers.sub("#", cell) == numbers.sub("#", was)
            values = zip(numbers.finditer(cell), numbers.finditer(was), strict=False)
            assert same(cell, was) or (words and all(same(a[0], b[0]) for a, b in values)), (row, other)


def test_every_promise_is_kept(whole):
    found, _ = whole
    assert found.exit_code == 0
    assert [finding.figure.number for finding in found.findings] == list(range(1, 13))
    assert all(finding.kept for finding in found.findings)
    assert all(finding.figure.why for finding in found.findings if finding.verdict == "holds in part")


def test_every_figure_is_there_for_page_and_print(whole):
    found, told = whole
    files = {path.name for path in (found.folder / "figures").iterdir()}
    assert {f"figure-{n:02d}.{kind}" for n in range(1, 13) for kind in ("html", "pdf", "svg")} < files
    page = (found.folder / "reproduction.html").read_text().replace(get_plotlyjs(), "")
    assert page.count('class="plotly-graph-div"') == 12
    assert not re.findall(r'(?:src|href)="(?!#)([^"]+)"', page), "the page needs another file"
    assert any("nguyen_ieee33_no_flexibility" in text for text in told)


def test_the_readme_shows_the_days_as_they_came_out():
    text = (ROOT / "README.md").read_text()
    head, *measures = rows(KEPT / "days.csv")
    for measure, _, *values in measures:
        line = next(line for line in text.splitlines() if line.startswith(f"{measure} "))
        shown = [float(word.replace(",", "")) for word in re.findall(r"(?<![\w-])[\d,]+(?:\.\d+)?(?![\w-])", line)]
        assert np.allclose(shown, [float(value) for value in values], rtol=NUMBER, atol=ROUNDING), line
    assert len(head) == 6


# --- the days


def test_the_baseline_serves_all_and_tells_what_it_misses(whole):
    found, _ = whole
    run = cosim.load(found.folder / "runs" / "nguyen_ieee33_no_flexibility")
    assert run.exit_code == 5
    periods = run["periods"]
    low = periods["vmin_ac_pu"] < 0.95 - 1e-4
    assert set(periods.loc[low, "status"]) == {"voltage_relaxed"}
    assert low.sum() == 3
    assert (periods["ev_curtailed_mw"] + periods["shed_mw"]).abs().max() < 1e-9
    assert set(run["devices"]["kind"]) - {"ev_curtailment", "load_shedding"} == {"substation", "photovoltaic", "wind"}


def test_the_baseline_is_a_power_flow_of_its_loads(whole):
    """Nothing is decided: import less losses is load less sun and wind, in every hour."""
    found, _ = whole
    run = cosim.load(found.folder / "runs" / "nguyen_ieee33_no_flexibility")
    case = cosim.build_case(cosim.load_scenario("nguyen_ieee33_no_flexibility"))
    base = case.dispatch.base_p_mw.sum(axis=0)
    offered = sum(rows["available_mw"] for rows in case.dispatch.series.values() if "available_mw" in rows)
    periods = run["periods"]
    need = base + periods["ev_mw"].to_numpy() - offered
    assert np.allclose(periods["ac_slack_mw"] - periods["ac_loss_mw"], need, atol=1e-7)


# --- claims


def test_a_verdict_is_that_of_its_checks():
    good, bad = at_most("a", 1.0, 2.0), at_least("b", float("nan"), 0.0)
    assert not bad.holds
    assert not at_most("c", float("nan"), 1.0).holds
    assert equals("d", 3, 3).holds
    assert verdict_of([good]) == "holds"
    assert verdict_of([good, bad]) == "holds in part"
    assert verdict_of([bad]) == "does not hold"
    assert verdict_of([]) == "drawn"


@pytest.mark.parametrize("number", [n for n, figure in FIGURES.items() if figure.judge])
def test_the_default_day_keeps_the_claims_about_the_day(day, number):
    assert verdict_of(tuple(FIGURES[number].judge(day))) == "holds"


def changed(day, table, column, change, where=None):
    """Return the day with a column of a table changed."""
    frame = day.tables[table].copy()
    rows = slice(None) if where is None else where(frame)
    frame.loc[rows, column] = change(frame.loc[rows, column])
    return replace(day, tables={**day.tables, table: frame})


SPOILED = {
    3: ("periods", "tariff_per_mwh", lambda price: price.iloc[::-1].to_numpy(), None),
    5: ("links", "flow_vph", lambda flow: flow * 1.001, lambda frame: frame["link"] == "5-6"),
    6: ("stations", "p_demand_mw", lambda load: load * 1.001, None),
    9: ("devices", "p_mw", lambda power: power * 1.001, lambda frame: frame["kind"] == "wind"),
    10: ("devices", "p_mw", lambda power: power * 1.01, lambda frame: frame["kind"] == "demand_response"),
    11: ("devices", "energy_mwh", lambda energy: energy * 1.05, lambda frame: frame["kind"] == "storage"),
    12: ("lines", "cone_gap_pu2", lambda gap: gap + 1e-5, lambda frame: frame["period"] == 20),
}


@pytest.mark.parametrize("number", SPOILED)
def test_a_number_that_is_off_breaks_its_claim(day, number):
    spoiled = changed(day, *SPOILED[number])
    figure = FIGURES[number]
    assert verdict_of(tuple(figure.judge(spoiled))) != "holds"
    finding = Finding(figure=figure, checks=tuple(figure.judge(spoiled)), varied={})
    assert not finding.kept
    assert finding.why


def test_a_broken_promise_is_an_exit_code(day, whole):
    found, _ = whole
    broken = Finding(figure=FIGURES[12], checks=(at_most("x", 2.0, 1.0),), varied={})
    assert replace(found, findings=(*found.findings, broken)).exit_code == BROKEN_PROMISE


def test_the_architecture_is_that_of_the_wires(day):
    case = cosim.build_case(cosim.load_scenario("nguyen_ieee33_coupled"))
    chart = FIGURES[1].draw(Material(days={WITH: day}, averaged={}, wires=connections(case)))
    edges = {(edge.start, edge.end, edge.dashed) for edge in chart.parts[0].edges}
    assert ("Traffic", "Dispatch", False) in edges
    assert ("Dispatch", "Traffic", True) in edges
    assert {node.name for node in chart.parts[0].nodes} == {"Traffic", "Dispatch", "Grid", "Recorder"}


# --- equations


def test_no_equation_is_missing():
    assert [row.number for row in EQUATIONS] == list(range(1, 24))


@pytest.mark.parametrize("row", EQUATIONS, ids=lambda row: str(row.number))
def test_an_equation_has_its_function_and_its_test(row):
    module, name = row.function.split(":")
    found = importlib.import_module(f"cosim.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    file, test = row.test.split("::")
    assert re.search(rf"^def {test}\(", (ROOT / "tests" / file).read_text(), flags=re.MULTILINE)


# --- bad input


def test_a_figure_that_the_paper_does_not_have_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no figure 13; its figures are 1 to 12"):
        reproduce([13], out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("text")
    with pytest.raises(UsageError, match=r"mine' exists"):
        reproduce([4], out=tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "text"


def test_without_matplotlib_the_way_out_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["reproduce", "--figure", "4", "--out", str(tmp_path / "new")])
    assert ended.value.code == 4
    told = capsys.readouterr().err
    assert "matplotlib" in told
    assert "cosim-ptn[figures]" in told
    assert "--no-print" in told
    assert not (tmp_path / "new").exists()


def test_one_figure_alone_makes_only_what_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cosim.workflows.reproduce.varied_days", lambda: iter(()))
    with pytest.raises(SystemExit) as ended:
        cli.main(["reproduce", "--figure", "4", "--no-print", "--out", str(tmp_path / "one"), "--progress", "off"])
    assert (ended.value.code or 0) == 0
    assert "Coupled topology" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "one" / "runs").iterdir()] == ["nguyen_ieee33"]
    assert not (tmp_path / "one" / "days.csv").exists()


def test_the_same_chart_gives_the_same_file(day, tmp_path):
    chart = FIGURES[11].draw(Material(days={WITH: day}, averaged={}, wires=()))
    files = [printed.save(chart, tmp_path, name) for name in ("one", "two")]
    for first, second in zip(*files, strict=True):
        assert first.read_bytes() == second.read_bytes()
