"""The gallery: every picture that the page shows can be drawn, and one is."""

import importlib.util

from cosim.reports.figures import FIGURES
from cosim.scenario import shipped
from tests.docs.pages import DOCS


def _gallery():
    spec = importlib.util.spec_from_file_location("docs_gallery", DOCS / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gallery = _gallery()


def test_every_picture_is_a_figure_of_a_shipped_scenario():
    shown = gallery.shown()
    assert len(shown) >= 5
    assert set(shown) <= set(shipped.names(shipped.SCENARIOS))
    assert {name for figures in shown.values() for name in figures} <= set(FIGURES)


def test_a_picture_is_drawn_once(tmp_path):
    wanted = {"five_nodes": ["voltages", "road_map"]}
    gallery.draw(wanted, tmp_path)
    drawn = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "five_nodes").iterdir()}
    assert set(drawn) == {"voltages.svg", "road_map.svg"}
    gallery.draw(wanted, tmp_path)
    assert drawn == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "five_nodes").iterdir()}
