"""One offline page about a run: verdict, numbers, figures, gate and provenance in a single file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import StorageError
from cosim.reports import frames, gates, micro
from cosim.reports.figures import FIGURES, GROUPS, MAP, MICROSIMULATION
from cosim.reports.margins import BROKEN, REACHED, margins, telling
from cosim.reports.plot import plotly_js
from cosim.reports.rows import Row
from cosim.reports.summary import Summary, summarise
from cosim.results.store import RunResult
from cosim.results.verdict import Later

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_FLAGGED = 100
"""Flagged periods that the page names one by one."""
_VERDICTS = {
    0: ("good", "Every gate passed"),
    5: ("warn", "Answered with last resorts"),
    6: ("bad", "Not converged or not exact"),
    10: ("warn", "Finished with flagged periods"),
}
_DIED = ("bad", "Stopped by an error")
_UNFINISHED = ("bad", "Still running, or killed")
_LATER: dict[Later, str] = {"verify": "Verification found flaws", "validate": "Validation failed"}
_TILES = (
    "paid", "ev_not_served_mwh", "load_not_served_mwh", "stations_mwh", "import_mwh", "import_peak_mw", "loss_mwh",
    "vmin_ac_pu", "vmax_ac_pu", "cone_gap_pu2", "ac_dv_pu", "sue_residual",
)  # fmt: skip
_TILES_ROADS = ("stations_mwh", "link_flow_vph", "wait_min", "sue_residual")
_UNFOUNDED = ("assumed", "not declared")
"""Sources that are none: the scenario says that a value is assumed, or says nothing."""
_NOT_SHOWN = ("kinds", "text", "resolved", "sources", "inputs", "gates", "title", "versions", "warnings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure on the page: HTML, or the reason why it is left out; the names of its frames, if it moves."""

    name: str
    title: str
    caption: str
    html: str = ""
    missing: str = ""
    frames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the run comes from.

    Attributes
    ----------
    facts, versions
        What the manifest says, name and value, as text.
    inputs
        File, bytes and SHA-256 of every input.
    assumed
        Values without a published source, by the part of the scenario that they belong to.
    assumed_count, source_count
        How many values are assumed, and how many have an entry at all.
    """

    facts: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str, str], ...]
    assumed: tuple[tuple[str, str], ...]
    assumed_count: int
    source_count: int


def write_report(result: RunResult, path: str | Path | None = None) -> Path:
    """Write the page of a run and return where it lies.

    Parameters
    ----------
    result
        A finished run. Figures whose tables are missing are left out, and the page says so.
    path
        Where to write; ``report.html`` in the run folder if None.

    Returns
    -------
    Path
        The written file. It needs no other file and no network.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    target = Path(path) if path is not None else result.folder / "report.html"
    write_page(target, render(result))
    return target


