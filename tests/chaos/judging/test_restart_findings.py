"""Restarts that are wrong, written by hand."""

import msgspec
import pytest

from chaos.checkers.finding import Verdict
from chaos.checkers.register import Reader
from chaos.drivers.sim import SimDriver
from chaos.judging.restart_findings import RestartJudge
from chaos.judging.second_target import Restart
from chaos.plan.rpcs import Rpc
from chaos.steps.payload import payload
from tests.chaos.judging.crash_runs import Line
from workers.bdev.io import BLOCK_SIZE

WHOLE = Restart(members=(0, 1), blocks=1_000)


@pytest.fixture
def line():
    line = Line()
    line.create()
    return line


@pytest.fixture
def disks(line):
    driver = SimDriver()
    driver.start(line.recorder.plan.layout, ())
    return driver.disks


@pytest.fixture
def registers(line):
    return Reader(line.recorder.plan, tracks_power=False).registers


@pytest.fixture
def judge(line, registers):
    return RestartJudge(line.recorder.plan, line.recorder.model, line.promises, registers)


def test_an_array_that_came_up_as_it_was_is_right(judge, disks):
    assert judge.trusted() == 0
    assert judge.findings(WHOLE, 0, disks) == []


@pytest.mark.parametrize(
    ("restart", "verdict", "text"),
    [
        (Restart(crash="no"), Verdict.CRASHED, "the target crashes as it starts: no"),
        (Restart(is_at_rest=False), Verdict.LIVENESS, "does not come to rest"),
        (Restart(), Verdict.INVALID, "though disk 0 has all acknowledged data"),
    ],
)
def test_a_start_that_fails_breaks_the_promise_of_the_creation(
    line, judge, disks, restart, verdict, text
):
    (finding,) = judge.findings(restart, 0, disks)
    assert text in finding.text
    assert finding.verdict is verdict
    assert finding.promise == line.promises.creation


def test_the_array_has_at_least_the_size_that_was_reported(line, judge, disks):
    line.answer(line.identify(), value=40)
    assert judge.findings(Restart(members=(0, 1), blocks=40), 0, disks) == []
    (finding,) = judge.findings(Restart(members=(0, 1), blocks=39), 0, disks)
    assert finding.text == "the array has 39 blocks, though Identify has reported 40"


def test_a_disk_that_the_array_has_gone_on_without_is_no_member(line, judge, disks):
    line.emit("raid.member_failed", 1, 1)
    line.emit("raid.member_removed", 1, 1)
    (finding,) = judge.findings(WHOLE, 0, disks)
    assert finding.text == "disk 1 is taken as a member, though the array has gone on without it"
    line.emit("rebuild.started", 1, 1)
    assert judge.findings(WHOLE, 0, disks) == []


def test_a_member_that_was_removed_is_named_with_its_request(line, judge, disks):
    op = line.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 1)
    line.emit("raid.member_removed", 1, 1)
    line.answer(op)
    (finding,) = judge.findings(WHOLE, 0, disks)
    assert finding.text == "disk 1 is taken as a member, though it was removed"
    assert finding.promise.request.op == op


def test_the_last_member_comes_up_again_though_its_removal_was_requested_first(line, judge, disks):
    for number in (0, 1):
        line.rpc(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, number)
    line.emit("raid.member_removed", 1, 1)
    line.recorder.model.array.harm(0)  # a fault comes before it leaves
    line.emit("raid.member_removed", 0, 0)
    assert line.recorder.model.disks[0].superblock.left_behind
    assert judge.findings(Restart(members=(0,), blocks=1_000), 1, disks) == []


def test_only_disks_that_were_wiped_must_be_gone(line, judge, disks):
    assert not judge.must_be_gone()
    op = line.rpc(Rpc.BDEV_RAID_DELETE, 1)
    assert not judge.must_be_gone()
    line.answer(op)
    assert judge.trusted() is None
    assert judge.must_be_gone()
    assert len(judge.findings(WHOLE, None, disks)) == 2
    line.promises.wiped.remove(1)
    (finding,) = judge.findings(WHOLE, None, disks)
    assert finding.text == "disk 0 is taken as a member, though its array was deleted and wiped"
    assert finding.promise == line.promises.wipe


@pytest.fixture
def garbage(line, disks):
    """Put data that no host has written into the last block of disk 1, and return its number."""
    plan = line.recorder.plan
    lba = plan.blocks - 1
    at = (plan.data_offset + lba) * BLOCK_SIZE
    disks[1].data[at : at + BLOCK_SIZE] = payload(0, 99, lba, 1)
    return lba


def test_a_block_that_was_never_written_holds_zeroes(judge, disks, garbage):
    (finding,) = judge.findings(WHOLE, 0, disks)
    assert finding.text == f"block {garbage} of disk 1 holds op 99, but op 0 was acknowledged"


def test_a_block_that_was_corrupted_silently_may_hold_anything(judge, disks, registers, garbage):
    registers.taint(0, judge.plan.data_offset + garbage)
    assert judge.findings(WHOLE, 0, disks) == []


def test_a_block_where_the_array_has_grown_may_hold_anything(judge, disks, garbage):
    judge.plan = msgspec.structs.replace(judge.plan, blocks=garbage)
    assert judge.findings(WHOLE, 0, disks) == []
