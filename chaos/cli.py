"""The command line. What it prints is chaos/report.py; what it does is elsewhere."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import click
import msgspec

from chaos.campaign import Facet, Report, Request, run_campaign
from chaos.capsule import Capsule, CapsuleError, capsule_defect, read_capsule
from chaos.catalog import find_experiment
from chaos.checkers import CHECKS, Verdict
from chaos.checkers.finding import worst
from chaos.code import CodeError, load_check, load_embedded_check
from chaos.doctor import clean, leftovers, machine_lines
from chaos.drivers.base import DriverError
from chaos.experiment import Experiment, ExperimentError, resolve
from chaos.interrupt import Interrupt
from chaos.nemesis import FAULTS
from chaos.operator import OPERATIONS
from chaos.reach import add_reach
from chaos.report import NAMES, Screen, state_of
from chaos.run import DRIVERS, Replayed, RunResult, RunSpec, replay_capsule, tool_version
from chaos.store import StoreError
from workers.defects.loader import DefectError, compose, known_defects, read_defect, summary
from workers.protocol import DefectSource
from workers.segments import SegmentError

Suites = dict[str, tuple[str, tuple[Facet, ...]]]
USAGE = 2
INTERRUPTED = 130
SEED_MAX = 2**63 - 1
DEFAULT_SEEDS = {"sim": 100, "lockstep": 20, "realtime": 5}
USER_ERRORS = (
    CapsuleError,
    CodeError,
    DefectError,
    ExperimentError,
    SegmentError,
    StoreError,
)
LIST_TOPICS = ("experiments", "suites", "defects", "faults", "checks", "drivers")


class Catalog(msgspec.Struct):
    """What the package brings: handed in, because the tester doesn't import its experiments."""

    experiments: dict[str, Experiment]
    suites: Suites


def run_command_line(experiments: dict[str, Experiment], suites: Suites) -> None:
    """Run the command line and exit with the code of the outcome."""
    code = int(Verdict.BROKEN)
    try:
        code = program(obj=Catalog(experiments, suites), standalone_mode=False) or 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = USAGE
    except USER_ERRORS as error:
        click.echo(f"raidstorm: {error}", err=True)
        code = USAGE
    except DriverError as error:
        click.echo(f"raidstorm: {error}", err=True)
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        code = INTERRUPTED
    except Exception:  # noqa: BLE001  # the process's edge
        traceback.print_exc()
        click.echo(
            "raidstorm: this is a defect of raidstorm itself; please report it with the lines above",
            err=True,
        )
    sys.exit(code)


class Seed(click.ParamType[int]):
    """A seed: an integer from 0 on."""

    name = "seed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a sentence."""
        try:
            seed = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a seed; a seed is a whole number from 0 on", param, ctx)
        if not 0 <= seed <= SEED_MAX:
            self.fail(f"{value} is not a seed; a seed lies between 0 and {SEED_MAX}", param, ctx)
        return seed


class Duration(click.ParamType[float]):
    """A time such as 20s, 5m, 8h."""

    name = "duration"
    UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0}  # noqa: RUF012  # a constant table

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        text = str(value)
        unit = self.UNITS.get(text[-1:])
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < float("inf"):
            self.fail(f"{value!r} is not a duration; write 20s, 5m or 8h", param, ctx)
        return seconds


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(tool_version(), prog_name="raidstorm")
def program() -> None:
    """Find out whether some interleaving of disk failure, rebuild, client connect and crash breaks a
    RAID1 target. Every run is chosen by a seed, judged, and replayable.

    Exit codes: 0 valid, 1 wrong data or another check broken, 2 usage, 3 could not decide, 4 something
    never finished, 5 the target crashed, 6 two runs of a seed differ, 7 not exercised or a replay that
    no longer applies, 70 raidstorm itself broke, 130 interrupted.
    """


@program.command("list")
@click.argument("topic", type=click.Choice(LIST_TOPICS), required=False)
@click.pass_obj
def list_command(catalog: Catalog, topic: str | None) -> None:
    """List what there is to run, to break and to check."""
    screen = Screen(quiet=False)
    tables = {
        "experiments": {name: value.description for name, value in catalog.experiments.items()},
        "suites": {name: description for name, (description, _) in catalog.suites.items()},
        "defects": {name: summary(DefectSource(name)) for name in known_defects()},
        "faults": {**FAULTS, **OPERATIONS},
        "checks": {name: description for name, (_, description) in CHECKS.items()},
        "drivers": DRIVERS,
    }
    for title in [topic] if topic else LIST_TOPICS:
        screen.say(title, "bold")
        width = max(len(name) for name in tables[title])
        for name, description in tables[title].items():
            screen.say(f"  {name:<{width}}  {description}")


