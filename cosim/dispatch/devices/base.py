"""What every device of the dispatch has: settings, variables, constraints, cost, injection, state.

Powers are in MW and Mvar here; `branch_flow` turns the injections into per unit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.dispatch.devices.traits import Allowed, Did, Given, Side, Traits, told
from cosim.guard import Guarded

if TYPE_CHECKING:
    import cvxpy as cp

State = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is fixed when a problem is stated: window length, mode, prices of the last resorts.

    ``couples_periods`` is False for a window of one period, where balances over the day cannot be kept.
    ``elastic`` adds the last resorts, so that every window has an answer.
    """

    periods: int
    period_h: float
    elastic: bool
    couples_periods: bool = True
    shortfall_price_per_mwh: float = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Load that buses without supply would draw, and which buses are supplied, shape ``(n, periods)``.

    ``ev_p_mw`` is the part that is charging, per station, shape ``(s, periods)``; it is in ``p_mw``, too.
    """

    supplied: BoolArray
    p_mw: Array
    q_mvar: Array
    ev_p_mw: Array

    @property
    def load_mw(self) -> Array:
        """Load alone, MW, shape ``(n, periods)``: what a bus would have fed in is no load."""
        return np.maximum(self.p_mw, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The numbers of one solve, a column for each of its ``length`` periods.

    ``active`` is True in every period; for a device (`at_bus`) only where its bus is supplied. At buses without supply
    loads, forecasts and caps are zero; what they would draw is in ``lost`` (None on a day without outages of lines).
    ``first_of_pair`` names devices of which only one of two opposite powers may flow: True where it is the first
    (charge), False where the second (discharge); a device that is not named is free.
    """

    start: int
    length: int
    active: BoolArray
    base_p_mw: Array
    base_q_mvar: Array
    ev_p_mw: Array
    tariff_per_mwh: Array
    loss_price_per_mwh: Array
    series: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    first_of_pair: Mapping[str, BoolArray] = field(default_factory=dict)
    lost: Lost | None = None

    def at_bus(self, bus: int) -> Window:
        """Return the window of a device at a bus: without supply it stands idle."""
        return self if self.lost is None else replace(self, active=self.active & self.lost.supplied[bus])

    def asking(self, ev_mw: Array) -> Window:
        """Return the window with another charging load demanded, shape ``(s, periods)``."""
        return replace(self, ev_p_mw=ev_mw if self.lost is None else ev_mw - self.lost.ev_p_mw)

    @property
    def asked_ev_mw(self) -> Array:
        """Charging load demanded, whether the bus is supplied or not, shape ``(s, periods)``."""
        return self.ev_p_mw if self.lost is None else self.ev_p_mw + self.lost.ev_p_mw


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One term of Eq 21: ``linear * variable + quadratic * variable^2`` per hour, in MW.

    ``linear`` is a number or a cvxpy parameter over the periods.
    """

    term: str
    variable: cp.Variable
    linear: float | cp.Parameter = 0.0
    quadratic: float = 0.0
    per_hour: bool = True

    def objective(self, period_h: float) -> cp.Expression:
        """Return the term as a convex expression."""
        import cvxpy as cp

        weight = period_h if self.per_hour else 1.0
        if isinstance(self.linear, int | float):
            total = weight * self.linear * cp.sum(self.variable)
        else:
            total = weight * (self.linear @ self.variable)
        if self.quadratic:
            total = total + weight * self.quadratic * cp.sum_squares(self.variable)
        return total

    def value(self, frame: Frame, window: Window) -> Array:
        """Return the term per period from the solved variable, shape ``(periods,)``.

        A balance over the window (``per_hour=False``) is booked in its last period.
        """
        power = solved(self.variable)
        if not self.per_hour:
            return float(self.linear) * booked_last(frame, window, self.variable)
        linear = self.linear if isinstance(self.linear, int | float) else np.asarray(self.linear.value)
        value: Array = frame.period_h * (linear * power + self.quadratic * power**2)
        return value if value.ndim == 1 else value.sum(axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Power that a device brings into one bus or several: expressions of shape ``(periods,)`` or ``(k, periods)``."""

    buses: tuple[int, ...]
    p_mw: cp.Expression | None = None
    q_mvar: cp.Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOutcome:
    """What a device does over the window; arrays of shape ``(periods,)``; NaN where a quantity has no meaning.

    ``recursion_mwh`` is None where the device does not tell it.
    """

    name: str
    kind: str
    traits: Traits
    bus: str
    p_mw: Array
    q_mvar: Array
    energy_mwh: Array
    available_mw: Array
    overlap_mw: Array
    missed: Array
    cost: Array
    recursion_mwh: Array | None = None

    def idle(self, where: BoolArray) -> DeviceOutcome:
        """Return the same without power in some periods: a solver leaves its rounding."""
        if not where.any():
            return self
        still: dict[str, Any] = {name: np.where(where, 0.0, getattr(self, name)) for name in ("p_mw", "q_mvar")}
        return replace(self, **still)


