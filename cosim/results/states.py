"""Where a run stood after its newest periods, as JSON and plain arrays: what `cosim run RUN --resume` goes on from.

A folder a period, ``states/0005``, committed before the results of its period are; a state without them counts for
nothing. Only the newest are kept.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cosim.coupling.checkpoint import Checkpoint
from cosim.coupling.plain import from_plain, to_plain
from cosim.errors import CheckpointError, ComponentError
from cosim.plain import Document
from cosim.results.commit import commit_folder
from cosim.results.files import json_text, replace
from cosim.results.sums import Damaged, checked, read_sums

FORMAT = 1
KEPT = 2
"""How many states are kept: the newest, and the one before it, which is gone on from if the newest is damaged."""
RESUMED = "states/resumed.json"
STATE, ARRAYS = "state.json", "arrays.npz"
TYPES = ("float64", "int64", "bool")
NAMES = {np.dtype(name): name for name in TYPES}
_DAMAGE = (Damaged, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredState:
    """Where a run stood, and what binds it to the run.

    Attributes
    ----------
    checkpoint
        Where everything stood.
    run
        SHA-256 of the run's manifest.
    digest
        Of the tables of all periods so far, see `cosim.results.digest`.
    """

    checkpoint: Checkpoint
    run: str
    digest: str


def write_state(run: Path, state: StoredState) -> None:
    """Commit a state to a run folder.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = run / "states" / f"{state.checkpoint.period:04d}"
    target.parent.mkdir(exist_ok=True)
    if target.exists():  # of a period that was not committed before the run was killed
        shutil.rmtree(target)
    records, arrays = to_plain(state.checkpoint)
    content = {
        "format": FORMAT, "period": state.checkpoint.period, "run": state.run, "digest": state.digest,
        "arrays": [[_type(array), _order(array), array.shape] for array in arrays], "records": records,
    }  # fmt: skip
    text, file = json.dumps(content, allow_nan=False, check_circular=False, separators=(",", ":")), io.BytesIO()
    np.savez(file, **_flat(arrays))  # type: ignore[arg-type]
    commit_folder(run, target, {STATE: text.encode(), ARRAYS: file.getvalue()})


def read_state(run: Path, period: int, *, of_run: str) -> StoredState:
    """Read the state of a period.

    Parameters
    ----------
    run
        The run folder.
    period
        The period.
    of_run
        SHA-256 of the run's manifest, which the state must name.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, of another run or of an unknown format.
    """
    folder = run / "states" / f"{period:04d}"
    if not folder.is_dir():
        raise CheckpointError(f"there is no state of period {period}")
    try:
        sums = read_sums(folder, needed=True)
        content = json.loads(checked(folder, STATE, sums))
        if content["format"] != FORMAT:
            reason = f"the state of period {period} has format {content['format']!r}; this version reads {FORMAT}"
            raise CheckpointError(reason)
        checked(folder, ARRAYS, sums)
        found = from_plain(content["records"], _arrays(folder / ARRAYS, content["arrays"]))
        told = StoredState(checkpoint=found, run=content["run"], digest=content["digest"])
    except (*_DAMAGE, ComponentError) as error:
        raise CheckpointError(f"the state of period {period} is damaged: {error}") from error
    if not isinstance(found, Checkpoint) or found.period != period or told.run != of_run:
        raise CheckpointError(f"the state of period {period} belongs to another run, or to another period of it")
    return told


def drop_states(run: Path, keep: Callable[[int], bool]) -> None:
    """Remove the states of all periods but those to be kept.

    Raises
    ------
    OSError
        If they cannot be removed.
    """
    for folder in (run / "states").glob("[0-9]*"):
        if not keep(int(folder.name)):
            shutil.rmtree(folder)


def note_resumption(run: Path, told: Document) -> None:
    """Write down that a run goes on after it had stopped.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    replace(run / RESUMED, json_text({"resumed": [*resumptions(run), told]}).encode())


def resumptions(run: Path) -> list[Document]:
    """Return when, and behind which period, a run went on after it had stopped."""
    try:
        found: list[Document] = json.loads((run / RESUMED).read_text(encoding="utf-8"))["resumed"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or nothing that a number depends on
        return []
    return found


def _type(array: np.ndarray) -> str:
    if array.dtype not in NAMES:
        raise ComponentError(f"a state holds an array of {array.dtype}, not of {', '.join(TYPES)}")
    return NAMES[array.dtype]


def _order(array: np.ndarray) -> Literal["C", "F"]:
    """Return how an array lies in memory, which sums over it may depend on in their last digits."""
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def _flat(arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return all values of each type, one array after the other."""
    flat: dict[str, list[np.ndarray]] = {name: [] for name in TYPES}
    for array in arrays:
        flat[_type(array)].append(array.ravel(order=_order(array)))
    return {name: np.concatenate(parts) for name, parts in flat.items() if parts}


def _arrays(path: Path, table: Sequence[Sequence[Any]]) -> list[np.ndarray]:
    """Return the arrays of a file by the table of their types, orders and shapes."""
    lengths: dict[str, int] = dict.fromkeys(TYPES, 0)
    for name, _, shape in table:
        lengths[name] += int(np.prod(shape, dtype=np.int64))
    with zipfile.ZipFile(path) as members:
        larger = sum(member.file_size for member in members.infolist()) > 8 * sum(lengths.values()) + 1024
    if larger:
        raise ValueError(f"{ARRAYS} holds more than {STATE} tells of")
    with np.load(path) as stored:
        flat: Mapping[str, np.ndarray] = {name: stored[name] for name, length in lengths.items() if length}
    found, begin = [], dict.fromkeys(TYPES, 0)
    for name, order, shape in table:
        end = begin[name] + int(np.prod(shape, dtype=np.int64))
        values = flat[name][begin[name] : end] if end > begin[name] else np.zeros(0, dtype=name)
        found.append(values.reshape(shape, order=order).copy(order=order))
        begin[name] = end
    return found
