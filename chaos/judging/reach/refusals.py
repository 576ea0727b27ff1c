"""RPCs that the target has refused, counted by reason.

Method and error number say it; where one number has two causes, earlier events of the target distinguish them.
"""

from __future__ import annotations

from collections import Counter

from chaos.checkers.members import MOVES, Members
from chaos.plan.rpcs import Rpc
from chaos.steps.history import Completed, EngineEvent, History, Invoked
from chaos.steps.schedule import Kill, Operate, PowerLoss
from workers.errors import EEXIST, EINVAL, ENODEV, EPERM
from workers.shared import BDEVS_MAX

# The error of a refused add -> its name; other errors need a closer look.
_ADDS = {EEXIST: "adds_refused_foreign", EINVAL: "adds_refused_full"}
_CREATES = {
    EEXIST: "creates_refused_name",
    EINVAL: "creates_refused_alone",
    EPERM: "creates_refused_claimed",
}


def count_refusals(history: History) -> dict[str, int]:
    """Return counts by the names of ``reach_names.py``; those with 0 are left out."""
    counts: Counter[str] = Counter()
    asked: dict[int, Operate] = {}
    is_rebuilding = False
    too_small_at = -1  # the step in which a bdev was found to be too small
    members = Members()
    for entry in history:
        # Classes are compared: match and isinstance ask a struct's metaclass, which is slow.
        if entry.__class__ is EngineEvent:
            event = entry.event
            if event.name in MOVES:
                members.take(entry)
                if event.name in ("rebuild.started", "rebuild.finished"):
                    is_rebuilding = event.name == "rebuild.started"
            elif event.name == "raid.member_too_small":
                too_small_at = entry.number
        elif entry.__class__ is Invoked:
            if entry.step.__class__ is Operate:
                asked[entry.step.op] = entry.step
            elif entry.step.__class__ in (Kill, PowerLoss):
                members.take(entry)
                is_rebuilding = False
        elif entry.__class__ is Completed and entry.op in asked:
            step = asked.pop(entry.op)
            is_add = step.method == Rpc.BDEV_RAID_ADD_BASE_BDEV
            if is_add and entry.status == EPERM:
                name = _not_permitted(step, members.disks, is_rebuilding)
            elif is_add and entry.status == EINVAL and entry.number == too_small_at:
                name = "adds_refused_small"
            else:
                name = _name(step, entry.status)
            if name:
                counts[name] += 1
    return dict(counts)


def _not_permitted(step: Operate, members: list[int], is_rebuilding: bool) -> str:
    """Return the reason why an add isn't permitted; a disk without stacked bdevs has its own number as a bdev."""
    if is_rebuilding:
        return ""  # adds_refused_in_rebuild
    return "adds_refused_own" if step.args[0] in members else "adds_refused_busy"


def _name(step: Operate, status: int) -> str:
    match step.method:
        case Rpc.BDEV_RAID_ADD_BASE_BDEV if status == ENODEV:
            # Where the bdev may exist, the array is missing: adds_refused_offline.
            return "adds_refused_unknown" if step.args[0] >= BDEVS_MAX else ""
        case Rpc.BDEV_RAID_ADD_BASE_BDEV:
            return _ADDS.get(status, "")
        case Rpc.BDEV_RAID_REMOVE_BASE_BDEV if status == ENODEV:
            return "removals_refused"
        case Rpc.BDEV_RAID_CREATE:
            return _CREATES.get(status, "")
        case _:
            return ""
