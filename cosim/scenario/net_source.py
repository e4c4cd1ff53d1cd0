"""The section ``grid`` where it names a net of another tool in place of a folder of CSV tables."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cosim.errors import InputError, Problem
from cosim.scenario.section import FileName, Id, Section

SOURCES = ("pandapower", "matpower", "simbench")
_SUFFIXES = {".json": "pandapower", ".m": "matpower"}


class NetSource(Section):
    """A net as it is: where it comes from, and what of it is a device."""

    pandapower: FileName | None = Field(
        default=None, description="File of pandapower.to_json in this folder, or a name of pandapower.networks"
    )
    matpower: FileName | None = Field(default=None, description="MATPOWER case file in this folder")
    simbench: FileName | None = Field(default=None, description="Code of SimBench, such as 1-MV-urban--0-sw")
    open: tuple[FileName, ...] = Field(default=(), description="Elements to take out of service: line:3, trafo:0")
    tap_changer_type: Literal["Ratio", "Symmetrical", "Ideal"] | None = Field(
        default=None, description="Type of tap changers whose type is empty; null: their tap_pos has no effect"
    )
    first_day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = Field(
        default=None, description="First day of SimBench's profiles, such as 2016-07-20; null: the net's own power"
    )
    voltage_dependent_loads: Literal["refuse", "constant_power"] = Field(
        default="refuse",
        description="``constant_power``: loads with shares of constant impedance or current draw their rated power",
    )
    devices: Literal["net"] | dict[Id, FileName] = Field(
        default_factory=dict,
        description="Elements that are devices, by the device's name: {pv: sgen 3}; net: all that the rule knows",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            reason = f"{' and '.join(given)} exclude each other" if given else f"none of {', '.join(SOURCES)} is given"
            raise InputError(Problem(reason=reason, remedy="give one of them"))
        if self.first_day is not None and self.simbench is None:
            reason = "only SimBench's nets bring profiles along"
            raise InputError(Problem(field="first_day", reason=reason, remedy="remove it"))
        return self

    @property
    def source(self) -> str:
        """The tool that it comes from."""
        return next(name for name in SOURCES if getattr(self, name) is not None)

    @property
    def word(self) -> str:
        """The file, name or code."""
        return str(getattr(self, self.source))

    @property
    def file(self) -> str | None:
        """The file of the scenario's folder; None of a net that a package brings."""
        return self.word if self.source == "matpower" or self.word.endswith(".json") else None


def net_source(grid: str | NetSource) -> NetSource | None:
    """Return what the section says of a net; None where it names a folder of tables."""
    if isinstance(grid, NetSource):
        return grid
    source = next((source for suffix, source in _SUFFIXES.items() if grid.endswith(suffix)), None)
    return None if source is None else NetSource.model_validate({source: grid})
