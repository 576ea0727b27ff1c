"""``raidstorm soak``: fresh seeds for hours."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from chaos.base.interrupt import Interrupt
from chaos.campaigns.catalog import find_suite
from chaos.campaigns.suite import facets_of
from chaos.checkers.finding import NAMES
from chaos.cli.campaigns import looked_up
from chaos.cli.parameters import INTERRUPTED, Catalog, command_name
from chaos.cli.screen import Screen, count
from chaos.soak.begin import canaries_of, lanes_of, learn_from_earlier
from chaos.soak.live import Display, line_of
from chaos.soak.page import PAGE
from chaos.soak.soak import Soak
from chaos.soak.state import STATE, Arguments, Group, SoakError, SoakState, read_state, take_lock
from chaos.store.capsule import DriverName
from chaos.store.store import Store, now_stamp

RUNS = Path("runs/soak")
SEED_SECONDS = 120.0


class SoakArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed; None where the default shall hold, or the soak that is resumed."""

    name: str | None = None
    seconds: float | None = None
    runs: int | None = None
    jobs: int | None = None
    drivers: tuple[DriverName, ...] | None = None
    keep: int | None = None
    canary_every: float | None = None  # seconds
    disk_max: int | None = None  # bytes
    seed_max: float | None = None  # seconds
    on_failure: str | None = None
    metrics: str | None = None
    out: str | None = None
    resume: str | None = None
    known: tuple[str, ...] = ()


def run(catalog: Catalog, arguments: SoakArguments) -> int:
    """Begin a soak or go on with one, print what it found, and return the exit code."""
    folder, state = prepare(catalog, arguments)
    screen = Screen()
    code = execute(folder, state, screen)
    _report(screen, folder, state, code)
    return code


def prepare(catalog: Catalog, arguments: SoakArguments) -> tuple[Path, SoakState]:
    """Return the soak's directory and its state, new or as it was."""
    if arguments.resume is not None:
        _refuse_beside_resume(arguments)
        folder, state = _resumed(Path(arguments.resume))
    else:
        folder, state = _begun(catalog, arguments)
    changes = {"on_failure": arguments.on_failure, "metrics": arguments.metrics}
    given_now = {key: value for key, value in changes.items() if value is not None}
    state.arguments = msgspec.structs.replace(state.arguments, **given_now)
    return folder, state


def _refuse_beside_resume(arguments: SoakArguments) -> None:
    alone = msgspec.structs.replace(arguments, resume=None, on_failure=None, metrics=None)
    if alone != SoakArguments():
        raise click.UsageError(
            "--resume continues a soak with its own options; give it alone, or with --on-failure and --metrics"
        )


def _settings(arguments: SoakArguments, suite: str) -> Arguments:
    """Return what the soak keeps of what was typed."""
    return Arguments(
        suite=suite,
        seconds=arguments.seconds or 8 * 3_600.0,
        jobs=arguments.jobs or 1,
        keep=arguments.keep or 20,
        canary_seconds=arguments.canary_every or 3_600.0,
        disk_bytes=arguments.disk_max or 2 * 1024**3,
        seed_seconds=arguments.seed_max or SEED_SECONDS,
        on_failure=arguments.on_failure or "",
        metrics=arguments.metrics or "",
        program=command_name(),
        runs_max=arguments.runs,
    )


def _begun(catalog: Catalog, arguments: SoakArguments) -> tuple[Path, SoakState]:
    if arguments.name is None:
        raise click.UsageError("name a suite, such as soak or smoke, or --resume DIR")
    suite = find_suite(arguments.name, catalog.experiments, catalog.suites)
    parent = Path(arguments.out) if arguments.out else RUNS
    stamp = now_stamp()
    taken = [path.name for path in parent.glob(f"{suite.name}-{stamp}*")]
    folder = parent / f"{suite.name}-{stamp}{f'.{len(taken) + 1}' if taken else ''}"
    parts = looked_up(catalog, facets_of(suite), 1, str(folder / "runs"), arguments.known)
    lanes = lanes_of(parts, arguments.drivers or ())
    canaries = canaries_of(parts)
    if arguments.canary_every is not None and not canaries:
        raise SoakError(
            f"the suite {suite.name} has no facet that must fail, so there is no canary; give it one with "
            "'expect_code', or leave out --canary-every"
        )
    stored = learn_from_earlier(parent, lanes)
    Store(folder)
    Store(parent).point("latest", folder)
    return folder, SoakState(_settings(arguments, arguments.name), lanes, canaries, stored)


