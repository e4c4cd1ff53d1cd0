"""The only unit conversions of the project, as named functions."""

from __future__ import annotations

import math

MINUTES_PER_HOUR = 60.0
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600.0
MILLISECONDS_PER_SECOND = 1000.0
KILO_PER_MEGA = 1000.0


def kw_to_mw(p_kw: float) -> float:
    """Convert kW to MW (or kWh to MWh)."""
    return p_kw / KILO_PER_MEGA


def mw_to_kw(p_mw: float) -> float:
    """Convert MW to kW (or MWh to kWh)."""
    return p_mw * KILO_PER_MEGA


def min_to_h(duration_min: float) -> float:
    """Convert minutes to hours."""
    return duration_min / MINUTES_PER_HOUR


def h_to_min(duration_h: float) -> float:
    """Convert hours to minutes."""
    return duration_h * MINUTES_PER_HOUR


def min_to_s(duration_min: float) -> float:
    """Convert minutes to seconds."""
    return duration_min * SECONDS_PER_MINUTE


def s_to_min(duration_s: float) -> float:
    """Convert seconds to minutes."""
    return duration_s / SECONDS_PER_MINUTE


def s_to_h(duration_s: float) -> float:
    """Convert seconds to hours."""
    return duration_s / SECONDS_PER_HOUR


def kw_s_to_kwh(energy_kw_s: float) -> float:
    """Convert kW s (power times seconds) to kWh."""
    return energy_kw_s / SECONDS_PER_HOUR


def kwh_to_kw_s(energy_kwh: float) -> float:
    """Convert kWh to kW s."""
    return energy_kwh * SECONDS_PER_HOUR


def ms_to_s(duration_ms: float) -> float:
    """Convert milliseconds to seconds."""
    return duration_ms / MILLISECONDS_PER_SECOND


def base_impedance_ohm(base_mva: float, base_kv: float) -> float:
    """Return the base impedance V_b^2 / S_b in ohm (line-to-line voltage, three-phase power)."""
    return base_kv**2 / base_mva


def base_current_ka(base_mva: float, base_kv: float) -> float:
    """Return the base current S_b / (sqrt(3) V_b) in kA.

    >>> round(base_current_ka(10.0, 12.66), 5)
    0.45604
    """
    return base_mva / (math.sqrt(3.0) * base_kv)
