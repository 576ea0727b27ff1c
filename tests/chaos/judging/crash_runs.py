"""Runs whose crash points are judged: explored ones, ones written by hand, and engines that answer too early."""

from chaos.drivers.sim import SimDriver
from chaos.judging.crash_points import crash_points
from chaos.judging.promises import Promises
from chaos.plan.plan import resolve
from chaos.plan.rpcs import Rpc
from chaos.run.controller import Controller
from chaos.run.recorder import Recorder
from chaos.steps.schedule import Admin, Open, Operate
from experiments.catalog import EXPERIMENTS
from workers.nvmf.status import AdminOpcode
from workers.protocol import OPERATOR, Event, Outcome, Reply

CONNECTION = 1_010
ANSWERS_AS_IT_BEGINS = """
from workers.errors import OK
from workers.rpc import Rpc
from workers.thread import run_flow

class Defective(Rpc):
    async def {method}(self, thread, *args):
        run_flow(super().{method}(thread, *args))
        return OK
"""
REPORTS_THE_SIZE_FIRST = """
from workers.raid.membership import Membership

class Defective(Membership):
    async def base_bdev_resized(self, thread):
        blocks = self.slots.smallest()
        if self.is_growing_held_up() or blocks <= self.bdev.record.num_blocks:
            return
        self._growths += 1
        lock = await self.bdev.quiesce(thread)
        self.layer.resize(thread, self.bdev, blocks)
        thread.emit("raid.grown", blocks)
        await self.bdev.unquiesce_range(thread, lock)
        await self.reactor.sleep(thread.id, 5_000)
        self.metadata.set_size(blocks)
        await self.metadata.write(thread)
        self._growths -= 1
        self.waiters.wake()
"""
ACKNOWLEDGES_FUA_FIRST = """
from workers.bdev.io import SUCCESS, IoType
from workers.raid.raid1 import Raid1
from workers.thread import run_flow

class Defective(Raid1):
    async def write(self, channel, paths, io):
        if io.fua and io.io_type is IoType.WRITE:
            run_flow(super().write(channel, paths, io))
            return SUCCESS
        return await super().write(channel, paths, io)
"""
CREATE, REMOVE, DELETE = (
    ANSWERS_AS_IT_BEGINS.format(method=f"bdev_raid_{name}")
    for name in ("create", "remove_base_bdev", "delete")
)


def run_of(name, seed, defects=()):
    plan = resolve(EXPERIMENTS[name], seed)
    return plan, Controller(plan, SimDriver(), defects).explore(seed).schedule


def points_of(name, seed, defects=(), at=None):
    plan, schedule = run_of(name, seed, defects)
    return list(crash_points(plan, schedule, defects, at)) if plan.superblock else None


class Line:
    """A run that is written by hand: its steps, events and answers go through the recorder to the promises."""

    def __init__(self, plan=None):
        plan = plan or resolve(EXPERIMENTS["baseline"], 4)
        self.recorder = Recorder(plan)
        self.promises = Promises(plan, self.recorder.model)
        self.seen = 0
        self.op = 0
        self.outside(Open, 0, CONNECTION)

    def outside(self, make, *args):
        """Take a step from outside, with a number of its own, and return that."""
        self.op += 1
        self.recorder.took_outside(make(self.op, *args))
        self._take()
        return self.op

    def rpc(self, method, *args):
        return self.outside(Operate, method, args)

    def identify(self, cns=0, nsid=1):
        return self.outside(Admin, 0, CONNECTION, 1, AdminOpcode.IDENTIFY, cns, nsid)

    def emit(self, name, *args):
        self.recorder.observe(Outcome([], [], [], [], [], [Event(name, 0, args)]))
        self._take()

    def answer(self, op, status=0, value=0):
        """Answer a request; return whether that makes a new promise."""
        reply = Reply(OPERATOR, op, status, value, b"")
        self.recorder.observe(Outcome([], [], [], [], [reply], []))
        return self._take()

    def create(self):
        """Create the array of disks 0 and 1."""
        self.answer(self.rpc(Rpc.FRAMEWORK_START_INIT, 0, 1))
        op = self.rpc(Rpc.BDEV_RAID_CREATE, 1, 1, 0, 1)
        self.emit("raid.created", 0, 1)
        self.answer(op)

    def _take(self):
        news = self.recorder.history[self.seen :]
        self.seen += len(news)
        makes_one = [self.promises.take(entry) for entry in news]
        return True in makes_one
