"""The page on studies: its file, commands and Python run in their order, with fewer rows of a smaller base."""

import re
import shlex
from pathlib import Path

import cosim as package

PAGE = Path(package.__file__).parents[1] / "docs" / "studies.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_page_runs_in_its_order(cosim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (study,) = blocks("yaml")
    text = study.replace("rows: 200", "rows: 3").replace("base: nguyen_ieee33", "base: five_nodes")
    assert text != study
    Path("shares.yaml").write_text(text)
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    for line in lines:
        code, out, err = cosim(*shlex.split(line)[1:])
        assert code == 0, (line, out, err)
    assert "3 of 3 rows ended: 3 ok" in out
    exec(blocks("python")[0], {})  # noqa: S102 - the page's own block
    assert Path("studies/shares/report.html").exists()
    assert "measures" in Path("studies/shares/statistics.csv").read_text()
