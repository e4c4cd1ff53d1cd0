#!/usr/bin/env bash
# SUMO 1.28.0 (wheel eclipse-sumo): `edgeData` of an edge on which vehicles park in a parkingArea.
#
# Guess: `entered` and `left` count the ends of the edge: a vehicle that enters, parks beside the road for a while, and drives on
# counts once in each, and one that parks until the end counts in `entered` alone. So flows of an edge with a car park are `left`.
# Seen: going into the parking area counts as `left` and coming out as `entered` once more. Three vehicles depart on the edge, one
# drives through, one parks for a minute, one for good: departed 3, entered 1 (nobody drove in), left 4 (two drove out). A flow counted by `left` holds everybody who parks, and
# `departed + entered - left` says that nobody is on the edge. Detectors (induction loops) count as guessed.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check eclipse-sumo==1.28.0
bin=$("$work/venv/bin/python" -c 'import sumo, os; print(os.path.join(sumo.SUMO_HOME, "bin"))')
cd "$work"
cat > n.nod.xml <<'X'
<nodes><node id="a" x="0" y="0"/><node id="b" x="500" y="0"/><node id="c" x="1000" y="0"/></nodes>
X
cat > n.edg.xml <<'X'
<edges><edge id="first" from="a" to="b" numLanes="1" speed="14"/><edge id="last" from="b" to="c" numLanes="1" speed="14"/></edges>
X
"$bin/netconvert" -n n.nod.xml -e n.edg.xml -o n.net.xml > /dev/null
cat > more.xml <<'X'
<additional>
  <parkingArea id="lot" lane="first_0" startPos="200" endPos="260" roadsideCapacity="5"/>
  <edgeData id="whole" file="edges.xml"/>
  <inductionLoop id="end" lane="first_0" pos="-5" file="loop.xml" period="10000"/>
</additional>
X
cat > r.rou.xml <<'X'
<routes>
  <vType id="car"/><route id="through" edges="first last"/><route id="stays" edges="first"/>
  <vehicle id="drives" type="car" route="through" depart="0"/>
  <vehicle id="parks" type="car" route="through" depart="10"><stop parkingArea="lot" duration="60"/></vehicle>
  <vehicle id="remains" type="car" route="stays" depart="20"><stop parkingArea="lot" duration="100000"/></vehicle>
</routes>
X
"$bin/sumo" -n n.net.xml -r r.rou.xml -a more.xml --end 900 --no-step-log > /dev/null 2>&1
"$work/venv/bin/python" - <<'PY'
import xml.etree.ElementTree as ET

edge = next(one for one in ET.parse("edges.xml").iter("edge") if one.get("id") == "first")
loop = next(ET.parse("loop.xml").iter("interval"))
print("departed", edge.get("departed"), "entered", edge.get("entered"), "left", edge.get("left"), "loop", loop.get("nVehContrib"))
inside = int(edge.get("departed")) + int(edge.get("entered")) - int(edge.get("left"))
print("departed + entered - left:", inside, "while one vehicle is parked at the edge")
assert int(edge.get("departed")) == 3
assert (edge.get("entered"), edge.get("left")) == ("1", "4"), "parking is counted otherwise now"
assert int(loop.get("nVehContrib")) == 2, "the loop at the end counts who drives over it"
assert inside == 0
PY
