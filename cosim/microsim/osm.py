"""From OpenStreetMap to a SUMO network: netconvert with options that are told, and what it dropped."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cosim.errors import ComponentError, InputError, Problem, UsageError
from cosim.microsim.installation import sumo_binary, sumo_environment, sumo_home
from cosim.microsim.process import bound
from cosim.xml_input import LARGE_MB, read_xml

NETCONVERT_S = 600.0
OPTIONS = (
    "--geometry.remove", "true", "--roundabouts.guess", "true", "--ramps.guess", "true", "--junctions.join", "true",
    "--tls.guess-signals", "true", "--tls.discard-simple", "true", "--tls.join", "true",
    "--remove-edges.isolated", "true", "--keep-edges.by-vclass", "passenger", "--output.original-names", "true",
)  # fmt: skip
"""What netconvert is asked for; the network is one for cars."""
SERVICE = "highway.service"
_HEADER = re.compile(rb"<!--.*?-->\s*", re.DOTALL)
_RESTRICTION = re.compile(r"Ignoring restriction relation")
_NUMBER = re.compile(r"'[^']*'|-?\d+(\.\d+)?")


def osm_to_net(osm: Path, net_file: Path, *, service_cars: bool = False) -> tuple[str, ...]:
    """Make a SUMO network of an OSM file; return remarks.

    Parameters
    ----------
    osm
        The extract, XML.
    net_file
        Where the network goes.
    service_cars
        Whether cars may use ``highway=service``.

    Raises
    ------
    InputError
        If the file is no OSM, or netconvert finds no road in it.
    UsageError
        If it is packed: netconvert would read it, we could not.
    """
    if osm.suffix in (".pbf", ".gz", ".bz2"):
        raise UsageError(f"'{osm}' is packed; unpack it to OSM's XML, such as: osmium cat {osm.name} -o extract.osm")
    first = read_xml(osm, frozenset(), most_mb=LARGE_MB)[0]
    if first.tag != "osm":
        reason = f"the file holds <{first.tag}>, an extract of OpenStreetMap begins with <osm>"
        raise InputError(Problem(file=str(osm), line=first.line, column=1, reason=reason))
    types = [sumo_home() / "data" / "typemap" / "osmNetconvert.typ.xml"]
    if not types[0].is_file():
        raise ComponentError(f"'{types[0]}' is missing; install eclipse-sumo again")
    options = OPTIONS if service_cars else (*OPTIONS, "--remove-edges.by-type", SERVICE)
    if service_cars:
        types.append(_service_types(net_file.parent))
    command = [
        str(sumo_binary("netconvert")), "--osm-files", str(osm.resolve()), "-o", str(net_file.resolve()),
        "--type-files", ",".join(map(str, types)), *options,
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - the wheel's own binary, with files as data
            bound(command), cwd=net_file.parent, env=sumo_environment(os.environ), capture_output=True, text=True,
            timeout=NETCONVERT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComponentError(f"netconvert did not finish: {error}; command: {' '.join(command)}") from error
    if done.returncode != 0 or not net_file.is_file():
        said = " ".join(line.removeprefix("Error: ") for line in done.stderr.splitlines() if line.startswith("Error"))
        reason = f"netconvert makes no network of it: {said or done.stderr.strip()[-300:] or 'it said nothing'}"
        raise InputError(Problem(file=str(osm), reason=reason, remedy="is there a road for cars in the extract?"))
    net_file.write_bytes(_HEADER.sub(b"", net_file.read_bytes(), count=1))  # its date and paths
    told = f"netconvert was asked for {' '.join(options)}"
    return (told, *_warnings(done.stderr))


def _service_types(folder: Path) -> Path:
    """Write types that open service roads to cars."""
    path = folder / "service.typ.xml"
    row = '<type id="highway.service" priority="1" numLanes="1" speed="5.56" allow="passenger"/>'
    path.write_text(f"<types>\n    {row}\n</types>\n", encoding="utf-8")
    return path


def _warnings(words: str) -> Iterator[str]:
    """Yield every restriction that was ignored, and the other warnings by kind."""
    lines = [line.removeprefix("Warning: ").strip() for line in words.splitlines() if line.startswith("Warning: ")]
    yield from (f"netconvert: {line}" for line in lines if _RESTRICTION.search(line))
    kinds = Counter(_NUMBER.sub("…", line) for line in lines if not _RESTRICTION.search(line))
    if kinds:
        shown = "; ".join(f"{kind} ({count})" for kind, count in kinds.most_common(5))
        yield f"netconvert warned {sum(kinds.values())} times: {shown}"
