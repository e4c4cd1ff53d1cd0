"""The site as `make docs` builds it: strict, every page in it, no dead link, nothing that is fetched from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.reports.test_in_a_browser import browser  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "object": "data",
    "link": "href",
    "use": "href",
}
TOLD_ONLY = {"canonical", "next", "prev", "alternate"}
"""Relations of a link element that a browser does not follow."""


class Seen(HTMLParser):
    """What a page loads, where it leads, and what can be led to."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.leads, self.ids, self.classes = [], [], set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.ids |= {told[name] for name in ("id", "name") if told.get(name)}
        self.classes |= set((told.get("class") or "").split())
        if (address := told.get(LOADS.get(tag))) and told.get("rel") not in TOLD_ONLY:
            self.loads.append(address)
        if tag == "a" and told.get("href"):
            self.leads.append(told["href"])
        self.loads += re.findall(r"url\(([^)]+)\)", told.get("style") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Seen(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_page_of_the_repository_is_in_it(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file(), page
    for name in ("index", "changelog", "contributing", "security"):
        assert (site / f"{name}.html").is_file()


def test_every_page_is_in_the_navigation(site):
    nav = re.search(r"^nav:.*", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[0]
    first = Seen((site / "index.html").read_text(encoding="utf-8"))
    for name in re.findall(r"([\w-]+)\.md", nav):
        assert f"{name}.html" in first.leads
    for page in (ROOT / "docs").glob("*.md"):
        assert f"{page.stem}.html" in first.leads, page


def test_nothing_is_loaded_from_elsewhere(site, pages):
    foreign = re.compile(r"^['\"]?(?:https?:)?//", re.IGNORECASE)
    for path, page in pages.items():
        assert [address for address in page.loads if foreign.match(address)] == [], path
        assert "mermaid" not in page.classes, "its script comes from a network"
    for style in site.rglob("*.css"):
        told = style.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", told), style


def test_every_link_leads_somewhere(site, pages):
    for path, page in pages.items():
        for address in page.leads:
            if re.match(r"^[a-z]+:", address):
                continue
            name, _, anchor = unquote(address).partition("#")
            base = site if name.startswith("/") else path.parent  # the page for what is not found is read anywhere
            target = (base / name.lstrip("/")).resolve() if name else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (path.name, address)
            if anchor and target in pages:
                assert anchor in pages[target].ids, (path.name, address)


def test_formulas_need_no_script(pages):
    for path, page in pages.items():
        assert "arithmatex" not in page.classes, path


def test_the_api_shows_every_public_name(site):
    import cosim

    ids = Seen((site / "api.html").read_text(encoding="utf-8")).ids
    assert {f"cosim.{name}" for name in cosim.__all__} <= ids


def test_the_version_to_cite_is_this_one():
    import cosim

    assert f"version = {{{cosim.__version__}}}" in (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert f"version: {cosim.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_a_page_opened_as_a_file_can_be_searched_and_fetches_nothing(site, browser):  # noqa: F811 - the fixture
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page, foreign = context.new_page(), []
    page.on("request", lambda told: None if told.url.startswith(("file:", "data:", "about:")) else foreign.append(told))
    page.on("pageerror", lambda error: foreign.append(str(error)))
    page.on("requestfailed", lambda told: foreign.append(told.url))
    page.goto((site / "index.html").as_uri(), wait_until="load")
    page.click("input[name=query]")
    page.keyboard.type("nodal price")
    page.wait_for_selector(".md-search-result__link", state="attached")
    found = page.eval_on_selector_all(".md-search-result__link", "links => links.map(link => link.href)")
    assert any("coupling.html" in address or "equations.html" in address for address in found), found
    assert foreign == []
    context.close()
