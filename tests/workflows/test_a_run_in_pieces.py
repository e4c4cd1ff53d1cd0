"""A long run goes through several worlds, each from where the last one stood, to the same bits as through one."""

import pandas as pd
import pytest

from cosim.workflows import run as runs

CASES = {
    "sequential": ("five_nodes", ()),
    "blocks": ("five_nodes", ("dispatch.mode=day_ahead", "dispatch.block_h=16")),
    "coupled": ("five_nodes", ("coupling={mode: iterated, ev_price: nodal}",)),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces_are_the_whole(tmp_path, monkeypatch, name):
    scenario, overrides = CASES[name]
    worlds, true = [], runs.run_world

    def counted(*arguments, **options):
        worlds.append(options["periods"])
        return true(*arguments, **options)

    monkeypatch.setattr(runs, "run_world", counted)
    found = {}
    for piece in (500, 2):
        monkeypatch.setattr(runs, "PIECE", piece)
        found[piece] = runs.run(scenario, out=tmp_path / f"{piece}", overrides=overrides, report=False)
    assert worlds == [6, 2, 4, 6]
    assert found[2].exit_code == found[500].exit_code
    assert found[2].run["tables_digest"] == found[500].run["tables_digest"]
    for table in ("periods", "buses", "devices"):
        pd.testing.assert_frame_equal(found[2][table], found[500][table], check_exact=True)
