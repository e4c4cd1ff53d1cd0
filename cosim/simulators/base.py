"""What all simulators share: period clock, checked ports, status, errors that name who, when and what."""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, TypedDict

import mosaik_api_v3
from mosaik_api_v3.types import CreateResult, InputData, Meta

from cosim import watchdog
from cosim.coupling.checkpoint import Checkpoint, State
from cosim.errors import ComponentError, CosimError, DependencyError, PluginError
from cosim.guard import passes, words
from cosim.records.base import Told
from cosim.scenario.case import SimulationCase, build_case
from cosim.scenario.load import load

Inputs = InputData
Port = float | int | bool | str | Sequence["Port"] | Mapping[str, "Port"] | Told | State
"""What may stand on a port."""
Values = dict[str, Port]
"""Values of one entity's ports."""


class Status(TypedDict):
    """How far a simulator came."""

    periods_done: int
    error: str


class PeriodSimulator(mosaik_api_v3.Simulator):
    """A simulator that advances by periods of the scenario.

    Parameters of `init` (mosaik's ``world.start``): ``scenario``, a shipped name or path, with optional ``overrides``;
    or ``case``, a built `SimulationCase`, inside one Python process. With ``start``, a `Checkpoint`, mosaik's time 0 is
    the end of its period, and the simulator goes on from there.
    """

    name = ""

    def __init__(self, meta: Meta) -> None:
        super().__init__(meta)  # type: ignore[no-untyped-call]
        self.position = -1
        self.periods_done = 0
        self.error = ""
        self.entities: dict[str, str] = {}

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Meta:  # noqa: ANN401 - mosaik's
        """Build the simulator's side of the scenario."""
        case: SimulationCase | None = sim_params.pop("case", None)
        scenario = sim_params.pop("scenario", None)
        overrides = sim_params.pop("overrides", ())
        start: Checkpoint | None = sim_params.pop("start", None)
        if case is None:
            if scenario is None:
                raise ComponentError(f"{self.name}: start it with scenario=... (a shipped name or a path)")
            case = build_case(load(scenario, tuple(overrides)))
        self.sid = sid
        self.time_resolution = float(time_resolution)
        self.case, self.start = case, start
        self.periods_done = 0 if start is None else start.period
        self.position = self.periods_done - 1
        self.begin_s = self.periods_done * case.timeline.period_s
        self.step_size = round(case.timeline.period_s / self.time_resolution)
        with watchdog.at_work(self.name), self.named("before period 1"):
            self.setup(**sim_params)
        return self.meta

    def setup(self, **params: Any) -> None:  # noqa: ANN401 - mosaik's interface
        """Prepare the simulation after `init`; refuse parameters that nobody reads."""
        if params:
            raise ComponentError(f"{self.name}: unknown parameter {', '.join(sorted(params))}")

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int | None:
        """Advance one (sub-)step; an error is kept for `status` and named by simulator, period and cause."""
        period = self.period_at(time) + 1
        with watchdog.at_work(self.name, period), self.named(f"at period {period}"):
            return self.advance(time, inputs)

    @contextmanager
    def named(self, when: str) -> Iterator[None]:
        """Let no error out that does not say which simulator failed, and when; signals pass."""
        try:
            yield
        except PluginError as error:
            told = error.at(f"simulator {self.name}")
            if not any(place.startswith("period ") for place in error.places):
                told = told.at(when.removeprefix("at "))
            self.error = str(told)
            raise told from error
        except CosimError as error:
            self.error = str(error)
            raise
        except BaseException as error:
            if passes(error):
                raise
            self.error = f"{self.name} failed {when}: {words(error)}"
            kind = DependencyError if isinstance(error, ImportError) else ComponentError
            raise kind(self.error) from error

    @abstractmethod
    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Do the work of one (sub-)step; return the time of the next."""

    def period_at(self, time: int) -> int:
        """Return the position of the period at mosaik time ``time``."""
        return self.case.timeline.position(self.day_s(time))

    def day_s(self, time: int) -> int:
        """Return the second of the day at mosaik time ``time``."""
        return self.begin_s + round(time * self.time_resolution)

    def status(self) -> Status:
        """Return how far the simulator came; `cosim.world` asks every simulator after the run."""
        return {"periods_done": self.periods_done, "error": self.error}

    def pick(self, eid: str, values: Values, attrs: list[str]) -> Values:
        """Return the requested outputs of one entity, each checked to be there and finite."""
        return {attr: self.checked(eid, attr, values[attr]) for attr in attrs if attr in values}

    def checked(self, eid: str, attr: str, value: Any) -> Any:  # noqa: ANN401 - any port value
        """Refuse a missing or non-finite number on a port; mosaik itself would pass it on."""
        if isinstance(value, list) and _adds_up(value):  # a forecast of a year comes in every period
            return value
        within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,)
        if any(v is None or (isinstance(v, Real) and not math.isfinite(v)) for v in within):
            raise ComponentError(f"{self.name}: {eid}.{attr} is {value} in period {self.position + 1}")
        return value

    def single(self, eid: str, attr: str, sources: Mapping[str, Port]) -> Any:  # noqa: ANN401 - any port value
        """Return the value of an input that must have exactly one source."""
        if len(sources) != 1:
            raise ComponentError(f"{self.name}: {eid}.{attr} has {len(sources)} sources; connect exactly one")
        return self.checked(eid, attr, next(iter(sources.values())))

    def total(self, eid: str, attr: str, sources: Mapping[str, Port]) -> float:
        """Return the sum of an input that may have several sources."""
        return float(sum(self.checked(eid, attr, value) for value in sources.values()))


def _adds_up(values: list[Any]) -> bool:
    """Whether all values are finite numbers, told by their sum; what has none, or an endless one, is looked at."""
    try:
        return math.isfinite(sum(values))
    except (TypeError, ValueError, OverflowError):
        return False


def serve(simulator: Callable[[], mosaik_api_v3.Simulator]) -> None:
    """Serve a simulator to a mosaik world in another process, which gives its ``HOST:PORT`` on the command line."""
    sys.exit(mosaik_api_v3.start_simulation(simulator()))


def child(eid: str, kind: str, rel: Sequence[str] = (), **extra: Any) -> CreateResult:  # noqa: ANN401 - any data
    """Return mosaik's description of a child entity, with the entities that it relates to and its static data."""
    return {"eid": eid, "type": kind, "rel": list(rel), "extra_info": extra}
