"""``raidstorm state`` and ``raidstorm crash-points``: looking at a recorded run from inside."""

from __future__ import annotations

import sys

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.cli.completion import complete_files
from chaos.cli.parameters import Catalog
from chaos.cli.screen import Screen
from chaos.cli.targets import TARGET, recorded
from chaos.drivers.sim import SimDriver
from chaos.judging.crash_points import crash_points
from chaos.run.controller import Controller, DivergenceError
from chaos.showing.rpc_state import engine_state

NOT_EXERCISED = 7
INVALID = 1
SHOWN_MAX = 10


@click.command("state")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option("--at", "step", type=click.IntRange(min=0), help="After this step. [the last one]")
@click.option("--allow-code", is_flag=True, help="Run defects that the capsule carries.")
@click.pass_obj
def state_command(catalog: Catalog, target: str, step: int | None, allow_code: bool) -> int:
    """Print the engine's state at a step of a run, as SPDK's bdev_raid_get_bdevs and
    nvmf_get_subsystems would, by replaying to it.
    """
    capsule = recorded(catalog, target, allow_code=allow_code)
    schedule = capsule.schedule or []
    if step is not None and step > len(schedule):
        raise click.UsageError(f"{target} has {len(schedule)} steps; --at {step} is behind its end")
    driver = SimDriver()
    controller = Controller(capsule.plan, driver, capsule.defect_sources())
    try:
        controller.replay(schedule[:step])
    except DivergenceError as error:
        Screen(quiet=False).say(f"the schedule no longer applies: {error}", "red")
        return NOT_EXERCISED
    text = msgspec.json.format(msgspec.json.encode(engine_state(driver)), indent=2)
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.flush()
    return 0


@click.command("crash-points")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option("--allow-code", is_flag=True, help="Run defects that the capsule carries.")
@click.pass_obj
def crash_points_command(catalog: Catalog, target: str, allow_code: bool) -> int:
    """Crash a recorded run after each write that a disk completed, start the target again from the disks as
    they were then, and judge what is assembled: acknowledged data is there, stale members are refused.

    For arrays with superblocks; others can't be assembled by a target.
    """
    interrupt = Interrupt()
    screen = Screen(quiet=False)
    capsule = recorded(catalog, target, allow_code=allow_code)
    if not capsule.plan.superblock:
        raise click.UsageError(f"{target} has an array without superblock: nothing can assemble it")
    interrupt.install()
    wrong = judged = skipped = 0
    try:
        for point in crash_points(capsule.plan, capsule.schedule or [], capsule.defect_sources()):
            if interrupt.requested:
                return 130
            judged += point.was_judged
            skipped += not point.was_judged
            for finding in point.findings:
                wrong += 1
                if wrong <= SHOWN_MAX:
                    screen.say(f"  after step {point.step}: {finding}", "red")
    except DivergenceError as error:
        screen.say(f"the schedule no longer applies: {error}", "red")
        return NOT_EXERCISED
    screen.say(
        f"{judged} crash points judged, {wrong} findings; {skipped} left out "
        "(no array was meant to be there)",
        "red" if wrong else "green",
    )
    return INVALID if wrong else 0
