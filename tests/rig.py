"""A target in this process, driven by hand: send a request, run until a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaos.base.prng import Stream
from chaos.drivers.sim import SimDriver
from workers.bdev.io import BLOCK_SIZE
from workers.bdev.stack import member_bdev_id
from workers.nvmf.status import AdminOpcode, Opcode
from workers.protocol import (
    FIRST_CONNECTION,
    NEMESIS,
    OPERATOR,
    DefectSource,
    Deliver,
    EngineStep,
    Event,
    FireTimer,
    Layout,
    Message,
    Outcome,
    Reply,
)
from workers.reactor import Reactor

STEPS_MAX = 20_000


class Rig:
    """``reactors`` reactors, ``disks`` disks; nothing is configured yet."""

    def __init__(
        self,
        *,
        reactors: int = 3,
        disks: int = 3,
        blocks: int = 32,
        window: int = 8,
        seed: int | None = None,
        defects: tuple[DefectSource, ...] = (),
        **layout: Any,
    ) -> None:
        self.driver = SimDriver()
        self.driver.start(Layout(reactors, disks, blocks, window, **layout), defects)
        self.draw = Stream(seed).fraction if seed is not None else None
        self.events: list[Event] = []
        self.replies: dict[int, Reply] = {}
        self.crash: str | None = None
        self._token = 0
        self._connection = FIRST_CONNECTION - 1
        self.arrays = 0
        assert self.call("framework_start_init", *range(disks)) == 0
        self.settle()

    # The state.

    @property
    def block(self):
        return self.driver.block

    def reactor(self, number: int) -> Reactor:
        return self.driver.workers[number].reactor

    def thread(self, number: int):
        """Return the poll group thread of a reactor."""
        return self.reactor(number).threads[number + 1]

    @property
    def app(self):
        return self.reactor(0).threads[0]

    def pending(self) -> list[EngineStep]:
        return [step for worker in self.driver.workers for step in worker.reactor.pending()]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def census(self) -> list[tuple[str, str, int]]:
        return sorted(self.driver.census())

    # Steps.

    def take(self, step: EngineStep) -> Outcome:
        outcome = self.driver.perform(step)
        self.events += outcome.events
        for reply in outcome.replies:
            self.replies[reply.token] = reply
        if outcome.crash is not None:
            self.crash = outcome.crash.message
        return outcome

    def run_until(
        self,
        condition: Callable[[], bool],
        *,
        hold: Callable[[EngineStep], bool] = lambda _: False,
        steps: int = STEPS_MAX,
    ) -> None:
        """Take steps (the first possible, or drawn ones) that aren't held back, until the condition holds."""
        for _ in range(steps):
            if condition() or self.crash:
                return
            possible = [step for step in self.pending() if not hold(step)]
            assert possible, "nothing is possible, and the condition doesn't hold"
            possible.sort(key=lambda step: isinstance(step, FireTimer))  # time passes last
            index = int(self.draw() * len(possible)) if self.draw else 0
            self.take(possible[index])
        raise AssertionError(f"the condition doesn't hold after {steps} steps")

    def settle(self, hold: Callable[[EngineStep], bool] = lambda _: False) -> None:
        """Run until no step (that isn't held back) is possible any more."""
        self.run_until(lambda: not [step for step in self.pending() if not hold(step)], hold=hold)

    # Requests.

    @property
    def next_token(self) -> int:
        """Return the token of the next message."""
        return self._token + 1

    def send(self, reactor: int, sender: int, thread: int, handler: str, *args: object) -> int:
        self._token += 1
        message = Message(reactor, sender, thread, handler, self._token, args)
        self.driver.send(message)
        return self._token

    def rpc(self, method: str, *args: int) -> int:
        """Send an RPC; return its token."""
        return self.send(0, OPERATOR, 0, f"rpc.{method}", *args)

    def call(self, method: str, *args: int) -> int:
        """Send an RPC and run until it is answered; return its status."""
        token = self.rpc(method, *args)
        self.run_until(lambda: token in self.replies)
        return self.replies[token].status

    def pull(self, disk: int) -> None:
        self.driver.disks[disk].pull()
        self.send(0, NEMESIS, 0, "bdev.hot_remove", disk)

    def plug(self, disk: int) -> None:
        self.driver.disks[disk].header.present = 1
        self.send(0, NEMESIS, 0, "bdev.attach_disk", disk)

    def create(self, *bdevs: int, superblock: bool = False) -> int:
        """Create the array; return the status."""
        self.arrays += 1
        return self.call("bdev_raid_create", int(superblock), self.arrays, *bdevs)

    def restart(self, *disks: int) -> None:
        """Kill the target and start it again with these disks."""
        self.driver.restart()
        self.events.clear()
        self.replies.clear()
        assert self.call("framework_start_init", *disks) == 0
        self.settle()

    def configure(
        self,
        members: int = 2,
        *,
        namespace: bool = True,
        groups: int = 3,
        superblock: bool = False,
    ) -> None:
        """Configure an array of the first disks, poll groups, and the namespace."""
        layout = self.reactor(0).layout
        bdevs = [member_bdev_id(layout, disk) for disk in range(members)]
        assert self.create(*bdevs, superblock=superblock) == 0
        for reactor in range(groups):
            assert self.call("nvmf_create_poll_group", reactor) == 0
        if namespace:
            assert self.call("nvmf_subsystem_add_ns", 1) == 0
        self.settle()


