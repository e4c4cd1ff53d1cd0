"""A scenario with one parameter moved by a relative step, as domain objects; nothing is read or written anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.scenario import build
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import LoadedScenario
from cosim.scenario.parameters import Change, Key, Parameter
from cosim.timeline import SeriesRef


def varied_case(loaded: LoadedScenario, parameter: Parameter, relative: float) -> SimulationCase:
    """Return the case with a parameter moved by a relative step.

    The domain objects check their own rules: a share above 1 is refused as in a scenario. Chargers may become fractions
    (20.2 of them serve 1 % more vehicles than 20), as a derivative needs it.

    Parameters
    ----------
    loaded
        The scenario.
    parameter
        One of `cosim.scenario.parameters.parameters`.
    relative
        The step s; what it does is the parameter's ``change``.

    Raises
    ------
    InputError
        If the moved value breaks a rule.
    """
    if parameter.given:
        return _given(loaded, parameter, relative)
    if parameter.link_field:
        return _links(build_case(loaded), parameter, relative)
    scenario: Any = loaded.scenario
    for key in parameter.keys:
        scenario = _replaced(scenario, key, parameter.change, relative)
    return build_case(replace(loaded, scenario=scenario))


def moved(value: Any, change: Change, relative: float) -> Any:  # noqa: ANN401 - a number, numbers, or a column of a file
    """Return a moved value; of the same kind.

    >>> moved(20.0, "scale", 0.5), moved((1.0, 3.0), "spread", 0.5), moved(0.0, "retail", 0.5)
    (30.0, (0.5, 3.5), 0.5)
    """
    if isinstance(value, SeriesRef):
        return replace(value, scale=value.scale * (1.0 + relative))
    if change == "spread":
        mean = sum(value) / len(value)
        return tuple(mean + (one - mean) * (1.0 + relative) for one in value)
    if isinstance(value, tuple):
        return tuple(one * (1.0 + relative) for one in value)
    return (1.0 + value) * (1.0 + relative) - 1.0 if change == "retail" else value * (1.0 + relative)


def _replaced(part: Any, key: Key, change: Change, relative: float) -> Any:  # noqa: ANN401 - any part of a scenario
    """Return a part of a scenario with the value at a place moved."""
    if not key:
        return moved(part, change, relative)
    first, rest = key[0], key[1:]
    if isinstance(first, int):
        return (*part[:first], _replaced(part[first], rest, change, relative), *part[first + 1 :])
    changed = {first: _replaced(getattr(part, first), rest, change, relative)}
    return part.model_copy(update=changed) if isinstance(part, BaseModel) else replace(part, **changed)


def _links(case: SimulationCase, parameter: Parameter, relative: float) -> SimulationCase:
    """Return the case with a column of some links scaled; chargers scale the capacity of their stations, too."""
    roads = case.roads
    if roads is None:
        raise InputError(f"scenario '{case.name}' has no roads")
    network = roads.network
    factor = np.where(np.isin(network.link_ids, parameter.links), 1.0 + relative, 1.0)
    columns = ("servers", "capacity_vph") if parameter.link_field == "servers" else (parameter.link_field,)
    scaled: Any = {name: getattr(network, name) * factor for name in columns}
    network = replace(network, **scaled)
    return replace(case, roads=replace(roads, network=network))


def _given(loaded: LoadedScenario, parameter: Parameter, relative: float) -> SimulationCase:
    """Return the case with a given series moved; the announced tariff follows a given load (Eq 22)."""
    case = build_case(loaded)
    if parameter.given == "announced_price_per_mwh":
        if case.roads is None or case.roads.announced_price_per_mwh is None:
            raise InputError(f"scenario '{case.name}' has no given prices")
        price = _scaled(case.roads.announced_price_per_mwh, parameter, relative)
        return replace(case, roads=replace(case.roads, announced_price_per_mwh=price))
    if case.given_load_mw is None:
        raise InputError(f"scenario '{case.name}' has no given load")
    load = _scaled(case.given_load_mw, parameter, relative)
    return replace(case, given_load_mw=load, dispatch=build.build_dispatch(loaded, load.sum(axis=0)))


def _scaled(series: Array, parameter: Parameter, relative: float) -> Array:
    middle = series.mean(axis=0) if parameter.change == "spread" else np.zeros(series.shape[1])
    return np.asarray(middle + (series - middle) * (1.0 + relative))
