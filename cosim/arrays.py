"""Arrays as all modules name them, and the one way to make them read-only."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
ComplexArray = NDArray[np.complex128]

DTYPES: dict[Any, type] = {
    "Array": np.float64,
    "IntArray": np.intp,
    "BoolArray": np.bool_,
    "ComplexArray": np.complex128,
}


def read_only(
    values: ArrayLike, dtype: type = np.float64, shape: tuple[int, ...] | None = None, name: str = "array"
) -> NDArray[Any]:
    """Return a read-only copy of ``values`` with the dtype, broadcast to the shape (none: as it is).

    Raises
    ------
    InputError
        If the values do not fit the shape or are no numbers.
    """
    try:
        array: NDArray[Any] = np.asarray(values, dtype=dtype)
        array = np.array(np.broadcast_to(array, array.shape if shape is None else shape))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}; its shape must be {shape}") from error
    array.setflags(write=False)
    return array


def freeze(record: DataclassInstance) -> None:
    """Give a frozen record read-only copies of its arrays: of all fields annotated with a name of this module."""
    for item in fields(record):
        if dtype := DTYPES.get(item.type):
            object.__setattr__(record, item.name, read_only(getattr(record, item.name), dtype, name=item.name))
