"""Every check has a defect that it must catch, and must accept the clean engine on the same seeds."""

from collections.abc import Iterator
from functools import cache
from itertools import islice

import pytest

from chaos.checkers import Finding
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.protocol import DefectSource

SEEDS_MAX = 60
CATCHES = 3  # further catches show nothing new about the check
RARE_SEEDS_MAX = 2_000
DATA_CHECKS = {"register", "mirrors", "recovery", "copies", "superblock"}

READS_FROM_FAILED_MEMBERS = """
from workers.raid.raid1 import Raid1

class Defective(Raid1):
    def read_order(self, context, paths):
        return [n for n, base in enumerate(paths.base_channels) if base is not None]
"""
ACKNOWLEDGES_WITHOUT_FAILING_THE_MEMBER = """
from workers.bdev.io import SUCCESS
from workers.raid.raid1 import Raid1

class Defective(Raid1):
    async def fail_members(self, thread, failed):
        return SUCCESS
"""
SKIPS_THE_LAST_WINDOW = """
from workers.raid.rebuild import Rebuild

class Defective(Rebuild):
    async def copy(self, channel, first, count):
        if first + count >= self.bdev.record.num_blocks:
            return True
        return await super().copy(channel, first, count)
"""
LEAKS_THE_TARGET_CHANNEL = """
from workers.raid import array

class Defective(array.RaidChannel):
    async def finish_process(self, number, status):
        if status and self.thread.id < 16:  # the rebuild's own thread couldn't end
            self.target_channel = None
        await super().finish_process(number, status)
"""
NEVER_UNQUIESCES_AFTER_A_REMOVAL = """
from workers.raid.membership import Membership

class Defective(Membership):
    async def _take_out(self, thread, number):
        async def forget(*_):
            pass
        kept, self.bdev.unquiesce_range = self.bdev.unquiesce_range, forget
        status = await super()._take_out(thread, number)
        self.bdev.unquiesce_range = kept
        return status
"""
WRITES_TO_THE_WRONG_BLOCK = """
from workers.bdev.io import BdevIo, IoType
from workers.raid.raid1 import Raid1

class Defective(Raid1):
    async def write(self, channel, paths, io):
        if io.io_type is IoType.WRITE and io.offset == 4:
            io = BdevIo(io.io_type, 5, io.count, io.data)
        return await super().write(channel, paths, io)
"""

READS_FROM_ONE_MEMBER_ONLY = """
from workers.raid.raid1 import Raid1

class Defective(Raid1):
    def read_order(self, context, paths):
        return super().read_order(context, paths)[:1]
"""
NEVER_UNLOCKS_A_WINDOW_IN_THE_END = """
from workers.bdev import bdev

class Defective(bdev.BdevChannel):
    def destroy(self):
        super().destroy()
        self.device.record.pending.store([(1_000, 0, 1, 0, 1)])
"""
ANSWERS_TWICE = """
from workers.nvmf.target import NvmfTarget
from workers.protocol import Reply

class Defective(NvmfTarget):
    async def io(self, thread, connection, cid, *rest):
        answer = await super().io(thread, connection, cid, *rest)
        if answer is not None and cid % 8 == 0:
            reply = Reply(connection, cid, answer.status, answer.value, answer.data)
            self.reactor.outcome.replies.append(reply)
        return answer
"""
TOUCHES_ANOTHER_THREAD = """
from workers.nvmf.poll_group import PollGroup

class Defective(PollGroup):
    async def resume(self):
        await super().resume()
        app = self.thread.reactor.threads.get(0)
        if app is not None:
            app.emit("rebuild.limited")
"""
LETS_SMALL_READS_INTO_A_QUIESCE = """
from workers.bdev.bdev import BdevChannel
from workers.bdev.io import IoType

class Defective(BdevChannel):
    def _is_held(self, io):
        return io.io_type is not IoType.READ and super()._is_held(io)
"""
COUNTS_A_MEMBER_TWICE = """
from workers.raid.rebuild import Rebuild

class Defective(Rebuild):
    async def finish(self, thread):
        await super().finish(thread)
        self.record.discovered += self.record.process_status == 0
"""
FORGETS_ONE_CHANNEL = """
from workers.raid.array import RaidChannel

class Defective(RaidChannel):
    def advance_process(self, offset):
        if self.thread.id != 2:
            super().advance_process(offset)
"""
WRITES_AN_OLD_SEQUENCE = """
from workers.raid.metadata import Metadata
import msgspec

class Defective(Metadata):
    async def write(self, thread):
        if self.superblock is not None and self.superblock.seq_number == 3:
            # Begun again from an older one, so that the engine's own assertion has nothing to say.
            self.begin(msgspec.structs.replace(self.superblock, seq_number=1))
        return await super().write(thread)
"""
REFUSES_EVERY_REMOVAL = """
from workers import rpc

class Defective(rpc.Rpc):
    async def bdev_raid_remove_base_bdev(self, thread, bdev):
        return -5
"""
ASSEMBLES_STALE_MEMBERS = """
from workers.raid.superblock import EntryState
from workers.raid.metadata import Metadata

class Defective(Metadata):
    def set_state(self, slot, state):
        if state is EntryState.CONFIGURED:
            super().set_state(slot, state)
"""

