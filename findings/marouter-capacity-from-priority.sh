#!/usr/bin/env bash
# eclipse-sumo 1.28.0: what marouter takes for the capacity of an edge.
#
# Guess: lanes and speed give the capacity; an edge's priority is right of way at junctions, and if it mattered, the
# higher would be the better road.
# Seen: marouter reads -priority as a class of road. At priority -1, netconvert's own for edges without one, a lane
# carries 2,000 veh/h; at priority 1 it is 1,200, at any priority of 2 and more 800, so a motorway of an OpenStreetMap
# import (priority 14) is the poorest of all. 1,500 veh/h over one lane of 2 km at 20 m/s (100 s when empty) take 215 s,
# 350 s and 725 s. Of two links alike but for priorities -1 and 14, the one of -1 gets 1,275 of 1,500 vehicles.
# What to do: give a network for marouter priorities meant for it, or --capacities.default (which leaves them out).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check eclipse-sumo==1.28.0
cd "$work" && PATH="$work/venv/bin:$PATH" python - <<'PY'
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

Path("net.nod.xml").write_text("""<nodes>
  <node id="a" x="0" y="0"/><node id="b" x="1000" y="0"/><node id="c" x="3000" y="0"/><node id="d" x="4000" y="0"/>
</nodes>""")
Path("zones.taz.xml").write_text("""<additional>
  <taz id="1"><tazSource id="ab" weight="1"/></taz><taz id="2"><tazSink id="cd" weight="1"/></taz>
</additional>""")
Path("trips.od").write_text("$OR;D2\n0.00 1.00\n1.00\n1 2 1500\n")
LINK = '<edge id="{}" from="b" to="c" numLanes="1" speed="20" shape="1000,0 2000,{} 3000,0" length="2000" {}/>'


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def assigned(links, *options):
    """Return the travel time and the flow of the links between b and c, told as (name, offset, priority attribute)."""
    middle = "".join(LINK.format(*link) for link in links)
    ends = ('<edge id="ab" from="a" to="b" numLanes="4" speed="30" priority="9"/>'
            '<edge id="cd" from="c" to="d" numLanes="4" speed="30" priority="9"/>')
    Path("net.edg.xml").write_text(f"<edges>{ends}{middle}</edges>")
    run("netconvert", "-n", "net.nod.xml", "-e", "net.edg.xml", "-o", "net.net.xml")
    run("marouter", "-n", "net.net.xml", "--additional-files", "zones.taz.xml", "-m", "trips.od", "-o", "routes.xml",
        "--netload-output", "loads.xml", *options)
    loads = {edge.get("id"): edge for edge in ET.parse("loads.xml").iter("edge")}
    return {name: (float(loads[name].get("traveltime")), float(loads[name].get("entered", 0))) for name, *_ in links}


times = {}
for priority in ("", 'priority="-1"', 'priority="1"', 'priority="2"', 'priority="14"'):
    times[priority or "none"] = assigned([("bc", 0, priority)])["bc"][0]
plain = assigned([("bc", 0, 'priority="14"')], "--capacities.default")["bc"][0]
pair = assigned([("low", 60, 'priority="-1"'), ("high", -60, 'priority="14"')])
print("travel time by priority:", {name: f"{value:.0f} s" for name, value in times.items()}, f"--capacities.default {plain:.0f} s")
print("of 1500 veh/h over two links alike but for the priority:", {name: flow for name, (_, flow) in pair.items()})
t = list(times.values())
assert t[0] == t[1] < 220 and 340 < t[2] < 360 and t[3] == t[4] > 700, "the priority no longer sets the capacity"
assert plain != t[4]
assert pair["low"][1] > 2 * pair["high"][1]
PY
