"""A scenario file in present spelling: only what has another name now is rewritten; comments, order and layout stay."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path as File
from typing import Any

from cosim.errors import CosimError, StorageError
from cosim.scenario import kinds, renamed
from cosim.scenario.former import Former
from cosim.scenario.load import content_of, read_chain
from cosim.scenario.tree import Path, find, nearest
from cosim.scenario.yaml_reader import Node, plain_scalar, read_yaml

_QUOTED = re.compile(r"[,\[\]{}]|: | #")
_COMMENT = re.compile(r"[ \t]*(#[^\r\n]*)?")
_COMMENTS = re.compile(r"#[^\r\n]*")
Span = tuple[int, int]


@dataclass(slots=True)
class _Rewriting:
    """The text of a file, its nodes with begin and end, and what is to be put in place of which part."""

    text: str
    root: Any
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def mapping(self, place: Path) -> Any:  # noqa: ANN401 - a node of ruamel.yaml
        """Return the mapping at a place."""
        node = self.root
        for key in place:
            node = node.value[key] if isinstance(key, int) else next(v for k, v in node.value if k.value == key)
        return node

    def entry(self, mapping: Any, key: str) -> tuple[Any, Any]:  # noqa: ANN401 - nodes of ruamel.yaml
        """Return the nodes of a key and its value."""
        return next((k, v) for k, v in mapping.value if k.value == key)

    def source(self, node: Any) -> str:  # noqa: ANN401 - a node of ruamel.yaml
        """Return how a value is written."""
        return self.text[node.start_mark.index : node.end_mark.index].rstrip()

    def put(self, begin: Any, end: Any, new: str) -> None:  # noqa: ANN401 - nodes of ruamel.yaml
        """Write something in place of what stands from the begin of one node to the end of another."""
        self.edits.append((begin.start_mark.index, end.end_mark.index, new))

    def append(self, mapping: Any, told: list[str]) -> None:  # noqa: ANN401 - a node of ruamel.yaml
        """Write entries behind the last one of a mapping."""
        last = mapping.value[-1][1]
        between = ", " if mapping.flow_style else "\n" + " " * mapping.start_mark.column
        self.put(last, last, between.join([self.source(last), *told]))

    def remove(self, mapping: Any, gone: list[str]) -> None:  # noqa: ANN401 - a node of ruamel.yaml
        """Leave entries out; what is said of them in comments stays."""
        places = [place for place, (key, _) in enumerate(mapping.value) if key.value in gone]
        if places and len(places) == len(mapping.value):
            self.put(mapping.value[0][0], mapping.value[-1][1], "{}" if not mapping.flow_style else "")
            return
        for place in places:
            leading = places[: place + 1] == list(range(place + 1))
            begin, end = (self._of_flow if mapping.flow_style else self._of_block)(mapping.value, place, leading)
            comments = _COMMENTS.findall(self.text[begin:end]) if mapping.flow_style else []
            self.edits.append((begin, end, "".join(f" {one}\n" for one in comments)))

    def _of_flow(self, entries: Any, place: int, leading: bool) -> Span:  # noqa: ANN401 - nodes of ruamel.yaml
        """Return an entry with the comma before it; of the first ones with the one behind."""
        if leading:
            return entries[place][0].start_mark.index, entries[place + 1][0].start_mark.index
        return entries[place - 1][1].end_mark.index, entries[place][1].end_mark.index

    def _of_block(self, entries: Any, place: int, leading: bool) -> Span:  # noqa: ANN401 - nodes of ruamel.yaml
        """Return an entry with its line, or up to the comment beside it; a list's dash stays."""
        begin, end = entries[place][0].start_mark.index, entries[place][1].end_mark.index
        line = self.text.rfind("\n", 0, begin) + 1
        comment = _COMMENT.match(self.text, end)
        if comment is not None and comment.group(1):
            return begin, comment.start(1)
        if leading and self.text[line:begin].strip():
            return begin, entries[place + 1][0].start_mark.index
        close = self.text.find("\n", end)
        return line, len(self.text) if close < 0 else close + 1

    def done(self) -> str:
        """Return the text with everything that was put in place."""
        text = self.text
        for begin, end, new in sorted(self.edits, reverse=True):
            text = text[:begin] + new + text[end:]
        return text