def _resumed(folder: Path) -> tuple[Path, SoakState]:
    if folder.is_symlink():
        folder = Path(os.path.relpath(folder.resolve()))
    state = read_state(folder)
    ours = {str(folder / "runs")}
    if {lane.spec.out for lane in state.lanes} != ours:
        where = sorted(lane.spec.out for lane in state.lanes)[0]
        raise SoakError(
            f"this soak was begun where its directory was {Path(where).parent}; go there, and resume it by that name"
        )
    if state.is_over:
        raise SoakError(f"{folder} has run its time, or its runs; begin another soak")
    state.resumed += 1
    return folder, state


def execute(folder: Path, state: SoakState, screen: Screen) -> int:
    """Soak until its time is over or the user wants to stop; return the exit code."""
    interrupt = Interrupt()
    lock = take_lock(folder)
    try:
        with contextlib.ExitStack() as stack:
            if state.arguments.metrics:
                from chaos.soak.metrics import Metrics  # with a library that nothing else needs

                metrics = Metrics(state.arguments.metrics, state)
                stack.callback(metrics.close)
                screen.say(f"metrics: port {metrics.port}")
            interrupt.install()
            screen.say(
                f"soak of {state.arguments.suite} in {folder}; {PAGE} there is written every minute"
            )
            sys.stdout.flush()
            display = stack.enter_context(Display(Console(stderr=True)))
            return Soak(folder, state, display.show).run(interrupt)
    finally:
        os.close(lock)


def _report(screen: Screen, folder: Path, state: SoakState, code: int) -> None:
    """Print the verdict, then canaries and stored failures, and the failures last."""
    word = "PASS" if code == 0 else "STOP" if code == INTERRUPTED else "FAIL"
    screen.verdict(f"{word}  {line_of(state)}", "bold green" if code == 0 else "bold red")
    for canary in state.canaries:
        defects = ", ".join(one.id for one in canary.spec.defects)
        screen.say(
            f"  canary {canary.spec.experiment.name} with {defects}: caught {count(canary.caught, 'time')}, "
            f"missed {canary.missed}",
            "red" if canary.missed else None,
        )
    for one in state.stored:
        if one.state != "waiting":
            screen.say(f"  of an earlier soak, {one.state}: {one.signature} ({one.capsule})")
    for known in sorted(state.known.values(), key=lambda one: (-one.count, one.title)):
        words = [known.title, known.link, known.kept.run_dir if known.kept else ""]
        screen.say(f"  known, in {count(known.count, 'run')}: {'  '.join(filter(None, words))}")
    for group in sorted(state.groups.values(), key=lambda one: bool(one.same_as)):
        _show_group(screen, group)
    screen.say(f"page: {folder / PAGE}; all numbers: {folder / STATE}")
    if code == INTERRUPTED:
        resume = f"{command_name()} soak --resume {shlex.quote(str(folder))}"
        screen.say(f"interrupted; continue with: {resume}", "yellow")


def _show_group(screen: Screen, group: Group) -> None:
    screen.say()
    screen.say(f"{NAMES[group.code]} in {count(group.count, 'run')}: {group.signature}", "bold red")
    if group.same_as:
        screen.say(f"  shrunk, it is the same failure as {group.same_as}")
        return
    screen.say(f"  seed {group.first_seed}: {group.summary}")
    for line in group.story:
        screen.say(f"    {line}")
    screen.say(f"  replay: {group.replay}", "bold")
