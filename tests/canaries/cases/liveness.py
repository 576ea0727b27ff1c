"""A run that could not reach its end: the requests on which it is stuck, and others."""

from __future__ import annotations

import msgspec

from chaos.run.execution import Execution, RunEnd
from chaos.steps.schedule import Admin, Connect, Disconnect, Inject, Mark, Open, Operate
from tests.canaries.cases import Case, judged, of_target
from tests.stories import CRASH, PLAN, Story
from workers.nvmf.status import AdminOpcode

replace = msgspec.structs.replace
MISSING = f"missing poll groups: {PLAN.poll_groups_at_start}"


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_liveness", name, execution, *expected)


def flushes(count: int) -> Story:
    story = Story()
    for op in range(1, count + 1):
        story.send_flush(op)
    return story


def requests(count: int) -> Story:
    """Send requests and answer all except the last."""
    story = Story().add(Mark("heal")).happen("nvmf.namespace_attached", 1)
    for op in range(1, count + 1):
        story.add(Operate(op, "bdev_examine_again", (0,)))
        if op < count:
            story.answer(op)
    return story


def stuck(story: Story, **fields) -> Execution:
    return story.execution(**{"end": RunEnd.STUCK} | fields)


def bounded(
    story: Story, keep_alives: int, *, in_c: bool = True, end: RunEnd = RunEnd.BOUND_HIT
) -> Execution:
    """Let a host of a target in C send keep alive commands to the end of a bound of eight steps; none is answered."""
    for number in range(1, keep_alives + 1):
        story.add(Admin(100 + number, 0, 1, 1, AdminOpcode.KEEP_ALIVE))
    execution = stuck(story, end=end, plan=replace(PLAN, settle_steps=8))
    return of_target(execution) if in_c else execution