def migrated(path: File) -> tuple[str, str]:
    """Return the text of a scenario file, and the same in present spelling.

    What the file extends is read, too: it may say which law or price a setting is of. It is left as it is.

    Raises
    ------
    InputError
        If the file cannot be read, or gives a value by both names.
    """
    from ruamel.yaml import YAML

    content = content_of(path, path.name)
    own = read_yaml(content, path.name)
    merged = kinds.settled(read_chain(path)[0])
    text = content.decode("utf-8-sig")
    rewriting = _Rewriting(text=text, root=YAML(typ="safe", pure=True).compose(text))
    for place, rows in groupby(sorted(renamed.found(own), key=lambda one: str(one[0])), key=lambda one: one[0]):
        _section(rewriting, merged, own, place, [row for _, row in rows])
    _sources(rewriting, merged, own)
    new = rewriting.done()
    if kinds.settled(read_chain(path, new.encode())[0]).plain() != merged.plain():
        raise CosimError(f"'{path}' would say something else in present spelling; rewrite it by hand and report this")
    return text, new


def written(path: File, text: str) -> None:
    """Write a migrated text back, all of it or nothing, with the byte order mark and line ends that the file had.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    try:
        mark = codecs.BOM_UTF8 if path.read_bytes().startswith(codecs.BOM_UTF8) else b""
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(mark + text.encode())
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror}") from error


def _section(rewriting: _Rewriting, merged: Node, own: Node, place: Path, rows: list[Former]) -> None:
    """Rewrite the former keys of one section."""
    mapping = rewriting.mapping(place)
    gone = [row.key for row in rows if len(row.now) != 1]
    for row in rows:
        if len(row.now) == 1:
            key, _ = rewriting.entry(mapping, row.key)
            rewriting.put(key, key, row.now[0])
    written = [key.value for key, _ in mapping.value]
    for name in dict.fromkeys(row.now[0] for row in rows if len(row.now) > 1):
        moved = sorted((row for row in rows if row.now[:1] == (name,)), key=lambda row: written.index(row.key))
        kept = [row for row in moved if _counts(merged, own, place, row)]
        kept.sort(key=lambda row: row.now[-1] != kinds.KIND)
        told = [f"{row.now[1]}: {_flow(rewriting.source(rewriting.entry(mapping, row.key)[1]))}" for row in kept]
        if not told:
            continue
        if name in written and not any(row.was_a_word for row in moved):
            rewriting.append(rewriting.entry(mapping, name)[1], told)
            continue
        if not any(row.was_a_word for row in moved) and find(own, ("extends",)) is None:
            told.insert(0, f"{kinds.KIND}: {nearest(merged, (*place, name, kinds.KIND)).text}")
        rewriting.put(*rewriting.entry(mapping, moved[0].key), f"{name}: {{{', '.join(told)}}}")
        gone.remove(moved[0].key)
    rewriting.remove(mapping, gone)


def _counts(merged: Node, own: Node, place: Path, row: Former) -> bool:
    """Whether a former key says anything beside the kind that the whole scenario has there."""
    node, names = find(own, (*place, row.key)), kinds.known(merged, (*place, row.now[0]))
    return names is None or row.now[-1] in names or node is None or not (row.ignored or not node.value)


def _sources(rewriting: _Rewriting, merged: Node, own: Node) -> None:
    """Rewrite the paths of ``sources``; those of values that say nothing any more are left out."""
    entries = find(own, (renamed.SOURCES,))
    if entries is None or not isinstance(entries.value, dict):
        return
    mapping, gone = rewriting.mapping((renamed.SOURCES,)), []
    for path in entries.value:
        now, row = renamed.present(path)
        if row is not None and find(merged, now.split(".")) is None:
            gone.append(path)
        elif row is not None:
            key, _ = rewriting.entry(mapping, path)
            rewriting.put(key, key, now)
    rewriting.remove(mapping, gone)


def _flow(text: str) -> str:
    """Return a value as it may stand between braces."""
    plain = text[:1] not in "\"'[{" and _QUOTED.search(text) is not None and isinstance(plain_scalar(text), str)
    return "'" + text.replace("'", "''") + "'" if plain else text or "null"