@program.command("run")
@click.argument("names", nargs=-1, required=True, metavar="NAME|module:NAME|FILE.py|FILE.toml ...")
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds to run.")
@click.option("--seed", type=Seed(), help="The first seed [0]; alone, the only one.")
@click.option("--driver", type=click.Choice(list(DRIVERS)), default="sim", show_default=True)
@click.option(
    "--defect", "defects", multiple=True, metavar="ID|FILE.py", help="Turn a defect on; repeatable."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True)
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
    driver: str,
    defects: tuple[str, ...],
    jobs: int,
    seconds: float | None,
    stop_on_first: bool,
    out: str,
    output: str,
) -> int:
    """Run experiments or suites, and judge every run.

    Without --seeds and --for, a driver's usual number of seeds is run. A suite brings its own numbers,
    drivers and defects.
    """
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
    reports = []
    for facet, request in zip(parts, requests, strict=True):
        reports.append(_run_part(screen, request, interrupt, facet.expect_code))
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
    return code


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
    experiment = find_experiment(facet.experiment, catalog.experiments)
    for path in experiment.checks:
        load_check(path)
    spec = RunSpec(
        experiment=experiment,
        driver=facet.driver,
        defects=sources,
        defect_arguments=facet.defects,
        experiment_argument=facet.experiment,
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


def _run_part(screen: Screen, request: Request, interrupt: Interrupt, expect_code: int) -> Report:
    spec = request.spec
    last = "..." if request.seeds is None else f"..{request.first_seed + request.seeds - 1}"
    heading = f"{spec.experiment.name}: driver {spec.driver}, seeds {request.first_seed}{last}"
    if request.seconds is not None:
        heading += f", for {request.seconds:g} s"
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

        report = run_campaign(request, interrupt, show)
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
            ",".join(report.seeds for report in reports),
        )
        for report in reports:
            for field in ("runs", "valid", "invalid", "unknown", "crashed", "hung", "steps"):
                setattr(total, field, getattr(total, field) + getattr(report, field))
            total.seconds = round(total.seconds + report.seconds, 3)
            add_reach(total.reach, report.reach)
            total.failures += report.failures
        total.exit_code = code
        whole = {**msgspec.structs.asdict(total), "parts": reports}
    sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
    sys.stdout.flush()


@program.command("replay")
@click.argument("target", metavar="RUN_DIR|CAPSULE.json|NAME:SEED")
@click.option("--driver", type=click.Choice(list(DRIVERS)), help="[the recorded one]")
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py|none",
    help="Instead of the recorded defects; 'none' for the reference engine.",
)
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def replay_command(
    catalog: Catalog,
    target: str,
    driver: str | None,
    defects: tuple[str, ...],
    allow_code: bool,
    output: str,
) -> int:
    """Run one recorded run again, step for step, and judge it again."""
    interrupt = Interrupt()
    interrupt.install()
    capsule, is_recording = _capsule_of(catalog, target)
    if defects:
        sources = () if defects == ("none",) else tuple(read_defect(name) for name in defects)
        capsule = msgspec.structs.replace(
            capsule, defects=[capsule_defect(source) for source in sources]
        )
    elif is_recording and capsule.carries_code and not allow_code:
        names = [defect.id for defect in capsule.defects if defect.source is not None]
        names += [code.name for code in capsule.checks]
        raise CapsuleError(
            f"{target} carries code from outside ({', '.join(names)}); "
            "read it, then replay with --allow-code"
        )
    if is_recording and capsule.checks and not allow_code:
        raise CapsuleError(f"{target} carries checks; read them, then replay with --allow-code")
    sources = capsule.defect_sources()
    compose(sources)
    if is_recording:
        checks = tuple(load_embedded_check(code) for code in capsule.checks)
    else:
        checks = tuple(load_check(path) for path in capsule.experiment.checks)
    replayed = replay_capsule(capsule, driver or capsule.driver, sources, checks)
    expects_same = not defects and (driver or capsule.driver) != "realtime"
    code, remark = _compare(capsule, replayed) if expects_same else (int(replayed.verdict), "")
    _show_replay(capsule, replayed, code, remark, output)
    return code


