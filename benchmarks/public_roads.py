"""Which networks of SUMO and extracts of OpenStreetMap go in: right, refused with the reason, or wrong.

    python benchmarks/public_roads.py [--folder DIR] [--most 200]

Every ``*.net.xml`` and ``*.osm`` below a folder (by default those of the games in SUMO's own wheel) is imported with
the ``*.rou.xml`` and ``*.trips.xml`` beside it, or with no demand. *Right*: of the cheapest routes of each pair (of
twenty random pairs without a demand) every turn is a connection of sumolib's reading, and SUMO drives one vehicle over
each, alone, to its end; told are the mean and the mean absolute error of the free-flow times, in percent. *Refused*: an
error names what hinders. *Wrong*: anything else; exit 1.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.errors import CosimError
from cosim.microsim.installation import sumo_binary, sumo_environment, sumo_home
from cosim.microsim.own_net import link_parts
from cosim.traffic.cheapest import k_shortest
from cosim.traffic.formats import read_trips
from cosim.workflows.import_roads import ImportedRoads, RoadSource, import_osm, import_sumo
from cosim.xml_input import read_xml

ROUTES, PAIRS, GAP_S = 2, 20, 607


@dataclass(frozen=True)
class Drive:
    """A route, where it begins and ends on its edges, and how long it should take, s."""

    edges: tuple[str, ...]
    depart_m: float | None
    arrive_m: float | None
    time_s: float


def imported(path: Path, out: Path) -> ImportedRoads:
    demand = sorted([*path.parent.glob("*.rou.xml"), *path.parent.glob("*.trips.xml")]) if path.suffix == ".xml" else []
    bring = import_osm if path.suffix == ".osm" else import_sumo
    return bring(path, out, RoadSource(trips=tuple(demand[:1])))


def drives(found: ImportedRoads, most: int) -> list[Drive]:
    network, rng = found.network, np.random.default_rng(1)
    if found.roads.trips_vph:
        pairs = read_trips(found.folder / "trips.csv").od_pairs
    else:
        places = [node for node in network.node_ids if ":" not in node]
        pairs = tuple(tuple(rng.choice(places, 2, replace=False)) for _ in range(PAIRS))
    parts, made = link_parts(network), []
    for pair in dict.fromkeys(pairs):
        try:
            paths = k_shortest(network, [pair], {"all": False}, ROUTES)
        except CosimError:  # of random pairs some have no way
            if found.roads.trips_vph:
                raise
            continue
        for k in range(len(paths)):
            links = [link for link in paths.path_links(k) if parts[link] in ("whole", "first", "second")]
            edges = tuple(edge for edge, _ in itertools.groupby(network.edge[link] for link in links))
            length = {one.edge: 1000.0 * (one.length_km or 0.0) for one in found.roads.links}
            made.append(Drive(
                edges=edges,
                depart_m=length[edges[0]] if parts[links[0]] == "second" else None,
                arrive_m=length[edges[-1]] if parts[links[-1]] == "first" else None,
                time_s=60.0 * float(network.free_flow_min[list(paths.path_links(k))].sum()),
            ))  # fmt: skip
    return made[:most]


def times_in_sumo(net_file: Path, driven: list[Drive], folder: Path, *, dark: bool) -> dict[int, float]:
    """Return how long SUMO takes for each route, s, with its signals or dark ones; what did not arrive is missing."""
    rows = []
    for k, one in enumerate(driven):
        begin = "base" if one.depart_m is None else f"{one.depart_m:.2f}"
        end = "max" if one.arrive_m is None else f"{one.arrive_m:.2f}"
        rows.append(
            f'<vehicle id="{k}" depart="{k * GAP_S}" departSpeed="max" departPos="{begin}" arrivalPos="{end}">'
            f'<route edges="{" ".join(one.edges)}"/></vehicle>'
        )
    (folder / "r.rou.xml").write_text(f"<routes>{''.join(rows)}</routes>")
    end_s = str(len(driven) * GAP_S + 7200)
    command = [
        str(sumo_binary()), "-n", str(net_file), "-r", "r.rou.xml", "--tripinfo-output", "t.xml", "--no-step-log",
        "--step-length", "0.5", "--time-to-teleport", "-1", "--end", end_s, "--tls.all-off", str(dark).lower(),
    ]  # fmt: skip
    environment = sumo_environment(os.environ)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])
    return {
        int(one.attributes["id"]): float(one.attributes["duration"])
        for one in read_xml(folder / "t.xml", frozenset({"tripinfo"}))
        if one.tag == "tripinfo"
    }


def judged(path: Path, most: int) -> tuple[str, str]:
    """Return the word and what there is to say of a file."""
    import sumolib

    with tempfile.TemporaryDirectory() as name:
        try:
            found = imported(path, Path(name) / "roads")
        except CosimError as error:
            return "refused", str(error).splitlines()[0][:160]
        net_file = found.folder / "net.net.xml"
        slow = any("cycle above" in one for one in found.remarks)
        theirs, driven = sumolib.net.readNet(str(net_file)), drives(found, most)
        for one in driven:
            for before, after in itertools.pairwise(one.edges):
                if theirs.getEdge(after) not in theirs.getEdge(before).getOutgoing():
                    return "wrong", f"no connection leads from {before} to {after}"
        try:
            took = times_in_sumo(net_file, driven, Path(name), dark=slow)
        except RuntimeError as error:
            return "wrong", f"SUMO: {error}"
        if len(took) < len(driven):
            return "wrong", f"{len(driven) - len(took)} of {len(driven)} vehicles do not arrive"
        said = np.array([one.time_s for one in driven])
        seen = np.array([took[k] for k in range(len(driven))])
        off = 100.0 * (said.sum() / seen.sum() - 1.0) if len(driven) else 0.0
        each = 100.0 * float(np.abs(said / seen - 1.0).mean()) if len(driven) else 0.0
        size = f"{len(found.roads.nodes)} nodes, {len(found.roads.links)} links, {len(driven)} routes"
        if slow:
            return "right", f"{size}, a signal's cycle is above 300 s: driven with dark signals, no times"
        return "right", f"{size}, free-flow times {off:+.1f} % ({each:.1f} %)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=sumo_home() / "tools" / "game")
    parser.add_argument("--most", type=int, default=40, help="routes of a network that are driven")
    asked = parser.parse_args()
    files = sorted([*asked.folder.rglob("*.net.xml"), *asked.folder.rglob("*.osm")])
    count = {"right": 0, "refused": 0, "wrong": 0}
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            word, said = judged(path, asked.most)
        count[word] += 1
        print(f"{word:8s} {path.relative_to(asked.folder)}: {said}", flush=True)
    print(", ".join(f"{number} {word}" for word, number in count.items()), f"of {len(files)}")
    return 1 if count["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
