"""Crash at every prefix of recorded runs: acknowledged data is there, stale members are refused."""

import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.crash_points import PointKind, crash_points
from chaos.judging.second_target import SecondTarget
from chaos.run.controller import Controller
from chaos.steps.history import Completed
from chaos.steps.schedule import CHANGING, Admin, FinishIo, Operate
from tests.chaos.judging.crash_runs import points_of, run_of
from workers.protocol import DefectSource

RUNS = 50
ACKNOWLEDGES_BEFORE_THE_SUPERBLOCK = """
from workers.raid.array import RaidBdev

class Defective(RaidBdev):
    async def fail_base_bdev(self, thread, number, generation):
        slot = self.record.slots[number]
        if slot.generation == generation and not slot.is_failed:
            if not slot.is_process_target and self.sources_without(slot) == 0:
                return False
            slot.is_failed = 1
            thread.emit("raid.member_failed", number, self.disk_in(slot))
            thread.send(0, "membership.fail_base_bdev", number, generation)
        return True
"""
PROMOTES_AND_DIES = """
import msgspec

from workers.bdev.io import BLOCK_SIZE, BdevIo, IoType
from workers.raid.rebuild import Rebuild
from workers.raid.superblock import EntryState, encode

class Defective(Rebuild):
    async def announce(self, thread):
        said = self.metadata
        others = [number for number in said.recipients() if number != self.record.process_slot]
        said.set_state(self.record.process_slot, EntryState.CONFIGURED)
        newer = msgspec.structs.replace(said.superblock, seq_number=said.superblock.seq_number + 1)
        data = encode(newer).ljust(BLOCK_SIZE, bytes(1))
        await said.start(thread, others[0], BdevIo(IoType.WRITE, 0, 1, data, fua=True))
        assert False, "promoted"
"""


