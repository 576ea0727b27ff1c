"""``raidstorm doctor``: what this machine offers, and what killed runs have left behind."""

from __future__ import annotations

from chaos.base.doctor import clean, leftovers, machine_lines
from chaos.checkers.finding import Verdict
from chaos.cli.screen import Screen


def run(*, do_clean: bool) -> int:
    """Look at the machine, print what was found, and return the exit code."""
    screen = Screen()
    lines = machine_lines()
    for is_fine, line in lines:
        screen.say(f"{'ok ' if is_fine else 'BAD'}  {line}", None if is_fine else "red")
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
