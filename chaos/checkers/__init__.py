"""The checks: pure functions from an execution to findings, one module each."""

from __future__ import annotations

from collections.abc import Callable

from chaos.checkers.affinity import check_affinity
from chaos.checkers.answers import check_answers
from chaos.checkers.availability import check_availability
from chaos.checkers.channels import check_channels
from chaos.checkers.copies import check_copies
from chaos.checkers.crash import check_crash
from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.liveness import check_liveness
from chaos.checkers.mirrors import check_mirrors
from chaos.checkers.order import check_order
from chaos.checkers.protocol import check_protocol
from chaos.checkers.quiesce import check_quiesce
from chaos.checkers.recovery import check_recovery
from chaos.checkers.references import check_references
from chaos.checkers.register import check_register
from chaos.checkers.self_healing import check_self_healing
from chaos.checkers.sizes import check_sizes
from chaos.checkers.states import check_states
from chaos.checkers.superblock import check_superblock
from chaos.run.execution import Execution

Check = Callable[[Execution], list[Finding]]

# In the order in which findings of one run are reported: the first is its failure signature.
CHECKS: dict[str, tuple[Check, str]] = {
    "crash": (check_crash, "no assertion or exception in the target"),
    "register": (
        check_register,
        "no read returns lost, stale, resurrected, torn, misdirected or foreign data",
    ),
    "mirrors": (
        check_mirrors,
        "members in sync hold the same acknowledged data after each rebuild and at the end",
    ),
    "recovery": (
        check_recovery,
        "an array comes back with members that hold all acknowledged data",
    ),
    "copies": (check_copies, "acknowledged data is on every member that may be read"),
    "order": (check_order, "changes in flight together come to all members in one order"),
    "superblock": (
        check_superblock,
        "superblocks go forward and call no member CONFIGURED that lacks acknowledged data",
    ),
    "sizes": (check_sizes, "no host learns a size that a restart would take back"),
    "self_healing": (
        check_self_healing,
        "a disk that comes back is taken in and rebuilt, and an array comes up, without an RPC",
    ),
    "channels": (check_channels, "all channels agree with the array after each iteration"),
    "quiesce": (check_quiesce, "no client I/O is in flight in blocks that are quiesced"),
    "states": (check_states, "the array's states and counters are consistent"),
    "protocol": (check_protocol, "each command is answered once, with a status it can have"),
    "affinity": (check_affinity, "no step touches what another thread owns"),
    "availability": (
        check_availability,
        "no I/O fails while a member with all data works, and no member is removed without a reason",
    ),
    "answers": (
        check_answers,
        "each RPC's answer is right for the state it met, and a success keeps its promise",
    ),
    "liveness": (check_liveness, "everything that has begun finishes after healing"),
    "references": (
        check_references,
        "channels, descriptors, claims and threads return to the baseline",
    ),
}

# Checks that judge what only the built-in engine shows of itself, and why a target in C can't be judged so.
OF_THE_ENGINE = {
    "channels": "the content of channels is not visible from outside",
    "quiesce": "quiesced blocks are not visible from outside",
    "answers": "its codes and their reasons are its own",
    "affinity": "the thread that touches something is not visible from outside",
}


def checks_of(execution: Execution) -> tuple[str, ...]:
    """Return the names of the checks that can judge this run."""
    if execution.plan.target is None:
        return tuple(CHECKS)
    return tuple(name for name in CHECKS if name not in OF_THE_ENGINE)


__all__ = ["CHECKS", "OF_THE_ENGINE", "Check", "Finding", "Verdict", "checks_of"]
