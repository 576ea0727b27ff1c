"""Error and delay bdevs that were set to act, and the writes that pass them. Disk 2 has an error bdev, 6."""

from __future__ import annotations

from chaos.plan.rpcs import Rpc
from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent, Written
from chaos.steps.schedule import Operate
from tests.canaries.cases import Case, judged
from tests.canaries.cases.facts import ONLINE, inject, killed, saw, started
from tests.stories import Story, observed
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.protocol import Event

ENTRY = "answers"
INJECT, DELAY = Rpc.BDEV_ERROR_INJECT_ERROR, Rpc.BDEV_DELAY_UPDATE_LATENCY
FAILURE, WRITES = int(ErrorType.FAILURE), 1 << IoType.WRITE
READS = 1 << IoType.READ
DISK_2 = 4  # a bit mask of disks


def case(name: str, story: Story | Execution, *expected: str) -> Case:
    execution = observed(story.execution()) if isinstance(story, Story) else story
    return judged("check_answers", name, execution, *expected)


def send(story: Story, op: int, method: Rpc, *args: int) -> Story:
    return story.add(Operate(op, method, args))


def ask(story: Story, op: int, method: Rpc, *args: int, status: int = 0) -> Story:
    """Send a request that is answered at once."""
    return send(story, op, method, *args).answer(op, status=status)


def ready() -> Story:
    """Start a target, whose disks are then examined."""
    return started().serve(0).serve(1).serve(2)


def ready_again(story: Story) -> Story:
    """Kill the target and start another one."""
    return started(story=killed(story)).serve(0).serve(1).serve(2)


def failing(io_types: int = WRITES, count: int = 1, story: Story | None = None) -> Story:
    """Have the error bdev fail I/O."""
    return ask(story or ready(), 9, INJECT, 6, FAILURE, io_types, count)


def delaying(latency_us: int = 5, story: Story | None = None) -> Story:
    return ask(story or ready(), 9, DELAY, 6, latency_us)


def write(story: Story, op: int = 50, copies: int = DISK_2) -> Story:
    return story.send_write(op).answer(op, copies=copies)


def write_superblocks(story: Story, *disks: int, by_target: bool = True) -> Story:
    """Write the superblock on these disks; then the writing has ended."""
    story = story.happen("raid.superblock_writing", 2)
    for disk in disks:
        story.observe(Written, disk, by_target, 2, 1, 3, False)
    return story.happen("raid.superblock_ended", 0)


def write_superblock_at_end(story: Story, disk: int, *, by_target: bool = True) -> Story:
    """Write one more superblock in the step of the last entry: observers see it after the events."""
    story.history.append(Written(story.history[-1].number, disk, by_target, 2, 1, 3, False))
    return story


def begin_in_same_step(story: Story) -> Story:
    """Begin the next writing of superblocks in the step of the last entry."""
    event = Event("raid.superblock_writing", 1, (3,))
    story.history.append(EngineEvent(story.history[-1].number, event))
    return story


def passed_superblock(step: int, method: Rpc = INJECT) -> tuple[str, str]:
    return (
        f"INVALID answers/promise/{method} without effect, ops 9",
        f"{step}: {method} was answered with OK, and then a superblock reached disk 2 as if it had not been",
    )


