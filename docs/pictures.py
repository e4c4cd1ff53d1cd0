"""Take the pictures of README and tutorial anew: ``python docs/pictures.py``.

It takes two minutes and needs Chromium and the extra `test`. The tutorial is followed in a folder of its own, then its
pages are opened, and parts of them are kept as PNG with 256 colours. ``pictures/of.txt`` holds the digest of the
tutorial's blocks: a test compares it with the page.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
TUTORIAL = "tutorial.md"
COLOURS = 256
FIRST_SCREEN = {"x": 0, "y": 0, "width": 1120, "height": 620}
README = ("runs/day/report.html", "report", None)
TAKEN = (
    ("runs/first/report.html", "first-map", ".maps"),
    ("runs/first/report.html", "first-report", None),
    ("runs/more/report.html", "more-station_load", ".card.figure:has(#figure-station_load)"),
    ("runs/second/report.html", "second-map", ".maps"),
    ("compare.html", "compare", None),
    ("runs/second/report.html", "second-ledger", ".card.figure:has(#figure-ledger)"),
    ("runs/second/report.html", "second-micro_links", ".card.figure:has(#figure-micro_links)"),
    README,
)
"""Page, name of the picture, which part of the page (None: what is seen first)."""


def main() -> None:
    """Follow the tutorial, run the default day, take the pictures."""
    sys.path.insert(0, str(DOCS.parent))
    from tests.docs.pages import digest, follow, ran

    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        follow(TUTORIAL)
        ran("$ cosim run nguyen_ieee33 --out runs/day")
        take(Path(folder))
    (PICTURES / "of.txt").write_text(digest(TUTORIAL) + "\n", encoding="utf-8")


def take(folder: Path) -> None:
    """Open the pages in Chromium and keep the parts."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1120, "height": 900})
        for path, name, part in TAKEN:
            page.goto((folder / path).as_uri(), wait_until="load")
            page.wait_for_timeout(1500)
            height = 1480 if name == "report" else FIRST_SCREEN["height"]
            taken = (
                page.locator(part).first.screenshot()
                if part
                else page.screenshot(clip={**FIRST_SCREEN, "height": height}, full_page=True)
            )
            with Image.open(io.BytesIO(taken)) as image:
                image.convert("RGB").quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
