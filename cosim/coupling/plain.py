"""States as plain data: words, numbers, lists, and the arrays in them, which JSON and NumPy's files hold to the bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np

from cosim.charging.overload import Served
from cosim.coupling.checkpoint import Checkpoint
from cosim.coupling.day import DayState, Opening
from cosim.coupling.dispatch_day import DispatchState
from cosim.coupling.fixed_point import PriceLoop
from cosim.coupling.methods import Answer, Query, Round
from cosim.coupling.methods.admm import Admm
from cosim.coupling.methods.auto import Auto
from cosim.coupling.methods.iterate import Iterate
from cosim.coupling.methods.newton import Newton
from cosim.coupling.potential import Certificate
from cosim.coupling.restarts import Restarts
from cosim.dispatch.devices.base import DeviceOutcome, Lost
from cosim.dispatch.devices.traits import Traits
from cosim.dispatch.exactness import ConeGap
from cosim.dispatch.plan import DispatchPlan, SolveRecord
from cosim.dispatch.repairs import Exclusivity, Restoration
from cosim.errors import ComponentError
from cosim.grid.state import GridState
from cosim.microsim.port import DayClaim, DayLog
from cosim.traffic.problem import SueResult

KINDS: Mapping[str, type] = MappingProxyType({
    kind.__name__: kind
    for kind in (
        Admm, Answer, Auto, Certificate, Checkpoint, ConeGap, DayClaim, DayLog, DayState, DeviceOutcome, DispatchPlan,
        DispatchState, Exclusivity, GridState, Iterate, Lost, Newton, Opening, PriceLoop, Query,
        Restarts, Restoration, Round, Served, SolveRecord, SueResult, Traits,
    )
})  # fmt: skip
"""All that a state may consist of besides words, numbers, tuples, mappings and arrays."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(item.name for item in fields(kind)) for name, kind in KINDS.items()}
)
WORDS = frozenset({str, bool, int, type(None)})
"""What JSON holds as it is."""
WORDS_AND_NUMBERS = (str, bool, int, float, np.generic)


def to_plain(state: Any) -> tuple[list[Any], list[np.ndarray]]:  # noqa: ANN401 - what a state consists of
    """Return a state as records, which JSON can hold, and their arrays.

    A record refers to those before it; the last one is the state. What several records share is there once.
    """
    records: list[Any] = []
    arrays: list[np.ndarray] = []
    places: dict[int, dict[str, int]] = {}

    def put(one: Any) -> Any:  # noqa: ANN401 - what a state consists of
        if type(one) in WORDS or (type(one) is float and math.isfinite(one)):
            return one
        if isinstance(one, WORDS_AND_NUMBERS):
            return _word(one)
        if isinstance(one, list | tuple):
            return [put(part) for part in one]
        if isinstance(one, Mapping):
            return {"of": {name: put(part) for name, part in one.items()}}
        if id(one) not in places:
            places[id(one)] = _placed(one)
        return places[id(one)]

    def _placed(one: Any) -> dict[str, int]:  # noqa: ANN401 - what a state consists of
        if isinstance(one, np.ndarray):
            arrays.append(one)
            return {"array": len(arrays) - 1}
        if (kind := type(one).__name__) not in KINDS:
            raise ComponentError(
                f"a state holds a {kind}, which is no plain data; cosim.coupling.plain names all that is"
            )
        records.append([kind, {name: put(getattr(one, name)) for name in FIELDS[kind]}])
        return {"record": len(records) - 1}

    records.append(put(state))
    return records, arrays


def _word(one: Any) -> Any:  # noqa: ANN401 - a word or number
    """Return a word or number as JSON can hold it."""
    value = one.item() if isinstance(one, np.generic) else one
    return {"number": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def from_plain(records: Sequence[Any], arrays: Sequence[np.ndarray]) -> Any:  # noqa: ANN401 - the state that it was
    """Return the state of `to_plain`."""
    built: list[Any] = []

    def got(one: Any) -> Any:  # noqa: ANN401 - what a state consists of
        if isinstance(one, list):
            return tuple(got(part) for part in one)
        if not isinstance(one, dict):
            return one
        ((how, what),) = one.items()
        if how == "of":
            return {name: got(part) for name, part in what.items()}
        return float(what) if how == "number" else arrays[what] if how == "array" else built[what]

    for kind, values in records[:-1]:
        built.append(KINDS[kind](**{name: got(value) for name, value in values.items()}))
    return got(records[-1])
