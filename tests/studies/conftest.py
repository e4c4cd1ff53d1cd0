import pytest

from tests.studies.own_rows import ROOT, ROWS


@pytest.fixture
def own_rows(tmp_path, monkeypatch):
    """Install a package whose rows do what rows may do wrong; return where it notes what it begins."""
    from cosim.studies.rows import row_kinds

    site = tmp_path / "site"
    (site / "own_rows-1.0.dist-info").mkdir(parents=True)
    (site / "own_rows.py").write_text(ROWS)
    (site / "own_rows-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own-rows\nVersion: 1.0\n")
    (site / "own_rows-1.0.dist-info" / "entry_points.txt").write_text("[cosim.rows]\nown = own_rows:own\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{site}")
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    row_kinds.cache_clear()
    yield tmp_path / "starts"
    row_kinds.cache_clear()
