"""The second target: which restarts are the same as an earlier one."""

import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.second_target import SecondTarget
from chaos.run.controller import Controller
from tests.chaos.judging.crash_runs import run_of
from workers.bdev.io import BLOCK_SIZE
from workers.raid import superblock
from workers.raid.metadata import DATA_OFFSET

ONLINE = 40  # steps, after which the array of this run is there


class Counting(SecondTarget):
    runs = 0

    def _run(self, disks, trusted, order):
        self.runs += 1
        return super()._run(disks, trusted, order)


@pytest.fixture
def disks():
    plan, schedule = run_of("baseline", 4)
    driver = SimDriver()
    Controller(plan, driver, ()).replay(schedule[:ONLINE])
    return driver.disks


@pytest.fixture
def second():
    plan, _ = run_of("baseline", 4)
    return Counting(plan, ())


def test_a_restart_is_known_by_all_that_a_target_can_see(second, disks):
    restart = second.start(disks, 0, 0)
    assert (restart.members, restart.crash, restart.leaves_data) == ((0, 1), "", True)
    assert second.start(disks, 0, 0) is restart
    assert second.runs == 1
    second.start(disks, 1, 0)  # another disk is trusted
    assert second.runs == 2
    second.start(disks, 0, 1)  # another disk comes first
    assert second.runs == 3
    disks[1].header.identity += 256  # another device is in its place
    assert second.start(disks, 0, 0).members == (0,)
    assert second.runs == 4
    disks[1].pull()
    assert second.start(disks, 0, 0).members == (0,)
    assert second.runs == 5


def test_a_change_of_data_alone_leads_to_no_other_restart(second, disks):
    restart = second.start(disks, 0, 0)
    disks[0].data[DATA_OFFSET * BLOCK_SIZE] ^= 0xFF
    assert second.start(disks, 0, 0) is restart
    disks[0].data[0] ^= 0xFF  # the superblock's signature
    assert second.start(disks, 1, 0).members == (1,)


def test_the_size_is_that_of_the_newest_superblock(second, disks):
    second.start(disks, 0, 0)
    copies = second.driver.disks
    newer = superblock.decode(bytes(copies[0].data))
    older = superblock.Superblock(
        **{
            name: getattr(newer, name)
            for name in newer.__struct_fields__
            if name not in ("seq_number", "raid_size")
        },
        seq_number=newer.seq_number - 1,
        raid_size=newer.raid_size + 1,
    )
    encoded = superblock.encode(older)
    for number in (0, 1):
        before = bytes(copies[number].data[: len(encoded)])
        copies[number].data[: len(encoded)] = encoded
        assert second._blocks() == newer.raid_size
        copies[number].data[: len(encoded)] = before
