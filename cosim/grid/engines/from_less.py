"""Load homotopy: a flow that no start answers is reached by way of smaller injections, or how far they go is told."""

from __future__ import annotations

from collections.abc import Callable

FIRST_STEP, LEAST_STEP = 0.5, 1.0 / 64.0


def reached_share(answered: Callable[[float], bool]) -> float:
    """Raise injections from nothing, in steps that are halved where there is no answer; return the share reached.

    From nothing on the states are those of the upper branch of voltages, where feeders are run.

    Parameters
    ----------
    answered
        Solves for a share of the injections, from where the last answer ended, and says whether there is one.
    """
    share, step = 0.0, FIRST_STEP
    while share < 1.0 and step >= LEAST_STEP:
        tried = min(share + step, 1.0)
        if answered(tried):
            share = tried
        else:
            step /= 2.0
    return share
