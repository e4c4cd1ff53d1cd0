"""pandapower nets as nets: from JSON that is read as data, by name from pandapower or SimBench.

A file is never handed to pandapower's own reader, which imports what the file names; its tables are put into an empty
net one by one, and an earlier format is brought up to date by pandapower.
"""

from __future__ import annotations

import copy
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import DependencyError, InputError, Problem, UsageError
from cosim.grid.formats.pandapower_json import document, parsed
from cosim.grid.reduction.source_proof import IMPORTED
from cosim.plugins import install_line

if TYPE_CHECKING:
    from pandapower.auxiliary import pandapowerNet

_NUMBERS = ("sn_mva", "f_hz")
_SERIES = ("profiles", "loadcases")
"""What SimBench adds: far larger than the net."""
_WORDS = ("version", "format_version")


def net_of_json(path: Path) -> tuple[pandapowerNet, tuple[str, ...]]:
    """Return the net that ``pandapower.to_json`` wrote, and what there is to say of it.

    Raises
    ------
    InputError
        If the file is no data, no net, or of a format that is newer than pandapower's own.
    """
    import pandapower as pp

    content = document(path)
    stored = content.get("_object", content)
    stored = parsed(path, stored) if isinstance(stored, str) else stored
    if not (isinstance(stored, dict) and "bus" in stored):
        raise InputError(Problem(file=path.name, reason="holds no pandapower net", remedy="use pandapower.to_json"))
    net = pp.create_empty_network()
    for name, value in stored.items():
        if isinstance(value, dict) and value.get("_class") == "DataFrame" and not name.startswith(("res_", "_")):
            _put_table(net, path, name, value)
    for name in _NUMBERS:
        if isinstance(stored.get(name), int | float) and not isinstance(stored[name], bool):
            net[name] = float(stored[name])
    options = stored.get("user_pf_options")
    if isinstance(options, dict):
        net["user_pf_options"] = {key: value for key, value in options.items() if isinstance(value, str | bool | float)}
    if isinstance(stored.get(IMPORTED), dict):
        net[IMPORTED] = stored[IMPORTED]
    return net, _up_to_date(net, path, stored)


def stored(net: pandapowerNet) -> str:
    """Return a net as the text of a file that `net_of_json` reads; time series are left out."""
    import pandapower as pp

    kept = pp.pandapowerNet({name: value for name, value in net.items() if name not in _SERIES})
    return str(pp.to_json(kept))


def _put_table(net: pandapowerNet, path: Path, name: str, value: Mapping[str, Any]) -> None:
    """Put a table of the file into a net, with the types that the file names."""
    table: Any = value.get("_object")
    if isinstance(table, str):
        table = parsed(path, table)
    try:
        columns, index, data = table["columns"], table["index"], table["data"]
        if not data:
            return
        frame = type(net.bus)(data, index=index, columns=columns)
        types = value.get("dtype")
        if isinstance(types, dict):
            frame = frame.astype({column: types[column] for column in columns if column in types})
    except (TypeError, KeyError, ValueError) as error:
        reason = f"the table is not what pandapower writes: {error}"
        raise InputError(Problem(file=path.name, field=name, reason=reason, remedy="export the whole net")) from None
    net[name] = frame


def _up_to_date(net: pandapowerNet, path: Path, stored: Mapping[str, Any]) -> tuple[str, ...]:
    """Bring a net of an earlier format up to date; refuse a later one."""
    import pandapower as pp
    from packaging.version import InvalidVersion, Version

    newest = str(net["format_version"])
    given = str(stored.get("format_version", stored.get("version", newest)))
    try:
        age = Version(given), Version(newest)
    except InvalidVersion:
        reason = f"format_version {given!r} is no version"
        raise InputError(
            Problem(file=path.name, field="format_version", reason=reason, remedy="export it anew")
        ) from None
    if age[0] > age[1]:
        reason = f"the net has format {given}; pandapower {pp.__version__} knows formats up to {newest}"
        raise InputError(Problem(file=path.name, field="format_version", reason=reason, remedy="update pandapower"))
    if age[0] == age[1]:
        return ()
    for name in _WORDS:
        net[name] = given
    try:
        pp.convert_format(net)
    except (UserWarning, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        reason = f"format {given} cannot be brought up to date: {type(error).__name__}: {error}"
        remedy = "load and store it with pandapower.from_json, to_json"
        raise InputError(Problem(file=path.name, field="format_version", reason=reason, remedy=remedy)) from error
    return (f"its format {given} was brought up to {newest} by pandapower {pp.__version__}",)


def named_net(name: str) -> pandapowerNet:
    """Return a net of ``pandapower.networks`` by the name of the function that makes it.

    Raises
    ------
    UsageError
        If pandapower has no net of that name.
    """
    from pandapower import networks

    known = [
        word for word, found in inspect.getmembers(networks, inspect.isfunction) if _needs_nothing(found)
        and found.__module__.startswith("pandapower.networks") and not word.startswith("_")
    ]  # fmt: skip
    if name not in known:
        reason = f"'{name}' is no file and no net of pandapower.networks; those are {', '.join(sorted(known))}"
        raise UsageError(reason)
    with _without_advice():
        return getattr(networks, name)()


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep pandapower from advising numba, and from what it says of its own older nets, while it makes one."""
    logger = logging.getLogger("pandapower")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)


def _needs_nothing(function: Any) -> bool:  # noqa: ANN401 - a function of pandapower
    needed = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    given = inspect.signature(function).parameters.values()
    return all(one.default is not inspect.Parameter.empty for one in given if one.kind in needed)


def simbench_net(code: str) -> pandapowerNet:
    """Return a SimBench net by its code, for example ``1-MV-urban--0-sw``.

    Raises
    ------
    DependencyError
        If SimBench is not installed.
    InputError
        If it has no net of that code.
    """
    try:
        import simbench
    except ImportError as error:
        raise DependencyError(f"SimBench is not installed: {install_line('simbench')}") from error
    if code not in simbench.collect_all_simbench_codes():
        reason = f"{code!r} is no code of SimBench, such as '1-MV-urban--0-sw'"
        raise InputError(Problem(field="simbench", reason=reason, remedy="see simbench.collect_all_simbench_codes()"))
    return _small_copy(_read_simbench(code))


@lru_cache(maxsize=1)
def _read_simbench(code: str) -> pandapowerNet:
    """Read a net of SimBench, which goes through the tables of all of them and takes seconds."""
    import simbench

    return simbench.get_simbench_net(code)


def _small_copy(net: pandapowerNet) -> pandapowerNet:
    """Return a copy of a net that shares the time series."""
    series = {id(net[name]): net[name] for name in _SERIES if name in net}
    return copy.deepcopy(net, series)
