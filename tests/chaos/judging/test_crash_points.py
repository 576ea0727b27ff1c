"""Crash at every prefix of recorded runs: acknowledged data is there, stale members are refused."""

import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.crash_points import SecondTarget, crash_points
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
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


def points_of(name, seed, defects=()):
    plan = resolve(EXPERIMENTS[name], seed)
    if not plan.superblock:
        return None
    execution = Controller(plan, SimDriver(), defects).explore(seed)
    return list(crash_points(plan, execution.schedule, defects))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["restart-from-superblock", "failure-during-rebuild", "three-way"])
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
        if points and any("was acknowledged" in f for point in points for f in point.findings):
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
            return
    raise AssertionError("the last point showed nothing")


def test_disks_arrive_in_another_order_at_each_point(monkeypatch):
    orders = []
    call = SecondTarget._call

    def listen(self, method, *args):
        orders.extend([args] if method == "framework_start_init" else [])
        return call(self, method, *args)

    monkeypatch.setattr(SecondTarget, "_call", listen)
    assert points_of("restart-from-superblock", 0) or points_of("restart-from-superblock", 1)
    assert len({order[0] for order in orders}) > 1
