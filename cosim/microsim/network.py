"""Build, read and check SUMO networks; `cosim.microsim.sections` says what is in them."""

from __future__ import annotations

import hashlib
import html
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cosim.charging.stations import Station
from cosim.errors import ComponentError, InputError, Problem, StorageError
from cosim.microsim.installation import sumo_binary, sumo_environment
from cosim.microsim.metering import LinkMeter, sampled_laws
from cosim.microsim.model import VARIANTS, Lot, MicroNet, Variant
from cosim.microsim.process import bound
from cosim.microsim.sections import PlainNet, plain_net
from cosim.tables import read_table
from cosim.traffic.network import RoadNetwork
from cosim.xml_input import number, read_xml

NODES, EDGES, CONNECTIONS, NET = "nodes.nod.xml", "edges.edg.xml", "connections.con.xml", "net.net.xml"
BUILD, MAP, LOTS, METERS = "build.csv", "map.csv", "lots.csv", "meters.csv"
FILES = (NODES, EDGES, CONNECTIONS, NET, BUILD, MAP, LOTS, METERS)
NETCONVERT_S = 600.0
_HEADER = re.compile(rb"<!--.*?-->\s*", re.DOTALL)
_UNREACHED = re.compile(r"Warning: Lane '(.+)_\d+' is not connected from any incoming edge at junction")
_NOT_LEFT = re.compile(r"Warning: Edge '(.+)' is not connected to outgoing edges at junction")
_WAY_BACK = re.compile(r"Warning: Ambiguity in turnarounds computation at junction")
"""Of links beside each other any may be the way back; no turn back is built, and every other turn is given."""
_DRAWING = re.compile(
    r"Warning: (Shape for junction '.+' has distance|Connection '.+' is only .+m short"
    r"|Intersecting left turns at junction)"
)
"""Warnings about the drawing of junctions where wide roads meet; lengths and lanes are given and do not follow it, and
paths across an unregulated junction are free of each other, as if at different levels."""
_LONG_CYCLE = re.compile(r"Warning: The traffic light '.+' (cannot be adapted to a|has a high) cycle time of")
"""Junctions of many roads need signals with a long cycle; the variant ``signals`` is a study of realism."""
_OPTIONS = ("--no-turnarounds", "true", "--junctions.limit-turn-speed", "-1", "--offset.disable-normalization", "true",
            "--aggregate-warnings", "-1")  # fmt: skip
_BUILD_COLUMNS = MappingProxyType({"variant": str, "length_scale": float, "sumo_version": str, "sha256": str})
_MAP_COLUMNS = MappingProxyType({"link": str, "edge": str, "lanes": int})
_METER_COLUMNS = MappingProxyType({"link": str, "flow_vph": float, "time_min": float})
_LOT_COLUMNS = MappingProxyType(
    {"lot": str, "station": str, "link": str, "bypass_edge": str, "spur_edges": str, "lane": str}
    | {"start_m": float, "end_m": float}
)


def build_net(
    network: RoadNetwork,
    stations: Sequence[Station],
    folder: Path | str,
    *,
    length_scale: float = 1.0,
    variant: Variant = "merge",
) -> MicroNet:
    """Write the SUMO network of a road network into a folder, and read it back.

    The files are equal for equal input: netconvert's header, which holds date and paths, is left out.

    Parameters
    ----------
    network
        Roads; its virtual station links are left out.
    stations
        They get a lot on every link that leaves their node; not used by the variant ``plain``.
    folder
        Made if it is not there; files of an earlier build are replaced.
    length_scale
        Factor of all link lengths.
    variant
        See `cosim.microsim.model.MicroNet`.

    Raises
    ------
    InputError
        With everything that cannot be built (`cosim.microsim.sections.plain_net`).
    ComponentError
        If netconvert fails or warns.
    StorageError
        If the files cannot be written.
    """
    if variant not in VARIANTS:
        raise InputError(f"variant {variant!r} is unknown; known: {', '.join(VARIANTS)}")
    plain = plain_net(network, stations, length_scale=length_scale, variant=variant)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as temporary:
            staged = Path(temporary)
            _write(plain, staged)
            if variant == "metered":
                _write_meters(network, length_scale, staged)
            for name in FILES:
                (folder / name).unlink(missing_ok=True)
            for path in sorted(staged.iterdir()):
                path.replace(folder / path.name)
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror}") from error
    return read_net(folder)


