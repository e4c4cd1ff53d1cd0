"""Discovery finds what is there, and refuses what cannot be used."""

import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import SimpleNamespace

import pytest

import cosim
from cosim import plugins
from cosim.errors import DependencyError

PACKAGE = """
from abc import abstractmethod
from plugin_family.base import Animal

class {name}(Animal):
    kind = {kind!r}
    def sound(self): return "..."
"""


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A package on disk with a base class, an abstract one, one without a kind, and two members."""
    folder = tmp_path / "plugin_family"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "base.py").write_text(
        "from abc import ABC, abstractmethod\n"
        "class Animal(ABC):\n    kind: str\n    @abstractmethod\n    def sound(self): ...\n"
        "class Half(Animal):\n    kind = 'half'\n"
        "class Nameless(Animal):\n    def sound(self): return ''\n"
        "class Stranger:\n    kind = 'stranger'\n"
    )
    (folder / "dog.py").write_text(PACKAGE.format(name="Dog", kind="dog"))
    (folder / "cat.py").write_text(PACKAGE.format(name="Cat", kind="cat") + "from plugin_family.dog import Dog\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("plugin_family", "plugin_family.base", "plugin_family.dog", "plugin_family.cat"):
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)
    import plugin_family.base

    plugins.discover.cache_clear()
    yield SimpleNamespace(folder=folder, base=plugin_family.base.Animal)
    plugins.discover.cache_clear()
    for module in ("plugin_family", "plugin_family.base", "plugin_family.dog", "plugin_family.cat"):
        __import__("sys").modules.pop(module, None)


def offer(monkeypatch, **objects):
    """Let installed packages offer these objects."""
    entries = [SimpleNamespace(name=name, load=lambda value=value: value) for name, value in objects.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries if group == "zoo" else [])


def test_concrete_members_are_found_by_kind_in_order(family):
    found = plugins.discover("plugin_family", "zoo", family.base)
    assert list(found) == ["cat", "dog"]
    assert all(issubclass(member, family.base) for member in found.values())


def test_entry_point_joins_the_family(family, monkeypatch):
    class Cow(family.base):
        kind = "cow"

        def sound(self):
            return "moo"

    offer(monkeypatch, cow=Cow)
    assert plugins.discover("plugin_family", "zoo", family.base)["cow"] is Cow


def test_entry_point_of_another_group_does_not(family, monkeypatch):
    offer(monkeypatch, cow=object)
    assert list(plugins.discover("plugin_family", "garden", family.base)) == ["cat", "dog"]


def abstract(base):
    class Pig(base):
        kind = "pig"

        @abstractmethod
        def smell(self): ...

    return Pig


def nameless(base):
    class Owl(base):
        def sound(self):
            return "hu"

    return Owl


@pytest.mark.parametrize("make", [lambda _: ABC, lambda _: "text", abstract, nameless])
def test_entry_point_that_cannot_be_used_is_refused_by_name(family, monkeypatch, make):
    offer(monkeypatch, odd=make(family.base))
    with pytest.raises(TypeError, match="'odd' of group 'zoo'"):
        plugins.discover("plugin_family", "zoo", family.base)


def test_two_claims_to_one_kind_are_refused_by_name(family, monkeypatch):
    class Wolf(family.base):
        kind = "dog"

        def sound(self):
            return "hu"

    offer(monkeypatch, wolf=Wolf)
    with pytest.raises(TypeError, match="'dog' is claimed by Dog and"):
        plugins.discover("plugin_family", "zoo", family.base)


@pytest.mark.parametrize("fault", [ImportError("no zoo"), SystemExit(0), KeyboardInterrupt(), ValueError("x")])
def test_an_entry_point_that_cannot_be_loaded_is_told_by_name(family, monkeypatch, fault):
    from cosim import supervision

    def load():
        raise fault

    entry = SimpleNamespace(name="moose", load=load)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == "zoo" else [])
    monkeypatch.setattr(supervision.signal, "getsignal", lambda _: supervision._handle)
    with pytest.raises(plugins.UnusablePlugin, match="entry point 'moose' of group 'zoo' cannot be loaded") as caught:
        plugins.discover("plugin_family", "zoo", family.base)
    assert caught.value.exit_code == 4


def test_packages_that_are_missing_are_named_together(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gone", None)
    plugins.require(["json", "numpy"])
    with pytest.raises(DependencyError, match="packages gone, never_there missing; pip install gone never_there"):
        plugins.require(["json", "gone", "never_there"])


def test_no_page_and_no_message_installs_the_unrelated_project_of_the_index():
    root = Path(cosim.__file__).resolve().parent.parent
    files = [
        path for folder in ("cosim", "docs") for path in (root / folder).rglob("*") if path.suffix in (".py", ".md")
    ]
    for path in (*files, *root.glob("*.md"), root / "pyproject.toml"):
        assert not re.search(r"pip install [^`\n&;]*\bcosim(\[|'| |$)", path.read_text(encoding="utf-8")), path
