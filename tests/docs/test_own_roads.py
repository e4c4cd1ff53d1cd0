"""The path of `docs/your-own-roads.md`, as it stands there: from an extract of OpenStreetMap to a verdict."""

import shutil

from tests.docs.pages import DOCS, follow

PAGE = "your-own-roads.md"


def test_the_path_from_an_extract_to_a_verdict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("quarter.osm", "quarter_trips.csv"):
        shutil.copyfile(DOCS / "networks" / name, tmp_path / name)
    assert len(follow(PAGE)) == 5
