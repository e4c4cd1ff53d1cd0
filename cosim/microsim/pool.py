"""Several pieces of work side by side, in threads that wait for programs of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from cosim import supervision
from cosim.errors import ComponentError, InputError, Problem

ASK_S = 0.5
"""How often the waiting thread looks for Ctrl-C."""

Given = TypeVar("Given")
Found = TypeVar("Found")
Stop = Callable[[], None]
"""Called every simulated minute; ends the run by raising."""


def side_by_side(run: Callable[[Given, Stop], Found], given: Sequence[Given], *, jobs: int = 1) -> list[Found]:
    """Run several windows, up to ``jobs`` at a time; results in the order of the inputs.

    Each runs in a thread that waits for its own SUMO, so the cores are busy with SUMO. The first error, or a signal
    that `cosim.supervision` noted, ends all.
    """
    if jobs < 1:
        raise InputError(Problem(field="jobs", reason=f"{jobs} must be at least 1"))
    ended = threading.Event()

    def stop() -> None:
        if ended.is_set():
            raise ComponentError("the window was given up, because another one failed or the run was ended")

    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="window") as pool:
        futures = [pool.submit(run, one, stop) for one in given]
        try:
            open_ones = set(futures)
            while open_ones:
                done, open_ones = wait(open_ones, timeout=ASK_S)
                supervision.check()
                for future in done:
                    future.result()
        except BaseException:
            ended.set()
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]
