"""``raidstorm doctor``: what this machine offers, and what killed runs have left behind."""

from __future__ import annotations

from chaos.base.doctor import clean, leftovers, machine_lines
from chaos.checkers.finding import Verdict
from chaos.cli.parameters import named_target
from chaos.cli.screen import Screen
from chaos.plan.target_id import TargetId
from chaos.plan.targets import NEED_THE_TARGET, SHARES, acts


def run(*, do_clean: bool) -> int:
    """Look at the machine, print what was found, and return the exit code."""
    screen = Screen()
    lines = machine_lines()
    for is_fine, line in lines:
        screen.say(f"{'ok ' if is_fine else 'BAD'}  {line}", None if is_fine else "red")
    for line in target_lines(named_target()):
        screen.say(f"ok   {line}")
    for leftover in clean() if do_clean else ():
        screen.say(f"removed {leftover.path}, left by process {leftover.owner_pid}")
    found = leftovers()
    for leftover in found:
        if leftover.owner_is_alive:
            screen.say(f"in use  {leftover.path}, by process {leftover.owner_pid}")
        else:
            where = f"{leftover.path}, by process {leftover.owner_pid}, which is gone"
            screen.say(f"left    {where}", "yellow")
    are_left = any(not leftover.owner_is_alive for leftover in found)
    if are_left and not do_clean:
        screen.say("'raidstorm doctor --clean' removes what is left over")
    is_all_fine = all(is_fine for is_fine, _ in lines) and not are_left
    return int(Verdict.VALID if is_all_fine else Verdict.INVALID)


def target_lines(target: TargetId | None) -> list[str]:
    """Return what a target in C offers, in sentences."""
    if target is None:
        return []
    lacks = [kind for kind in NEED_THE_TARGET if not acts(kind, target)]
    lacks += [name for name in SHARES if not target.can(name)]
    lines = [f"{target.path}: {target.words} can be tested"]
    if lacks:
        lines.append(f"{target.path}: left out of its runs: {', '.join(lacks)}")
    if not target.can("start_degraded"):
        lines.append(
            f"{target.path}: an array waits for all members that its superblocks call configured, so a disk that was "
            "pulled while the target was down returns as it was"
        )
    return lines
