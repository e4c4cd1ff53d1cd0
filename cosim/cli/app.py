"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cosim import __version__
from cosim.cli import arguments as arg
from cosim.cli.beginning import init
from cosim.cli.explaining import explain
from cosim.cli.exporting import export
from cosim.cli.figures import figures
from cosim.cli.grading import grade
from cosim.cli.installation import doctor
from cosim.cli.judging import validate, verify
from cosim.cli.scripting import scenario
from cosim.cli.shipped import list_, schema
from cosim.cli.sweeping import sweep

app = typer.Typer(
    name="cosim",
    help="Co-simulation of electric-vehicle traffic and the distribution grid: equilibrium-grade and AC-verified.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"cosim {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it, exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Co-simulation of electric-vehicle traffic and the distribution grid."""


@app.command()
def run(
    scenario: arg.ScenarioOrRun,
    *,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/<scenario>-<UTC>.")] = None,
    overrides: arg.Overrides = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the scenario's seed.")] = None,
    microsim: arg.Microsim = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first flagged period.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.html.")] = False,
    progress: Annotated[arg.Progress, typer.Option(help="Progress by period.")] = "auto",
    ac: arg.AcEngine = None,
    value_of_coupling: Annotated[
        bool, typer.Option("--value-of-coupling", help="Run without interaction, one way, in equilibrium; compare.")
    ] = False,
    resume: arg.Resume = False,
    fork: arg.Fork = None,
    as_json: arg.AsJson = False,
) -> None:
    """Run a scenario; the exit code is 0 only if every gate of every period passed."""
    overrides = [*(overrides or []), *([f"dispatch.ac_engine={ac}"] if ac else [])]
    how: dict[str, Any] = {"strict": strict, "report": not no_report, "progress": progress}
    if resume or fork is not None:
        from cosim.cli.resuming import going_on_command

        unfit = {"--seed": seed, "--microsim": microsim, "--value-of-coupling": value_of_coupling or None}
        raise typer.Exit(going_on_command(scenario, out, overrides, fork, resume=resume, unfit=unfit, **how))
    if value_of_coupling:
        from cosim.cli.comparing import value_command

        if microsim is not None or as_json:
            word = "--json" if as_json else "--microsim"
            reason = f"{word} belongs to one run; leave it off beside --value-of-coupling"
            raise typer.BadParameter(reason)
        raise typer.Exit(value_command(scenario, out, overrides or [], seed, **how))
    from cosim.cli.running import run_command

    raise typer.Exit(run_command(scenario, out, overrides or [], seed, microsim=microsim, **how))


@app.command()
def check(scenario: arg.Scenario, overrides: arg.Overrides = None) -> None:
    """Find every mistake of a scenario; nothing is started or written."""
    from cosim.cli.scenarios import check_command

    raise typer.Exit(check_command(scenario, overrides or []))


@app.command()
def plan(scenario: arg.Scenario, overrides: arg.Overrides = None) -> None:
    """Tell what will run: wires with units, problem sizes, solver and why, licences."""
    from cosim.cli.scenarios import plan_command

    raise typer.Exit(plan_command(scenario, overrides or []))


@app.command(name="estimate-od")
def estimate_od(
    source: Annotated[str, typer.Argument(metavar="NETWORK|SCENARIO", help="Network folder, shipped name, scenario.")],
    counts: Annotated[
        Path, typer.Argument(help="CSV: link, flow_vph (or speed_kmh, travel_time_min), sample or time.")
    ],
    *,
    od: Annotated[Path | None, typer.Option(metavar="FILE", help="Pairs: origin, destination; a trip table.")] = None,
    paths: Annotated[
        str | None, typer.Option(metavar="all|k=10", help="Path set; default the scenario's, or all.")
    ] = None,
    theta: Annotated[
        float | None, typer.Option(help="Logit dispersion, 1/min; default the scenario's, or 0.1.")
    ] = None,
    likelihood: Annotated[Literal["fisher", "gaussian"], typer.Option(help="gaussian: Eq 1.")] = "fisher",
    prior: Annotated[Path | None, typer.Option(metavar="CSV", help="origin, destination, trips_vph, sd_vph.")] = None,
    estimate_theta: Annotated[bool, typer.Option("--estimate-theta", help="Estimate theta too (fisher).")] = False,
    theta_profile: Annotated[bool, typer.Option("--theta-profile", help="Estimate at nine values of theta.")] = False,
    period: Annotated[int, typer.Option(min=1, help="Whose share of charging trips holds (scenarios).")] = 1,
    sample_min: Annotated[
        float, typer.Option(help="Length of a sample, min; flows are hourly rates all the same.")
    ] = 60,
    speed_error: Annotated[float, typer.Option(help="Relative standard deviation of a speed.")] = 0.05,
    overrides: arg.Overrides = None,
    out: Annotated[Path | None, typer.Option(metavar="CSV", help="Where to write the trips.")] = None,
) -> None:
    """Estimate OD trips from link counts; exit 3 if they cannot tell the trips, 6 if not converged."""
    from cosim.cli.estimating import estimate_command

    settings: dict[str, object] = {
        "od": od,
        "paths": paths,
        "theta_per_min": theta,
        "likelihood": likelihood,
        "prior": prior,
        "out": out,
    }
    settings |= {"estimate_theta": estimate_theta, "profile": theta_profile, "period": period}
    settings |= {"sample_min": sample_min, "speed_error": speed_error, "overrides": overrides or []}
    raise typer.Exit(estimate_command(source, counts, **settings))


@app.command()
def assign(
    network: Annotated[
        Path,
        typer.Argument(help="*_net.tntp, GMNS folder, or folder with nodes.csv and links.csv.", show_default=False),
    ],
    trips: Annotated[
        Path | None,
        typer.Argument(help="Trips: CSV, GMNS, TNTP, OMX, VISUM $O; default beside the network.", show_default=False),
    ] = None,
    *,
    theta: Annotated[float, typer.Option(help="Logit dispersion, 1/min.")] = 0.5,
    method: Annotated[str, typer.Option(help="auto, newton, mirror_bb, sra, msa, or your own.")] = "auto",
    paths: Annotated[
        str | None, typer.Option(metavar="all|k=10|dag", help="Route model; default dag, with --limit ue k=4.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="On the residual R.")] = 1e-8,
    iterations: Annotated[int | None, typer.Option(min=1, help="Most iterations; default the method's.")] = None,
    scale: Annotated[float, typer.Option(help="Factor on the trips.")] = 1.0,
    limit: Annotated[
        Literal["ue"] | None, typer.Option(help="ue: raise theta to --theta-end, towards the user equilibrium.")
    ] = None,
    gap: Annotated[float, typer.Option(help="With --limit ue: largest relative gap at the end; exit 6 beyond.")] = 2e-4,
    theta_end: Annotated[float, typer.Option(help="With --limit ue: last theta, 1/min.")] = 200.0,
    toll_min: Annotated[float, typer.Option(help="TNTP, GMNS: min per unit of toll.")] = 0.0,
    length_min: Annotated[float, typer.Option(help="TNTP: min per unit of length.")] = 0.0,
    time_unit_min: Annotated[
        float | None, typer.Option(help="TNTP: min per unit of free-flow time; default the header's, or 1.")
    ] = None,
    capacity_per: Annotated[
        Literal["lane", "link"], typer.Option(help="GMNS: what a capacity is of; the format defines lane.")
    ] = "lane",
    matrix: Annotated[str | None, typer.Option(help="OMX: the matrix of trips, if there are several.")] = None,
    lookup: Annotated[str | None, typer.Option(help="OMX: the numbers of zones, if there are several.")] = None,
    period_h: Annotated[float | None, typer.Option(help="OMX: hours in which the trips are made; default 1.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="CSV", help="Where to write the link flows.")] = None,
    as_json: arg.AsJson = False,
) -> None:
    """Assign traffic by a logit equilibrium; exit 6 if it did not converge, or --limit ue missed its gap."""
    from cosim.cli.assigning import assign_command

    given: dict[str, Any] = {"toll_min": toll_min or None, "length_min": length_min or None}
    given |= {"time_unit_min": time_unit_min, "capacity_per": capacity_per if capacity_per != "lane" else None}
    options = {name: value for name, value in given.items() if value is not None}
    of_trips = {"matrix": matrix, "lookup": lookup, "period_h": period_h}
    how = {"theta": theta, "method": method, "routes": paths, "tolerance": tolerance, "iterations": iterations}
    raise typer.Exit(
        assign_command(
            network,
            trips,
            how | {"scale": scale, "to_ue": limit == "ue", "gap": gap, "theta_end": theta_end, "out": out},
            options,
            {name: value for name, value in of_trips.items() if value is not None},
        )
    )


app.command(name="list")(list_)
app.command()(init)
app.command()(explain)
app.command()(schema)


@app.command()
def migrate(file: arg.ScenarioFile, *, write: bool = False) -> None:
    """Show a scenario of an earlier version by the present names of its keys, or rewrite it; comments stay."""
    from cosim.cli.migrating import migrate_command

    raise typer.Exit(migrate_command(file, write=write))


@app.command()
def report(run_folder: arg.RunFolder) -> None:
    """Write report.html of a finished run again and print its path."""
    from cosim.cli.running import report_command

    raise typer.Exit(report_command(run_folder))


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Run folders, the first is the reference; or one value of coupling.", metavar="RUN RUN..."),
    ],
    out: Annotated[Path | None, typer.Option(metavar="CSV", help="Where to write the table.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write table and picture.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Exit 10 if a measure deviates by more, times max(1, |first|).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Set finished runs side by side, and list the inputs in which they differ."""
    from cosim.cli.comparing import compare_command

    raise typer.Exit(compare_command(runs, out, html, tolerance, as_json=as_json))


@app.command()
def runs(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of runs, or a run; default runs.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs below a folder, worst first; unfinished, damaged and foreign folders are named."""
    from cosim.cli.listing import runs_command

    raise typer.Exit(runs_command(folder, as_json=as_json))


app.command()(verify)


@app.command()
def reproduce(
    figure: Annotated[
        list[int] | None, typer.Option("--figure", metavar="N", help="This figure alone (1 to 12); may be repeated.")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="New folder; default runs/reproduction-<UTC>.")] = None,
    for_print: Annotated[
        bool, typer.Option("--print/--no-print", help="Also PDF and SVG of each figure (matplotlib).")
    ] = True,
    progress: Annotated[arg.Progress, typer.Option(help="What is being done, on the error stream.")] = "auto",
) -> None:
    """Reproduce the paper: its figures from own runs, each claim tested; exit 10 if one holds less than promised."""
    from cosim.cli.reproducing import reproduce_command

    raise typer.Exit(reproduce_command(figure or [], out, for_print=for_print, progress=progress))


@app.command()
def sensitivity(
    scenario: arg.Scenario,
    *,
    step: Annotated[float, typer.Option(help="Relative step of solving again, to both sides.")] = 0.01,
    periods: Annotated[
        str | None, typer.Option(metavar="A:B", help="Answers of these periods; default the whole day.")
    ] = None,
    detail: Annotated[bool, typer.Option("--detail", help="Each link, station, device by itself, too.")] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="These numbers alone: 'traffic.*'.")] = None,
    by: Annotated[str | None, typer.Option(metavar="ANSWER", help="Sort by one answer: flows, cost, ...")] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Use no Jacobian and no dual; solve again.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="All rows: .csv, .json, .parquet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    overrides: arg.Overrides = None,
    progress: Annotated[arg.Progress, typer.Option(help="Progress by number, on the error stream.")] = "auto",
) -> None:
    """Tell which assumed number matters: elasticities of flows, loads, cost, voltage to every number of a scenario."""
    from cosim.cli.sensitivities import sensitivity_command

    how: dict[str, object] = {"step": step, "periods": periods, "detail": detail, "only": only or [], "by": by}
    how |= {"exact": not resolve, "jobs": jobs, "overrides": overrides or []}
    raise typer.Exit(sensitivity_command(scenario, how, out, as_json=as_json, progress=progress))


app.command()(validate)


@app.command()
def calibrate(
    scenario: arg.Scenario,
    out: Annotated[Path, typer.Option(help="New folder for micro_calibrated.csv and calibration.json.")],
    *,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="Runs at the same time.")] = None,
    scale: Annotated[float | None, typer.Option(help="Length of the links.")] = None,
    step: Annotated[float | None, typer.Option(metavar="S", help="Step of SUMO, s.")] = None,
    overrides: arg.Overrides = None,
) -> None:
    """Fit link times and station waits to simulation; held-out seeds and demands tell how good the fit is."""
    from cosim.cli.validating import calibrate_command

    how = {"jobs": jobs, "length_scale": scale, "step_s": step}
    raise typer.Exit(calibrate_command(scenario, out, how, overrides or []))


@app.command(name="import")
def import_(
    source: arg.Source,
    net: arg.Net,
    out: Annotated[Path | None, typer.Option(help="New folder for tables; needed without --check.")] = None,
    *,
    check_only: Annotated[bool, typer.Option("--check", help="Its power flow as it is, or what hinders.")] = False,
    slack: arg.Slack = None,
    opened: arg.Opened = None,
    balanced: arg.Balanced = False,
    trips: arg.Trips = None,
    additional: arg.Additional = None,
    station: arg.RoadStations = None,
    vclass: arg.VClass = None,
    begin: arg.Begin = None,
    end: arg.End = None,
    step: arg.RoadStep = None,
    service_cars: arg.ServiceCars = False,
) -> None:
    """Import a radial feeder, or --check one as it is, or roads of SUMO or OSM; exit 3 names what does not fit."""
    from cosim.cli.importing import import_command
    from cosim.cli.importing_roads import import_roads_command, is_roads

    feeder = {"slack_bus": slack, "opened": opened, "balanced": balanced}
    roads: dict[str, Any] = {"trips": trips, "additional": additional, "stations": station, "vclass": vclass}
    roads |= {"begin_s": begin, "end_s": end, "step_s": step, "service_cars": service_cars}
    if is_roads(source):
        raise typer.Exit(import_roads_command(source, Path(net), out, roads, feeder | {"check": check_only}))
    raise typer.Exit(import_command(source, net, out, check_only, roads, **feeder))


app.command()(export)
app.command()(grade)
app.command()(figures)
app.add_typer(sweep)


@app.command(name="build-net")
def build_net(
    source: Annotated[str, typer.Argument(metavar="ROADS|FOLDER|SCENARIO", help="A scenario brings its stations.")],
    scale: Annotated[float | None, typer.Option(help="Factor of all link lengths; default 1.")] = None,
    variant: Annotated[
        Literal["merge", "metered", "signals", "plain"] | None,
        typer.Option(help="How nodes and exits work; default merge."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default <name>-<variant>.")] = None,
    check: Annotated[Path | None, typer.Option(metavar="NET", help="Only check a network built earlier.")] = None,
    overrides: arg.Overrides = None,
) -> None:
    """Build the SUMO network of roads and stations, and check it by reading it back."""
    from cosim.cli.building import build_net_command

    raise typer.Exit(
        build_net_command(source, length_scale=scale, variant=variant, out=out, check=check, overrides=overrides or [])
    )


app.command()(doctor)
app.add_typer(scenario)
