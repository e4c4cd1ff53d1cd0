#!/usr/bin/env bash
# eclipse-sumo 1.28.0: netconvert --no-turnarounds with two parallel links (TNTP and GMNS networks have them often).
#
# Guess: no vehicle turns back at a node: of two links A and B from 0 to 1, none connects to the link `back` from 1 to 0.
# Seen: an edge has one turnaround partner; the option drops the connections of partners alone. B cannot turn into `back`,
# A can (a right turn, dir "r"), and `back` ends in A at its other end: no warning, and which of the two it is swaps with
# their shapes. duarouter routes over A, back, A and finds no way over B, back, B: costs of like links differ. A connection
# file helps only the edges it names: where it leaves `back` out, the turn at the other end is still guessed.
# What to do: write the connections of every edge, or look for from/to pairs that share both nodes in the .net.xml.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check eclipse-sumo==1.28.0
cd "$work" && PATH="$work/venv/bin:$PATH" python - <<'PY'
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

Path("net.nod.xml").write_text('<nodes><node id="0" x="0" y="0"/><node id="1" x="500" y="0"/><node id="2" x="1000" y="0"/></nodes>')
EDGES = """<edges>
  <edge id="A" from="0" to="1" shape="0,0 250,{offset} 500,0"/><edge id="B" from="0" to="1" shape="0,0 250,{minus} 500,0"/>
  <edge id="back" from="1" to="0"/><edge id="out" from="1" to="2"/><edge id="in" from="2" to="1"/>
</edges>"""
GIVEN = '<connections><connection from="A" to="out"/><connection from="B" to="out"/><connection from="in" to="back"/></connections>'
ENDS = {"A": "01", "B": "01", "back": "10", "out": "12", "in": "21"}


def turns_back(offset, *options):
    """Return the connections that lead back to the node a vehicle came from."""
    Path("net.edg.xml").write_text(EDGES.format(offset=offset, minus=-offset))
    done = subprocess.run(["netconvert", "-n", "net.nod.xml", "-e", "net.edg.xml", "-o", "net.net.xml", *options],
                          check=True, capture_output=True, text=True)
    assert "Warning" not in done.stderr + done.stdout, done.stderr
    links = [(c.get("from"), c.get("to"), c.get("dir")) for c in ET.parse("net.net.xml").iter("connection") if c.get("from") in ENDS]
    return {link for link in links if ENDS[link[0]] == ENDS[link[1]][::-1]}


def routable(*edges):
    Path("trip.trips.xml").write_text(f'<routes><trip id="t" depart="0" from="{edges[0]}" via="{edges[1]}" to="{edges[2]}"/></routes>')
    done = subprocess.run(["duarouter", "-n", "net.net.xml", "-r", "trip.trips.xml", "-o", "route.rou.xml"], capture_output=True)
    return done.returncode == 0


Path("net.con.xml").write_text(GIVEN)
upper = turns_back(30, "--no-turnarounds", "true")
loops = routable("A", "back", "A"), routable("B", "back", "B")
lower = turns_back(-30, "--no-turnarounds", "true")
given = turns_back(30, "--no-turnarounds", "true", "-x", "net.con.xml")
print("--no-turnarounds leaves", sorted(upper), "and, shapes swapped,", sorted(lower))
print("routes A-back-A and B-back-B:", loops, "; with a connection file that leaves out `back`:", sorted(given))
assert {pair[:2] for pair in upper} in ({("A", "back"), ("back", "A")}, {("B", "back"), ("back", "B")})
assert {pair[:2] for pair in lower} in ({("A", "back"), ("back", "A")}, {("B", "back"), ("back", "B")})
assert upper != lower, "the turn no longer depends on the shapes"
assert sorted(loops) == [False, True]
assert [pair[0] for pair in given] == ["back"], "edges without a given connection get none"
PY
