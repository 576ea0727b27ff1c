"""Members that are removed from the array, with a reason and without: cases of ``availability``."""

from __future__ import annotations

from chaos.run.execution import Execution
from chaos.steps.schedule import Inject, Operate
from tests.canaries.cases import Case, judged
from tests.stories import Story, observed


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_availability", name, execution, *expected)


def online(*disks: int) -> Story:
    return Story().happen("raid.created", *disks)


def hurt(story: Story, *faults: tuple[int, str]) -> Story:
    for disk, fault in faults:
        story.add(Inject(90, fault, disk, ()))
    return story


def removed(story: Story, disk: int = 1) -> Execution:
    """Remove a member of an observed array."""
    return observed(story.happen("raid.removing_member", 5, disk).execution())


def pulled_and_named() -> Story:
    """Name disk 1 in a request, and pull it: it is taken out once, and the request is in flight."""
    story = hurt(online(0, 1).add(remove(1)), (1, "disk_pull"))
    return story.happen("raid.removing_member", 5, 1).happen("raid.member_removed", 5, 1)


def remove(bdev: int, method: str = "bdev_raid_remove_base_bdev") -> Operate:
    return Operate(91, method, (bdev,))


def unasked(step: int, disk: int = 1) -> tuple[str, str]:
    return (
        "INVALID availability/removal/no reason, ops none",
        f"{step}: disk {disk} was removed from the array, though no request named it, it was not pulled, and it missed "
        "no write",
    )


def last(step: int, disk: int = 1) -> tuple[str, str]:
    return (
        "INVALID availability/removal/last member, ops none",
        f"{step}: disk {disk} was failed for a write, though no other member is left to serve the acknowledged data",
    )


def failed(story: Story, disk: int) -> Story:
    return story.happen("raid.member_failed", 5, disk)


CASES = [
    case("the only member failed", observed(failed(online(1), 1).execution()), *last(2)),
    case("one of two failed", observed(failed(online(0, 1), 1).execution())),
    case("both failed", observed(failed(failed(online(0, 1), 0), 1).execution()), *last(3)),
    case(
        "both failed, where the order was not observed",
        failed(failed(online(0, 1), 0), 1).execution(),
    ),
    case(
        "the other one is being removed",
        observed(
            failed(online(0, 1).add(remove(0)).happen("raid.removing_member", 0, 0), 1).execution()
        ),
        *last(4),
    ),
    case("a disk that is no member failed", observed(failed(online(0), 1).execution())),
    case("a spare failed where there is no member", observed(failed(online(), 1).execution())),
    case("taken out for nothing", removed(online(0, 1)), *unasked(2)),
    case("the first disk taken out for nothing", removed(online(0, 1), 0), *unasked(2, 0)),
    case(
        "taken out for nothing, where the order was not observed",
        online(0, 1).happen("raid.removing_member", 5, 1).execution(),
    ),
    case("taken out by request", removed(online(0, 1).add(remove(1)))),
    case(
        "taken out by request, after its rebuild",
        removed(online(0, 1).add(remove(1)).happen("rebuild.finished", 5, 1, 0)),
    ),
    case("another taken out by request", removed(online(0, 1).add(remove(0))), *unasked(3)),
    case(
        "named by another request", removed(online(0, 1).add(remove(1, "bdev_reset"))), *unasked(3)
    ),
    case("no disk's bdev taken out by request", removed(online(0, 1).add(remove(77))), *unasked(3)),
    case("pulled", removed(hurt(online(0, 1), (1, "disk_pull")))),
    case("another pulled", removed(hurt(online(0, 1), (0, "disk_pull"))), *unasked(3)),
    case("hurt, and not pulled", removed(hurt(online(0, 1), (1, "read_errors"))), *unasked(3)),
    case("missed a write", removed(online(0, 1).happen("raid.member_failed", 5, 1))),
    case(
        "another missed a write",
        removed(online(0, 1).happen("raid.member_failed", 1, 0)),
        *unasked(3),
    ),
    case(
        "taken out a second time, without a reason of its own",
        removed(pulled_and_named().answer(91)),
        *unasked(7),
    ),
    case(
        "taken out since it was pulled, and again by a request that was in flight",
        removed(pulled_and_named()),
    ),
    case(
        "taken out after a request that was refused",
        removed(online(0, 1).add(remove(1)).answer(91, status=-16)),
        *unasked(4),
    ),
    case(
        "taken out after a pull, and a request that was refused",
        removed(hurt(online(0, 1).add(remove(1)), (1, "disk_pull")).answer(91, status=-16)),
    ),
    case(
        "taken out by a request, whose removal has ended before it was refused",
        removed(
            online(0, 1)
            .add(remove(1))
            .happen("raid.removing_member", 5, 1)
            .happen("raid.member_removed", 5, 1)
            .answer(91, status=-5)
        ),
        *unasked(6),
    ),
    case(
        "another one is taken out while a request is in flight",
        removed(online(0, 1).add(remove(0)), 1),
        *unasked(3),
    ),
    case(
        "taken out after a request of a target that was killed",
        removed(pulled_and_named().kill().happen("raid.assembled", 0, 1)),
        *unasked(8),
    ),
    case(
        "two by request, one after the other",
        removed(
            online(0, 1)
            .add(remove(1))
            .add(remove(0))
            .happen("raid.removing_member", 1, 0)
            .happen("raid.member_removed", 1, 0)
        ),
    ),
    case(
        "requested before a kill",
        removed(online(0, 1).add(remove(1)).kill().happen("raid.assembled", 0, 1)),
        *unasked(5),
    ),
    case(
        "requested before power was lost",
        removed(online(0, 1).add(remove(1)).lose_power().happen("raid.assembled", 0, 1)),
        *unasked(5),
    ),
]