CASES = [
    case(
        "ended",
        stuck(Story().send_read(1), end=RunEnd.SETTLED),
    ),
    case(
        "crashed",
        stuck(Story().send_read(1), crash=CRASH),
    ),
    case(
        "interrupted",
        stuck(Story().send_read(1), end=RunEnd.INTERRUPTED),
    ),
    case(
        "a read, a write, an answered one",
        stuck(Story().send_read(1, 2, 3).send_write(2, 4).write(3)),
        "LIVENESS liveness/stuck/read+write, ops 1 2",
        "4: not finished after healing, and no step is possible any more: read of host 0 (op 1, blocks 2-4); write of host 0 (op 2, block 4)",
        "  read of host 0 (op 1, blocks 2-4)",
        "    nothing in the target is known to work on it",
        "  write of host 0 (op 2, block 4)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "nothing to name, and the bound hit",
        stuck(Story().write(1), end=RunEnd.BOUND_HIT),
        "LIVENESS liveness/stuck/nothing-named, ops none",
        "2: not finished after healing within the bound: no operation is outstanding, yet the run did not end",
    ),
    case(
        "a flush, a connection, an RPC",
        stuck(
            Story()
            .send_flush(1)
            .add(Open(2, 1, 5))
            .add(Connect(3, 1, 5, 1, 0, 0))
            .add(Disconnect(4, 1, 5, 1))
            .add(Operate(5, "bdev_raid_delete", ()))
        ),
        "LIVENESS liveness/stuck/bdev_raid_delete+connect+disconnect+flush+open, ops 1 2 3 4 5",
        "5: not finished after healing, and no step is possible any more: flush of host 0 (op 1); open of host 1 (op 2); connect of host 1 (op 3); disconnect of host 1 (op 4); bdev_raid_delete (op 5)",
        "  flush of host 0 (op 1)",
        "    nothing in the target is known to work on it",
        "  open of host 1 (op 2)",
        "    nothing in the target is known to work on it",
        "  connect of host 1 (op 3)",
        "    nothing in the target is known to work on it",
        "  disconnect of host 1 (op 4)",
        "    nothing in the target is known to work on it",
        "  bdev_raid_delete (op 5)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "an admin command, and one that waits for events",
        stuck(
            Story()
            .add(Admin(1, 0, 1, 1, AdminOpcode.KEEP_ALIVE))
            .add(Admin(2, 0, 1, 1, AdminOpcode.ASYNC_EVENT_REQUEST))
        ),
        "LIVENESS liveness/stuck/admin, ops 1",
        "2: not finished after healing, and no step is possible any more: admin of host 0 (op 1)",
        "  admin of host 0 (op 1)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "these get no answer",
        stuck(Story().add(Mark("chaos")).rot(0)),
        "LIVENESS liveness/stuck/nothing-named, ops none",
        "2: not finished after healing, and no step is possible any more: no operation is outstanding, yet the run did not end",
    ),
    case(
        "a request of the last half of the bound is too young to be stuck",
        bounded(Story().add(Mark("heal")).send_flush(1), keep_alives=4),
        "LIVENESS liveness/stuck/flush, ops 1",
        "6: not finished after healing within the bound: flush of host 0 (op 1)",
        "  flush of host 0 (op 1)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "all requests are too young, so the goals are named",
        bounded(Story().add(Mark("chaos")).add(Mark("heal")), keep_alives=4),
        "LIVENESS liveness/stuck/array-absent+namespace-detached+poll-groups-missing, ops none",
        f"6: not finished after healing within the bound: {MISSING}; there is no array; the namespace isn't attached",
    ),
    case(
        "the same of the engine, whose time stops",
        bounded(Story().add(Mark("heal")), keep_alives=2, in_c=False),
        "LIVENESS liveness/stuck/admin, ops 101 102",
        "3: not finished after healing within the bound: admin of host 0 (op 101); admin of host 0 (op 102)",
        "  admin of host 0 (op 101)",
        "    nothing in the target is known to work on it",
        "  admin of host 0 (op 102)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "the same without a bound that is used up",
        bounded(Story().add(Mark("heal")), keep_alives=2, end=RunEnd.STUCK),
        "LIVENESS liveness/stuck/admin, ops 101 102",
        "3: not finished after healing, and no step is possible any more: admin of host 0 (op 101); admin of host 0 (op 102)",
        "  admin of host 0 (op 101)",
        "    nothing in the target is known to work on it",
        "  admin of host 0 (op 102)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "killed",
        stuck(Story().send_read(1).happen("rebuild.started", 0, 1).kill().send_read(2)),
        "LIVENESS liveness/stuck/read, ops 2",
        "4: not finished after healing, and no step is possible any more: read of host 0 (op 2, block 0)",
        "  read of host 0 (op 2, block 0)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "power was lost",
        stuck(Story().send_read(1).lose_power()),
        "LIVENESS liveness/stuck/nothing-named, ops none",
        "2: not finished after healing, and no step is possible any more: no operation is outstanding, yet the run did not end",
    ),
    case(
        "a connection has gone",
        stuck(
            Story()
            .send_write(1, connection=1)
            .send_read(2)
            .add(Operate(3, "bdev_reset", ()))
            .end(1)
        ),
        "LIVENESS liveness/stuck/bdev_reset+read, ops 2 3",
        "4: not finished after healing, and no step is possible any more: read of host 0 (op 2, block 0); bdev_reset (op 3)",
        "  read of host 0 (op 2, block 0)",
        "    nothing in the target is known to work on it",
        "  bdev_reset (op 3)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "nothing outstanding, and no array to go on with",
        stuck(requests(0)),
        "LIVENESS liveness/stuck/array-absent+poll-groups-missing, ops none",
        f"2: not finished after healing, and no step is possible any more: {MISSING}; there is no array",
    ),
    case(
        "one of many requests alike",
        stuck(requests(9)),
        "LIVENESS liveness/stuck/array-absent+poll-groups-missing+repeated-bdev_examine_again, ops 9",
        f"19: not finished after healing, and no step is possible any more: bdev_examine_again (op 9); {MISSING}; there is no array; bdev_examine_again was sent 9 times since healing began",
        "  bdev_examine_again (op 9)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "one of some requests alike",
        stuck(requests(8)),
        "LIVENESS liveness/stuck/bdev_examine_again, ops 8",
        "17: not finished after healing, and no step is possible any more: bdev_examine_again (op 8)",
        "  bdev_examine_again (op 8)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "a write, beside many requests alike",
        stuck(requests(9).send_write(10)),
        "LIVENESS liveness/stuck/repeated-bdev_examine_again+write, ops 9 10",
        "20: not finished after healing, and no step is possible any more: bdev_examine_again (op 9); write of host 0 (op 10, block 0); bdev_examine_again was sent 9 times since healing began",
        "  bdev_examine_again (op 9)",
        "    nothing in the target is known to work on it",
        "  write of host 0 (op 10, block 0)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "pulls and a deletion of a bdev; what heals them, and other faults, are not waited for",
        stuck(
            Story()
            .add(Inject(1, "disk_pull", 0, ()))
            .add(Inject(2, "disk_pull", 1, ()))
            .add(Inject(3, "bdev_delete", 2, ()))
            .add(Inject(4, "disk_return", 1, ()))
            .add(Inject(5, "disk_hang", 0, ()))
            .answer(1)
        ),
        "LIVENESS liveness/stuck/bdev_delete+disk_pull, ops 2 3",
        "6: not finished after healing, and no step is possible any more: disk_pull of disk 1 (op 2); bdev_delete of disk 2 (op 3)",
        "  disk_pull of disk 1 (op 2)",
        "    nothing in the target is known to work on it",
        "  bdev_delete of disk 2 (op 3)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "a pull that a target in C never answers",
        of_target(stuck(Story().add(Inject(1, "disk_pull", 0, ())).send_read(2))),
        "LIVENESS liveness/stuck/read, ops 2",
        "2: not finished after healing, and no step is possible any more: read of host 0 (op 2, block 0)",
        "  read of host 0 (op 2, block 0)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "a rebuild",
        stuck(Story().happen("rebuild.started", 0, 1).happen("nvmf.qpair_connected", 1)),
        "LIVENESS liveness/stuck/rebuild, ops none",
        "2: not finished after healing, and no step is possible any more: rebuild of disk 1",
        "  the end of the rebuild",
        "    nothing in the target is known to work on it",
    ),
    case(
        "a rebuild that ended",
        stuck(Story().happen("rebuild.started", 0, 1).happen("rebuild.finished", 0, 1, 0)),
        "LIVENESS liveness/stuck/nothing-named, ops none",
        "2: not finished after healing, and no step is possible any more: no operation is outstanding, yet the run did not end",
    ),
    case(
        "more than can be shown",
        stuck(flushes(10)),
        "LIVENESS liveness/stuck/flush, ops 1 2 3 4 5 6 7 8",
        "10: not finished after healing, and no step is possible any more: flush of host 0 (op 1); flush of host 0 (op 2); flush of host 0 (op 3); flush of host 0 (op 4); flush of host 0 (op 5); flush of host 0 (op 6); flush of host 0 (op 7); flush of host 0 (op 8); and 2 more",
        "  flush of host 0 (op 1)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 2)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 3)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 4)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 5)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 6)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 7)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 8)",
        "    nothing in the target is known to work on it",
        "  and 2 more",
    ),
    case(
        "just as many as can be shown",
        stuck(flushes(8)),
        "LIVENESS liveness/stuck/flush, ops 1 2 3 4 5 6 7 8",
        "8: not finished after healing, and no step is possible any more: flush of host 0 (op 1); flush of host 0 (op 2); flush of host 0 (op 3); flush of host 0 (op 4); flush of host 0 (op 5); flush of host 0 (op 6); flush of host 0 (op 7); flush of host 0 (op 8)",
        "  flush of host 0 (op 1)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 2)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 3)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 4)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 5)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 6)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 7)",
        "    nothing in the target is known to work on it",
        "  flush of host 0 (op 8)",
        "    nothing in the target is known to work on it",
    ),
    case(
        "with what it waits for",
        stuck(
            Story().send_read(1).add(Inject(2, "disk_pull", 1, ())).happen("rebuild.started", 0, 1),
            waits=[
                ("op 1", "waits for", "a lock"),
                ("a lock", "held by", "op 2"),
                ("the end of the rebuild", "waits for", "op 2"),
                ("op 9", "waits for", "op 1"),
            ],
        ),
        "LIVENESS liveness/stuck/disk_pull+read+rebuild, ops 1 2",
        "3: not finished after healing, and no step is possible any more: read of host 0 (op 1, block 0); disk_pull of disk 1 (op 2); rebuild of disk 1",
        "  read of host 0 (op 1, block 0)",
        "    waits for a lock",
        "    held by disk_pull of disk 1 (op 2)",
        "    nothing in the target is known to bring it",
        "  the end of the rebuild waits for disk_pull of disk 1 (op 2), as above",
    ),
    case(
        "with what it waits for, and no rebuild",
        stuck(
            Story().send_read(1),
            waits=[
                ("op 1", "waits for", "a lock"),
                ("the end of the rebuild", "waits for", "op 2"),
            ],
        ),
        "LIVENESS liveness/stuck/read, ops 1",
        "1: not finished after healing, and no step is possible any more: read of host 0 (op 1, block 0)",
        "  read of host 0 (op 1, block 0)",
        "    waits for a lock",
        "    nothing in the target is known to bring it",
    ),
]

EQUIVALENT = {
    "check_liveness: 1: 1 is 2": "only the first word is taken",
    "unfinished: 0: 0 is -1": "the event has one number",
}
