"""What a cluster or a disk cannot do is told by name before rows are sent, and nothing that ended is lost."""

import errno
import os
from types import SimpleNamespace

import pytest

from cosim.errors import DependencyError, StorageError, UsageError
from cosim.studies.engines.dask import DaskEngine, _client
from cosim.studies.running import run_study, terms_of
from cosim.studies.store import read_journals
from tests.studies.own_rows import OWN, planned

MIB = 2**20


def attached(folder, *, workers, seen=None, admit=lambda _: None):
    """Look at workers of a scheduler that tells so; what a worker answers is given."""
    told = {"sees": True, "numerics": "aaaa", "peak_bytes": 300 * MIB, "host": "node7"} | (seen or {})
    client = SimpleNamespace(
        scheduler_info=lambda **_: {"workers": workers}, run=lambda _: None, submit=lambda *_, **__: told,
        gather=lambda asked: asked,
    )  # fmt: skip
    DaskEngine(folder.path, terms_of(folder), folder.study.limits, "local", 1, admit)._attach(client)


@pytest.fixture
def folder(own_rows, tmp_path):
    return planned(tmp_path, OWN % [0.11, 0.12])


GOOD = {"tcp://10.0.0.1:1": {"nthreads": 1, "memory_limit": 0}}


@pytest.mark.parametrize(
    ("workers", "seen", "message"),
    [
        ({}, {}, "the cluster has no worker; start some with 'dask worker ADDRESS --nthreads 1'"),
        ({"w1": {"nthreads": 2}}, {}, "worker w1 has several threads; start it with --nthreads 1"),
        (GOOD, {"sees": False}, "worker tcp://10.0.0.1:1 on node7 does not see .*share the folder.*--shard 1/8"),
        (
            {"w1": {"nthreads": 1, "memory_limit": 400 * MIB}},
            {},
            "worker w1 may take 400 MiB; rows need at least 450 MiB",
        ),
    ],
)
def test_a_cluster_that_will_not_do_is_refused(folder, workers, seen, message):
    with pytest.raises(DependencyError, match=message):
        attached(folder, workers=workers, seen=seen)
    assert read_journals(folder.path) == {}


def test_a_worker_of_another_version_is_refused_with_what_moved(folder, monkeypatch):
    from cosim.results import manifest
    from cosim.studies.running import admitted

    admitted(folder, "aaaa", accept=False)
    other = manifest.versions() | {"numpy": "9.9.9"}
    monkeypatch.setattr(manifest, "versions", lambda: other)
    with pytest.raises(
        DependencyError, match=r"numerics id bbbb, not aaaa\): numpy \S+ -> 9.9.9; use the same packages"
    ):
        attached(folder, workers=GOOD, seen={"numerics": "bbbb"}, admit=lambda one: admitted(folder, one, accept=False))


def test_an_address_that_is_none_is_refused():
    with pytest.raises(UsageError, match="'http://x' is none of tcp"):
        _client("http://x", 1)


def test_a_full_disk_ends_the_study_and_keeps_what_ended(folder, own_rows, monkeypatch):
    true, rows = os.fsync, []

    def full(descriptor):
        rows.append(descriptor)
        if len(rows) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        true(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="cannot be written: No space left on device; what it holds stays"):
        run_study(folder)
    monkeypatch.setattr(os, "fsync", true)
    assert len(read_journals(folder.path)) >= 1
    ran = run_study(folder)  # the same line again does the rest
    assert (ran.exit_code, ran.collected.ended) == (0, 2)
