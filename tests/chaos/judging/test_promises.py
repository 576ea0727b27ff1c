"""What an answer promises must survive a kill at that very moment: engines that answer too early are found just there."""

import pytest

from chaos.judging.crash_points import PointKind
from chaos.plan.rpcs import Rpc
from chaos.steps.schedule import Admin, Inject, Kill, Operate, Write
from tests.chaos.judging.crash_runs import (
    ACKNOWLEDGES_FUA_FIRST,
    CREATE,
    DELETE,
    REMOVE,
    REPORTS_THE_SIZE_FIRST,
    Line,
    points_of,
)
from tests.stories import PLAN_OF_TWO_NAMESPACES
from workers.protocol import DefectSource


@pytest.mark.parametrize(
    ("source", "experiment", "seed", "text", "request_class"),
    [
        (CREATE, "baseline", 4, "not assembled, though it was created on disk 0", Operate),
        (REMOVE, "rebuild-under-load", 4, "as a member, though it was removed", Operate),
        (DELETE, "namespace-churn", 4, "though its array was deleted and wiped", Operate),
        (REPORTS_THE_SIZE_FIRST, "grow", 9, "blocks, though Identify has reported", Admin),
        (ACKNOWLEDGES_FUA_FIRST, "power-loss", 26, "was acknowledged", Write),
    ],
    ids=["created", "removed", "wiped", "size", "fua"],
)
def test_an_answer_before_its_effect_is_durable_is_found_after_the_answer(
    source, experiment, seed, text, request_class
):
    """Find each of them right after the answer; the answered request is the broken promise."""
    points = points_of(experiment, seed, (DefectSource("hasty", source),))
    first = next(point for point in points if point.findings)
    assert first.kind is PointKind.ANSWER
    finding = first.findings[0]
    assert text in finding.text
    assert isinstance(finding.promise.request, request_class)
    assert finding.promise.request in first.answered
    assert finding.promise.step == first.step


@pytest.mark.parametrize(
    ("experiment", "seed"),
    [
        # A removal is answered after the rebuild of the returned disk has begun.
        ("power-loss", 12),
        # All members are removed at once; the one that was asked for first is the last to go.
        ("swarm", 2205),
        ("swarm", 2220),
    ],
)
def test_an_answer_that_other_requests_have_overtaken_promises_nothing(experiment, seed):
    points = points_of(experiment, seed)
    assert any(point.was_judged for point in points)
    assert [point for point in points if point.findings] == []


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def online(line):
    line.create()
    return line


def test_a_creation_of_healthy_disks_is_a_promise(line):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    assert line.answer(line.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1))
    assert line.promises.created_on == [0, 1]
    line.emit("raid.created", 0, 1)
    assert line.promises.created_on == []


def test_an_array_that_waits_for_a_disk_is_on_none(line):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0))
    line.answer(line.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1))
    assert line.promises.created_on == []


def test_a_creation_that_loses_a_disk_meanwhile_promises_none(line):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    op = line.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1)
    line.outside(Inject, "disk_pull", 1, ())
    line.answer(op)
    assert line.promises.created_on == []


def test_a_faulted_disk_excuses_a_creation_and_a_wipe(line):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    line.outside(Inject, "disk_failure", 1, ())
    op = line.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1)
    line.answer(op)
    assert line.promises.created_on == []
    line.emit("raid.created", 0, 1)
    line.answer(line.rpc(Rpc.BDEV_RAID_DELETE, 1))
    assert line.promises.wiped == [0]


@pytest.mark.parametrize("ends", ["removal", "deletion", "pull"])
def test_a_new_array_is_not_expected_of_a_disk_that_may_have_left_it(line, ends):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    line.answer(line.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1))
    match ends:
        case "removal":
            line.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 0)
        case "deletion":
            line.rpc(Rpc.BDEV_RAID_DELETE, 0)
        case _:
            line.outside(Inject, "disk_pull", 0, ())
    assert line.promises.created_on == ([] if ends == "deletion" else [1])


