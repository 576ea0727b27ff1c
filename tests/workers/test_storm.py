"""The engine without a fault budget: RPCs, disk events and faults at once, in any order, and it comes to rest."""

import pytest

from chaos.base.prng import Stream
from tests.rig import HostRig, Rig, fill
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.nvmf.status import Opcode
from workers.shared import ProcessState, RaidState

DISKS = 4
ACTIONS = 25
BLOCKS = 40
RAID = DISKS  # the array's bdev


def pick(stream, count):
    return stream.shuffled(range(DISKS))[:count]


CALLS = (
    lambda s: (
        "bdev_raid_create",
        s.integer_below(2),
        s.between(1, 10_000),
        *pick(s, s.between(2, 3)),
    ),
    lambda s: ("bdev_raid_delete", s.integer_below(2)),
    lambda s: ("bdev_raid_add_base_bdev", *pick(s, 1)),
    lambda s: ("bdev_raid_add_base_bdev", *pick(s, 1)),
    lambda s: ("bdev_raid_add_base_bdev", *pick(s, 1)),
    lambda s: ("bdev_raid_remove_base_bdev", *pick(s, 1)),
    lambda s: ("bdev_raid_remove_base_bdev", *pick(s, 1)),
    lambda s: ("bdev_raid_start_degraded", *pick(s, 1)),
    lambda s: ("bdev_examine_again", *pick(s, 1)),
    lambda _: ("bdev_wait_for_examine",),
    lambda s: ("bdev_reset", s.integer_below(RAID + 1)),
    lambda _: ("bdev_reset", RAID),
    lambda _: ("nvmf_subsystem_add_ns", 1),
    lambda _: ("nvmf_subsystem_add_ns", 1),
    lambda _: ("nvmf_subsystem_remove_ns", 1),
    lambda s: ("nvmf_create_poll_group", s.integer_below(3)),
    lambda s: ("nvmf_destroy_poll_group", s.integer_below(3)),
)
FAULTS = (FaultKind.ERROR, FaultKind.HANG, FaultKind.SLOW)
TYPES = (IoType.READ, IoType.WRITE, IoType.FLUSH)


def act(rig: Rig, stream: Stream) -> None:
    """Do one RPC, disk event or fault, at once."""
    draw = stream.integer_below(8)
    disk = stream.integer_below(DISKS)
    if draw == 0:
        rig.pull(disk)
    elif draw == 1:
        if stream.chance(1, 3) and not rig.driver.disks[disk].header.present:
            rig.driver.disks[disk].new(BLOCKS)
        rig.plug(disk)
    elif draw == 2:
        kind = stream.choice(FAULTS)
        types = TYPES if stream.chance(1, 2) else (stream.choice(TYPES),)
        times = stream.between(1, 4)
        rig.driver.disks[disk].add_fault(kind, types, 0, stream.between(1, BLOCKS), times, 2_000)
    elif draw == 3:
        rig.driver.disks[disk].heal()
        rig.send(0, 1_001, 0, "bdev.resume", disk)
    else:
        rig.rpc(*stream.choice(CALLS)(stream))


def steps(rig: Rig, count: int) -> None:
    for _ in range(count):
        possible = rig.pending()
        if not possible or rig.crash:
            return
        rig.take(possible[int(rig.draw() * len(possible))])


def connected_host(rig: Rig, stream: Stream) -> HostRig | None:
    rig.call("nvmf_create_poll_group", stream.integer_below(3))
    return HostRig(rig)


def submit(host: HostRig, stream: Stream) -> None:
    opcode = stream.choice((Opcode.WRITE, Opcode.READ, Opcode.FLUSH, Opcode.COMPARE_AND_WRITE))
    data = fill(b"storm", 3)
    host.io(opcode, stream.integer_below(20), 3, data, expected=data)


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_storm_of_operations_ends_in_a_state_that_is_whole(first):
    for seed in range(first, first + 100):
        stream = Stream(seed)
        rig = Rig(disks=DISKS, blocks=BLOCKS, seed=seed, disk_queue_depth=3, io_pool=3)
        rig.configure(
            members=2 + stream.integer_below(2),
            groups=1 + stream.integer_below(3),
            superblock=stream.chance(2, 3),
        )
        host = connected_host(rig, stream)
        for _ in range(ACTIONS):
            act(rig, stream)
            submit(host, stream)
            steps(rig, stream.integer_below(40))
        for disk in range(DISKS):
            rig.driver.disks[disk].heal()
            rig.plug(disk)
            rig.send(0, 1_001, 0, "bdev.resume", disk)
        host.disconnect()
        rig.settle()
        assert rig.crash is None, f"seed {seed}: {rig.crash}"
        record = rig.block.raid
        configured = sum(slot.is_configured for slot in record.slots)
        assert record.process_state == ProcessState.NONE, f"seed {seed}"
        assert record.discovered == configured, f"seed {seed}"
        if record.state == RaidState.ONLINE:
            assert record.operational == configured > 0, f"seed {seed}"
        else:
            assert record.state in (RaidState.ABSENT, RaidState.CONFIGURING), f"seed {seed}"
        census = rig.census()
        assert not [row for row in census if row[0] == "range lock"], f"seed {seed}"
        assert not [row for row in census if "rebuild" in row[1]], f"seed {seed}"
        # Nothing is stuck: the array can be deleted, created again and rebuilt.
        rig.call("nvmf_subsystem_remove_ns", 1)
        for disk in range(DISKS):
            rig.pull(disk)
            rig.driver.disks[disk].new(BLOCKS)
            rig.plug(disk)
        rig.settle()
        rig.call("bdev_raid_delete", 1)
        rig.settle()
        held = [row for row in rig.census() if row[0] in ("claim", "descriptor", "qpair")]
        assert held == [], f"seed {seed}"
        assert rig.create(0, 1, superblock=seed % 2 == 0) == 0, f"seed {seed}"
        assert rig.call("bdev_raid_remove_base_bdev", 0) == 0
        assert rig.call("bdev_raid_add_base_bdev", 2) == 0
        rig.settle()
        assert rig.named("rebuild.finished")[-1].args == (0, 2, 0), f"seed {seed}"
