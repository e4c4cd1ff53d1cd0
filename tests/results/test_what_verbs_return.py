"""Every verb returns a `cosim.Result`: exit code, tables by name, and HTML that says the verdict and runs nothing."""

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

import cosim
from cosim.errors import EXITS

ROADS = Path(__file__).parents[2] / "docs" / "networks" / "ring_net.tntp"


class Cells(HTMLParser):
    """Tags that are open, and the texts of all."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return cosim.run("five_nodes", out=tmp_path_factory.mktemp("verbs") / "run", report=False)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verbs") / "crowded"
    return cosim.run("five_nodes", out=folder, overrides=["stations.S1.chargers=6"], report=False)


@pytest.fixture(scope="module")
def results(run, crowded):
    from cosim.workflows.benchmark_pack import pack_case

    return {
        "run": run,
        "flagged": crowded,
        "load": cosim.load(run.folder),
        "verify": cosim.verify(run.folder, stress_draws=2),
        "assign": cosim.assign(ROADS),
        "compare": cosim.compare([run.folder, crowded.folder]),
        "grade": cosim.grade(pack_case("announced_tariff").best),
    }


KINDS = ("run", "flagged", "load", "verify", "assign", "compare", "grade")


@pytest.mark.parametrize("kind", KINDS)
def test_code_and_tables(results, kind):
    result = results[kind]
    assert isinstance(result, cosim.Result)
    assert result.exit_code == (10 if kind == "flagged" else 0)
    assert result.tables
    for name in result.tables:
        assert name in result
        assert len(result[name].columns)
    assert "nothing" not in result
    with pytest.raises(KeyError, match=rf"no table 'nothing'; it has .*{result.tables[-1]}"):
        result["nothing"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_shows_verdict_and_figures(results, kind):
    result = results[kind]
    page = Cells(result._repr_html_())
    assert page.open == []
    assert page.tags <= {"div", "b", "br", "table", "tr", "td"}  # nothing that loads or runs
    assert f"exit {result.exit_code}" in page.texts
    assert any(EXITS[result.exit_code] in text for text in page.texts)
    assert {cell for row in result.shown() for cell in row if cell} <= set(page.texts)


def test_what_is_shown_is_what_counts(results):
    said = {kind: {row[0]: row[1:] for row in result.shown()} for kind, result in results.items()}
    assert said["run"]["Margin above the lower voltage limit"][1] == "period 5, bus 4"
    assert "station_overloaded" in said["flagged"]["flagged"][1]
    assert said["verify"]["audit"][0] == "closes"
    assert said["assign"]["status"][0] == "converged"
    assert said["grade"]["best known"][1].startswith("gap ")
    assert any("10" in value for value in said["compare"]["crowded"])


def test_tables_of_an_assignment_and_a_comparison(results):
    links = results["assign"]["links"]
    assert list(links) == ["link", "from_node", "to_node", "flow_vph", "travel_time_min", "volume_capacity"]
    assert links["volume_capacity"].max() == pytest.approx(results["assign"].busiest[1])
    compared = results["compare"]
    measures = compared["measures"].set_index("key")
    assert measures.loc["cost", "run"] == pytest.approx(compared.row("cost").values[0])
    assert list(compared["differences"]["key"]) == ["stations.S1.chargers"]


def test_an_assignment_that_ends_early_is_no_equilibrium():
    assert cosim.assign(ROADS, method="msa", limit=2).exit_code == 6


def test_names_are_text_and_never_markup(run, tmp_path):
    folder = tmp_path / "<script>alert(1)"
    shutil.copytree(run.folder, folder)
    page = cosim.load(folder)._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
