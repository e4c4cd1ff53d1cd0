"""What a factor may be: distributions by their quantile functions, so that one design of [0, 1) serves them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.errors import InputError
from cosim.scenario.yaml_reader import Node
from cosim.tables import did_you_mean

Numbers = Mapping[str, float]
_WIDE = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Continuous:
    """A distribution of scipy's.

    Attributes
    ----------
    kind
        Its name in study files.
    law
        The frozen distribution.
    """

    kind: str
    law: Any

    def at(self, share: float) -> float:
        """Return the quantile of a share in [0, 1)."""
        return float(self.law.ppf(share))

    @property
    def mean(self) -> float:
        """The expected value, which control variates need."""
        return float(self.law.mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Listed values, each equally likely: numbers, text, or whatever a scenario takes there."""

    kind: str = "values"
    values: tuple[Any, ...]

    def at(self, share: float) -> Any:  # noqa: ANN401 - a value of a scenario
        """Return the value at a share in [0, 1)."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    @property
    def mean(self) -> float:
        """The mean; NaN unless all are numbers."""
        plain = [one for one in self.values if isinstance(one, int | float) and not isinstance(one, bool)]
        return float(np.mean(plain)) if len(plain) == len(self.values) else float("nan")


Distribution = Continuous | Values


def _uniform(given: Numbers) -> Any:  # noqa: ANN401 - scipy's
    from scipy import stats

    return stats.uniform(given["min"], given["max"] - given["min"])


def _loguniform(given: Numbers) -> Any:  # noqa: ANN401 - scipy's
    from scipy import stats

    return stats.loguniform(given["min"], given["max"])


def _normal(given: Numbers) -> Any:  # noqa: ANN401 - scipy's
    from scipy import stats

    mean, sd = given["mean"], given["sd"]
    low, high = ((given.get(name, edge) - mean) / sd for name, edge in (("min", -_WIDE), ("max", _WIDE)))
    return stats.truncnorm(low, high, loc=mean, scale=sd)


def _lognormal(given: Numbers) -> Any:  # noqa: ANN401 - scipy's
    from scipy import stats

    # of a quantity with this mean and standard deviation, not of its logarithm
    variance = np.log1p((given["sd"] / given["mean"]) ** 2)
    return stats.lognorm(np.sqrt(variance), scale=given["mean"] * np.exp(-variance / 2.0))


def _triangular(given: Numbers) -> Any:  # noqa: ANN401 - scipy's
    from scipy import stats

    width = given["max"] - given["min"]
    return stats.triang((given["mode"] - given["min"]) / width, loc=given["min"], scale=width)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spec:
    """How a distribution is written: the numbers that it needs, in order, those it may have, and a rule."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    make: Callable[[Numbers], Any]
    rule: str
    holds: Callable[[Numbers], bool]


def _ordered(given: Numbers) -> bool:
    return given["min"] < given["max"]


SPECS: Mapping[str, _Spec] = {
    "uniform": _Spec(needed=("min", "max"), make=_uniform, rule="min < max", holds=_ordered),
    "loguniform": _Spec(
        needed=("min", "max"), make=_loguniform, rule="0 < min < max", holds=lambda g: 0.0 < g["min"] < g["max"]
    ),
    "normal": _Spec(
        needed=("mean", "sd"), optional=("min", "max"), make=_normal, rule="sd > 0 and min < max",
        holds=lambda g: g["sd"] > 0.0 and g.get("min", -_WIDE) < g.get("max", _WIDE),
    ),
    "lognormal": _Spec(
        needed=("mean", "sd"), make=_lognormal, rule="mean > 0 and sd > 0",
        holds=lambda g: g["mean"] > 0.0 and g["sd"] > 0.0,
    ),
    "triangular": _Spec(
        needed=("min", "mode", "max"), make=_triangular, rule="min <= mode <= max, min < max",
        holds=lambda g: g["min"] <= g["mode"] <= g["max"] and _ordered(g),
    ),
}  # fmt: skip
KINDS = (*SPECS, "values")


def read_distribution(node: Node, field: str) -> Distribution:
    """Return what ``{uniform: [0.1, 0.3]}``, ``{normal: {mean: 1, sd: 0.1}}`` or ``{values: [1, 2]}`` says.

    Raises
    ------
    InputError
        With file, line and column.
    """
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise InputError(node.mark.problem(field, "is not one distribution", f"give one of {', '.join(KINDS)}"))
    kind, given = next(iter(node.value.items()))
    if kind == "values":
        if not isinstance(given.value, list) or not given.value:
            raise InputError(given.mark.problem(field, "must be a list of values", "values: [0.1, 0.2]"))
        return Values(values=tuple(one.plain() for one in given.value))
    if kind not in SPECS:
        raise InputError(given.mark.problem(field, f"{kind!r} is no distribution", did_you_mean(kind, list(KINDS))))
    return Continuous(kind=kind, law=SPECS[kind].make(_numbers(given, field, kind, SPECS[kind])))


def _numbers(node: Node, field: str, kind: str, spec: _Spec) -> dict[str, float]:
    """Return the numbers of a distribution by name; a list gives those needed in their order."""
    if isinstance(node.value, list):
        if len(node.value) != len(spec.needed):
            raise InputError(node.mark.problem(field, f"{kind} takes {_listed(spec.needed)}", ""))
        named: dict[str, Node] = dict(zip(spec.needed, node.value, strict=True))
    else:
        named = node.value if isinstance(node.value, dict) else {}
    unknown = [name for name in named if name not in (*spec.needed, *spec.optional)]
    missing = [name for name in spec.needed if name not in named]
    if unknown or missing or not named:
        odd = f"{unknown[0]!r} is none of its numbers" if unknown else f"{(missing or list(spec.needed))[0]} is missing"
        raise InputError(node.mark.problem(field, f"{kind}: {odd}", f"it takes {_listed(spec.needed, spec.optional)}"))
    found = {}
    for name, one in named.items():
        if isinstance(one.value, bool) or not isinstance(one.value, int | float) or not np.isfinite(one.value):
            raise InputError(one.mark.problem(field, f"{kind}: {name} must be a number", ""))
        found[name] = float(one.value)
    if not spec.holds(found):
        told = ", ".join(f"{name} {value:g}" for name, value in found.items())
        raise InputError(node.mark.problem(field, f"{kind}: {told} breaks {spec.rule}", ""))
    return found


def _listed(needed: Sequence[str], optional: Sequence[str] = ()) -> str:
    return ", ".join([*needed, *(f"{name} (optional)" for name in optional)])