CHANGES_DATA_AS_IT_STARTS = """
from workers.bdev.io import BLOCK_SIZE, BdevIo, IoType
from workers.raid.examine import Examine
from workers.raid.metadata import DATA_OFFSET

class Defective(Examine):
    async def decide(self, thread, bdev, found):
        if bdev.id == 0:
            channel = thread.get_io_channel(bdev)
            await channel.submit(BdevIo(IoType.WRITE, DATA_OFFSET, 1, bytes(BLOCK_SIZE)))
            thread.put_io_channel(channel)
        return await super().decide(thread, bdev, found)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["restart-from-superblock", "failure-during-rebuild", "three-way", "grow", "namespace-churn"],
)
def test_every_prefix_can_be_assembled_again(name):
    judged, runs, seed = 0, 0, 0
    while runs < (RUNS if name == "restart-from-superblock" else RUNS // 5):
        points = points_of(name, seed)
        seed += 1
        if points is None:
            continue
        runs += 1
        judged += sum(point.was_judged for point in points)
        assert [point for point in points if point.findings] == [], f"{name}: seed {seed - 1}"
    assert judged > runs * 20


def test_acknowledging_before_the_superblock_is_caught():
    defects = (DefectSource("hasty", ACKNOWLEDGES_BEFORE_THE_SUPERBLOCK),)
    for seed in range(40):
        points = points_of("disk-failure", seed, defects)
        if points and any("was acknowledged" in f.text for point in points for f in point.findings):
            return
    raise AssertionError("no prefix showed it")


def test_what_the_last_step_of_a_target_wrote_that_crashes_by_itself_is_judged():
    """Judge the last writes of a target that crashes by itself.

    The write of a false superblock and the assertion come in one step, so no prefix before it is bad.
    """
    defects = (DefectSource("promotes", PROMOTES_AND_DIES),)
    for seed in range(40):
        points = points_of("disk-failure", seed, defects)
        if points and points[-1].findings:
            assert [point for point in points[:-1] if point.findings] == []
            assert points[-1].kind is PointKind.CRASH
            return
    raise AssertionError("the last point showed nothing")


def test_disks_arrive_in_another_order_at_each_point(monkeypatch):
    orders = []
    call = SecondTarget._call

    def listen(self, method, *args):
        orders.extend([args] if method == "framework_start_init" else [])
        call(self, method, *args)

    monkeypatch.setattr(SecondTarget, "_call", listen)
    assert points_of("restart-from-superblock", 0) or points_of("restart-from-superblock", 1)
    assert len({order[0] for order in orders}) > 1


def test_an_answer_without_news_is_passed_over():
    """Pass over most answers: they promise nothing, and no disk has changed since the last point."""
    plan, schedule = run_of("restart-from-superblock", 5)
    execution = Controller(plan, SimDriver(), ()).replay(schedule)
    answered = {entry.number for entry in execution.history if entry.__class__ is Completed}
    points = points_of("restart-from-superblock", 5)
    after_answers = [point for point in points if point.kind is PointKind.ANSWER]
    assert {point.step for point in after_answers} < answered
    assert 0 < len(after_answers) < len(answered) / 2
    assert all(point.answered for point in after_answers)
    # This answer promises nothing, but the target was killed since the last point.
    (starts,) = {
        request.method
        for point in after_answers
        for request in point.answered
        if isinstance(request, Operate) and request.method == "framework_start_init"
    }
    assert starts


def test_an_answer_is_left_out_only_where_it_promises_something():
    """Count no other answers while there is no array, since nothing is tried then."""
    points = [point for seed in range(16) for point in points_of("swarm", seed) or ()]
    left_out = [point for point in points if not point.was_judged]
    assert left_out
    for point in left_out:
        if point.kind is PointKind.ANSWER:
            assert any(isinstance(one, (*CHANGING, Admin, Operate)) for one in point.answered)


def test_a_step_that_writes_and_answers_is_one_point():
    points = points_of("baseline", 4)
    steps = [point.step for point in points]
    assert len(steps) == len(set(steps))
    both = [point for point in points if point.kind is PointKind.BOTH]
    assert both
    assert all(isinstance(point.after, FinishIo) and point.answered for point in both)


def test_a_restart_that_has_read_the_same_is_not_run_again(monkeypatch):
    """Find the same with every restart run anew, and with those that are known."""
    runs = []
    run = SecondTarget._run

    def count(self, disks, trusted, order):
        runs.append(order)
        return run(self, disks, trusted, order)

    def start_anew(self, disks, trusted, turn):
        self._known.clear()
        return start(self, disks, trusted, turn)

    monkeypatch.setattr(SecondTarget, "_run", count)
    defects = (DefectSource("hasty", ACKNOWLEDGES_BEFORE_THE_SUPERBLOCK),)
    known = points_of("disk-failure", 4, defects)
    runs_with_memory = len(runs)
    start = SecondTarget.start
    monkeypatch.setattr(SecondTarget, "start", start_anew)
    assert points_of("disk-failure", 4, defects) == known
    assert any(point.findings for point in known)
    assert runs_with_memory < (len(runs) - runs_with_memory) / 4


def test_data_that_a_target_changes_as_it_starts_is_judged():
    defects = (DefectSource("scribbles", CHANGES_DATA_AS_IT_STARTS),)
    plan, schedule = run_of("baseline", 9)
    points = list(crash_points(plan, schedule, defects))
    wrong = [finding for point in points for finding in point.findings]
    (what,) = {finding.text.partition(",")[0] for finding in wrong}
    assert what == "block 0 of disk 0 holds zeroes"


def test_a_named_step_is_the_only_point():
    """Judge after a step that is no point of its own, and in the same way after one that is."""
    (first, *_) = (point for point in points_of("baseline", 4) if point.was_judged)
    assert points_of("baseline", 4, at=first.step) == [first]
    (other,) = points_of("baseline", 4, at=first.step + 1)
    assert (other.step, other.kind) == (first.step + 1, PointKind.ASKED)
