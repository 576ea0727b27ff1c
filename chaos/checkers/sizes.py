"""No host learns a size that a restart would take back: the newest superblock has it by then (C17)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import Members
from chaos.checkers.pulled_disks import PulledDisks
from chaos.checkers.superblock import Superblocks
from chaos.plan.namespaces import first_block
from chaos.run.execution import Execution
from chaos.steps.history import Completed, Invoked, Written
from chaos.steps.schedule import Admin
from workers.nvmf.status import IDENTIFY_NAMESPACE


def check_sizes(execution: Execution) -> list[Finding]:
    """Compare each answer to Identify with the newest superblock of the members at that moment."""
    members, away, superblocks = Members(), PulledDisks(), Superblocks()
    asked: dict[int, Admin] = {}
    for entry in execution.history:
        members.take(entry)
        away.take(entry)
        superblocks.take(entry)
        if entry.__class__ is Invoked:
            step = entry.step
            if isinstance(step, Admin) and (step.opcode, step.first) == IDENTIFY_NAMESPACE:
                asked[step.op] = step
        elif entry.__class__ is Completed and entry.op in asked and entry.value:
            # An inactive namespace has no blocks. An array that has no superblock has none to compare with.
            identify = asked[entry.op]
            newest = superblocks.newest([disk for disk in members.disks if disk not in away])
            end = first_block(execution.plan.layout, identify.second) + entry.value
            if newest is not None and end > newest.blocks:
                return [_finding(identify, entry, newest, end)]
    return []


def _finding(step: Admin, entry: Completed, newest: Written, end: int) -> Finding:
    return Finding(
        check="sizes",
        kind="not durable",
        shape="identify",
        summary=(
            f"host {step.host} was answered (op {step.op}) that namespace {step.second} ends at block {end} of the "
            f"array, but the newest superblock (sequence {newest.sequence}, on disk {newest.disk}) has a size of "
            f"{newest.blocks} blocks: a restart would take the rest back"
        ),
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[step.op],
    )
