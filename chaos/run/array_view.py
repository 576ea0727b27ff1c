"""The model's knowledge of the array: its state, the operator's intent with it, its members, its rebuild."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from chaos.plan.plan import Plan
from chaos.run.disk_view import Disks
from workers.protocol import Event


class ArrayState(Enum):
    """The array in SPDK's states; ABSENT: there is none, or it is offline."""

    ABSENT = "absent"
    CONFIGURING = "configuring"  # it waits for members
    ONLINE = "online"


class Intent(Enum):
    """The operator's intent with the array; the array's disks must stay as they are until it is carried out."""

    KEEP = "keep"
    DISMANTLE = "dismantle"
    RECREATE = "recreate"  # wipe it, and create it again from its disks


class Cause(Enum):
    """The cause of a change of state or intent."""

    FOUND = "its first superblock was found"
    CREATION_ANSWERED = "a request that creates it was answered with success"
    CAME_ONLINE = "it came online"
    CAME_ONLINE_TO_GO = "it came online while a request that wipes it was in flight"
    DELETED = "it was deleted, or lost its last member"
    DELETION_REFUSED = "a request that deletes it was refused, for there is none"
    WIPE_SENT = "a request that wipes it was sent, or answered with success"
    DISMANTLING_BEGUN = "its members are about to be removed, all of them"
    DISMANTLING_OVER = "what was to be removed is removed"
    CLONED = "its disks were made identical outside of the target"
    TARGET_LOST = "the target died"


WHOLE = 2  # members
# These have names of their own, since the lookup of a member in its class costs more than a comparison.
ABSENT, CONFIGURING, ONLINE = ArrayState
KEEP, DISMANTLE, RECREATE = Intent
# The one table of moves: a pair without a row changes neither state nor intent.
_STATES: dict[Cause, dict[ArrayState, ArrayState]] = {
    Cause.FOUND: {ABSENT: CONFIGURING},
    Cause.CREATION_ANSWERED: {ABSENT: CONFIGURING},
    Cause.CAME_ONLINE: dict.fromkeys(ArrayState, ONLINE),
    Cause.CAME_ONLINE_TO_GO: dict.fromkeys(ArrayState, ONLINE),
    Cause.DELETED: dict.fromkeys(ArrayState, ABSENT),
    Cause.DELETION_REFUSED: {CONFIGURING: ABSENT},
    Cause.TARGET_LOST: dict.fromkeys(ArrayState, ABSENT),
}
_INTENTS: dict[Cause, dict[Intent, Intent]] = {
    Cause.CAME_ONLINE: dict.fromkeys(Intent, KEEP),
    Cause.CAME_ONLINE_TO_GO: dict.fromkeys(Intent, RECREATE),
    Cause.WIPE_SENT: dict.fromkeys(Intent, RECREATE),
    Cause.DISMANTLING_BEGUN: {KEEP: DISMANTLE},
    Cause.DISMANTLING_OVER: {DISMANTLE: KEEP},
    Cause.CLONED: dict.fromkeys(Intent, KEEP),
    Cause.TARGET_LOST: {DISMANTLE: KEEP},
}


@dataclass(slots=True)
class RebuildView:
    """The rebuild in progress; offsets in blocks."""

    disk: int
    offset: int = 0
    blocks: int = 0
    harmed: bool = False

    @property
    def is_copied(self) -> bool:
        """Return whether it is fully copied; then a superblock may list it as a member before an event says so."""
        return self.offset >= self.blocks > 0


