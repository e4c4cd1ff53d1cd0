"""Figure 9 and the conclusion: the stacked power balance, and what flexibility is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices.demand_response import DemandResponseSettings
from cosim.dispatch.devices.gas_turbine import GasTurbineSettings
from cosim.dispatch.devices.photovoltaic import PhotovoltaicSettings
from cosim.dispatch.devices.storage import StorageSettings
from cosim.dispatch.devices.substation import SubstationSettings
from cosim.dispatch.devices.wind import WindSettings
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Trace, panel
from cosim.reports.paper.claims import Check, PaperFigure, at_least, at_most
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import WITHOUT, Material

BALANCE_MW = 1e-6
UNSERVED_MWH = 1e-6
VOLTAGE_PU = 1e-4
LAYERS: tuple[tuple[str, type], ...] = (
    ("import", SubstationSettings),
    ("gas turbine", GasTurbineSettings),
    ("photovoltaics", PhotovoltaicSettings),
    ("wind", WindSettings),
    ("storage", StorageSettings),
    ("demand response", DemandResponseSettings),
)
"""What supplies or takes power, from the bottom of the stack to its top."""


def draw(material: Material) -> Chart:
    """Draw the stack of supply [MW] with demand and losses as a line, and the import without flexibility below."""
    day, baseline = material.day, material.baseline
    stack = [Trace(name=name, y=day.power_mw(of), colour=style.colour_of(of), look="bar") for name, of in LAYERS]
    need = Trace(name="demand + losses", y=day.demand_mw + day.series("loss_mw"), colour=style.DEMAND, look="step")
    imports = [
        Trace(name="import", y=day.series("import_mw"), colour=style.colour_of(SubstationSettings), look="step"),
        Trace(
            name="import without flexibility", y=baseline.series("import_mw"), colour=style.ALARM, look="step",
            dashed=True,
        ),
    ]  # fmt: skip
    return Chart(
        parts=(panel("hour", "power (MW)", day.hours, [*stack, need]), panel("hour", "MW", day.hours, imports)),
        height=(2.0, 1.0),
    )


def imbalance_mw(day: PaperDay) -> Array:
    """Return supply less demand and losses, shape ``(T,)``; what was curtailed or shed counts as supply."""
    supply = np.sum([day.power_mw(settings) for _, settings in LAYERS], axis=0)
    unserved = day.series("ev_curtailed_mw") + day.series("shed_mw")
    return np.asarray(supply + unserved - day.demand_mw - day.series("loss_mw"))


def judge(day: PaperDay) -> Sequence[Check]:
    """Return that supply meets demand and losses in every hour, with AC voltages inside their limits."""
    low = float(day.dispatch.feeder.v_min_pu.min())
    return (
        at_most(
            "supply less demand and losses, largest",
            float(np.abs(imbalance_mw(day)).max()),
            BALANCE_MW,
            "MW",
            rounding=True,
        ),
        at_most("load not served", unserved_mwh(day), UNSERVED_MWH, "MWh"),
        at_least("lowest AC voltage", float(day.series("vmin_ac_pu").min()), low - VOLTAGE_PU, "pu"),
    )


def judge_all(material: Material) -> Sequence[Check]:
    """Return that flexibility lowers energy bought, its peak, its peak-valley difference and what is paid."""
    measures = {
        "energy bought": (import_mwh, "MWh"),
        "peak of the import": (import_peak_mw, "MW"),
        "peak-valley difference of the import": (peak_valley_mw, "MW"),
        "paid": (paid, "CNY"),
        "losses": (loss_mwh, "MWh"),
    }
    return tuple(
        at_most(f"{name}, against {unflexible:.5g} without flexibility", measure(material.day), unflexible, unit)
        for name, (measure, unit) in measures.items()
        for unflexible in (measure(material.baseline),)
    )


def unserved_mwh(day: PaperDay) -> float:
    """Return charging and base load not served; what a solver's rounding leaves is none."""
    energy = float((day.series("ev_curtailed_mw") + day.series("shed_mw")).sum()) * day.period_h
    return energy if abs(energy) > UNSERVED_MWH else 0.0


def import_mwh(day: PaperDay) -> float:
    """Return the energy bought."""
    return float(day.series("import_mw").sum()) * day.period_h


def import_peak_mw(day: PaperDay) -> float:
    """Return the largest import."""
    return float(day.series("import_mw").max())


def peak_valley_mw(day: PaperDay) -> float:
    """Return the largest less the smallest import."""
    return float(np.ptp(day.series("import_mw")))


def loss_mwh(day: PaperDay) -> float:
    """Return the energy lost in the lines."""
    return float(day.series("ac_loss_mw").sum()) * day.period_h


PAID = ("cost_energy", "cost_gas_turbine", "cost_wear", "cost_demand_response")


def paid(day: PaperDay) -> float:
    """Return what is paid for energy, the turbine, wear and demand response: no weights, no penalties."""
    known = day.tables["periods"].columns
    return float(sum(day.series(name).sum() for name in PAID if name in known))


FIGURE = PaperFigure(
    number=9,
    title="Power balance",
    says=(
        "Turbine, storage and demand response cover the peak; less is bought, peak-valley difference and cost fall, "
        "and sun and wind are used (also the paper's conclusion)."
    ),
    promised="holds",
    draw=draw,
    judge=judge,
    judge_all=judge_all,
    needs=(WITHOUT,),
    headline=("peak of the import", "MW", import_peak_mw),
    open_points=("feeder.slack_vm_pu", "devices", "dispatch.loss_price_per_mwh", "tariff"),
)
