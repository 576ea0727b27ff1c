"""The last means for an array that doesn't come back, where the target can't be asked to examine disks."""

from __future__ import annotations

from chaos.plan.rpcs import Rpc
from chaos.run.operator.rpc_queue import RpcQueue
from chaos.steps.schedule import Operate

TURNS = 60  # without an array, until the next of them is tried
TRIES = 8  # of all of them; more than the errors that a fault leaves for superblocks


class LastMeans:
    """Takes disks out and puts them back, adds the members that are awaited, and makes an array around the good disk."""

    def __init__(self, queue: RpcQueue) -> None:
        self.queue = queue
        self.model = queue.model
        self._in_sync = list(range(queue.plan.members))  # when the array was online last
        self._sound: list[int] | None = (
            None  # when the first of these means was tried: to take a disk out counts as harm
        )
        self._idle_turns = 0
        self._tries_left = TRIES
        self._begin()

    def _begin(self) -> None:
        self._tries_left -= 1
        self._reattached: list[int] = []
        self._awaited: list[int] | None = None  # by the array, as the target has answered
        self._has_created = False

    def look(self) -> None:
        """Take in the members of an array that is online; this is asked in each turn, so also just before a loss of power."""
        if not self.model.array.is_online:
            return
        disks = self.model.disks
        self._in_sync = [number for number in disks.members() if disks[number].good]
        self._sound = None
        self._idle_turns, self._tries_left = 0, TRIES
        self._begin()

    def answered(self, step: Operate, value: int) -> None:
        """Take in which disks an array waits for."""
        if step.method == Rpc.BDEV_RAID_GET_BDEVS:
            disks = range(len(self.model.disks))
            self._awaited = [number for number in disks if value >> number & 1]

    def next_step(self, *, nothing_moves: bool) -> Operate | int | None:
        """Return an RPC, or a disk to be taken out and put back, so that it is examined again; None: not now, or nothing is left.

        ``nothing_moves``: without this the run is stuck.
        """
        if self.model.array.is_online or not self.queue.is_idle:
            return None
        self._idle_turns += 1
        if self._idle_turns < TURNS and not nothing_moves:
            return None
        self._idle_turns = 0
        step = self._untried()
        if step is None and self._tries_left:
            self._begin()
            step = self._untried()
        return step

    def _untried(self) -> Operate | int | None:
        plan, disks = self.queue.plan, self.model.disks
        there = [number for number, disk in enumerate(disks) if disk.arrived]
        if self._sound is None:
            self._sound = disks.sound()
        sound = self._sound
        there.sort(key=lambda number: number not in sound)
        if plan.superblock:
            for number in there:
                if number not in self._reattached:
                    self._reattached.append(number)
                    return number
        if self.model.array.is_configuring:
            # A disk may have lost its superblock with its cache; as the member that is awaited it can still be added.
            if self._awaited is None:
                return self.queue.call(Rpc.BDEV_RAID_GET_BDEVS)
            while self._awaited:
                number = self._awaited.pop(0)
                if number in there:
                    return self.queue.call_for(Rpc.BDEV_RAID_ADD_BASE_BDEV, number)
        elif not self._has_created and len(there) >= plan.members:
            return self._create_around(there, sound)
        return None

    def _create_around(self, there: list[int], sound: list[int]) -> Operate | None:
        """Make an array around a disk with all data; the others become members, too, and are then removed and rebuilt."""
        self._has_created = True
        # Without a superblock anywhere, which only a loss of power causes, a former member has all that was flushed.
        sources = sound or self._in_sync
        there.sort(key=lambda number: number not in sources)
        if there[0] not in sources:
            return None
        self.model.disks[there[0]].good = True
        method, args = self.queue.creation(there[: self.queue.plan.members])
        return self.queue.call(method, *args)
