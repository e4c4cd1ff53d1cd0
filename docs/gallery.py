"""Draw the pictures of the gallery from shipped scenarios: ``python docs/gallery.py`` (`make docs` calls it).

The page ``gallery.md`` says which: ``gallery/<scenario>/<figure>.svg``. Each scenario is run once; its figures are
those of `cosim figures`. What is there already is not drawn again; ``rm -r docs/gallery`` begins anew.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SHOWN = re.compile(r"\(gallery/(\w+)/(\w+)\.svg\)")


def shown() -> dict[str, list[str]]:
    """Return the figures that the page shows, by scenario."""
    found: dict[str, list[str]] = {}
    for scenario, figure in SHOWN.findall((DOCS / "gallery.md").read_text(encoding="utf-8")):
        found.setdefault(scenario, []).append(figure)
    return found


def draw(wanted: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Run scenarios and draw figures of them into ``folder/<scenario>/<figure>.svg``, those that are not there."""
    import cosim
    from cosim.workflows.figures import write_figures

    for scenario, figures in wanted.items():
        left = [name for name in figures if not (folder / scenario / f"{name}.svg").exists()]
        if not left:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            run = cosim.run(scenario, out=Path(scratch) / "run", report=False)
            for name in left:
                found = write_figures(run.folder, Path(scratch) / name, form="svg", columns=2, only=[name])
                (folder / scenario).mkdir(parents=True, exist_ok=True)
                found.files[0].replace(folder / scenario / f"{name}.svg")


if __name__ == "__main__":
    draw(shown(), DOCS / "gallery")