def read_net(folder: Path | str) -> MicroNet:
    """Read what `build_net` wrote.

    Raises
    ------
    InputError
        If a file is missing or wrong, the network was edited since, or was written by a newer SUMO.
    """
    folder = Path(folder)
    if folder.is_file():
        check_foreign_net(folder)
        reason = "this is a file; a network is a folder with its map and its lots"
        raise InputError(
            Problem(file=str(folder), reason=reason, remedy="give the folder that 'cosim build-net' wrote")
        )
    build = read_table(folder / BUILD, _BUILD_COLUMNS)
    if len(build) != 1:
        raise InputError(Problem(file=build.file, reason=f"the table has {len(build)} rows, must have one"))
    row = {name: column[0] for name, column in build.columns.items()}
    if row["variant"] not in VARIANTS:
        raise InputError(build.problem(0, "variant", f"{row['variant']!r} is unknown", "known: " + ", ".join(VARIANTS)))
    net_file = folder / NET
    check_foreign_net(net_file)
    digest = hashlib.sha256(net_file.read_bytes()).hexdigest()
    if digest != row["sha256"]:
        reason = f"the SHA-256 of {NET} is {digest[:12]}..., it was {row['sha256'][:12]}... when it was built"
        raise InputError(build.problem(0, "sha256", reason, "build the network again"))
    table = read_table(folder / MAP, _MAP_COLUMNS)
    edges: dict[str, list[str]] = {}
    lanes: dict[str, int] = {}
    for link, edge, count in zip(*(table.columns[name] for name in _MAP_COLUMNS), strict=True):
        edges.setdefault(link, []).append(edge)
        lanes[link] = count
    return MicroNet(
        net_file=net_file,
        variant=row["variant"],
        length_scale=row["length_scale"],
        link_ids=tuple(edges),
        link_edges=tuple(tuple(one) for one in edges.values()),
        lanes=np.array([lanes[link] for link in edges], dtype=np.intp),
        lots=_read_lots(folder),
        sha256=digest,
        meters=_read_meters(folder, edges) if row["variant"] == "metered" else (),
    )


def _write_meters(network: RoadNetwork, length_scale: float, folder: Path) -> None:
    links = [name for name, station in zip(network.link_ids, network.is_station, strict=True) if not station]
    flows, times = sampled_laws(network, length_scale=length_scale)
    rows = [
        f"{name},{flow:.9g},{time:.9g}"
        for link, name in enumerate(links)
        for flow, time in zip(flows[:, link].tolist(), times[:, link].tolist(), strict=True)
    ]
    _write_table(folder / METERS, _METER_COLUMNS, rows)


def _read_meters(folder: Path, edges: Mapping[str, Sequence[str]]) -> tuple[LinkMeter, ...]:
    """Return the laws of the links; lengths are those of the plain edges."""
    table = read_table(folder / METERS, _METER_COLUMNS)
    points: dict[str, list[tuple[float, float]]] = {}
    for link, flow, time in zip(*(table.columns[name] for name in _METER_COLUMNS), strict=True):
        points.setdefault(link, []).append((flow, time))
    if points.keys() != edges.keys():
        differ = sorted(points.keys() ^ edges.keys())
        reason = f"{METERS} and {MAP} differ on link {differ[0]!r}"
        raise InputError(Problem(file=table.file, reason=reason, remedy="build the network again"))
    plain = {one.attributes["id"]: one for one in read_xml(folder / EDGES, frozenset({"edge"})) if one.tag == "edge"}
    return tuple(
        LinkMeter(
            link_id=link,
            edges=tuple(own),
            lanes=int(number(folder / EDGES, plain[own[0]], "numLanes")),
            length_m=sum(number(folder / EDGES, plain[edge], "length") for edge in own),
            flow_vph=np.array([flow for flow, _ in points[link]]),
            time_min=np.array([time for _, time in points[link]]),
        )
        for link, own in edges.items()
    )


def check_foreign_net(net_file: Path | str) -> None:
    """Refuse a file that SUMO should not be given: no XML, no network, a document type, a newer format.

    Raises
    ------
    InputError
        With the line of the mistake.
    """
    first = read_xml(net_file, frozenset())[0]
    if first.tag != "net":
        reason = f"the file holds <{first.tag}>, a network of SUMO begins with <net>"
        remedy = "give the network itself"
        raise InputError(Problem(file=str(net_file), line=first.line, column=1, reason=reason, remedy=remedy))
    found, known = first.attributes.get("version", ""), version("eclipse-sumo")
    if _release(found) > _release(known):
        reason = f"version {found} is newer than the installed SUMO {known}"
        remedy = "write it again with that SUMO, or install a newer one"
        raise InputError(Problem(str(net_file), first.line, 1, "version", reason, remedy))


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _read_lots(folder: Path) -> tuple[Lot, ...]:
    table = read_table(folder / LOTS, _LOT_COLUMNS)
    rows = zip(*(table.columns[name] for name in _LOT_COLUMNS), strict=True)
    return tuple(
        Lot(
            lot_id=lot,
            station=station,
            link_id=link,
            bypass_edge=bypass,
            spur_edges=tuple(spur.split()),
            lane_id=lane,
            start_m=start,
            end_m=end,
        )
        for lot, station, link, bypass, spur, lane, start, end in rows
    )


