"""The operator's one queue: RPCs in flight, and those of an operation that are still to be sent."""

from __future__ import annotations

from collections.abc import Iterable

from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc, RpcCall
from chaos.run.model import Model
from chaos.steps.schedule import Operate
from workers.bdev.stack import member_bdev_id

RPCS_MAX = 2  # in flight at a time


class RpcQueue:
    """Mostly one RPC at a time, as a person at a console would send them; planned ones may come in addition."""

    def __init__(self, plan: Plan, model: Model) -> None:
        self.plan = plan
        self.model = model
        self.in_flight: dict[int, Operate] = {}
        self.script: list[RpcCall] = []  # to be sent one after the other
        self._is_hasty = False  # the script is sent without waiting for answers

    @property
    def is_busy(self) -> bool:
        """Return whether an answer is awaited."""
        return bool(self.in_flight)

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is in flight, and nothing left to be sent."""
        return not self.in_flight and not self.script

    def call(self, method: Rpc, *args: int) -> Operate:
        """Send an RPC."""
        step = Operate(self.model.ledger.new_op(), method.value, args)
        self.in_flight[step.op] = step
        return step

    def call_for(self, method: Rpc, disk: int) -> Operate:
        """Send an RPC for the member bdev on this disk."""
        return self.call(method, self.bdev(disk))

    def run(self, script: list[RpcCall], *, hasty: bool = False) -> Operate:
        """Send the first of several RPCs; the others follow."""
        self.script, self._is_hasty = script, hasty
        return self.send_next(script)

    def go_on(self) -> Operate | None:
        """Send the next RPC of an operation that takes several.

        The last removal is answered when the array is gone, and an addition that comes while it goes is one of its own.
        A deletion follows a creation only while that is under way: the disks of an array that is online may be harmed.
        """
        if not self.script:
            return None
        method, _ = self.script[0]
        if method == Rpc.BDEV_RAID_DELETE and self.model.array.is_online:
            self.script = []
            return None
        is_addition = method == Rpc.BDEV_RAID_ADD_BASE_BDEV
        is_going = is_addition and not self.model.disks.members()
        is_ready = self._is_hasty or not self.in_flight or is_going
        return self.send_next(self.script) if is_ready else None

    def send_next(self, calls: list[RpcCall]) -> Operate:
        """Remove the first of these RPCs from the list, and send it."""
        method, args = calls.pop(0)
        return self.call(method, *args)

    def creation(self, disks: Iterable[int]) -> RpcCall:
        """Return the RPC that creates an array of these disks; a number of its own makes its UUID."""
        number = self.model.ledger.new_op()
        bdevs = (self.bdev(disk) for disk in disks)
        return (Rpc.BDEV_RAID_CREATE, (int(self.plan.superblock), number, *bdevs))

    def bdev(self, disk: int) -> int:
        """Return the bdev that stands for this disk as a member."""
        return member_bdev_id(self.plan.layout, disk)

    def answered(self, op: int) -> bool:
        """Handle an answer; return whether it is to an RPC of this queue."""
        return self.in_flight.pop(op, None) is not None

    def clear(self) -> None:
        """Drop everything, since the target is gone."""
        self.in_flight.clear()
        self.script = []
        self._is_hasty = False
