"""The engine without a fault budget: many RPCs and disk events at once, in any order, and it comes to rest."""

import pytest

from chaos.prng import Stream
from tests.rig import Rig
from workers.shared import ProcessState, RaidState

DISKS = 4
ACTIONS = 25
CALLS = (
    ("bdev_raid_create", 2),
    ("bdev_raid_create", 3),
    ("bdev_raid_delete", None),
    ("bdev_raid_add_base_bdev", 1),
    ("bdev_raid_add_base_bdev", 1),
    ("bdev_raid_add_base_bdev", 1),
    ("bdev_raid_remove_base_bdev", 1),
    ("bdev_raid_remove_base_bdev", 1),
    ("nvmf_subsystem_add_ns", 0),
    ("nvmf_subsystem_remove_ns", 0),
    ("nvmf_create_poll_group", 0),
)


def act(rig: Rig, stream: Stream) -> None:
    """One RPC or disk event, at once."""
    if stream.chance(1, 4):
        disk = stream.below(DISKS)
        (rig.pull if stream.chance(1, 2) else rig.plug)(disk)
        return
    method, disks = stream.choice(CALLS)
    if disks is None:
        rig.rpc(method)
    elif disks:
        rig.rpc(method, *stream.shuffled(range(DISKS))[:disks])
    else:
        rig.rpc(method, 1)


def steps(rig: Rig, count: int) -> None:
    for _ in range(count):
        possible = rig.pending()
        if not possible or rig.crash:
            return
        rig.take(possible[int(rig.draw() * len(possible))])


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_storm_of_operations_ends_in_a_state_that_is_whole(first):
    for seed in range(first, first + 100):
        stream = Stream(seed)
        rig = Rig(disks=DISKS, seed=seed)
        rig.configure(members=2 + stream.below(2), groups=1 + stream.below(3))
        for _ in range(ACTIONS):
            act(rig, stream)
            steps(rig, stream.below(40))
        rig.settle()
        assert rig.crash is None, f"seed {seed}: {rig.crash}"
        record = rig.block.raid
        configured = sum(slot.is_configured for slot in record.slots)
        assert record.process_state == ProcessState.NONE, f"seed {seed}"
        assert record.discovered == record.operational == configured, f"seed {seed}"
        assert (record.state == RaidState.ONLINE) == (configured > 0), f"seed {seed}"
        census = rig.census()
        assert not [row for row in census if row[0] == "range lock"], f"seed {seed}"
        assert not [row for row in census if "rebuild" in row[1]], f"seed {seed}"
        # Nothing is stuck: the array can be deleted, and made and rebuilt anew.
        rig.call("nvmf_subsystem_remove_ns", 1)
        rig.call("bdev_raid_delete")
        for disk in range(DISKS):
            rig.plug(disk)
        rig.settle()
        assert [row for row in rig.census() if row[0] in ("claim", "descriptor")] == [], (
            f"seed {seed}"
        )
        assert rig.call("bdev_raid_create", 0, 1) == 0, f"seed {seed}"
        assert rig.call("bdev_raid_remove_base_bdev", 0) == 0
        assert rig.call("bdev_raid_add_base_bdev", 2) == 0
        rig.settle()
        assert rig.named("rebuild.finished")[-1].args == (0, 2, 0), f"seed {seed}"
