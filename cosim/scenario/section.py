"""What every section of a scenario is, and the texts in them that are names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ID_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
ID_RULE = "use 1 to 64 letters, digits, '_', '.', '-'"
Id = Annotated[str, Field(pattern=ID_PATTERN)]
FileName = Annotated[str, Field(min_length=1, max_length=255)]


class Section(BaseModel):
    """Base of all sections: unknown keys and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
