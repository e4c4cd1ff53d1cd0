"""Files that no folder of a repository can hold, or that other tools wrote: the exit code and the exact message.

What is told stands in ``foreign/<name>.txt``; ``UPDATE_BAD_INPUTS=1`` rewrites it, as in ``test_bad_inputs``.
"""

import json
import os
import shutil
import zipfile
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOLDEN = HERE / "foreign"
SERIES = "schema: 1\nextends: nguyen_ieee33\ntraffic: {{demand_profile: {{file: {}, column: od}}}}\n"


def scenario(folder, file):
    (folder / "scenario.yaml").write_text(SERIES.format(file), encoding="utf-8")
    return ["check", folder]


def link_outside(folder):
    (folder.parent / "secret.csv").write_text("period,od\n")
    (folder / "mine.csv").symlink_to(folder.parent / "secret.csv")
    return scenario(folder, "mine.csv")


def pipe(folder):
    os.mkfifo(folder / "mine.csv")
    return scenario(folder, "mine.csv")


def huge(folder):
    with (folder / "mine.csv").open("wb") as file:
        file.truncate(200 << 20)  # a hole: it takes no room
    return scenario(folder, "mine.csv")


def net(change):
    """Return what checks a copy of a shipped network of SUMO, changed."""

    def prepare(folder):
        shutil.copytree(ROOT / "sumo_nets" / "nguyen" / "merge", folder / "net")
        path = folder / "net" / "net.net.xml"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        return ["build-net", "nguyen", "--check", folder / "net"]

    return prepare


def under_a_type(text):
    return text.replace("\n", '\n<!DOCTYPE net SYSTEM "file:///etc/passwd">\n', 1)


def under_an_entity(text):
    return text.replace("\n", '\n<!DOCTYPE net [<!ENTITY a "b">]>\n', 1)


def map_to_nowhere(folder):
    words = net(lambda text: text)(folder)
    path = folder / "net" / "map.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("L5-6m", "e9_9", 1), encoding="utf-8")
    return ["build-net", "nguyen_ieee33", *words[2:]]


def configuration(folder):
    net(lambda text: text)(folder)
    (folder / "x.sumocfg").write_text("<configuration/>")
    return ["build-net", "nguyen", "--check", folder / "x.sumocfg"]


@cache
def feeder():
    import pandapower as pp
    from pandapower import networks

    return pp.to_json(networks.case33bw())


def feeder_net(change, file="net.json"):
    """Return what imports a pandapower net, changed."""

    def prepare(folder):
        content = json.loads(feeder())
        (folder / file).write_text(change(content), encoding="utf-8")
        return ["import", "pandapower", folder / file, "--out", folder / "out"]

    return prepare


def with_module(content):
    content["_object"]["x"] = {"_module": "evilmod", "_class": "X", "_object": "y"}
    return json.dumps(content)


def without_lines(content):
    del content["_object"]["line"]
    return json.dumps(content)


def with_nan(content):
    content["_object"]["sn_mva"] = float("nan")
    return json.dumps(content, indent=0)


def packed(folder):
    with zipfile.ZipFile(folder / "scen.zip", "w") as archive:
        archive.writestr("../x.yaml", "schema: 1\n")
        archive.writestr("zeros.csv", b"\0" * 10_000_000, zipfile.ZIP_DEFLATED)
    return ["check", folder / "scen.zip"]


def a_route_file(folder):
    (folder / "rou.xml").write_text("<routes/>")
    return ["build-net", "nguyen", "--check", folder / "rou.xml"]


CASES = {
    "link_outside": link_outside,
    "pipe": pipe,
    "huge_file": huge,
    "net_cut": net(lambda text: text[: len(text) // 2]),
    "net_packed": net(lambda text: "PK\x03\x04" + text),
    "net_under_a_type": net(under_a_type),
    "net_under_an_entity": net(under_an_entity),
    "net_of_a_newer_sumo": net(lambda text: text.replace('version="1.20"', 'version="1.99"')),
    "map_to_nowhere": map_to_nowhere,
    "sumo_configuration": configuration,
    "route_file": a_route_file,
    "pickle": feeder_net(lambda _: "\x80", "net.p"),
    "json_of_a_module": feeder_net(with_module),
    "json_without_lines": feeder_net(without_lines),
    "json_with_nan": feeder_net(with_nan),
    "zip": packed,
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_this_message(name, tmp_path, cosim):
    folder = tmp_path / "given"
    folder.mkdir()
    words = CASES[name](folder)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = cosim(*words)
    said = (out + err).replace(str(folder), "FOLDER").replace(str(tmp_path), "ABOVE")
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_BAD_INPUTS"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(f"exit {code}\n{said}", encoding="utf-8")
    assert f"exit {code}\n{said}" == golden.read_text(encoding="utf-8")
    assert code == 3
    assert "defect" not in said
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written"
