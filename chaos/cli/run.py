"""``raidstorm run``."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from chaos.campaign import Facet, Report, Request, run_campaign
from chaos.capsule import DriverName
from chaos.catalog import find_experiment
from chaos.checkers import Verdict
from chaos.checkers.finding import NAMES, worst
from chaos.cli.canary import show_canary
from chaos.cli.cluster import cluster_option, open_cluster
from chaos.cli.parameters import INTERRUPTED, SEED_MAX, Catalog, Duration, Seed
from chaos.code import load_check
from chaos.crew import Pool
from chaos.fidelity import Fidelity
from chaos.interrupt import Interrupt
from chaos.reach import add_reach
from chaos.report import Screen, state_of
from chaos.run import DRIVERS, RunResult, RunSpec
from chaos.store import Store
from workers.defects.loader import compose, read_defect

DEFAULT_SEEDS = {"sim": 100, "lockstep": 20, "realtime": 5}


@click.command("run")
@click.argument("names", nargs=-1, required=True, metavar="NAME|module:NAME|FILE.py|FILE.toml ...")
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds to run.")
@click.option("--seed", type=Seed(), help="The first seed [0]; alone, the only one.")
@click.option("--driver", type=click.Choice(list(DRIVERS)), default="sim", show_default=True)
@click.option(
    "--defect", "defects", multiple=True, metavar="ID|FILE.py", help="Turn a defect on; repeatable."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True)
@cluster_option
@click.option("--for", "seconds", type=Duration(), help="Run new seeds for a time: 20s, 5m, 8h.")
@click.option("-x", "stop_on_first", is_flag=True, help="Stop at the first failure.")
@click.option("--out", default="runs", show_default=True, help="Where failing runs are kept.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def run_command(
    catalog: Catalog,
    names: tuple[str, ...],
    seeds: int | None,
    seed: int | None,
    driver: DriverName,
    defects: tuple[str, ...],
    jobs: int,
    cluster: str | None,
    seconds: float | None,
    stop_on_first: bool,
    out: str,
    output: str,
) -> int:
    """Run experiments or suites, and judge every run.

    Without --seeds and --for, a driver's usual number of seeds is run. A suite brings its own numbers,
    drivers and defects.
    """
    if not out:
        raise click.UsageError("--out needs the name of a directory")
    if (seed or 0) + (seeds or 1) - 1 > SEED_MAX:
        raise click.UsageError(f"the last seed would be beyond {SEED_MAX}")
    if (
        cluster
        and click.get_current_context().get_parameter_source("jobs") is ParameterSource.COMMANDLINE
    ):
        raise click.UsageError("--jobs is for this machine; with --cluster, every worker is one")
    _refuse_options_of_suites(catalog, names)
    parts = _parts(
        catalog,
        names,
        Facet(
            experiment="",
            driver=driver,
            seeds=_number_of_seeds(seeds, seed, seconds, driver),
            seconds=seconds,
            defects=defects,
            stop_on_first=stop_on_first,
        ),
    )
    interrupt = Interrupt()
    interrupt.install()
    screen = Screen(quiet=output == "json")
    # Everything is looked up before the first run: a typing error must not show after an hour.
    requests = [_request(catalog, facet, seed or 0, jobs, out) for facet in parts]
    Store(Path(out))
    reports = []
    canaries = []
    with open_cluster(cluster, (facet.driver for facet in parts)) as workers:
        for facet, request in zip(parts, requests, strict=True):
            pool = workers.pool() if workers else None
            report = _run_part(screen, request, interrupt, facet.expect_code, pool)
            reports.append(report)
            if facet.expect_code and report.exit_code == facet.expect_code:
                canaries.append(report)
            if interrupt.requested:
                break
    codes = [
        _code_of_part(report, facet.expect_code)
        for report, facet in zip(reports, parts, strict=False)
    ]
    code = INTERRUPTED if interrupt.requested else int(worst([Verdict(code) for code in codes]))
    if output == "json":
        _print_json(reports, names, code)
    elif len(reports) > 1:
        screen.say()
        screen.say(
            f"{len(reports)} parts: {'all as they must be' if code == 0 else NAMES[code]}",
            "bold green" if code == 0 else "bold red",
        )
        for report in () if interrupt.requested else canaries:
            show_canary(screen, report, command_name(), interrupt)
    return code


def _refuse_options_of_suites(catalog: Catalog, names: tuple[str, ...]) -> None:
    """A suite has its own numbers; an option that would be ignored must not be given."""
    context = click.get_current_context()
    given = [
        option
        for option in ("seeds", "driver", "defects", "seconds", "stop_on_first")
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE
    ]
    for name in names:
        if name in catalog.suites and given:
            option = {"defects": "--defect", "seconds": "--for", "stop_on_first": "-x"}.get(
                given[0], f"--{given[0]}"
            )
            raise click.UsageError(
                f"{name} is a suite and brings its own {option}; give it without, or run its "
                "experiments by name"
            )


def command_name() -> str:
    """How to call this program again from here, in a line to paste."""
    script = Path(sys.argv[0])
    if script.name != "raidstorm":
        return f"{shlex.quote(os.path.relpath(sys.executable))} -m experiments"
    found = shutil.which("raidstorm")
    if found is not None and Path(found).resolve() == script.resolve():
        return "raidstorm"
    return shlex.quote(os.path.relpath(script))


def _number_of_seeds(
    seeds: int | None, seed: int | None, seconds: float | None, driver: str
) -> int | None:
    if seeds is not None:
        return seeds
    if seconds is not None:
        return None
    return 1 if seed is not None else DEFAULT_SEEDS[driver]


def _parts(catalog: Catalog, names: tuple[str, ...], template: Facet) -> list[Facet]:
    parts: list[Facet] = []
    for name in names:
        if name in catalog.suites:
            parts += catalog.suites[name][1]
        else:
            parts.append(msgspec.structs.replace(template, experiment=name))
    return parts


def _request(catalog: Catalog, facet: Facet, first_seed: int, jobs: int, out: str) -> Request:
    sources = tuple(read_defect(name) for name in facet.defects)
    compose(sources)
    experiment = find_experiment(facet.experiment, catalog.experiments, catalog.suites)
    for path in experiment.checks:
        load_check(path)
    spec = RunSpec(
        experiment=experiment,
        driver=facet.driver,
        defects=sources,
        defect_arguments=facet.defects,
        experiment_argument=facet.experiment,
        program=command_name(),
        out=out,
    )
    return Request(
        spec=spec,
        first_seed=first_seed,
        seeds=facet.seeds,
        seconds=facet.seconds,
        jobs=jobs,
        stop_on_first=facet.stop_on_first,
    )


def _run_part(
    screen: Screen, request: Request, interrupt: Interrupt, expect_code: int, pool: Pool | None
) -> Report:
    spec = request.spec
    last = "..." if request.seeds is None else f"..{request.first_seed + request.seeds - 1}"
    heading = f"{spec.experiment.name}: driver {spec.driver}, seeds {request.first_seed}{last}"
    if request.seconds is not None:
        heading += f", for {request.seconds:g} s"
    if pool is not None:
        heading += f", over {pool.width} workers"
    if spec.defects:
        heading += ", with defect " + ", ".join(defect.id for defect in spec.defects)
    screen.say()
    screen.say(heading, "bold")
    failed = 0
    with screen.progress(spec.experiment.name, request.seeds) as progress:
        task = progress.task_ids[0]

        def show(result: RunResult) -> None:
            nonlocal failed
            failed += bool(result.findings)
            progress.update(task, advance=1, state=state_of(result, failed))

        report = run_campaign(request, interrupt, show, pool)
    screen.report(report, expect_code)
    return report


def _code_of_part(report: Report, expect_code: int) -> int:
    """A part that must fail and doesn't is a canary that was not caught."""
    if report.exit_code == expect_code:
        return 0
    if expect_code and report.exit_code == 0:
        return int(Verdict.NOT_EXERCISED)
    return report.exit_code if report.exit_code != INTERRUPTED else 0


def _print_json(reports: list[Report], names: tuple[str, ...], code: int) -> None:
    if len(reports) == 1 and len(names) == 1:
        whole: Any = msgspec.structs.replace(reports[0], exit_code=code)
    else:
        total = Report(
            ",".join(names),
            ",".join(sorted({report.driver for report in reports})),
            reports[0].first_seed,
        )
        for report in reports:
            for field in (
                "seeds",
                "runs",
                "valid",
                "invalid",
                "unknown",
                "crashed",
                "hung",
                "steps",
            ):
                setattr(total, field, getattr(total, field) + getattr(report, field))
            if report.fidelity is not None:
                total.fidelity = (total.fidelity or Fidelity()).joined(report.fidelity)
            total.seconds = round(total.seconds + report.seconds, 3)
            add_reach(total.reach, report.reach)
            total.failures = [*total.failures, *report.failures]
            total.missing = [*total.missing, *report.missing]
            total.failures_left_out += report.failures_left_out
            total.interrupted = total.interrupted or report.interrupted
            total.error = total.error or report.error
        total.exit_code = code
        whole = {**msgspec.structs.asdict(total), "parts": reports}
    sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
    sys.stdout.flush()
