"""Invariants are asserted in pairs: at a change, and at a use."""

import pytest

from tests.rig import HostRig, Rig
from workers.protocol import DefectSource

COUNTS_ONE_MORE = """
from workers.raid.rebuild import Rebuild

class Defective(Rebuild):
    async def announce(self, thread):
        self.record.discovered += 1
        return await super().announce(thread)
"""
READS_SHORT = """
from workers.bdev.bdev import BdevChannel
from workers.bdev.io import Completion, IoType

class Defective(BdevChannel):
    async def submit(self, io):
        completion = await super().submit(io)
        if io.io_type is IoType.READ and self.device.id == 0:
            return Completion(completion.status, completion.data[:-1])
        return completion
"""
GOES_BACK = """
import msgspec

from workers.raid.metadata import Metadata

class Defective(Metadata):
    def set_state(self, slot, state):
        super().set_state(slot, state)
        self.superblock = msgspec.structs.replace(self.superblock, seq_number=0)
"""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (COUNTS_ONE_MORE, "discovered members and configured slots differ"),
        (READS_SHORT, "a member's read has another length"),
        (GOES_BACK, "a superblock's sequence number doesn't grow"),
    ],
)
def test_invariants_are_looked_at_where_they_may_break(source, message):
    rig = Rig(defects=(DefectSource("own", source),))
    rig.configure(superblock=True, groups=1, namespace=False)
    rig.call("nvmf_subsystem_add_ns", 1)
    host = HostRig(rig)
    read = host.read(3)
    rig.run_until(lambda: read in rig.replies)
    rig.rpc("bdev_raid_remove_base_bdev", 1)
    rig.run_until(lambda: bool(rig.named("raid.member_removed")))
    rig.rpc("bdev_raid_add_base_bdev", 2)
    rig.run_until(lambda: bool(rig.named("rebuild.finished")))
    assert rig.crash is not None
    assert message in rig.crash


@pytest.mark.parametrize("thread", [7, 15, 17, 61, 99, -3])
def test_a_message_to_a_thread_that_does_not_exist_crashes_the_target(thread):
    source = f"""
from workers.rpc import Rpc

class Defective(Rpc):
    def bdev_raid_get_bdevs(self, thread):
        thread.send({thread}, "nvmf.disconnect", 1)
        return 0
"""
    rig = Rig(defects=(DefectSource("own", source),))
    rig.configure(superblock=False, groups=2, namespace=False)
    rig.rpc("bdev_raid_get_bdevs")
    rig.run_until(lambda: rig.crash is not None)
    assert f"is sent to thread {thread}, which doesn't exist" in rig.crash
