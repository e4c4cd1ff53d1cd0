"""What the ends of names say: the unit of a key of scenarios or of a column of tables."""

from __future__ import annotations

from types import MappingProxyType

_WHOLE: MappingProxyType[str, str] = MappingProxyType(
    {
        "theta_per_min": "1/min",
        "value_of_time_per_min": "money/min",
        "cost_quadratic_per_mw2h": "money/(MW² h)",
        "consumption_kwh_per_km": "kWh/km",
        "ramp_mw_per_h": "MW/h",
        "voltage_slack_price": "money/(pu² h)",
        "access_fee": "money",
        "soc_min": "",
        "r_ohm_per_km": "Ω/km",
        "x_ohm_per_km": "Ω/km",
        "c_nf_per_km": "nF/km",
        "g_us_per_km": "µS/km",
    }
)
_ENDINGS: MappingProxyType[str, str] = MappingProxyType(
    {
        "_per_mwh": "money/MWh", "_vph": "veh/h", "_kmh": "km/h", "_min": "min", "_kwh": "kWh", "_kw": "kW",
        "_mwh": "MWh", "_mw": "MW", "_mva": "MVA", "_mvar": "Mvar", "_pu2": "pu²", "_pu": "pu", "_kv": "kV",
        "_ka": "kA", "_km": "km", "_percent": "%", "_h": "h", "_s": "s",
    }
)  # fmt: skip


def unit_of(name: str) -> str:
    """Return the unit that a name ends with; nothing where it has none.

    >>> unit_of("charger_kw"), unit_of("ramp_mw_per_h"), unit_of("seeds")
    ('kW', 'MW/h', '')
    """
    if name in _WHOLE:
        return _WHOLE[name]
    return next((unit for ending, unit in _ENDINGS.items() if name.endswith(ending)), "")
