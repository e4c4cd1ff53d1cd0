"""Several pieces of work side by side, in threads that wait for programs of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

from cosim import watchdog
from cosim.errors import ComponentError, InputError, Problem

Given = TypeVar("Given")
Found = TypeVar("Found")
Stop = Callable[[], None]
"""Called every simulated minute; ends the run by raising."""


def side_by_side(run: Callable[[Given, Stop], Found], given: Sequence[Given], *, jobs: int = 1) -> list[Found]:
    """Run several windows, up to ``jobs`` at a time; results in the order of the inputs.

    Each runs in a thread that waits for its own SUMO, so the cores are busy with SUMO. The first error, or a signal,
    ends all.
    """
    if jobs < 1:
        raise InputError(Problem(field="jobs", reason=f"{jobs} must be at least 1"))
    ended = threading.Event()

    def stop() -> None:
        watchdog.beat()
        if ended.is_set():
            raise ComponentError("the window was given up, because another one failed or the run was ended")

    with watchdog.waiting() as asks, ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="window") as pool:
        lives: list[watchdog.Life] = []

        def work(one: Given) -> Found:
            with watchdog.at_work(asks.component, asks.period, root=asks.root) as life:
                lives.append(life)
                return run(one, stop)

        futures = [pool.submit(work, one) for one in given]
        try:
            open_ones = set(futures)
            while open_ones:
                done, open_ones = wait(open_ones, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            ended.set()
            for future in futures:
                future.cancel()
            for life in lives:
                life.interrupt()
            raise
    return [future.result() for future in futures]
