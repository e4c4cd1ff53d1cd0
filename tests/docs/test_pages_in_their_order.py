"""The pages that a newcomer follows, block by block as they stand there; what each step took is printed."""

import re
import sys

import pytest

from tests.docs.pages import DOCS, FOLLOWED, digest, follow


@pytest.mark.timeout(1800)  # on a machine that has other work
@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_is_followed_to_its_end(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    spent = follow(page)
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{seconds:7.1f} s  {what}" for seconds, what in spent) + "\n")


def test_the_pictures_are_of_the_tutorial_as_it_stands():
    assert (DOCS / "pictures" / "of.txt").read_text().strip() == digest("tutorial.md"), "run: python docs/pictures.py"
    shown = re.findall(r"\]\(pictures/([\w-]+\.png)\)", (DOCS / "tutorial.md").read_text(encoding="utf-8"))
    assert (
        len(shown) >= len(re.findall(r"^## \d", (DOCS / "tutorial.md").read_text(encoding="utf-8"), re.MULTILINE)) - 1
    )
    assert all((DOCS / "pictures" / name).stat().st_size < 100_000 for name in shown)