class HostRig:
    """A host with an admin queue and one I/O queue."""

    def __init__(self, rig: Rig, *, keep_alive_ms: int = 0) -> None:
        self.rig = rig
        self.keep_alive_ms = keep_alive_ms
        self.admin, self.admin_thread = self._open()
        admin = self.connect(self.admin, self.admin_thread, 0, 0)
        assert admin.status == 0
        self.cntlid = admin.value
        self.queue, self.thread = self._open()
        assert self.connect(self.queue, self.thread, 1, self.cntlid).status == 0

    def _open(self) -> tuple[int, int]:
        rig = self.rig
        rig._connection += 1
        connection = rig._connection
        token = rig.send(0, connection, 0, "nvmf.accept", connection)
        rig.run_until(lambda: token in rig.replies)
        assert rig.replies[token].status == 0
        return connection, rig.replies[token].value

    def connect(self, connection: int, thread: int, qid: int, cntlid: int) -> Reply:
        rig = self.rig
        args = (connection, qid, cntlid, 0, self.keep_alive_ms)
        token = rig.send(thread - 1, connection, thread, "nvmf.connect", *args)
        rig.run_until(lambda: token in rig.replies)
        return rig.replies[token]

    def io(
        self,
        opcode: Opcode,
        slba: int = 0,
        blocks: int = 1,
        data: bytes = b"",
        *,
        fua: bool = False,
        expected: bytes = b"",
        nsid: int = 1,
    ) -> int:
        """Send a command; return its token, which is also its command id."""
        cid = self.rig.next_token
        args = (self.queue, cid, int(opcode), nsid, slba, blocks, int(fua), data, expected)
        return self.rig.send(self.thread - 1, self.queue, self.thread, "nvmf.io", *args)

    def command(self, opcode: AdminOpcode, first: int = 0, second: int = 0) -> int:
        """Send an admin command; return its token."""
        cid = self.rig.next_token
        args = (self.admin, cid, int(opcode), first, second)
        return self.rig.send(
            self.admin_thread - 1, self.admin, self.admin_thread, "nvmf.admin", *args
        )

    def write(self, slba: int, text: bytes, blocks: int = 1) -> int:
        return self.io(Opcode.WRITE, slba, blocks, fill(text, blocks))

    def read(self, slba: int, blocks: int = 1) -> int:
        return self.io(Opcode.READ, slba, blocks)

    def finish(self, token: int) -> Reply:
        self.rig.run_until(lambda: token in self.rig.replies)
        return self.rig.replies[token]

    def disconnect(self) -> None:
        for connection, thread in ((self.queue, self.thread), (self.admin, self.admin_thread)):
            self.rig.send(thread - 1, connection, thread, "nvmf.disconnect", connection)


def fill(text: bytes, blocks: int = 1) -> bytes:
    """Return blocks that begin with the text."""
    return text.ljust(BLOCK_SIZE, b".") * blocks


def is_delivery_to(thread: int) -> Callable[[EngineStep], bool]:
    """Return a test for messages to a thread, to hold all of them back."""
    return lambda step: isinstance(step, Deliver) and step.receiver == thread
