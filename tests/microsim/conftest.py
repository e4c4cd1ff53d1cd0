"""A road of 1.7 km with a charging station beside it, by hand: what SUMO's driver is tested on."""

import hashlib
import os
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from cosim.microsim.installation import sumo_binary, sumo_environment
from cosim.microsim.model import Lot, MicroDemand, MicroNet, MicroRoute, MicroStation, WindowInput

NODES = """<nodes>
<node id="a" x="0" y="0" type="priority"/><node id="b" x="500" y="0" type="unregulated"/>
<node id="c" x="1200" y="0" type="unregulated"/><node id="d" x="1800" y="0" type="zipper"/>
<node id="e" x="2500" y="0" type="priority"/>
<node id="p" x="600" y="-60" type="priority"/><node id="q" x="1100" y="-60" type="priority"/>
</nodes>"""
EDGES = """<edges>
<edge id="A" from="a" to="b" numLanes="2" speed="16.667" length="500"/>
<edge id="At" from="b" to="c" numLanes="2" speed="16.667" length="400"/>
<edge id="Ab" from="c" to="d" numLanes="3" speed="16.667" length="300"/>
<edge id="Az" from="d" to="e" numLanes="2" speed="16.667" length="500"/>
<edge id="Si" from="b" to="p" numLanes="1" speed="8.33" length="300"/>
<edge id="Sp" from="p" to="q" numLanes="1" speed="8.33" length="400"/>
<edge id="So" from="q" to="c" numLanes="1" speed="13.9" length="300"/>
</edges>"""
LANES = (
    ("A", 0, "At", 0), ("A", 1, "At", 1), ("A", 0, "Si", 0), ("Si", 0, "Sp", 0), ("Sp", 0, "So", 0),
    ("So", 0, "Ab", 0), ("At", 0, "Ab", 1), ("At", 1, "Ab", 2),
    ("Ab", 0, "Az", 0), ("Ab", 1, "Az", 0), ("Ab", 2, "Az", 1),
)  # fmt: skip
PAST, CHARGING = ("A", "At", "Ab", "Az"), ("A", "Si", "Sp", "So", "Ab", "Az")


@pytest.fixture(scope="session")
def road(tmp_path_factory):
    """Return the network, with one link and one lot."""
    folder = tmp_path_factory.mktemp("road")
    rows = [f'<connection from="{one}" fromLane="{i}" to="{other}" toLane="{j}"/>' for one, i, other, j in LANES]
    connections = f"<connections>{''.join(rows)}</connections>"
    for name, text in (("nod.xml", NODES), ("edg.xml", EDGES), ("con.xml", connections)):
        (folder / name).write_text(text)
    options = "-n nod.xml -e edg.xml -x con.xml -o net.xml --no-turnarounds true --junctions.limit-turn-speed -1"
    command = [str(sumo_binary("netconvert")), *options.split(), "--offset.disable-normalization", "true"]
    done = subprocess.run(
        command, cwd=folder, env=sumo_environment(os.environ), check=True, capture_output=True, text=True
    )
    assert not done.stderr
    lot = Lot(
        lot_id="lot", station="8", link_id="A", bypass_edge="At", spur_edges=("Si", "Sp", "So"), lane_id="Sp_0",
        start_m=50.0, end_m=350.0,
    )  # fmt: skip
    return MicroNet(
        net_file=folder / "net.xml", variant="merge", length_scale=1.0, link_ids=("A",), link_edges=(PAST,),
        lanes=np.array([2]), lots=(lot,), sha256=hashlib.sha256((folder / "net.xml").read_bytes()).hexdigest(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def vehicles():
    """Return ``vehicles(passing, charging, duration_s)``: evenly departing demand."""

    def made(passing, charging, duration_s, seed=1):
        routes = (
            MicroRoute(
                route_id="past", edges=PAST, user_class="other", vehicle_type="gv", commodity=1, path=1
            ),
            MicroRoute(
                route_id="charge", edges=CHARGING, user_class="charging", vehicle_type="ev", commodity=0, path=0,
                lot_id="lot",
            ),
        )  # fmt: skip
        rows = [(round(duration_s * k / passing, 2), f"g{k:04d}", 0) for k in range(passing)]
        rows += [(round(duration_s * k / charging, 2), f"e{k:04d}", 1) for k in range(charging)]
        rows.sort()
        return MicroDemand(
            routes=routes, vehicle_ids=tuple(row[1] for row in rows),
            route=np.array([row[2] for row in rows], dtype=int),
            depart_s=np.array([row[0] for row in rows]), begin_s=0.0, duration_s=duration_s, seed=seed,
        )  # fmt: skip

    return made


@pytest.fixture(scope="session")
def window(road, vehicles):
    """Return ``window(**changes)``: a quarter of an hour with a station of two chargers."""
    station = MicroStation(name="8", lots=("lot",), chargers=2, charger_kw=60.0, energy_kwh=2.0)
    base = WindowInput(
        net=road,
        demand=vehicles(300, 20, 900.0),
        stations=(station,),
        p_set_mw=np.array([np.inf]),
        warmup_s=300.0,
        measured_s=600.0,
    )
    return lambda **changes: replace(base, **changes)