def test_an_array_without_superblock_promises_nothing(line):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    assert not line.answer(line.rpc(Rpc.BDEV_RAID_CREATE, 0, 1, 0, 1))
    assert line.promises.creation is None


def test_a_removal_holds_until_the_disk_is_rebuilt(online):
    op = online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1)
    assert online.answer(op)
    assert [*online.promises.removals] == [1]
    online.emit("rebuild.started", 1, 1)
    assert online.promises.removals == {}


def test_a_refused_removal_promises_nothing(online):
    assert not online.answer(online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1), status=-19)
    assert online.promises.removals == {}


def test_the_removal_of_the_last_good_member_promises_nothing(online):
    online.outside(Inject, "disk_pull", 0, ())
    assert not online.answer(online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1))
    assert online.promises.removals == {}


def test_the_removal_of_the_last_member_promises_nothing(online):
    online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 0)
    online.emit("raid.member_removed", 0, 0)
    assert not online.answer(online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1))


def test_of_an_array_that_was_announced_the_model_knows_the_good_disks(online):
    assert online.promises.creation is not None
    assert online.promises.created_on == []


def test_a_removal_from_an_array_that_is_not_online_promises_nothing(line):
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    op = line.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1)
    line.create()
    assert not line.answer(op)
    assert line.promises.removals == {}


def test_the_largest_size_that_identify_reports_is_a_promise(online):
    assert online.answer(online.identify(), value=40)
    assert not online.answer(online.identify(), value=40)
    assert not online.answer(online.identify(cns=2), value=99)
    assert not online.answer(online.identify(), status=2, value=99)
    assert online.promises.blocks == 40
    assert online.answer(online.identify(), value=41)
    online.emit("raid.created", 0, 1)
    assert (online.promises.size, online.promises.blocks) == (None, 0)


def test_the_size_of_a_later_namespace_is_a_promise_of_its_end():
    line = Line(PLAN_OF_TWO_NAMESPACES)
    line.create()
    assert line.answer(line.identify(nsid=2), value=5)
    assert not line.answer(line.identify(nsid=1), value=4)
    assert not line.answer(line.identify(nsid=2), value=0)
    assert line.promises.blocks == 9


def test_a_wipe_promises_that_the_healthy_members_are_gone(online):
    op = online.rpc(Rpc.BDEV_RAID_DELETE, 1)
    online.outside(Inject, "disk_failure", 1, ())
    assert online.answer(op)
    assert online.promises.wiped == [0]
    online.rpc(Rpc.BDEV_RAID_CREATE, 1, 2, 0, 1)
    assert online.promises.wiped == []


def test_a_wipe_ends_all_that_was_promised_of_the_array(online):
    online.answer(online.identify(), value=40)
    online.answer(online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1))
    online.rpc(Rpc.BDEV_RAID_DELETE, 1)
    assert (online.promises.removals, online.promises.blocks) == ({}, 0)


def test_an_array_that_comes_up_is_known_to_the_model(line):
    """Expect it of the good disks from then on, and not of those it was created on."""
    line.answer(line.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
    line.answer(line.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1))
    line.outside(Kill, ())
    assert line.promises.created_on == [0, 1]
    line.emit("raid.assembled", 0, 1)
    line.emit("raid.member_removed", 0, 0)
    assert line.promises.last_member is None
    line.emit("raid.member_removed", 1, 1)
    assert (line.promises.created_on, line.promises.last_member) == ([], 1)
    line.emit("raid.assembled", 1)
    assert line.promises.last_member is None


def test_a_deletion_that_keeps_the_superblocks_wipes_none(online):
    assert not online.answer(online.rpc(Rpc.BDEV_RAID_DELETE, 0))
    assert online.promises.wiped == []


def test_a_request_that_dies_with_the_target_promises_nothing(online):
    op = online.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1)
    online.outside(Kill, ())
    online.create()
    assert not online.answer(op)
