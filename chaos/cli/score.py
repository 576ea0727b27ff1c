"""``raidstorm score``: how well known defects are found."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.campaigns.catalog import find_experiment
from chaos.campaigns.runner import Runner, RunSpec, index_line
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen, count, print_json
from chaos.judging.user_checks import load_check
from chaos.plan.experiment import Experiment, validate
from chaos.plan.strategies import STRATEGY_NAMES
from chaos.scoring.compare import compare
from chaos.scoring.markdown import markdown_lines
from chaos.scoring.score import Arm, Find, ScoreRequest, Searched, run_score
from chaos.scoring.scorecard import (
    Score,
    ScoreError,
    as_red,
    exit_code,
    read_score,
    summarize,
    write_score,
)
from chaos.scoring.table import table_lines
from chaos.store.store import Store
from chaos.store.version import commit_of_code, tool_version
from workers.defects.loader import known_defects, read_defect
from workers.protocol import DefectSource

SECONDS_DEFAULT = 10.0
REDS_KEPT_MAX = 3


class ScoreArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    defect_lists: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    name: str = "swarm"
    ranges: int = 10
    seeds: int | None = None
    budget: float | None = None  # seconds
    clean_seeds: int | None = None
    jobs: int = 1
    keep: bool = False
    out: str = "runs"
    save: str | None = None
    earlier: str | None = None
    output: str = "table"


class Settings(msgspec.Struct, frozen=True):
    """What a run directory of a find is made with."""

    experiment_argument: str
    arguments: dict[str, str]  # a defect's id -> as the user named it
    program: str
    runs: str
    keep: bool


def run(catalog: Catalog, arguments: ScoreArguments) -> int:
    """Score, print and save the result, and return the exit code."""
    request, settings = prepare(catalog, arguments)
    before = read_score(Path(arguments.earlier)) if arguments.earlier is not None else None
    if arguments.save is not None:
        _refuse_unwritable(Path(arguments.save))
    if arguments.keep:
        Store(Path(arguments.out))
    screen = Screen(output="text" if arguments.output == "table" else arguments.output)
    interrupt = Interrupt()
    interrupt.install()
    score = execute(screen, interrupt, request, settings)
    if before is not None:
        score.comparison = compare(before, score, str(arguments.earlier))
    score.exit_code = exit_code(score)
    if arguments.output == "json":
        print_json(score)
    if arguments.output == "markdown":
        click.echo("\n".join(markdown_lines(score)))
    for text, style in table_lines(score):
        screen.say(text, style)
    if arguments.save is not None:
        write_score(Path(arguments.save), score)
    return score.exit_code


def prepare(catalog: Catalog, arguments: ScoreArguments) -> tuple[ScoreRequest, Settings]:
    """Look up all that was named."""
    named = _arguments(arguments.defect_lists)
    sources = [read_defect(argument) for argument in named]
    _refuse_equal_ids(sources)
    experiment = _experiment(catalog, arguments.name)
    is_unbounded = arguments.budget is None and arguments.seeds is None
    request = ScoreRequest(
        arms=_arms(experiment, arguments.strategies),
        defects=tuple(sources),
        ranges=arguments.ranges,
        seeds=arguments.seeds,
        seconds=SECONDS_DEFAULT if is_unbounded else arguments.budget,
        clean_seeds=arguments.clean_seeds,
        jobs=arguments.jobs,
    )
    settings = Settings(
        experiment_argument=arguments.name,
        arguments=dict(zip((source.id for source in sources), named, strict=True)),
        program=command_name(),
        runs=arguments.out,
        keep=arguments.keep,
    )
    return request, settings


def _arguments(lists: tuple[str, ...]) -> list[str]:
    named = [word.strip() for words in lists for word in words.split(",")]
    if not all(named):
        raise click.UsageError("--defects has an empty name; write ID,FILE.py or all")
    if not named or named == ["all"]:
        return known_defects()
    if "all" in named:
        files = [word for word in named if word.endswith(".py")]
        if len(files) != len(named) - 1:
            raise click.UsageError("--defects all has every built-in one; add only files to it")
        return [*known_defects(), *files]
    return named


def _refuse_equal_ids(sources: list[DefectSource]) -> None:
    """Raise UsageError for two defects of one name, which no reader could distinguish, here or in a later comparison."""
    ids = [source.id for source in sources]
    for number, defect in enumerate(ids):
        if defect in ids[:number]:
            raise click.UsageError(f"two defects are named {defect}; rename one, or name it once")


def _experiment(catalog: Catalog, name: str) -> Experiment:
    if name in catalog.suites:
        raise click.UsageError(f"{name} is a suite; a score is of one experiment")
    experiment = find_experiment(name, catalog.experiments)
    for path in experiment.checks:
        load_check(path)
    return experiment


def _arms(experiment: Experiment, names: tuple[str, ...]) -> tuple[Arm, ...]:
    """Return one way of searching for each named strategy; without any, the experiment is taken as it is."""
    if not names:
        return (Arm(None, experiment),)
    several = {
        "each": STRATEGY_NAMES,
        "without": ("all", *(f"all-{one}" for one in STRATEGY_NAMES)),
    }
    wanted: list[str] = []
    for name in names:
        wanted += several.get(name, (name,))
    return tuple(Arm(name, _narrowed(experiment, name)) for name in dict.fromkeys(wanted))


def _narrowed(experiment: Experiment, name: str) -> Experiment:
    """Return the experiment with these strategies only; raises ExperimentError for an unknown one."""
    head, _, left_out = name.partition("-")
    if head == "all" and (not left_out or left_out in STRATEGY_NAMES):
        strategies = tuple(one for one in STRATEGY_NAMES if one != left_out)
    else:
        strategies = tuple(name.split("+"))
    return validate(msgspec.structs.replace(experiment, strategies=strategies))


def _refuse_unwritable(path: Path) -> None:
    """Raise ScoreError for a file that can't be written, before the work and not after it."""
    if path.is_dir():
        raise ScoreError(f"{path} is a directory; --save names a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise ScoreError(f"{path} can't be written; choose another file with --save")


def execute(
    screen: Screen, interrupt: Interrupt, request: ScoreRequest, settings: Settings
) -> Score:
    """Search, add up, and keep what is to be kept."""
    experiment = request.arms[0].experiment
    screen.say(_heading(request, experiment.name), "bold")
    results: list[Searched] = []
    begun = time.monotonic()
    rows = len(request.defects) + (request.clean_seeds != 0)
    with screen.progress("searches", len(request.arms) * request.ranges * rows) as bar:

        def show(searched: Searched) -> None:
            results.append(searched)
            found = sum(bool(one.finds) for one in results)
            newest = f"{searched.defect or 'clean engine'}: {searched.schedules} schedules"
            bar.advance(f"{found} found, newest: {newest}")

        error = run_score(request, interrupt, show)
    score = summarize(request, experiment.name, tool_version(), results)
    score.commit = commit_of_code()
    score.wall_seconds = round(time.monotonic() - begun, 3)
    score.error = error
    for arm in request.arms:
        _add_replays(score, request, settings, arm, results)
    score.interrupted = interrupt.requested
    return score


def _heading(request: ScoreRequest, experiment: str) -> str:
    bounds = []
    if request.seeds is not None:
        bounds.append(count(request.seeds, "schedule"))
    if request.seconds is not None:
        bounds.append(f"{request.seconds:g} s of one processor")
    first = request.first_seeds()
    seeds = f"{first[0]}, ... {first[-1]}" if len(first) > 1 else f"{first[0]}"
    return (
        f"score of {experiment}: {count(len(request.defects), 'defect')}, {count(request.ranges, 'range')} of seeds "
        f"(from {seeds}), a search has at most {' or '.join(bounds)}{_in_all(request)}"
    )


def _in_all(request: ScoreRequest) -> str:
    """Return how long it takes if nothing is found; most searches end sooner."""
    if request.seconds is None:
        return ""
    searches = len(request.arms) * request.ranges * (len(request.defects) + 1)
    minutes = searches * request.seconds / 60
    return f", all together {minutes:.0f} min" if minutes >= 1 else ""


def _add_replays(
    score: Score, request: ScoreRequest, settings: Settings, arm: Arm, results: list[Searched]
) -> None:
    """Add a line to paste for each defect's first find, and a kept run for each red run of the clean engine."""
    mine = sorted(
        (searched for searched in results if searched.strategy == arm.strategy),
        key=lambda searched: searched.first_seed,
    )
    for defect in score.defects:
        finds = [
            searched.finds[0]
            for searched in mine
            if searched.defect == defect.id and searched.finds
        ]
        if defect.strategy != arm.strategy or not finds:
            continue
        if settings.keep:
            source = next(source for source in request.defects if source.id == defect.id)
            defect.replay = _keep(score, settings, arm, (source,), finds[0])
        elif arm.strategy is None:
            defect.replay = _by_seed(settings, finds[0], settings.arguments[defect.id])
    for clean in score.clean:
        if clean.strategy != arm.strategy:
            continue
        reds = [find for searched in mine if searched.defect is None for find in searched.finds]
        clean.reds = [
            as_red(find, _keep(score, settings, arm, (), find) if number < REDS_KEPT_MAX else "")
            for number, find in enumerate(reds)
        ]


def _by_seed(settings: Settings, find: Find, argument: str) -> str:
    target = shlex.quote(f"{settings.experiment_argument}:{find.seed}")
    return f"{settings.program} replay {target} --defect {shlex.quote(argument)}"


def _keep(
    score: Score, settings: Settings, arm: Arm, defects: tuple[DefectSource, ...], find: Find
) -> str:
    """Run the seed again as ``run`` does, which leaves its directory; returns the replay line."""
    spec = RunSpec(
        experiment=arm.experiment,
        driver="sim",
        defects=defects,
        defect_arguments=tuple(settings.arguments[defect.id] for defect in defects),
        experiment_argument=settings.experiment_argument,
        program=settings.program,
        out=settings.runs,
    )
    store = Store(Path(settings.runs))
    runner = Runner(spec, store)
    try:
        result = runner.run_seed(find.seed)
        store.index(index_line(spec, result))
    finally:
        runner.close()
    if result.fingerprint != find.fingerprint:
        score.differences.append(f"seed {find.seed}: {find.fingerprint}, then {result.fingerprint}")
    return result.replay
