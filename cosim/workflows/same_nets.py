"""Whether nets that packages bring along are still those that a run was made on: its folder holds no file of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cosim.scenario.load import LoadedScenario


def other_nets(manifest: Mapping[str, Any], loaded: LoadedScenario) -> Iterator[str]:
    """Yield which nets are not those of a run's manifest."""
    told = {one["file"]: one["sha256"] for one in manifest.get("inputs", ())}
    for item in loaded.inputs:
        if item.path is None and told.get(item.name, item.sha256) != item.sha256:
            yield f"{item.name!r} is not the net of the run any more (another version of its package?)"
