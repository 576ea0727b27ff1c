"""Repairs: a bad member is replaced, a free slot filled, a missing array assembled or created."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.rpcs import Rpc, RpcCall
from chaos.run.array_view import Cause
from chaos.run.operator.last_means import LastMeans
from chaos.run.operator.rpc_queue import RpcQueue
from chaos.steps.schedule import Operate
from workers.errors import EBUSY, EEXIST, EINVAL, ENODEV, OK

REFUSALS_MAX = 3  # of a disk, until it is wiped before it is tried again
IMPATIENT_ONE_IN = 25  # turns, while disks are late
HASTY_ONE_IN = 4  # turns, while the array waits for its members
RECONSIDERED_ONE_IN = 8  # creations that are followed by a deletion at once
KEEP_SUPERBLOCK, CLEAR_SUPERBLOCK = 0, 1


class Repair:
    """The next repair of the array, as far as the model knows."""

    def __init__(self, queue: RpcQueue, stream: Stream) -> None:
        self.queue = queue
        self.plan = queue.plan
        self.model = queue.model
        self.stream = stream
        self.recreate_from: list[int] = []  # disks of an array that was deleted to be created again
        self._is_left_over = False  # a superblock is where none should be
        self._is_mistake = False  # the array that waits was asked for by mistake
        self._is_ghost = False  # the array that waits doesn't have the trusted disk
        self._looked_at: list[int] = []  # disks examined since the last change
        self._patience = -1  # turns until the next repair
        self._refusals = [0] * len(self.model.disks)
        target = queue.plan.target
        examines = target is None or target.can("examine")
        self.last_means = None if examines else LastMeans(queue)

    def is_pausing(self) -> bool:
        """Let a turn pass; return whether the next repair is still some turns away."""
        if self._patience <= 0:
            return False
        self._patience -= 1
        return True

    def next_step(self) -> Operate | None:
        """Return the next RPC of a repair; None: nothing can be done now."""
        model = self.model
        if not self.queue.is_idle:
            return None
        if not model.array.is_online:
            return self._revive()
        if model.array.rebuild is not None:
            return None
        model.disks.trust(model.array.members_in_sync())
        for number, disk in enumerate(model.disks):
            if disk.member and not disk.good and model.disks.sound():
                return self.queue.call_for(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, number)
        return self._fill_slot()

    def _fill_slot(self) -> Operate | None:
        disks = self.model.disks
        if len(disks.members()) >= self.plan.members:
            return None
        free = self.plan.members - len(disks.members())
        kept = [number for number in self.model.awaited_disks if not disks[number].member]
        candidates = [
            number
            for number, disk in enumerate(disks)
            if disk.arrived
            and (free > len(kept) or number in kept)
            and not disk.faulted
            and not disk.member
            and not disk.refused  # only a try shows whether the array accepts a disk
        ]
        if not candidates:
            return None
        return self.queue.call_for(Rpc.BDEV_RAID_ADD_BASE_BDEV, self.stream.choice(candidates))

    # The missing array.

    def _revive(self) -> Operate | None:
        """Create it again if that is the intent, or assemble it."""
        array, disks = self.model.array, self.model.disks
        there = [number for number, disk in enumerate(disks) if disk.arrived]
        if array.is_to_be_recreated:
            return self._create_again(there)
        if (self._is_ghost or self._is_mistake) and array.is_configuring:
            # A ghost comes from a disk that an earlier array has left behind. Either takes the place of the right array.
            self._is_ghost = self._is_mistake = False
            self._looked_at.clear()
            return self.queue.call(Rpc.BDEV_RAID_DELETE, KEEP_SUPERBLOCK)
        is_hasty = array.is_configuring and self.last_means is None
        # Some operators give it any disk that is free. It must refuse those that don't belong to it.
        step = self._fill_slot() if is_hasty and self.stream.chance(1, HASTY_ONE_IN) else None
        if step is None:
            step = self._examine(sorted(there, key=lambda number: not disks[number].is_sound))
        if step is not None:
            return step
        is_early = array.is_configuring and any(disk.is_late for disk in disks)
        if is_early and not self.stream.chance(1, IMPATIENT_ONE_IN):
            return None  # the members that the array waits for may still come
        self._looked_at.clear()
        return self._start_degraded([number for number in there if disks[number].is_sound])

    def _examine(self, disks: list[int]) -> Operate | None:
        """Examine the first of these disks that has not been examined."""
        if self.last_means is not None:
            return None  # the target examines disks by itself, when they appear
        unseen = next((number for number in disks if number not in self._looked_at), None)
        if unseen is None:
            return None
        self._looked_at.append(unseen)
        return self.queue.call_for(Rpc.BDEV_EXAMINE_AGAIN, unseen)

    def _start_degraded(self, trusted: list[int]) -> Operate | None:
        """Start it without other disks once one with all acknowledged data is there."""
        if not trusted or not self.plan.superblock or not self.plan.starts_degraded:
            return None
        bdev = self.queue.bdev(self.stream.choice(trusted))
        return self.queue.run(
            [(Rpc.BDEV_WAIT_FOR_EXAMINE, ()), (Rpc.BDEV_RAID_START_DEGRADED, (bdev,))]
        )

    def _create_again(self, there: list[int]) -> Operate | None:
        if self.model.array.is_configuring:
            return self.queue.call(Rpc.BDEV_RAID_DELETE, CLEAR_SUPERBLOCK)
        if self._is_left_over:
            # A disk still has the old superblock (its wiping was cut short): have it found, and wiped.
            step = self._examine(there)
            if step is not None:
                return step
            self._is_left_over = False
            self._looked_at.clear()
            return self.queue.run([(Rpc.BDEV_WAIT_FOR_EXAMINE, ())])
        disks = self.model.disks
        is_first = not any(disk.good for disk in disks)  # no array was ever online
        sound = [number for number in self.recreate_from if is_first or disks[number].is_sound]
        if len(sound) < self.plan.members or any(number not in there for number in sound):
            return None
        creation = self.queue.creation(sound)
        if self.last_means is None and self.stream.chance(1, RECONSIDERED_ONE_IN):
            deletion: RpcCall = (Rpc.BDEV_RAID_DELETE, (CLEAR_SUPERBLOCK,))
            return self.queue.run([creation, deletion], hasty=True)
        return self.queue.run([creation])

    # The answers.

    def answered(self, step: Operate, status: int) -> None:
        """Handle an answer; the next repair comes after a drawn number of turns."""
        is_refused = self.model.array.is_online and status in (EBUSY, EEXIST, EINVAL)
        if step.method == Rpc.BDEV_RAID_ADD_BASE_BDEV and is_refused:
            self._refused(step.args[0], status)
        if step.method == Rpc.BDEV_RAID_CREATE and status != OK:
            self._not_created(step, status)
        if step.method == Rpc.BDEV_RAID_CREATE and status == OK:
            # A bdev that is named twice went away just before, and is waited for.
            self._is_mistake = len(set(step.args[2:])) < len(step.args[2:])
        self._is_ghost = step.method == Rpc.BDEV_RAID_START_DEGRADED and status == ENODEV
        # There is no pause between the examination of one disk and the next.
        is_looking = step.method == Rpc.BDEV_EXAMINE_AGAIN
        self._patience = 0 if is_looking else self.stream.between(*self.plan.repair_delay)

    def _not_created(self, step: Operate, status: int) -> None:
        """Try again with the same disks, which the target has let go."""
        if status == EEXIST:
            self._is_left_over = True
            self._looked_at.clear()
        disks = range(len(self.model.disks))
        wanted = [number for number in disks if self.queue.bdev(number) in step.args[2:]]
        if len(wanted) == self.plan.members and not self.model.array.is_online:
            self.recreate_from = wanted
            self.model.array.move(Cause.WIPE_SENT)

    def _refused(self, bdev: int, status: int) -> None:
        for number, disk in enumerate(self.model.disks):
            if self.queue.bdev(number) == bdev:
                # A disk may be refused for the superblock on it, so an operator has to wipe it first.
                self._refusals[number] += 1
                is_for_good = status in (EBUSY, EEXIST) or self._refusals[number] >= REFUSALS_MAX
                others = [other for other in self.model.disks.sound() if other != number]
                # The engine doesn't refuse one for good with EEXIST: foreign disks are replaced when everything is healed.
                needs_wiping = self.plan.target is not None or status != EEXIST
                may_be_wiped = needs_wiping and self.model.array.is_online
                is_wiped_first = may_be_wiped and is_for_good and not disk.member and bool(others)
                if is_wiped_first:
                    self._refusals[number] = 0
                disk.was_tried(must_be_wiped=is_wiped_first)

    def target_lost(self) -> None:
        """Forget the examinations, since the next target needs them again."""
        self._is_mistake = False
        self._looked_at.clear()
        self._refusals = [0] * len(self.model.disks)
