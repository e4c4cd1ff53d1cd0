"""Records written by hand: what a test does not say is nothing."""

from collections.abc import Mapping
from dataclasses import MISSING, fields

import numpy as np

from cosim.records.base import Rows
from cosim.results.stored import hints


def by_hand(kind, **given):
    """Return a record with some fields; others are empty, zero or without words."""
    return kind(
        **{item.name: nothing(hints(kind)[item.name]) for item in fields(kind) if item.default is MISSING} | given
    )


def nothing(hint):
    if issubclass(hint, Rows):
        return by_hand(hint)
    if hint is np.ndarray:
        return np.zeros(0)
    return {} if issubclass(hint, Mapping) else hint()
