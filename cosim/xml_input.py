"""The one reader of XML: data only, no document types, no entities, every mistake with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

from cosim.errors import InputError, Problem

MOST_MB = 64
LARGE_MB = 512
"""For whole networks of cities and their demand."""
DEEPEST = 50
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element of an XML file: its tag, attributes, the tags above it, and the line on which it begins."""

    tag: str
    attributes: Mapping[str, str]
    above: tuple[str, ...]
    line: int


def read_xml(path: Path | str, tags: frozenset[str] | None = None, *, most_mb: float = MOST_MB) -> list[Element]:
    """Return the elements of a file in the order in which they begin.

    Parameters
    ----------
    path
        The file.
    tags
        Which elements to return; None returns all. The first element is always returned.
    most_mb
        Largest file that is read.

    Raises
    ------
    InputError
        With the line, if the file cannot be read, is no XML, ends too early, is nested too deeply, or has a document
        type or an entity; such a file could read other files or exhaust the memory.
    """
    path = Path(path)
    _check_file(path, most_mb)
    from defusedxml.common import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
    from defusedxml.expatreader import DefusedExpatParser

    parser = DefusedExpatParser(forbid_dtd=True)
    handler = _Collector(tags, parser.getLineNumber)
    parser.setContentHandler(handler)
    try:
        parser.parse(str(path))
    except _TooDeep:
        raise _refused(path, parser.getLineNumber(), f"elements are nested deeper than {DEEPEST}", "") from None
    except DTDForbidden:
        reason = "a document type (DOCTYPE) or entity is not allowed"
        raise _refused(path, parser.getLineNumber(), reason, "remove it, write its text out") from None
    except (EntitiesForbidden, ExternalReferenceForbidden):
        raise _refused(path, parser.getLineNumber(), "an entity is not allowed", "write its text out") from None
    except SAXParseException as error:
        raise _not_xml(path, error) from None
    except (SAXException, OSError, UnicodeError, ValueError) as error:
        raise _refused(path, parser.getLineNumber(), f"the file cannot be read ({error})", "") from error
    return handler.found


class _TooDeep(Exception):
    """Elements are nested deeper than anything SUMO writes."""


class _Collector(ContentHandler):
    def __init__(self, tags: frozenset[str] | None, line: Callable[[], int]) -> None:
        super().__init__()
        self.found: list[Element] = []
        self._tags, self._line, self._above = tags, line, list[str]()

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: ANN401 - the interface of SAX
        if len(self._above) >= DEEPEST:
            raise _TooDeep
        if self._tags is None or name in self._tags or not self._above:
            one = Element(tag=name, attributes=dict(attrs.items()), above=tuple(self._above), line=self._line())
            self.found.append(one)
        self._above.append(name)

    def endElement(self, name: str) -> None:
        self._above.pop()


def named(elements: Iterable[Element], tag: str) -> Iterator[Element]:
    """Yield the elements of one tag."""
    return (element for element in elements if element.tag == tag)


def number(path: Path | str, element: Element, name: str) -> float:
    """Return an attribute as a finite number.

    Raises
    ------
    InputError
        If it is missing or no finite number.
    """
    text = element.attributes.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        reason = f"{text!r} of <{element.tag}> is no finite number" if text else f"<{element.tag}> has no {name}"
        raise InputError(Problem(file=str(path), line=element.line, field=name, reason=reason))
    return value


def _check_file(path: Path, most_mb: float) -> None:
    if path.suffix == ".sumocfg":
        reason = "a configuration of SUMO is not accepted: it can name any file to write"
        raise InputError(Problem(file=str(path), reason=reason, remedy="name the network itself"))
    try:
        if not path.is_file():
            raise InputError(Problem(file=str(path), reason="there is no such file"))
        size = path.stat().st_size
    except OSError as error:
        raise InputError(Problem(file=str(path), reason=f"the file cannot be read ({error.strerror})")) from error
    if size > most_mb * _MEGABYTE:
        reason = f"the file has {size / _MEGABYTE:.0f} MB, at most {most_mb:g} are read"
        raise InputError(Problem(file=str(path), reason=reason))


def _not_xml(path: Path, error: SAXParseException) -> InputError:
    """Tell a file that ends too early, one that is packed, and one that is no XML from each other."""
    line, text = int(error.getLineNumber() or 0), str(error.getMessage())
    with path.open("rb") as file:
        start = file.read(2)
    if start in (b"PK", b"\x1f\x8b"):
        return _refused(path, line, f"this is not XML (it starts with {start.decode('latin-1')!r})", "unpack the file")
    if "no element found" in text or "unclosed" in text:
        return _refused(path, line, f"the file ends too early ({text})", "copy or write it again")
    return _refused(path, line, f"this is not XML ({text})", "copy or write it again")


def _refused(path: Path, line: int, reason: str, remedy: str) -> InputError:
    column = 1 if line else 0
    return InputError(Problem(file=str(path), line=line, column=column, reason=reason, remedy=remedy))