def _write(plain: PlainNet, folder: Path) -> None:
    """Write the plain files, run netconvert, and write the tables beside."""
    nodes = [("node", {"id": n.node_id, "x": n.point[0], "y": n.point[1], "type": n.kind}) for n in plain.nodes]
    edges = [
        ("edge", {"id": e.edge_id, "from": e.tail, "to": e.head, "numLanes": e.lanes, "speed": e.speed_mps,
                  "length": e.length_m, "width": e.lane_width_m})
        for e in plain.edges
    ]  # fmt: skip
    connections = [
        ("connection", {"from": c.from_edge, "to": c.to_edge, "fromLane": c.from_lane, "toLane": c.to_lane})
        for c in plain.connections
    ]
    connections += [("connection", {"from": edge}) for edge in plain.dead_ends]
    for name, root, rows in (
        (NODES, "nodes", nodes),
        (EDGES, "edges", edges),
        (CONNECTIONS, "connections", connections),
    ):
        (folder / name).write_text(xml_text(root, rows), encoding="utf-8")
    _netconvert(plain, folder)
    digest = hashlib.sha256((folder / NET).read_bytes()).hexdigest()
    build = f"{plain.variant},{plain.length_scale!r},{version('eclipse-sumo')},{digest}"
    _write_table(folder / BUILD, _BUILD_COLUMNS, [build])
    _write_table(
        folder / MAP,
        _MAP_COLUMNS,
        [
            f"{link},{edge},{lanes}"
            for link, edges_of, lanes in zip(plain.link_ids, plain.link_edges, plain.lanes, strict=True)
            for edge in edges_of
        ],
    )
    rows_of_lots = [
        f"{lot.lot_id},{lot.station},{lot.link_id},{lot.bypass_edge},{' '.join(lot.spur_edges)},{lot.lane_id},"
        f"{lot.start_m:g},{lot.end_m:g}"
        for lot in plain.lots
    ]
    _write_table(folder / LOTS, _LOT_COLUMNS, rows_of_lots)


def _write_table(path: Path, columns: Iterable[str], rows: Sequence[str]) -> None:
    path.write_text("\n".join([",".join(columns), *rows]) + "\n", encoding="utf-8")


def xml_text(root: str, rows: Iterable[tuple[str, dict[str, object]]]) -> str:
    r"""Return an XML file with one empty element a line.

    >>> xml_text("nodes", [("node", {"id": "N1", "x": 0.5})])
    '<nodes>\n    <node id="N1" x="0.5"/>\n</nodes>\n'
    """
    lines = [f"<{root}>"]
    for tag, attributes in rows:
        text = " ".join(f'{name}="{html.escape(str(value))}"' for name, value in attributes.items())
        lines.append(f"    <{tag} {text}/>")
    return "\n".join([*lines, f"</{root}>"]) + "\n"


def _expected(warning: str, plain: PlainNet) -> bool:
    """Whether netconvert tells what was meant: where trips begin or end, a drawing, the way back, a long cycle."""
    begins, ends = _UNREACHED.match(warning), _NOT_LEFT.match(warning)
    meant = (begins is not None and begins[1] in plain.entrances) or (ends is not None and ends[1] in plain.dead_ends)
    slow = plain.variant == "signals" and bool(_LONG_CYCLE.match(warning))
    return slow or meant or bool(_DRAWING.match(warning) or _WAY_BACK.match(warning))


def _netconvert(plain: PlainNet, folder: Path) -> None:
    """Run netconvert in the folder; a warning counts as a failure."""
    command = [str(sumo_binary("netconvert")), "-n", NODES, "-e", EDGES, "-x", CONNECTIONS, "-o", NET, *_OPTIONS]
    if plain.variant == "signals":
        command += ["--tls.default-type", "actuated"]
    try:
        done = subprocess.run(  # noqa: S603 - the wheel's own binary, with files that we wrote
            bound(command), cwd=folder, env=sumo_environment(os.environ), capture_output=True, text=True,
            timeout=NETCONVERT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComponentError(f"netconvert did not finish: {error}; command: {' '.join(command)}") from error
    warnings = [line for line in done.stderr.splitlines() if line.strip() and not _expected(line, plain)]
    if done.returncode != 0 or warnings:
        said = "\n".join(warnings)[-2000:] or "nothing"
        reason = f"netconvert ended with code {done.returncode} and said: {said}"
        raise ComponentError(f"{reason}; command: {' '.join(command)}")
    path = folder / NET
    path.write_bytes(_HEADER.sub(b"", path.read_bytes(), count=1))
