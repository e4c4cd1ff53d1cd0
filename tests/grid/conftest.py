"""Feeders for the tests of the grid: the shipped one, and random trees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cosim.grid.feeder import Feeder
from cosim.grid.model import read_feeder
from cosim.grid.topology import order_lines

IEEE33 = Path(__file__).parents[2] / "grid_models" / "ieee33"


@pytest.fixture(scope="session")
def ieee33() -> Feeder:
    return read_feeder(IEEE33, slack_bus="1", slack_vm_pu=1.0, v_min_pu=0.95, v_max_pu=1.05)


@pytest.fixture
def copy_of_ieee33(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in IEEE33.glob("*.csv"):
        (folder / path.name).write_text(path.read_text())
    return folder


@pytest.fixture(scope="session")
def random_feeder() -> Callable[..., Feeder]:
    def build(seed: int, n_buses: int, **changes: object) -> Feeder:
        """A random tree whose bus positions are shuffled, with loads that keep the voltage above 0.8 pu or so."""
        rng = np.random.default_rng(seed)
        place = rng.permutation(n_buses)
        above = [int(rng.integers(0, k)) for k in range(1, n_buses)]
        ends = [(int(place[a]), int(place[k])) for k, a in enumerate(above, start=1)]
        ends = [pair if rng.random() < 0.5 else pair[::-1] for pair in ends]
        tree = order_lines(n_buses, [a for a, _ in ends], [b for _, b in ends], int(place[0]))
        m = n_buses - 1
        r, x = rng.uniform(0.001, 0.05, m), rng.uniform(0.0, 0.05, m)
        total = 0.4 / (n_buses * (r.sum() + x.sum()) + 1.0)
        values: dict[str, object] = {
            "name": "random",
            "bus_ids": tuple(f"b{k}" for k in range(n_buses)),
            "line_ids": tuple(f"l{k}" for k in tree.order),
            "parent": tree.parent,
            "child": tree.child,
            "slack": int(place[0]),
            "r_pu": r[tree.order],
            "x_pu": x[tree.order],
            "i_max_ka": np.full(m, np.inf),
            "v_min_pu": np.full(n_buses, 0.9),
            "v_max_pu": np.full(n_buses, 1.1),
            "p_mw": 10.0 * total * rng.uniform(-0.5, 1.0, n_buses),
            "q_mvar": 10.0 * total * rng.uniform(-0.5, 1.0, n_buses),
            "base_mva": 10.0,
            "base_kv": 12.66,
            "slack_vm_pu": float(rng.uniform(0.95, 1.05)),
        }
        return Feeder(**(values | changes))  # type: ignore[arg-type]

    return build
