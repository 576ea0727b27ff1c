"""``raidstorm soak``."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any, cast

import click
import msgspec
from rich.console import Console

from chaos.base.interrupt import Interrupt
from chaos.campaigns.catalog import find_suite
from chaos.campaigns.suite import facets_of
from chaos.checkers.finding import NAMES
from chaos.cli.campaigns import looked_up
from chaos.cli.completion import complete_suites
from chaos.cli.parameters import INTERRUPTED, Catalog, Duration, command_name
from chaos.cli.screen import Screen
from chaos.drivers.make import DRIVERS
from chaos.soak.begin import canaries_of, lanes_of, learn_from_earlier
from chaos.soak.live import Display, line_of
from chaos.soak.metrics import Metrics
from chaos.soak.page import PAGE
from chaos.soak.soak import Soak
from chaos.soak.state import STATE, Arguments, SoakError, SoakState, read_state, take_lock
from chaos.store.capsule import DriverName
from chaos.store.store import Store, now_stamp

RUNS = Path("runs/soak")
SEED_SECONDS = 120.0


class Drivers(click.ParamType[tuple[DriverName, ...]]):
    """Drivers with commas between."""

    name = "drivers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[DriverName, ...]:
        """Each known, none twice."""
        names = str(value).split(",")
        for name in names:
            if name not in DRIVERS:
                self.fail(f"{name!r} is not a driver; take some of {','.join(DRIVERS)}", param, ctx)
        return tuple(cast("list[DriverName]", list(dict.fromkeys(names))))


class Size(click.ParamType[int]):
    """Bytes: 500m, 2g."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a sentence."""
        match = re.fullmatch(r"([0-9]{1,9})([kmgt]?)", str(value).lower())
        if match is None or int(match[1]) == 0:
            self.fail(f"{value!r} is not a size; write 500m or 2g", param, ctx)
        return int(match[1]) << 10 * " kmgt".index(match[2] or " ")


@click.command("soak")
@click.argument(
    "name",
    required=False,
    metavar="SUITE|module:NAME|FILE.py|FILE.toml",
    shell_complete=complete_suites,
)
@click.option("--for", "seconds", type=Duration(), help="How long: 20s, 5m, 8h.  [8h]")
@click.option("--jobs", type=click.IntRange(1, 256), help="Job processes.  [1]")
@click.option(
    "--drivers",
    type=Drivers(),
    metavar="sim,lockstep,realtime",
    help="Run each experiment with these.  [those of the suite's facets]",
)
@click.option("--keep", type=click.IntRange(min=1), help="Failing runs kept of a signature.  [20]")
@click.option(
    "--canary-every",
    type=Duration(),
    help="How often what must be caught is looked for: the suite's facets that must fail.  [1h]",
)
@click.option("--disk-max", type=Size(), help="What its directory may take: 500m, 2g.  [2g]")
@click.option("--seed-max", type=Duration(), help="A seed that takes longer has failed.  [2m]")
@click.option(
    "--on-failure",
    metavar="COMMAND",
    help="Run by the shell once per new signature, with RAIDSTORM_SIGNATURE, _SUMMARY, _CODE, _RUN_DIR, _REPLAY and "
    "_SOAK set; its output goes to on-failure.log.",
)
@click.option("--metrics", metavar="ADDRESS:PORT", help="Serve metrics for Prometheus.")
@click.option("--out", metavar="DIR", help="Below which it makes its directory.  [runs/soak]")
@click.option(
    "--resume",
    metavar="DIR",
    help="Go on with the soak of this directory where it was; without a suite, as it was begun.",
)
@click.pass_obj
def soak_command(
    catalog: Catalog,
    name: str | None,
    seconds: float | None,
    jobs: int | None,
    drivers: tuple[DriverName, ...] | None,
    keep: int | None,
    canary_every: float | None,
    disk_max: int | None,
    seed_max: float | None,
    on_failure: str | None,
    metrics: str | None,
    out: str | None,
    resume: str | None,
) -> int:
    """Run fresh seeds of a suite for hours, and look after them.

    First what earlier soaks in the same place found is run again; then seeds that none of them had. Drivers get
    equal time, and a driver's facets get seeds by their shares; the budgets of facets don't count here. Failures are
    grouped by signature: of each the smallest runs are kept, and the smallest is shrunk while the soak goes on. A seed
    that takes too long has failed; one whose process is killed twice could not be decided.

    soak.html in its directory is written every minute. A soak that was killed or interrupted goes on with --resume:
    no seed is lost, and none counts twice. Exits with the code of the worst failure, with 7 when a canary was missed.
    """
    if resume is not None:
        given = (name, seconds, jobs, drivers, keep, canary_every, disk_max, seed_max, out)
        if any(value is not None for value in given):
            raise click.UsageError(
                "--resume goes on with a soak as it was begun; give it alone, or with --on-failure and --metrics"
            )
        folder, state = _resumed(Path(resume))
    else:
        if name is None:
            raise click.UsageError("name a suite, such as soak or smoke, or --resume DIR")
        arguments = Arguments(
            suite=name,
            seconds=seconds or 8 * 3_600.0,
            jobs=jobs or 1,
            keep=keep or 20,
            canary_seconds=canary_every or 3_600.0,
            disk_bytes=disk_max or 2 * 1024**3,
            seed_seconds=seed_max or SEED_SECONDS,
            on_failure=on_failure or "",
            metrics=metrics or "",
            program=command_name(),
        )
        parent = Path(out) if out else RUNS
        wants_canary = canary_every is not None
        folder, state = _begun(catalog, arguments, drivers or (), parent, wants_canary=wants_canary)
    changes = {"on_failure": on_failure, "metrics": metrics}
    given_now = {key: value for key, value in changes.items() if value is not None}
    state.arguments = msgspec.structs.replace(state.arguments, **given_now)
    return _run(folder, state)


