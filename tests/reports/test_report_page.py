"""The page stands alone, tells the truth about the verdict, and takes no orders from names."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from cosim.errors import StorageError
from cosim.reports.figures import FIGURES, GROUPS
from cosim.reports.page import render, write_report
from cosim.results.store import RunResult

HOSTILE = "<script>alert(1)</script>"
GRID = {"buses", "lines", "devices"}
ROADS = {"links", "paths", "stations"}


class Page(HTMLParser):
    """What a browser would see: tags with attributes, scripts, and visible text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.words, self.inside = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style", "meta", "img", "br", "link"):
            self.inside = tag if tag in ("script", "style") else self.inside
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_groups_show_every_figure_once():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(FIGURES)


def test_page_lies_in_the_run_folder_and_is_complete_without_network(run):
    path = write_report(run)
    assert path == run.folder / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}, tag
        assert "src" not in attributes, (tag, attributes)
        assert all("//" not in (value or "") for value in attributes.values()), (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert not list(path.parent.glob(".report*"))


def test_plotly_is_inlined_exactly_once_and_every_figure_drawn(run):
    text = render(run)
    page = Page(text)
    assert text.count("* plotly.js v") == 1
    assert len(page.scripts) == 1 + len(FIGURES) + 3  # the slider of the maps, what is printed, what the buttons save
    drawn = [
        attributes["id"] for tag, attributes in page.tags if tag == "div" and "plotly" in attributes.get("class", "")
    ]
    assert sorted(drawn) == sorted(f"figure-{name}" for name in FIGURES)
    assert "Left out" not in page.text


def test_names_from_the_run_are_text_and_never_markup(make_run):
    def hostile(k, tables, gate):
        tables["devices"]["device"] = [HOSTILE + name for name in tables["devices"]["device"]]
        tables["devices"]["kind"][1] = HOSTILE
        tables["links"]["link"] = [HOSTILE, "</script><b>"]
        tables["buses"]["bus"] = [HOSTILE + bus for bus in tables["buses"]["bus"]]
        tables["lines"]["line"] = [HOSTILE, "x"]
        gate["status"], gate["flags"] = HOSTILE, [HOSTILE]
        gate["checks"][1] |= {"name": HOSTILE, "value": HOSTILE, "passed": False}

    manifest = {
        "title": HOSTILE, "currency": HOSTILE, "command": [HOSTILE], HOSTILE: HOSTILE, "versions": {HOSTILE: HOSTILE},
        "inputs": [{"file": HOSTILE, "bytes": HOSTILE, "sha256": HOSTILE}], "sources": {HOSTILE: "assumed" + HOSTILE},
    }  # fmt: skip
    text = render(make_run(change=hostile, manifest=manifest, code=6, reasons=[HOSTILE]))
    plain = render(make_run())
    page = Page(text)
    assert "<script>alert" not in text
    assert "</script><b>" not in text
    assert len(page.scripts) == len(Page(plain).scripts)
    assert page.text.count(HOSTILE) >= 10
    # Inside figures, names reach plotly as entities: it reads tags in labels, but no entity becomes a tag.
    assert all("<" not in script for script in page.scripts[1:])
    figures = "".join(page.scripts[1:])
    assert "\\u003cscript" not in figures
    assert "&lt;script&gt;alert(1)&lt;\\u002fscript&gt;" in figures


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        (
            GRID,
            {
                "tariff_bands",
                "power_balance",
                "storage",
                "demand_response",
                "voltages",
                "voltage_map",
                "cone_gap",
                "loading",
                "feeder_map",
            },
        ),
        (ROADS, {"link_flows", "link_profiles", "station_load", "station_queues", "road_map"}),
    ],
)
def test_half_a_run_leaves_out_its_figures_and_says_so(make_run, without, missing):
    page = Page(render(make_run(without=without)))
    drawn = {
        attributes["id"].removeprefix("figure-") for _, attributes in page.tags if "figure-" in attributes.get("id", "")
    }
    assert drawn == set(FIGURES) - missing
    assert page.text.count("Left out:") == 1
    headings = {group for group, names in GROUPS.items() if set(names) - missing}
    assert {attributes["id"] for tag, attributes in page.tags if tag == "h2"} >= {group.lower() for group in headings}
    for name in missing:
        assert FIGURES[name].TITLE in page.text


