"""Crash at every prefix of recorded runs: what was acknowledged is there, stale members are refused."""

import pytest

from chaos.controller import Controller
from chaos.crash_points import crash_points
from chaos.drivers.sim import SimDriver
from chaos.plan import resolve
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


def points_of(name, seed, defects=()):
    plan = resolve(EXPERIMENTS[name], seed)
    if not plan.superblock:
        return None
    execution = Controller(plan, SimDriver(), defects).explore(seed)
    return list(crash_points(plan, execution.schedule, defects))


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