CASES = [
    ("crash", None, "connect-during-rebuild"),
    ("register", ACKNOWLEDGES_WITHOUT_FAILING_THE_MEMBER, "failure-during-rebuild"),
    ("register", WRITES_TO_THE_WRONG_BLOCK, "baseline"),
    ("mirrors", SKIPS_THE_LAST_WINDOW, "disk-failure"),
    ("availability", READS_FROM_ONE_MEMBER_ONLY, "disk-failure"),
    ("references", NEVER_UNLOCKS_A_WINDOW_IN_THE_END, "baseline"),
    ("liveness", NEVER_UNQUIESCES_AFTER_A_REMOVAL, "disk-failure"),
    ("references", LEAKS_THE_TARGET_CHANNEL, "disk-failure"),
    ("copies", ACKNOWLEDGES_WITHOUT_FAILING_THE_MEMBER, "disk-failure"),
    ("protocol", ANSWERS_TWICE, "baseline"),
    ("affinity", TOUCHES_ANOTHER_THREAD, "namespace-churn"),
    ("quiesce", LETS_SMALL_READS_INTO_A_QUIESCE, "disk-failure"),
    ("states", COUNTS_A_MEMBER_TWICE, "disk-failure"),
    ("channels", FORGETS_ONE_CHANNEL, "disk-failure"),
    ("superblock", WRITES_AN_OLD_SEQUENCE, "restart-from-superblock"),
    ("answers", REFUSES_EVERY_REMOVAL, "disk-failure"),
    ("recovery", ASSEMBLES_STALE_MEMBERS, "restart-from-superblock"),
]


def catching(check: str, source: str | None, name: str) -> Iterator[int]:
    """Return the seeds on which the check finds something, up to a bound."""
    defect = (
        DefectSource("new-channel-null-module-ctx")
        if source is None
        else DefectSource("canary", source)
    )
    driver = SimDriver()
    for seed in range(SEEDS_MAX):
        execution = Controller(resolve(EXPERIMENTS[name], seed), driver, (defect,)).explore(seed)
        if any(finding.check == check for finding in judge(execution)):
            yield seed


@cache
def on_reference(name: str, seed: int) -> list[Finding]:
    """Return the findings on the clean engine."""
    execution = Controller(resolve(EXPERIMENTS[name], seed), SimDriver(), ()).explore(seed)
    return judge(execution)


@pytest.mark.parametrize(("check", "source", "name"), CASES)
def test_check_catches_its_defect_and_accepts_the_clean_engine_on_the_same_seeds(
    check, source, name
):
    seeds = list(islice(catching(check, source, name), CATCHES))
    assert seeds, f"{check} caught nothing in {SEEDS_MAX} seeds"
    for seed in seeds:
        assert on_reference(name, seed) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "name"),
    [
        (READS_FROM_FAILED_MEMBERS, "disk-failure"),
        (WRITES_TO_THE_WRONG_BLOCK, "baseline"),
    ],
)
def test_wrong_data_is_seen_by_some_check(source, name):
    driver = SimDriver()
    defects = (DefectSource("canary", source),)
    for seed in range(RARE_SEEDS_MAX):
        execution = Controller(resolve(EXPERIMENTS[name], seed), driver, defects).explore(seed)
        found = {finding.check for finding in judge(execution)}
        assert found <= DATA_CHECKS
        if found & {"register", "mirrors"}:
            return
    raise AssertionError(f"nothing caught in {RARE_SEEDS_MAX} seeds")


def test_seed_defect_is_caught_often():
    """Catch the seed defect in at least a fifth of the seeds, and first within twenty."""
    seeds = list(islice(catching("crash", None, "connect-during-rebuild"), SEEDS_MAX // 5))
    assert seeds[0] < 20
    assert len(seeds) == SEEDS_MAX // 5