@pytest.mark.parametrize(
    ("code", "planned", "tone", "words"),
    [
        (0, 3, "good", "Every gate passed"),
        (5, 3, "warn", "Answered with last resorts"),
        (6, 3, "bad", "Not converged or not exact"),
        (10, 3, "warn", "Finished with flagged periods"),
        (7, 3, "bad", "Stopped by an error"),
        (0, 24, "bad", "Incomplete"),
    ],
)
def test_verdict_follows_exit_code_and_completeness(make_run, code, planned, tone, words):
    page = Page(render(make_run(code=code, planned=planned)))
    assert words in page.text
    assert ("span", {"class": f"badge {tone}"}) in page.tags
    assert f"3 of {planned} periods" in page.text


def test_flagged_period_is_listed_with_value_and_limit(make_run):
    def inexact(k, tables, gate):
        if k == 1:
            gate |= {"status": "relaxation_inexact", "flags": ["relaxation_inexact", "ac_violation"]}
            gate["checks"][1] |= {"value": 0.25, "passed": False}

    text = Page(render(make_run(change=inexact, code=6))).text
    assert "Period 2 Relaxation inexact AC violation Cone gap (relative) is 0.25; largest accepted: 0.0001" in text
    assert "5 of 6 checks passed" in text


def test_simulation_that_was_repeated_is_noted_and_not_flagged(make_run):
    def repeated(k, tables, gate):
        if k == 1:
            gate["notes"] = ["retried: SUMO died <at> 60 s"]

    text = Page(render(make_run(change=repeated))).text
    assert "Period 2: retried: SUMO died <at> 60 s" in text
    assert "What needs attention" not in text


def test_run_that_died_before_its_first_period_still_gets_a_page(make_run):
    page = Page(render(make_run(committed=0, code=7, reasons=["dispatch: the solver process died"])))
    assert "dispatch: the solver process died" in page.text
    assert "No period was committed" in page.text
    assert len(page.scripts) == 1


def test_assumed_values_are_listed_with_their_numbers(run):
    text = Page(render(run)).text
    assert "2 of 3 values of the scenario are assumed or have no declared source" in text
    assert "devices.0 (ess) capacity_mwh 1.6" in text
    assert "soc_min" not in text


def test_inputs_that_look_wrong_stand_on_the_page(make_run):
    said = "scenario.yaml:3:5: field 'ev.battery_kwh': 0.04 kWh is outside the usual 5 to 1000 kWh; MWh? <b>"
    assert "Inputs that look wrong" not in render(make_run())
    told = render(make_run(manifest={"warnings": [said]}))
    assert "Inputs that look wrong" in told
    assert "0.04 kWh is outside the usual 5 to 1000 kWh; MWh? &lt;b&gt;" in told


def test_unwritable_target_is_a_storage_error(run, tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(run, tmp_path / "missing" / "report.html")


def test_importing_reports_stays_light():
    code = (
        "import sys, cosim.reports.page, cosim.reports.summary, cosim.reports.figures; "
        "print(sorted({'pandas', 'plotly', 'jinja2', 'pyarrow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_page_reads_every_table_once(run, monkeypatch):
    read, original = [], RunResult.__getitem__

    def seen(self, name):
        read.append(name)
        return original(self, name)

    monkeypatch.setattr(RunResult, "__getitem__", seen)
    assert render(run)
    assert sorted(read) == sorted(set(read))


def test_energy_not_served_stands_beside_what_was_paid(make_run):
    def short(k, tables, gate):
        tables["periods"] |= {"ev_curtailed_mw": [0.2 * k], "shed_mw": [0.0]}

    tiles = re.findall(
        r'class="tile"><div class="label">([^<]*)</div>\s*<div class="value">([^<]*)', render(make_run(change=short))
    )
    told = {label: value.strip() for label, value in tiles}
    assert list(told)[:3] == ["Paid (without weights and penalties)", "Charging not served", "Load not served"]
    assert float(told["Charging not served"]) == pytest.approx(0.5 * (0.2 + 0.4))  # half hours
    assert told["Load not served"] == "0"