def write_page(target: Path, text: str) -> None:
    """Write a page under a temporary name, then rename it.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise StorageError(f"report '{target}' cannot be written: {error.strerror}") from error


def render(result: RunResult) -> str:
    """Return the page of a run as HTML; every name from the run is escaped."""
    result = frames.ReadOnce(result)
    judged = result.gates
    checks = gates.check_rows(judged)
    tone, verdict = _verdict(result)
    summary, found = summarise(result), margins(result)
    part, excerpt = frames.drawn_part(result)
    drawn = {group: [_drawn(part, name) for name in names] for group, names in GROUPS.items()}
    maps, told = drawn.pop(MAP), micro.read(result)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=summary.title,
            tone=tone,
            verdict=verdict,
            result=result,
            reasons=[str(reason) for reason in result.run.get("reasons", ())],
            warnings=[*result.notices, *map(str, result.manifest.get("warnings", ()))],
            summary=summary,
            tiles=_tiles(summary),
            statuses=list(gates.status_counts(judged)),
            flagged=gates.flagged(judged),
            most_flagged=MOST_FLAGGED,
            severe=gates.SEVERE,
            checks=checks,
            check_counts=gates.counts(checks),
            notes=list(gates.noted(judged)),
            margins=found,
            tones={REACHED: "warn", BROKEN: "bad"},
            begin=telling(result, found),
            excerpt=excerpt,
            maps=[one for one in maps if one.html],
            groups=[(group, shown) for group, shown in _shown(drawn) if shown or (group == MICROSIMULATION and told)],
            left_out=[one for figures in (maps, *drawn.values()) for one in figures if one.missing],
            micro=told,
            provenance=_provenance(result),
            plotlyjs=plotly_js(),
        )
    )


def _shown(drawn: Mapping[str, Sequence[Drawn]]) -> Iterator[tuple[str, list[Drawn]]]:
    for group, figures in drawn.items():
        yield group, [one for one in figures if one.html]


def environment() -> Environment:
    """Return the templates' environment: everything is escaped, a missing name is an error."""
    import jinja2
    from markupsafe import Markup

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("cosim.reports"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters["trusted"] = Markup  # for plotly's own output only
    found.filters["words"] = gates.in_words
    return found


def _verdict(result: RunResult) -> tuple[str, str]:
    """Return tone and words for the worst that is known of a run; an incomplete one is never good."""
    found = result.verdict
    _, words = _VERDICTS.get(found.run, _DIED) if result.ended else _UNFINISHED
    tone, _ = _VERDICTS.get(found.worst, _DIED)
    if not result.complete:
        tone, words = "bad", f"Incomplete: {result.progress}. {words}{' so far' if found.run == 0 else ''}"
    told = [_LATER[name] for name, one in found.later.items() if one.exit_code not in (0, found.run)]
    if found.run == 0 and result.complete and told:
        return tone, ". ".join(told)
    return tone, ". ".join([words, *told])


def _tiles(summary: Summary) -> list[Row]:
    """Return the headline numbers: those of the grid, or of the roads where there is no grid."""
    keys = _TILES if "cost" in summary else _TILES_ROADS
    rows = [summary[key] for key in keys if key in summary]
    return [row for row in rows if row.value is not None]


def _drawn(result: RunResult, name: str) -> Drawn:
    """Draw a figure for the page, whose headings stand outside it."""
    module = FIGURES[name]
    try:
        figure = module.draw(result)
    except frames.NothingToDraw as reason:
        return Drawn(name=name, title=module.TITLE, caption=module.CAPTION, missing=str(reason))
    top = 46 if "updatemenus" in figure.layout else 14
    titled = str(figure.layout["title"]["text"])
    figure.update_layout(title={"text": ""}, margin={"t": top})
    return Drawn(
        name=name, title=titled, caption=module.CAPTION, html=figure.to_html(f"figure-{name}"),
        frames=tuple(label for label, _ in figure.frames),
    )  # fmt: skip


def _provenance(result: RunResult) -> Provenance:
    """Sort the manifest into scalars, tables and sources; the scenario's text lies beside the page."""
    sources, versions = result.manifest.get("sources"), result.manifest.get("versions")
    listed = {str(key): str(value) for key, value in sources.items()} if isinstance(sources, dict) else {}
    return Provenance(
        facts=tuple(_flat({key: value for key, value in result.manifest.items() if key not in _NOT_SHOWN})),
        versions=tuple(_flat(versions)) if isinstance(versions, dict) else (),
        inputs=tuple(
            (str(item.get("file")), _plain(item.get("bytes")), str(item.get("sha256")))
            for item in result.manifest.get("inputs", ())
            if isinstance(item, dict)
        ),
        assumed=_grouped(result, [path for path, source in listed.items() if source.startswith(_UNFOUNDED)]),
        assumed_count=sum(source.startswith(_UNFOUNDED) for source in listed.values()),
        source_count=len(listed),
    )


def _grouped(result: RunResult, paths: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the values at these paths by the part of the scenario that they belong to."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        *parents, field = path.split(".")
        name = frames.setting(result, *parents, "name") if parents else None
        where = ".".join(parents) + (f" ({name})" if name is not None else "")
        groups.setdefault(where or "scenario", []).append(f"{field} {_plain(frames.setting(result, *parents, field))}")
    return tuple((where, " · ".join(values)) for where, values in groups.items())


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested mappings as dotted names with their values."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _plain(item)


def _plain(value: object) -> str:
    """Return a value of the manifest as text."""
    if isinstance(value, list | tuple):
        return " ".join(_plain(item) for item in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.7g}"
    return str(value) if value is not None else "–"