class ArrayView:
    """The array, updated by the events that the target emits, and by the tester's own steps."""

    def __init__(self, plan: Plan, disks: Disks) -> None:
        self.plan = plan
        self.disks = disks
        self.state = ABSENT
        self.intent = KEEP
        self.blocks = plan.blocks  # as in the last event with its size
        self.rebuild: RebuildView | None = None
        self.rebuilds_started = 0
        # A request that creates it is in flight: its disks are assumed to be equal, so they must stay so.
        self.is_being_created = False
        # It is being assembled from superblocks that were found; else it is a new one.
        self.is_found = False
        # A disk whose superblock can't be written while there is no array: that costs nothing before there is one.
        self.unwritable: int | None = None

    def move(self, cause: Cause) -> None:
        """Change state and intent; no other function does."""
        self.state = _STATES.get(cause, {}).get(self.state, self.state)
        self.intent = _INTENTS.get(cause, {}).get(self.intent, self.intent)
        self.is_found = self.state is CONFIGURING and (self.is_found or cause is Cause.FOUND)

    @property
    def is_online(self) -> bool:
        """Return whether it serves I/O."""
        return self.state is ONLINE

    @property
    def is_configuring(self) -> bool:
        """Return whether it waits for members."""
        return self.state is CONFIGURING

    @property
    def is_to_be_recreated(self) -> bool:
        """Return whether it was wiped, or is about to be wiped, to be created again."""
        return self.intent is RECREATE

    @property
    def is_to_be_created_again(self) -> bool:
        """Return whether it is gone, and its disks are to become a new one, which isn't online yet."""
        return self.is_to_be_recreated and self.state is not ONLINE and not self.is_found

    @property
    def must_stay_whole(self) -> bool:
        """Return whether the operator is changing it, so that no disk may be harmed."""
        return self.intent is not KEEP

    # Members.

    def members_in_sync(self) -> list[int]:
        """Return the disks that are members, but for one that is being rebuilt."""
        target = self.rebuild.disk if self.rebuild is not None else None
        return [
            number for number, disk in enumerate(self.disks) if disk.member and number != target
        ]

    @property
    def is_whole(self) -> bool:
        """Return whether at least two members have the data."""
        return len(self.members_in_sync()) >= WHOLE

    def is_alone(self, number: int) -> bool:
        """Return whether this sound disk is the array's only member, apart from one being rebuilt."""
        return self.disks[number].is_sound and self.members_in_sync() == [number]

    def may_harm(self, number: int) -> bool:
        """Return whether another good copy would be left: the fault budget."""
        # Without superblocks, the next array is created from its disks as they are, so they must be equal.
        is_kept_in_disks = self.is_online or self.plan.superblock
        may_change = self.intent is KEEP and is_kept_in_disks and not self.is_being_created
        return may_change and any(
            other != number and not self.disks[other].fails_later for other in self.disks.sound()
        )

    def may_fail_creation(self, number: int) -> bool:
        """Return whether no other disk has errors that may outlast the creation of the next array."""
        return self.unwritable in (None, number)

    def writable_again(self, number: int) -> None:
        """Record that a disk is healed."""
        if self.unwritable == number:
            self.unwritable = None

    def harm(self, number: int) -> None:
        """Mark a disk that may miss acknowledged data."""
        assert number >= 0, "there is no disk of a negative number"
        self.disks[number].good = False
        if self.rebuild is not None and self.rebuild.disk == number:
            self.rebuild.harmed = True

    def leaves(self, number: int, leaving: list[int]) -> None:
        """Harm this disk, unless it is the last member, which keeps all acknowledged data while the array ends."""
        if [other for other in self.members_in_sync() if other not in (number, *leaving)]:
            self.harm(number)

    # Events.

    def came_online(self, members: tuple[int, ...], *, fresh: bool, goes: bool) -> None:
        """Record its members; ``goes``: a request that wipes it is in flight, so its deletion stays the intent."""
        if fresh:
            smallest = min(self.disks[number].blocks for number in members)
            self.has_size(smallest - self.plan.data_offset)
        self.move(Cause.CAME_ONLINE_TO_GO if goes else Cause.CAME_ONLINE)
        self.disks.come_online(members, fresh=fresh)
        if self.unwritable is not None and not goes:
            self.harm(self.unwritable)
            self.unwritable = None

    def member_removed(self, number: int) -> None:
        """Record that a member is removed, and that the others' superblocks say so.

        Of several removals at once, the one that was asked for first may end last: that disk then has what the others lack.
        """
        disk = self.disks[number]
        disk.member = False
        staying = self.members_in_sync()
        if staying:
            self.harm(number)
            self.disks.trust(staying)
        disk.superblock.left_behind = not disk.good
        self.disks.write_down(self.members_in_sync())

    def observe(self, event: Event) -> None:
        """Record an event of the array or of its rebuild that needs no knowledge of requests."""
        args = event.args
        match event.name:
            case "raid.configuring":
                self.move(Cause.FOUND)
            case "raid.grown":
                self.has_size(args[0])
            # A broken target also emits this for a slot that is empty. An array that is being created has no data to miss.
            case "raid.member_failed" if args[1] >= 0 and not self.is_to_be_created_again:
                self.disks[args[1]].has_missed = True
                self.harm(args[1])
            case "raid.deleted":
                self.move(Cause.DELETED)
                for disk in self.disks:
                    disk.member = False
            case "rebuild.started":
                self._begin_rebuild(args[1])
            case "rebuild.window_done":
                self._advance(*args)
            case "rebuild.finished":
                self._finish_rebuild(args[1], status=args[2])
            case _:
                pass

    def has_size(self, blocks: int) -> None:
        """Record its size; a smaller disk can't be its member."""
        self.blocks = blocks
        self.measure()

    def measure(self) -> None:
        """Compare the disks with its size."""
        self.disks.measure(self.blocks + self.plan.data_offset)

    def _begin_rebuild(self, number: int) -> None:
        disk = self.disks[number]
        disk.member, disk.good = True, False
        self.rebuilds_started += 1
        self.rebuild = RebuildView(number, harmed=disk.is_harmful)

    def _advance(self, offset: int, blocks: int) -> None:
        rebuild = self.rebuild
        if rebuild is None:
            return
        rebuild.offset, rebuild.blocks = offset, blocks
        if rebuild.is_copied:
            self.disks.write_down(self.disks.members())

    def _finish_rebuild(self, number: int, status: int) -> None:
        rebuild, self.rebuild = self.rebuild, None
        disk = self.disks[number]
        disk.member = status == 0
        if disk.member:
            disk.has_missed = False
            disk.superblock.became_member()
        disk.good = status == 0 and rebuild is not None and not rebuild.harmed
        self.disks.write_down(self.disks.members())

    def target_lost(self, clones: tuple[int, ...]) -> None:
        """Begin with a new target; with clones, those disks are identical now."""
        if self.rebuild is not None and self.rebuild.is_copied:
            # A superblock may list it as a member, though no event has said so.
            self.disks[self.rebuild.disk].superblock.left_behind = False
        self.rebuild = None
        self.is_being_created = False
        self.move(Cause.TARGET_LOST)
        self.disks.target_lost(clones)