def _capsule_of(catalog: Catalog, target: str) -> tuple[Capsule, bool]:
    """The capsule, and whether it is a recording (or made up from NAME:SEED)."""
    path = Path(target)
    if path.is_dir():
        return read_capsule(path / "capsule.json"), True
    if path.exists() or target.endswith(".json"):
        return read_capsule(path), True
    name, separator, seed_text = target.rpartition(":")
    if not separator or not seed_text.isdecimal():
        raise CapsuleError(f"{target} is neither a run directory, nor a capsule, nor NAME:SEED")
    experiment = find_experiment(name, catalog.experiments)
    seed = Seed().convert(seed_text, None, None)
    return (
        Capsule(
            raidstorm_version=tool_version(),
            experiment=experiment,
            seed=seed,
            driver="sim",
            plan=resolve(experiment, seed),
        ),
        False,
    )


def _compare(capsule: Capsule, replayed: Replayed) -> tuple[int, str]:
    """The exit code, and a remark when the replay isn't what was recorded."""
    expected = capsule.expected
    code = int(replayed.verdict)
    if replayed.divergence or expected is None or capsule.schedule is None:
        return code, ""
    if replayed.fingerprint == expected.fingerprint:
        return code, "the fingerprint is the recorded one"
    if capsule.raidstorm_version == tool_version() and code == expected.verdict:
        return code, (
            f"the fingerprint {replayed.fingerprint} is not the recorded {expected.fingerprint}: "
            "the code has changed since"
        )
    return code, (
        f"the recorded run ended {NAMES.get(expected.verdict, expected.verdict)} with fingerprint "
        f"{expected.fingerprint}, this one has {replayed.fingerprint}"
    )


def _show_replay(capsule: Capsule, replayed: Replayed, code: int, remark: str, output: str) -> None:
    if output == "json":
        summary_ = {
            "experiment": capsule.experiment.name,
            "seed": capsule.seed,
            "exit_code": code,
            "fingerprint": replayed.fingerprint,
            "expected": capsule.expected,
            "steps": replayed.steps,
            "findings": replayed.findings,
            "divergence": replayed.divergence,
            "remark": remark,
        }
        sys.stdout.buffer.write(msgspec.json.encode(summary_) + b"\n")
        sys.stdout.flush()
        return
    screen = Screen(quiet=False)
    defects = ", ".join(defect.id for defect in capsule.defects) or "none"
    screen.say(f"{capsule.experiment.name}: seed {capsule.seed}, defects: {defects}", "bold")
    if replayed.divergence:
        screen.say(f"the schedule no longer applies: {replayed.divergence}", "red")
        return
    screen.say(
        f"{NAMES[int(replayed.verdict)]} after {replayed.steps} steps, fingerprint {replayed.fingerprint}",
        "green" if code == 0 else "red",
    )
    if replayed.findings:
        screen.say(replayed.findings[0].summary)
    for line in replayed.story:
        screen.say(f"  {line}")
    if remark:
        screen.say(remark)


@program.command("doctor")
@click.option("--clean", "do_clean", is_flag=True, help="Remove what killed runs left behind.")
def doctor_command(do_clean: bool) -> int:
    """Say what this machine offers, and what killed runs have left behind."""
    screen = Screen(quiet=False)
    fine = True
    for is_fine, line in machine_lines():
        fine = fine and is_fine
        screen.say(f"{'ok ' if is_fine else 'BAD'} {line}", None if is_fine else "red")
    if do_clean:
        removed = clean()
        for leftover in removed:
            screen.say(f"removed {leftover.path}, left by process {leftover.owner_pid}")
    for leftover in leftovers():
        if leftover.owner_is_alive:
            screen.say(f"in use  {leftover.path}, by process {leftover.owner_pid}")
        else:
            screen.say(f"left    {leftover.path}, by process {leftover.owner_pid}, which is gone")
            fine = False
    if not do_clean and not fine:
        screen.say("'raidstorm doctor --clean' removes what is left over")
    return 0 if fine else int(Verdict.BROKEN)
