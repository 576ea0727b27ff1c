"""A comparison of two findings: are they the same failure."""

from __future__ import annotations

from chaos.checkers.finding import Finding
from chaos.plan.rpcs import Rpc

LISTS = ("liveness", "references")  # checks whose shape lists stuck or leftover things
REPEATED = "repeated-"  # before an RPC that is sent again and again


def same_failure(goal: Finding, found: Finding) -> bool:
    """Return whether it is the same failure. A hang or a leak may consist of less; all else is the signature.

    Where an RPC hangs, that is what the operator sees, so a hang of other things alone is another failure.
    """
    if (goal.check, goal.kind) != (found.check, found.kind):
        return False
    if goal.check in LISTS:
        wanted, there = goal.shape.split("+"), found.shape.split("+")
        return all(part in wanted for part in there) and _keeps_the_rpc(wanted, there)
    return goal.shape == found.shape


def wanted_first(findings: list[Finding], signature: str) -> list[Finding]:
    """Put the finding for which a run was cut before those that come after it.

    Some checks judge a step by later ones, which another check may not like either.
    """
    wanted = next((one for one in findings if one.signature == signature), None)
    if wanted is None or any(one.step <= wanted.step for one in findings[: findings.index(wanted)]):
        return findings
    return [wanted, *(one for one in findings if one is not wanted)]


def overlaps(goal: Finding, found: Finding) -> bool:
    """Return whether two lists of stuck or leftover things have an element in common, and an RPC if the goal has one."""
    if goal.check not in LISTS or (goal.check, goal.kind) != (found.check, found.kind):
        return False
    wanted, there = goal.shape.split("+"), found.shape.split("+")
    return any(part in wanted for part in there) and _keeps_the_rpc(wanted, there)


def _keeps_the_rpc(wanted: list[str], there: list[str]) -> bool:
    rpcs = _rpcs(wanted)
    return not rpcs or any(rpc in rpcs for rpc in _rpcs(there))


def _rpcs(parts: list[str]) -> list[str]:
    """Return the RPCs that hang; one that is repeated hangs as well, as far as the operator can see."""
    names = [part.removeprefix(REPEATED) for part in parts]
    return [name for name in names if name in list(Rpc)]
