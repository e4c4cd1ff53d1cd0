"""What `mkdocs build` does besides: pages that stand elsewhere in the repository, links, formulas.

* README.md is the first page; CHANGELOG.md, CONTRIBUTING.md and SECURITY.md are pages, too.
* A page that is named as code (`scenarios.md`) becomes a link with the page's title.
* Formulas become MathML, so that no script is needed to show them.
* A picture of the gallery that was not drawn (docs/gallery.py) is told by its words.
* Pages that the navigation does not name stand under "More".
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ELSEWHERE = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
"""Pages of the site, and the file of the repository that each of them is."""
NAMED = re.compile(r"(?<!\[)`(?:docs/)?((?:decisions/)?[\w-]+\.md)`(?!\])")
LINKED = re.compile(r"\[([^\]]+)\]\((?!https?:)(?:docs/)?([\w/.-]+\.md)(#[\w-]+)?\)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
PICTURE = re.compile(r"!\[([^\]]*)\]\((gallery/[\w/]+\.svg)\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def titles() -> dict[str, str]:
    """Return the first heading of every page, by its path in the site."""
    files = {path.relative_to(DOCS).as_posix(): path for path in DOCS.rglob("*.md")}
    files |= {name: ROOT / source for name, source in ELSEWHERE.items()}
    return {name: re.search(r"^# (.+)$", path.read_text("utf-8"), re.MULTILINE)[1] for name, path in files.items()}  # type: ignore[index]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation: decisions in their order, and what it does not name under "More"."""
    decisions = sorted(path.relative_to(DOCS).as_posix() for path in (DOCS / "decisions").glob("*.md"))
    nav = _filled(config.nav or [], decisions)
    known = set(re.findall(r"[\w/-]+\.md", str(nav)))
    lost = sorted(path.name for path in DOCS.glob("*.md") if path.name not in known)
    config.nav = [*nav, {"More": lost}] if lost else nav
    return config


def _filled(nav: Any, decisions: list[str]) -> Any:  # noqa: ANN401 - as YAML has it
    if isinstance(nav, dict):
        return {title: _filled(below, decisions) for title, below in nav.items()}
    if isinstance(nav, list):
        return [_filled(one, decisions) for one in nav]
    return decisions if nav == "decisions" else nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere."""
    for name, source in ELSEWHERE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn names of pages into links to them."""
    markdown = PICTURE.sub(lambda shown: shown[0] if (DOCS / shown[2]).exists() else f"*{shown[1]}.*", markdown)
    if page.file.src_uri in ELSEWHERE:
        markdown = markdown.replace("](docs/", "](")
    there = titles()
    inverse = {source: name for name, source in ELSEWHERE.items()}
    here = Path(page.file.src_uri).parent

    def target(name: str) -> str | None:
        found = inverse.get(name, name)
        found = found if found in there else (here / name).as_posix()
        return None if found not in there else "../" * len(here.parts) + found

    def named(match: re.Match[str]) -> str:
        to = target(match[1])
        return match[0] if to is None else f"[{there[to.replace('../', '')]}]({to})"

    def linked(match: re.Match[str]) -> str:
        to = target(match[2])
        if to is None:
            return match[0]
        text = there[to.replace("../", "")] if match[1].endswith(".md") else match[1]
        return f"[{text}]({to}{match[3] or ''})"

    parts, end = [], 0
    for fence in [*FENCED.finditer(markdown), None]:
        text = markdown[end : fence.start() if fence else len(markdown)]
        parts.append(NAMED.sub(named, LINKED.sub(linked, text)))
        if fence:
            parts.append(fence[0])
            end = fence.end()
    return "".join(parts)


def on_page_content(html_text: str, **_: object) -> str:
    """Show formulas as MathML."""
    return FORMULA.sub(
        lambda found: convert(html.unescape(found[3]).strip(), display="inline" if found[2] == "(" else "block"),
        html_text,
    )