CASES = [
    case("a superblock passes", write_superblocks(failing(), 0, 2), *passed_superblock(7)),
    case(
        "the last superblock passes",
        write_superblock_at_end(write_superblocks(failing(), 0), 2),
        *passed_superblock(7),
    ),
    case(
        "the last superblock changes from outside",
        write_superblock_at_end(write_superblocks(failing(), 0), 2, by_target=False),
    ),
    case(
        "the last superblock is another disk's",
        write_superblock_at_end(write_superblocks(failing(), 0), 1),
    ),
    case(
        "the last superblock was being written before, and the next ones begin in the step in which it ends",
        write_superblock_at_end(
            begin_in_same_step(
                failing(story=ready().happen("raid.superblock_writing", 1)).happen(
                    "raid.superblock_ended", 0
                )
            ),
            2,
        )
        .write_superblock(0, 2)
        .happen("raid.superblock_ended", 0),
    ),
    case(
        "a superblock passes a delay",
        write_superblocks(delaying(), 2),
        *passed_superblock(7, DELAY),
    ),
    case("a superblock of other disks", write_superblocks(failing(), 0, 1)),
    case("a superblock changes from outside", write_superblocks(failing(), 2, by_target=False)),
    case("no superblock is written", write_superblocks(failing())),
    case(
        "a superblock is being written before",
        write_superblocks(failing(story=ready().happen("raid.superblock_writing", 1)), 2),
    ),
    case(
        "the next superblock passes",
        write_superblocks(write_superblocks(failing(), 0), 2),
        *passed_superblock(7),
    ),
    case(
        "a superblock on which it acts",
        failing()
        .happen("raid.superblock_writing", 2)
        .happen("bdev.error_injected", 2, FAILURE, int(IoType.WRITE))
        .write_superblock(2, 2)
        .happen("raid.superblock_ended", 0),
    ),
    case(
        "a superblock was written before, and the next one ends",
        failing(story=ready().happen("raid.superblock_writing", 1).write_superblock(2, 1))
        .happen("raid.superblock_ended", 0)
        .happen("raid.superblock_writing", 2)
        .happen("raid.superblock_ended", 0),
    ),
    case(
        "a superblock was being written as the target was killed",
        write_superblocks(
            failing(story=ready_again(ready().happen("raid.superblock_writing", 1))), 2
        ),
        *passed_superblock(14),
    ),
    case(
        "the writing of superblocks ends twice",
        write_superblocks(failing(), 0).write_superblock(2, 2).happen("raid.superblock_ended", 0),
    ),
    case(
        "a rebuild of another disk begins",
        write(failing().happen("rebuild.started", 0, 1)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "during the rebuild of another disk",
        write(failing(story=ready().happen("rebuild.started", 0, 1))),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "8: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "a write passes an error bdev",
        write(failing()),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "a write passes a delay bdev",
        write(delaying()),
        "INVALID answers/promise/bdev_delay_update_latency without effect, ops 9",
        "7: bdev_delay_update_latency was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "the second write passes",
        write(write(failing(), copies=1), 51),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 51 reached disk 2 as if it had not been",
    ),
    case("a write whose copies were not looked for", write(failing(), copies=-1)),
    case("a write to other disks", write(failing(), copies=3)),
    case("a write fails", failing().send_write(50).answer(50, status=6)),
    case(
        "a write was sent before", failing(story=ready().send_write(50)).answer(50, copies=DISK_2)
    ),
    case(
        "a write was sent before, and the next one fails",
        write(failing(story=ready().send_write(50)), 51, copies=0).answer(50, copies=DISK_2),
    ),
    case(
        "a write is sent in between",
        write(send(failing(), 10, Rpc.BDEV_RAID_GET_BDEVS)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("a read", failing().send_read(50).answer(50, copies=DISK_2)),
    case("errors of reads", write(failing(READS))),
    case(
        "errors of reads and writes",
        write(failing(READS | WRITES)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("no errors", write(failing(count=0))),
    case("no delay", write(delaying(0))),
    case(
        "a short delay",
        write(delaying(1)),
        "INVALID answers/promise/bdev_delay_update_latency without effect, ops 9",
        "7: bdev_delay_update_latency was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "refused",
        write(
            ask(
                started(disks=(0, 1)).serve(0).serve(1),
                9,
                INJECT,
                6,
                FAILURE,
                WRITES,
                1,
                status=-19,
            )
        ),
    ),
    case("it acts", write(failing().happen("bdev.error_injected", 2, FAILURE, int(IoType.WRITE)))),
    case(
        "another one acts",
        write(failing().happen("bdev.error_injected", 1, FAILURE, int(IoType.WRITE))),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "a delay, and an error",
        write(failing().happen("bdev.delayed", 2)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("it delays", write(delaying().happen("bdev.delayed", 2))),
    case(
        "it acts while the write is in flight",
        failing()
        .send_write(50)
        .happen("bdev.error_injected", 2, FAILURE, int(IoType.WRITE))
        .answer(50, copies=DISK_2),
    ),
    case("its disk goes", write(failing().happen("bdev.unregistering", 2, 0))),
    case("it goes", write(failing().happen("bdev.unregistering", 6, 0))),
    case("it is gone", write(failing().happen("bdev.unregistered", 6))),
    case(
        "another bdev goes",
        write(failing().happen("bdev.unregistering", 1, 2)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "the array goes",
        write(failing().happen("bdev.unregistering", 3, 2)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("the disk is pulled", write(inject(failing(), 31, "disk_pull", 2))),
    case("its bdev is deleted", write(inject(failing(), 31, "bdev_delete", 2))),
    case(
        "another fault of the disk",
        write(inject(failing(), 31, "disk_slow", 2)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("a rebuild begins", write(failing().happen("rebuild.started", 0, 2))),
    case(
        "a bdev is reset",
        write(failing().happen("bdev.reset", 6)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("during a rebuild", write(failing(story=ready().happen("rebuild.started", 0, 2)))),
    case(
        "after a rebuild",
        write(
            failing(
                story=saw(saw(ready().happen("rebuild.started", 0, 2), ONLINE, thread=17), ONLINE)
            )
        ),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "10: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("the disk is healed", write(inject(failing(), 31, "disk_heal", 2))),
    case("the delayed disk is healed", write(inject(delaying(), 31, "disk_heal", 2))),
    case(
        "a heal of the disk is in flight",
        write(failing(story=inject(ready(), 31, "disk_heal", 2))),
    ),
    case(
        "a heal of another disk is in flight",
        write(failing(story=inject(ready(), 31, "disk_heal", 1))),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "8: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "a heal of the disk has ended",
        write(failing(story=inject(ready(), 31, "disk_heal", 2).answer(31))),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "9: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "another fault of the disk before",
        write(failing(story=inject(ready(), 31, "disk_slow", 2))),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "8: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "a heal that its target never ended",
        write(failing(story=ready_again(inject(ready(), 31, "disk_heal", 2)))),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "14: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "another disk is healed",
        write(inject(failing(), 31, "disk_heal", 1)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("it was set again", write(ask(failing(), 10, INJECT, 6, FAILURE, READS, 1))),
    case(
        "its latency was set",
        write(ask(failing(), 10, DELAY, 6, 0)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case(
        "another one was set",
        write(ask(failing(), 10, INJECT, 5, FAILURE, READS, 1, status=-19)),
        "INVALID answers/promise/bdev_error_inject_error without effect, ops 9",
        "7: bdev_error_inject_error was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
    case("killed", write(killed(failing()))),
    case(
        "both are set",
        write(
            delaying(story=failing()).happen("bdev.error_injected", 2, FAILURE, int(IoType.WRITE))
        ),
        "INVALID answers/promise/bdev_delay_update_latency without effect, ops 9",
        "9: bdev_delay_update_latency was answered with OK, and then write op 50 reached disk 2 as if it had not been",
    ),
]