def _begun(
    catalog: Catalog,
    arguments: Arguments,
    drivers: tuple[DriverName, ...],
    parent: Path,
    *,
    wants_canary: bool,
) -> tuple[Path, SoakState]:
    suite = find_suite(arguments.suite, catalog.experiments, catalog.suites)
    stamp = now_stamp()
    taken = [path.name for path in parent.glob(f"{suite.name}-{stamp}*")]
    folder = parent / f"{suite.name}-{stamp}{f'.{len(taken) + 1}' if taken else ''}"
    parts = looked_up(catalog, facets_of(suite), 1, str(folder / "runs"))
    lanes = lanes_of(parts, drivers)
    canaries = canaries_of(parts)
    if wants_canary and not canaries:
        raise SoakError(
            f"the suite {suite.name} has no facet that must fail, so there is no canary; give it one with "
            "'expect_code', or leave out --canary-every"
        )
    stored = learn_from_earlier(parent, lanes)
    Store(folder)
    Store(parent).point("latest", folder)
    return folder, SoakState(arguments, lanes, canaries, stored)


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
    if state.seconds >= state.arguments.seconds:
        raise SoakError(f"{folder} has run its time; begin another soak")
    state.resumed += 1
    return folder, state


def _run(folder: Path, state: SoakState) -> int:
    interrupt = Interrupt()
    screen = Screen(quiet=False)
    lock = take_lock(folder)
    try:
        with contextlib.ExitStack() as stack:
            if state.arguments.metrics:
                metrics = Metrics(state.arguments.metrics, state)
                stack.callback(metrics.close)
                screen.say(f"metrics: port {metrics.port}")
            interrupt.install()
            screen.say(
                f"soak of {state.arguments.suite} in {folder}; {PAGE} there is written every minute"
            )
            sys.stdout.flush()
            display = stack.enter_context(Display(Console(stderr=True)))
            code = Soak(folder, state, display.show).run(interrupt)
    finally:
        os.close(lock)
    _report(screen, folder, state, code)
    return code


def _report(screen: Screen, folder: Path, state: SoakState, code: int) -> None:
    screen.say()
    screen.say(line_of(state), "bold green" if code == 0 else "bold red")
    for group in sorted(state.groups.values(), key=lambda one: bool(one.same_as)):
        screen.say()
        screen.say(f"  {NAMES[group.code]} in {group.count} runs: {group.signature}", "bold")
        if group.same_as:
            screen.say(f"  made small it is the same as {group.same_as}")
            continue
        screen.say(f"  seed {group.first_seed}: {group.summary}")
        for line in group.story:
            screen.say(f"    {line}")
        screen.say(f"  replay: {group.replay}", "bold")
    for canary in state.canaries:
        style = "red" if canary.missed else None
        what = (
            f"{canary.spec.experiment.name} with {', '.join(one.id for one in canary.spec.defects)}"
        )
        screen.say(f"  canary {what}: caught {canary.caught} times, missed {canary.missed}", style)
    for one in state.stored:
        if one.state != "waiting":
            screen.say(f"  of an earlier soak, {one.state}: {one.signature} ({one.capsule})")
    screen.say(f"page: {folder / PAGE}; all numbers: {folder / STATE}")
    if code == INTERRUPTED:
        screen.say(
            f"interrupted; go on with: {command_name()} soak --resume {shlex.quote(str(folder))}",
            "yellow",
        )
