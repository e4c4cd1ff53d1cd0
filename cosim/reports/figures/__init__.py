"""The figures of a run, one file each: ``draw(result)`` returns a `plot.Figure`, in a notebook as on the page.

>>> list(FIGURES)[:2]
['road_map', 'feeder_map']
"""

from __future__ import annotations

from itertools import groupby
from typing import Protocol

from cosim.plugins import modules
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

MAP, MICROSIMULATION = "Map", "Microsimulation"
SECTIONS = (MAP, "Roads", "Charging", "Power", "Proof", MICROSIMULATION)
"""Sections of the page, in order; one that a figure names besides comes after them."""


class FigureModule(Protocol):
    """What a file of a figure holds.

    Attributes
    ----------
    PLACE
        Section of the page, and its order there.
    TITLE, CAPTION
        Heading, and what the reader sees, in one or two sentences.
    """

    PLACE: tuple[str, float]
    TITLE: str
    CAPTION: str

    def draw(self, result: RunResult) -> Figure:
        """Return the figure, or raise `cosim.reports.frames.NothingToDraw`."""


def _order(figure: FigureModule) -> tuple[int, str, float]:
    section, place = figure.PLACE
    return SECTIONS.index(section) if section in SECTIONS else len(SECTIONS), section, place


FIGURES: dict[str, FigureModule] = dict(sorted(modules(__name__).items(), key=lambda item: _order(item[1])))
"""Every figure by name, in the order of the page."""
GROUPS: dict[str, tuple[str, ...]] = {
    section: tuple(names) for section, names in groupby(FIGURES, key=lambda name: FIGURES[name].PLACE[0])
}
"""Sections of the page and their figures."""
