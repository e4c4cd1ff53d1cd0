"""Small SUMO networks made by SUMO's own programs."""

import os
import subprocess

from cosim.microsim.installation import sumo_binary, sumo_environment

NODES = '<nodes><node id="W" x="-300" y="0"/><node id="J" x="0" y="0" type="{kind}"/><node id="E" x="400" y="0"/>' \
        '<node id="S" x="0" y="-200"/></nodes>'  # fmt: skip
EDGES = "<edges>" + "".join(
    f'<edge id="{name}" from="{a}" to="{b}" numLanes="{lanes}" speed="{speed}" {more}/>'
    for name, a, b, lanes, speed, more in (
        ("WJ", "W", "J", 2, 13.89, ""), ("JE", "J", "E", 1, 13.89, ""), ("SJ", "S", "J", 1, 8.33, ""),
        ("JS", "J", "S", 1, 8.33, ""), ("EJ", "E", "J", 1, 13.89, ""), ("JW", "J", "W", 1, 13.89, ""),
        ("bus", "S", "E", 1, 13.89, 'allow="bus"'),
    )
) + "</edges>"  # fmt: skip


def run(program, folder, *arguments):
    """Run a program of SUMO's wheel."""
    command = [str(sumo_binary(program)), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=sumo_environment(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def crossing(folder, kind="priority"):
    """Make a T of roads between W, E and S at J, and a road for buses."""
    (folder / "t.nod.xml").write_text(NODES.format(kind=kind))
    (folder / "t.edg.xml").write_text(EDGES)
    run("netconvert", folder, "-n", "t.nod.xml", "-e", "t.edg.xml", "-o", "t.net.xml")
    return folder / "t.net.xml"


def random_net(folder, seed):
    """Make a random network with signals, one-way streets and turnarounds."""
    name = f"random{seed}.net.xml"
    words = ("--rand", "--rand.iterations", "12", "--seed", seed, "--rand.random-lanenumber", "true", "-L", "2")
    run("netgenerate", folder, *words, "--tls.guess", "true", "--rand.bidi-probability", "0.7", "-o", name)
    return folder / name


def write(path, text):
    """Write a file and return its path."""
    path.write_text(text)
    return path
