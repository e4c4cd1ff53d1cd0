"""A valid scenario with one to three mutations: refused by an error of ours, or run; what ends with 0 holds.

The judge shares no code with the gate: balances, limits and equilibria are taken from the tables.
"""

import json
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.errors import CosimError
from tests.fuzz.base import EXAMPLES, FILES, SCENARIO, run, write

PER_MW = 1e-6


def spots(node, path=()):
    """Yield the path of every value of a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield (*path, key)
        yield from spots(child, (*path, key))


SPOTS = [path for path in spots(SCENARIO) if path != ("schema",)]
MUTATIONS = ("delete", "duplicate", "nan", "sign", "thousand", "thousandth", "swap", "zero", "text")
TABLE_MUTATIONS = ("delete", "duplicate", "nan", "sign", "thousand", "swap", "truncate", "encoding")


def holder(document, path):
    """Return what holds the last key of a path, or None where an earlier mutation took it away."""
    for key in path[:-1]:
        if not (isinstance(document, dict) and key in document or isinstance(document, list) and key < len(document)):
            return None
        document = document[key]
    here = isinstance(document, dict) and path[-1] in document
    return document if here or (isinstance(document, list) and path[-1] < len(document)) else None


def mutate(document, path, how, other):
    """Change a document at a path."""
    part = holder(document, path)
    if part is None:
        return
    key, value = path[-1], part[path[-1]]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    factors = {"sign": -1, "thousand": 1000, "thousandth": 0.001, "zero": 0}
    if how == "delete":
        del part[key]
    elif how == "duplicate" and isinstance(part, list):
        part.append(json.loads(json.dumps(value)))
    elif how == "nan":
        part[key] = math.nan
    elif how in factors and number:
        part[key] = factors[how] * value
    elif how == "text":
        part[key] = f"{value}x"
    elif how == "swap" and (there := holder(document, other)) is not None:
        part[key], there[other[-1]] = there[other[-1]], value


def mutated_table(text, how, row, column, other):
    """Return a CSV file with one row or cell changed."""
    lines = [line.split(",") for line in text.splitlines()]
    row, column = 1 + row % (len(lines) - 1), column % len(lines[0])
    cell = lines[row][column]
    if how == "delete":
        del lines[row]
    elif how == "duplicate":
        lines.append(list(lines[row]))
    elif how == "swap":
        there = 1 + other % (len(lines) - 1)
        lines[row][column], lines[there][column] = lines[there][column], cell
    else:
        changed = {"nan": "nan", "sign": f"-{cell}", "thousand": f"{cell}000"}
        lines[row][column] = changed.get(how, cell)
    joined = "\n".join(",".join(line) for line in lines) + "\n"
    if how == "truncate":
        return joined[: len(joined) - 1 - other % 20].encode()
    return joined.encode().replace(b"a", b"\xe9", 1) if how == "encoding" else joined.encode()


@st.composite
def scenarios(draw):
    """Draw a document and its files, with one to three mutations."""
    document, files = json.loads(json.dumps(SCENARIO)), dict(FILES)
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 3)):
            path, other = draw(st.sampled_from(SPOTS)), draw(st.sampled_from(SPOTS))
            mutate(document, path, draw(st.sampled_from(MUTATIONS)), other)
        else:
            name, how = draw(st.sampled_from(sorted(FILES))), draw(st.sampled_from(TABLE_MUTATIONS))
            places = draw(st.tuples(*[st.integers(0, 20)] * 3))
            files[name] = mutated_table(FILES[name], how, *places)
    return json.dumps(document).replace("NaN", ".nan"), files


@settings(max_examples=EXAMPLES or 40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not EXAMPLES)
@given(drawn=scenarios())
def test_it_is_refused_or_run_and_what_ends_with_0_holds(tmp_path_factory, drawn):
    folder = write(tmp_path_factory.mktemp("mutated"), *drawn)
    code, records = answered(folder)
    assert code in {0, 3, 4, 5, 6, 7, 10}, records
    if code == 0:
        for record in records:
            assert not list(wrong(record))


def answered(folder):
    """Return the exit code, and what was told of each period; of an error of ours, its words."""
    try:
        return run(folder)
    except CosimError as error:
        return error.exit_code, str(error)


def wrong(record):
    """Yield what is not as it must be in a period that nobody flagged."""
    grid, roads = record.dispatch, record.traffic
    if grid is not None:
        load, given = grid.buses.p_load_mw.sum(), grid.buses.p_gen_mw.sum()
        size = PER_MW * max(1.0, abs(load))
        yield from ["balance"] * (not abs(given + grid.import_mw - load - grid.loss_mw) <= size)
        yield from ["AC balance"] * (not abs(given + record.grid.ac_slack_mw - load - record.grid.ac_loss_mw) <= size)
        low, high = grid.buses.v_min_pu - 1e-4, grid.buses.v_max_pu + 1e-4
        yield from ["voltage"] * (
            not bool(((record.grid.buses.vm_ac_pu >= low) & (record.grid.buses.vm_ac_pu <= high)).all())
        )
        yield from ["load"] * (not bool((grid.buses.shed_mw <= size).all()))
    if roads is not None:
        yield from ["equilibrium"] * (not roads.sue_residual <= 1e-6)
        yield from ["flow"] * (not bool((roads.paths.flow_vph >= 0.0).all()))
