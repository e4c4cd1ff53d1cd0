"""The page in a real Chromium: no error, both maps follow one slider, every figure has data and can be saved."""

import csv
import os
import shutil
from contextlib import suppress

import pytest

from cosim.reports.comparison import compare_runs
from cosim.reports.comparison_page import write_comparison
from cosim.reports.figures import FIGURES
from cosim.reports.page import write_report
from cosim.results.verdict import Finding

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 180_000
"""A machine that others use, too, takes its time; what hangs is caught by pytest's own timeout."""
WIDE, NARROW = {"width": 1200, "height": 1400}, {"width": 420, "height": 900}
CURVES = (
    "JSON.stringify(document.getElementById(id).data.map((trace) => [trace.x, trace.marker?.color, trace.customdata]))"
)
HIDDEN = "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth + 1).length"


@pytest.fixture(scope="module")
def browser():
    """Chromium as the machine has it; where none is, the tests are left out by name, but not in CI."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        with suppress(Exception):  # it may have gone already
            found.close()


@pytest.fixture
def opened(browser):
    """Return ``opened(path, size, scheme)``: the page, and the errors that it has told so far."""
    contexts = []

    def open_(path, size=WIDE, scheme="light"):
        context = browser.new_context(viewport=size, color_scheme=scheme)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page, errors = context.new_page(), []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else errors.append(request.url),
        )
        page.goto(path.resolve().as_uri(), wait_until="load")
        page.wait_for_function("() => document.querySelector('.player output')?.textContent != ''")
        return page, errors

    yield open_
    for context in contexts:
        context.close()


def drawn(page, name):
    return page.evaluate(f"(id) => {CURVES}", f"figure-{name}")


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_every_figure_has_data_and_nothing_goes_wrong(run, opened, size, scheme):
    page, errors = opened(write_report(run), size, scheme)
    for name in FIGURES:
        assert page.evaluate(f"document.getElementById('figure-{name}').querySelectorAll('svg').length") > 0, name
        assert drawn(page, name) not in ("[]", "[null]"), name
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert errors == []
    assert page.evaluate(HIDDEN) == 0, "numbers that only a sideways scroll shows"


def test_on_paper_no_card_is_cut_and_figures_are_as_wide_as_their_cards(run, opened):
    page, errors = opened(write_report(run), {"width": 1000, "height": 1400})
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.evaluate("document.body.style.width = '500px'")  # a sheet of paper; the window stays as wide as it was
    beyond = page.evaluate(
        "[...document.querySelectorAll('.main-svg')].filter((svg) => svg.getBoundingClientRect().width > "
        "svg.closest('.card').getBoundingClientRect().width + 1 || !svg.hasAttribute('viewBox')).length"
    )
    assert beyond == 0
    shown = page.evaluate("[...document.querySelectorAll('.card')].map((card) => getComputedStyle(card).display)")
    assert set(shown) == {"block", "none"}  # what stands in a line is cut at the end of a page
    assert page.locator(".player").is_hidden()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.querySelectorAll('.main-svg[viewBox]').length") == 0
    assert errors == []


def test_one_slider_moves_both_maps_by_keyboard_and_by_itself(run, opened):
    page, errors = opened(write_report(run))
    slider = page.locator(".player input")
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator(".player output").text_content() == "Period 1 · 00:00–00:30"
    first = [drawn(page, name) for name in ("road_map", "feeder_map")]
    page.keyboard.press("End")
    page.wait_for_function(f"(first) => ((id) => {CURVES})('figure-road_map') != first", arg=first[0])
    page.wait_for_function(f"(first) => ((id) => {CURVES})('figure-feeder_map') != first", arg=first[1])
    assert page.locator(".player output").text_content() == "Period 3 · 01:00–01:30"
    page.locator(".player button").click()
    page.wait_for_function("() => document.querySelector('.player output').textContent.startsWith('Period 1 ')")
    page.locator(".player button").click()
    assert errors == []


def test_every_figure_can_be_saved_as_drawing_and_as_numbers(run, opened):
    page, errors = opened(write_report(run))
    assert page.locator(".save").count() == len(FIGURES)
    assert saved(page, "voltage_map", "SVG").startswith("<svg")
    rows = list(csv.reader(saved(page, "feeder_map", "CSV").splitlines()))
    assert rows[0] == ["period", "id", "quantity", "value"]
    assert ["Period 3 · 01:00–01:30", "2", "vm_pu", "0.98"] in rows
    rows = list(csv.reader(saved(page, "voltage_map", "CSV").splitlines()))
    assert rows[0] == ["row", "column", "value"]
    assert ["2", "Period 3 · 01:00–01:30", "0.98"] in rows
    assert saved(page, "voltages", "CSV").startswith("series,x,y\n")
    assert errors == []


def saved(page, name, button):
    card = page.locator(".figure", has=page.locator(f"#figure-{name}"))
    with page.expect_download() as download:
        card.get_by_role("button", name=button).click()
    assert download.value.suggested_filename == f"{name}.{button.lower()}"
    return download.value.path().read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "Every gate passed"),
        (5, "Answered with last resorts"),
        (6, "Not converged or not exact"),
        (10, "Finished with flagged periods"),
    ],
)
def test_the_first_screen_tells_verdict_and_margins(make_run, opened, code, words):
    page, errors = opened(write_report(make_run(code=code)))
    badge = page.locator(".badge")
    assert badge.text_content() == words
    margins = page.locator(".margins")
    assert "Margin above the lower voltage limit" in margins.text_content()
    for part in (badge, margins, page.locator(".tiles")):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= WIDE["height"]
    assert errors == []


def test_a_failed_validation_is_told_on_the_first_screen(make_run, opened):
    run = make_run()
    run.judge("validate", Finding(exit_code=10, periods=(1,), reasons=("period 1: flows differ",)))
    page, errors = opened(write_report(run))
    assert page.locator(".badge").text_content() == "Validation failed"
    assert "flows differ" in page.locator("body").text_content().lower()
    assert errors == []


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_a_comparison_opens_with_its_maps(make_run, opened, tmp_path, size, scheme):
    def fuller(k, tables, gate):
        tables["links"]["volume_capacity"] = [0.2 + 0.3 * k, 0.1]

    path = write_comparison(compare_runs([make_run(), make_run(change=fuller)]), tmp_path / "page.html")
    page, errors = opened(path, size, scheme)
    assert page.locator(".player output").text_content() == "Period 3 · 01:00–01:30"
    assert page.evaluate(HIDDEN) == 0
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(244, 246, 248)"
    assert dark == (scheme == "dark")
    for name in ("map-roads", "map-feeder", "figure"):
        assert page.evaluate(f"document.getElementById('{name}').querySelectorAll('svg').length") > 0
    assert errors == []
