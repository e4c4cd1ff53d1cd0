"""F21: two processes want one run folder: one gets it, the others end with 11 (or 2, once it is done)."""

import multiprocessing
import time

import pytest

from cosim.errors import CosimError, LockedError, UsageError
from cosim.results.lock import at_work
from cosim.results.store import RunStore
from cosim.workflows.resume import resume
from cosim.workflows.run import run
from tests.faults.test_f19_the_disk_is_full import GATE, TABLES, manifest

DRIVERS = 20


def driver(folder, start, codes):
    """Do what a run does with its folder: take it, work in it, leave it."""
    start.wait()
    try:
        store = RunStore.create(folder)
        with at_work(folder):
            store.begin(manifest())
            store.commit(1, TABLES, GATE)
            time.sleep(0.5)
        codes.put(0)
    except CosimError as error:
        codes.put(error.exit_code)


def test_of_twenty_that_start_at_once_one_wins(tmp_path):
    here = multiprocessing.get_context("fork")
    start, codes = here.Event(), here.Queue()
    drivers = [here.Process(target=driver, args=(tmp_path / "run", start, codes)) for _ in range(DRIVERS)]
    for one in drivers:
        one.start()
    start.set()
    told = sorted(codes.get(timeout=60) for _ in drivers)
    for one in drivers:
        one.join(timeout=60)
    assert told[0] == 0
    assert set(told[1:]) <= {2, 11}
    assert len(RunStore(tmp_path / "run").committed()) == 1


def test_a_run_does_not_take_a_folder_that_another_works_in(tmp_path):
    store = RunStore.create(tmp_path / "run")
    store.begin(manifest())
    with at_work(store.folder):
        with pytest.raises(LockedError, match="another process is at work in run folder") as error:
            run("ieee33_grid_only", out=store.folder)
        assert error.value.exit_code == 11
        with pytest.raises(LockedError):
            resume(store.folder)
    with pytest.raises(UsageError, match="exists; choose another with --out"):
        run("ieee33_grid_only", out=store.folder)


def test_the_lock_goes_with_the_process(tmp_path):
    """Unguarded by the kernel, a lock file would outlive a driver that was killed."""
    store = RunStore.create(tmp_path / "run")
    here = multiprocessing.get_context("fork")
    held = here.Event()

    def hold():
        with at_work(store.folder):
            held.set()
            time.sleep(60)

    other = here.Process(target=hold)
    other.start()
    assert held.wait(timeout=30)
    with pytest.raises(LockedError), at_work(store.folder):
        pass
    other.kill()
    other.join()
    with at_work(store.folder):
        pass