class Device(Guarded, ABC):
    """A device: declares variables, yields constraints and cost terms, and injects at its buses.

    Subclasses set ``kind`` (the name in scenarios) and ``Settings`` (a frozen dataclass whose fields are the scenario's
    keys), and declare their variables in `declare`. ``series_fields`` names the settings that vary over the periods.
    ``side`` says whether its power counts as generation, as less or more load, or as exchange with the upstream grid.
    A ``last_resort`` is no choice of the scenario: the elastic model adds it. The other traits are those of `Traits`.
    ``stores`` and ``exclusive`` need not be told: a class stores if it has `energy_mwh`, and its opposite powers
    exclude each other if it has `overlap_mw`, unless it says otherwise.

    The judge holds a device to its settings, not to its model: by `allowed`, `booked` and `gained_mwh`, which read
    settings and results alone.
    """

    family = "device"
    kind: ClassVar[str]
    Settings: ClassVar[type]
    series_fields: ClassVar[tuple[str, ...]] = ()
    side: ClassVar[Side] = "generation"
    last_resort: ClassVar[bool] = False
    stores: ClassVar[bool | None] = None
    exclusive: ClassVar[bool | None] = None
    returns: ClassVar[bool] = False
    offers: ClassVar[bool] = False
    label: ClassVar[str] = ""
    gives: ClassVar[str] = ""
    takes: ClassVar[str] = ""
    energy: ClassVar[str] = ""
    colour: ClassVar[str] = ""

    def __init__(self, settings: Any, buses: tuple[int, ...], frame: Frame) -> None:  # noqa: ANN401 - any settings
        self.settings = settings
        self.buses = buses
        self.bus = buses[0]
        self.frame = frame
        self._variables: list[cp.Variable] = []
        self._parameters: dict[str, cp.Parameter] = {}
        self.declare()

    @classmethod
    def traits(cls) -> Traits:
        """Return what the kind is."""
        stores = cls.energy_mwh is not Device.energy_mwh if cls.stores is None else cls.stores
        exclusive = cls.overlap_mw is not Device.overlap_mw if cls.exclusive is None else cls.exclusive
        return told(
            cls.kind,
            {
                "side": cls.side, "stores": stores, "exclusive": exclusive, "returns": cls.returns,
                "offers": cls.offers, "last_resort": cls.last_resort, "label": cls.label, "gives": cls.gives,
                "takes": cls.takes, "energy": cls.energy, "colour": cls.colour,
            },
        )  # fmt: skip

    @classmethod
    def allowed(cls, settings: Any, given: Given) -> Allowed:  # noqa: ANN401 - any settings
        """Return what the settings allow in each period; by default nothing is known."""
        return Allowed()

    @classmethod
    def cut_share(cls, settings: Any) -> float:  # noqa: ANN401 - any settings
        """Return the share of its bus's base load that the device can cut."""
        return 0.0

    @classmethod
    def booked(cls, settings: Any, given: Given, did: Did) -> Array | None:  # noqa: ANN401 - any settings
        """Return the cost of what was done by the settings, per period; None if the settings do not tell."""
        return None

    @classmethod
    def gained_mwh(cls, settings: Any, given: Given, did: Did) -> Array | None:  # noqa: ANN401 - any settings
        """Return by how much the stored energy changes by what was done; None if the settings do not tell."""
        return None

    @classmethod
    def beyond_day(cls, settings: Any, given: Given, did: Did) -> Array:  # noqa: ANN401 - any settings
        """Return how far what ties powers and periods is broken: ramps, ends of days, MW, Mvar or MWh, shape (T,).

        `allowed` tells the limits of single periods. By default nothing is tied.
        """
        return np.zeros_like(did.p_mw)

    @property
    def name(self) -> str:
        """The scenario's name of the device."""
        return str(self.settings.name)

    def variable(self, *shape: int) -> cp.Variable:
        """Return a new variable; without a shape, one value per period."""
        import cvxpy as cp

        self._variables.append(cp.Variable(shape or (self.frame.periods,)))
        return self._variables[-1]

    def parameter(self, name: str, *shape: int) -> cp.Parameter:
        """Return a new parameter that `load` must set before each solve; without a shape, one value per period."""
        import cvxpy as cp

        self._parameters[name] = cp.Parameter(shape or (self.frame.periods,), name=name)
        return self._parameters[name]

    def scalar(self, name: str) -> cp.Parameter:
        """Return a new scalar parameter."""
        import cvxpy as cp

        self._parameters[name] = cp.Parameter(name=name)
        return self._parameters[name]

    def leaves(self) -> tuple[list[cp.Variable], list[cp.Parameter]]:
        """Return the variables and the parameters, in the order in which they were declared."""
        return list(self._variables), list(self._parameters.values())

    def circle(self, p_mw: cp.Expression, q_mvar: cp.Expression, s_max_mva: float) -> cp.Constraint:
        """Return P^2 + Q^2 <= S^2 in every period (Eq 19) as second-order cones."""
        import cvxpy as cp

        radius = np.full(self.frame.periods, s_max_mva)
        return cp.SOC(radius, cp.vstack([p_mw, q_mvar]), axis=0)

    def clear_parameters(self) -> None:
        """Forget all parameter values, so that a forgotten update cannot pass as an answer."""
        for parameter in self._parameters.values():
            parameter.value = None

    @abstractmethod
    def declare(self) -> None:
        """Create variables and parameters."""

    @abstractmethod
    def load(self, window: Window, state: State) -> None:
        """Set the parameters for one window, starting from ``state``."""

    def constraints(self) -> Iterator[cp.Constraint]:
        """Yield the device's constraints."""
        yield from ()

    def costs(self) -> Iterator[Cost]:
        """Yield the device's terms of the objective."""
        yield from ()

    def fixed_costs(self) -> Mapping[str, Array]:
        """Return terms of the cost that no variable can change, per period, shape ``(periods,)``."""
        return {}

    @abstractmethod
    def injections(self) -> Iterator[Injection]:
        """Yield what the device brings into its buses."""

    @abstractmethod
    def power(self) -> tuple[Array, Array]:
        """Return net P [MW] and Q [Mvar] into the grid over the window, from the solved variables."""

    def energy_mwh(self) -> Array | None:
        """Return the stored energy at the end of each period, or None."""
        return None

    def available_mw(self, window: Window) -> Array | None:
        """Return the power that could be used in each period, or None."""
        return None

    def overlap_mw(self) -> Array | None:
        """Return min(charge, discharge), which should be zero, or None."""
        return None

    def opposites(self) -> tuple[cp.Variable, cp.Variable] | None:
        """Return two powers that must not flow at once (charge, discharge) and that `load` can bar, or None."""
        return None

    def opposite_max_mw(self) -> float:
        """Return the largest of either of the two powers of `opposites`; infinite if the settings do not tell."""
        return math.inf

    def recursion_mwh(self, state: State) -> Array | None:
        """Return stored energy less its recursion from the applied power, which should be zero, or None."""
        return None

    def missed(self, window: Window) -> Array:
        """Return by how much the device's own hard requirements were relaxed in the elastic model (MW or MWh)."""
        return np.zeros(self.frame.periods)

    @classmethod
    def initial_state(cls, settings: Any) -> dict[str, float]:  # noqa: ANN401 - any settings
        """Return the state before the first period."""
        return {}

    def next_state(self, state: State, window: Window, periods: int) -> dict[str, float]:
        """Return the state after the first ``periods`` periods of the solved window."""
        return dict(state)

    def outcome(self, bus_id: str, window: Window, state: State) -> DeviceOutcome:
        """Collect the solved device."""
        p_mw, q_mvar = self.power()
        nothing = np.full(self.frame.periods, np.nan)
        energy, available, overlap = self.energy_mwh(), self.available_mw(window), self.overlap_mw()
        recursion = self.recursion_mwh(state)
        cost = sum((cost.value(self.frame, window) for cost in self.costs()), start=np.zeros(self.frame.periods))
        cost = sum(self.fixed_costs().values(), start=cost)
        return DeviceOutcome(
            name=self.name,
            kind=self.kind,
            traits=self.traits(),
            bus=bus_id,
            p_mw=p_mw,
            q_mvar=q_mvar,
            energy_mwh=nothing if energy is None else energy,
            available_mw=nothing if available is None else available,
            overlap_mw=nothing if overlap is None else overlap,
            recursion_mwh=recursion,
            missed=self.missed(window),
            cost=cost,
        )


def booked_last(frame: Frame, window: Window, *slacks: cp.Variable | None) -> Array:
    """Return the sum of slacks on a balance over the window, booked in its last period."""
    booked = np.zeros(frame.periods)
    booked[-1] = sum(float(solved(slack).sum()) for slack in slacks if slack is not None)
    return booked


def solved(variable: cp.Variable) -> Array:
    """Return a solved variable as an array; NaN where the programme did not hold it, so that nothing passes for 0."""
    return np.full(variable.shape, np.nan) if variable.value is None else np.array(variable.value, dtype=float)
