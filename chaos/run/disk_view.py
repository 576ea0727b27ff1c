"""What the operator and the nemesis know of the disks: where each is, how well, and what its superblock may say.

A disk's state is changed here only, by what is done to it (``injected``), and by what the array does with all of
them (:class:`Disks`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from chaos.plan.faults import FAULTS, HEALS


class Presence(Enum):
    """Where a disk is."""

    AWAY = "away"
    LATE = "late"  # there, but the running target has not found it yet
    ARRIVED = "arrived"


class Health(Enum):
    """What is injected on a disk."""

    WELL = "well"
    FAULTED = "faulted"  # it may miss what is written, or be slow
    WEAK = "weak"  # its data stays good, but it can't be counted on


# By name, for the hottest questions: looking a member up in its class costs more than the comparison.
AWAY, LATE, ARRIVED = Presence
WELL, FAULTED, WEAK = Health
# From the health before a fault to the health after it. A fault that weakens outlasts others.
_WEAKENED = dict.fromkeys(Health, WEAK)
_FAULTED = {WELL: FAULTED, FAULTED: FAULTED, WEAK: WEAK}
_ARRIVALS = frozenset(("disk_arrive", *(name for name in HEALS if name.startswith("disk_return"))))
_HARMLESS = frozenset(("disk_grow", "bit_rot", "misdirected_write"))  # to what a disk is known as


@dataclass(slots=True)
class SuperblockView:
    """What the superblocks may say of a disk, and its own of the others."""

    left_behind: bool = False  # the superblocks of the members say that it is none
    returned_stale: bool = False  # it came back with older content, and is no member yet
    # Whom its own may call members: it may have missed the newest one, and still say what was so before.
    claims_members: frozenset[int] = frozenset()
    claims_sole: bool = False  # its own may call it the only member
    imaged: bool = False  # an older image of the disk is kept
    image_claims_sole: bool = False  # the image's superblock may call it the only member

    def forget_claims(self) -> None:
        """Forget what its superblock may say: another one is there, or none."""
        self.claims_members, self.claims_sole = frozenset(), False

    def written(self, number: int, members: list[int], *, is_good: bool) -> None:
        """Take in that the members were written down on this disk, unless it has missed that."""
        called = frozenset(members)
        self.claims_members = called if is_good else self.claims_members | called
        self.claims_sole = members == [number] or (self.claims_sole and not is_good)

    def became_member(self) -> None:
        """Take in that the others know it as a member."""
        self.left_behind = self.returned_stale = False


@dataclass(slots=True)
class DiskView:
    """A disk as the operator and the nemesis know it."""

    presence: Presence = LATE
    health: Health = WELL
    member: bool = False
    # Holds all acknowledged data: a member from the start, or rebuilt since it was last harmed.
    good: bool = False
    blocks: int = 0
    small: bool = False  # too small for the array as it is now
    foreign: bool = False  # another array's member
    refused: bool = False  # the operator has learned that the array can't use it
    superblock: SuperblockView = field(default_factory=SuperblockView)

    @property
    def present(self) -> bool:
        """Return whether it is in its place, also where the target has not found it yet."""
        return self.presence is not AWAY

    @property
    def arrived(self) -> bool:
        """Return whether the running target has found it."""
        return self.presence is ARRIVED

    @property
    def is_late(self) -> bool:
        """Return whether the target has yet to find this disk, which is there."""
        return self.presence is LATE

    @property
    def faulted(self) -> bool:
        """Return whether something is injected on it."""
        return self.health is not WELL

    @property
    def unfit(self) -> bool:
        """Return whether the array would refuse it."""
        return self.small or self.foreign

    @property
    def is_sound(self) -> bool:
        """Return whether all acknowledged data can be read from this disk."""
        return self.good and self.presence is not AWAY and self.health is not WEAK

    @property
    def is_harmful(self) -> bool:
        """Return whether it would miss what is written now."""
        return self.health is FAULTED or self.presence is AWAY

    # What is done to it.

    def injected(self, fault: str) -> None:
        """Take in a fault or a heal; whether it costs the disk its good data is decided elsewhere."""
        if fault in _ARRIVALS:
            self._arrives(fault)
        elif fault == "disk_pull":
            self.presence = AWAY
        elif fault == "disk_heal":
            self.health = WELL
        elif fault == "disk_image":
            self.superblock.imaged = True
            self.superblock.image_claims_sole = self.superblock.claims_sole
        elif fault not in _HARMLESS:
            self.health = (_WEAKENED if FAULTS[fault].weakens else _FAULTED)[self.health]

    def _arrives(self, fault: str) -> None:
        self.presence = ARRIVED
        if fault == "disk_return_stale":
            self.superblock.returned_stale = True
        elif HEALS[fault].replaces:
            self.health = WELL
            self.good = self.refused = False
            self.foreign = fault == "disk_return_foreign"
            self.superblock.forget_claims()
            self.superblock.returned_stale = self.superblock.imaged = False

    def held(self) -> None:
        """Take in that I/O is held back: its data stays good."""
        self.health = WEAK

    def failed(self) -> None:
        """Take in that a bdev on it fails I/O."""
        self.health = _FAULTED[self.health]

    def was_tried(self) -> None:
        """Take in that the array refused it; one that is fit can be tried again when a slot is free."""
        self.refused = self.unfit

    def has_size(self, needed: int) -> None:
        """Compare with what the array needs, in blocks."""
        self.small = self.blocks < needed


class Disks(list[DiskView]):
    """All disks, in the order of their numbers."""

    def sound(self) -> list[int]:
        """Return the disks from which all acknowledged data can be read."""
        # As DiskView.is_sound says; this is asked in every turn of the outside.
        return [
            number
            for number, disk in enumerate(self)
            if disk.good and disk.presence is not AWAY and disk.health is not WEAK
        ]

    def members(self) -> list[int]:
        """Return the disks that are members, one being rebuilt included."""
        return [number for number, disk in enumerate(self) if disk.member]

    def trust(self, members: list[int]) -> None:
        """Take the members of an array that is online as good, if no disk is known to be.

        A good one that can't be read for a while is known; another one, just failed, isn't to be trusted in its place.
        """
        if any(disk.good for disk in self):
            return
        for number in members:
            self[number].good = not self[number].is_harmful

    def come_online(self, members: tuple[int, ...], *, fresh: bool, goes: bool) -> None:
        """Make these the members: ``fresh`` from the array's creation; ``goes``: it is about to be wiped."""
        first = fresh and not any(disk.good for disk in self)
        for number, disk in enumerate(self):
            disk.member = number in members
            if disk.member:
                disk.superblock.became_member()
            if fresh:
                disk.good = disk.member and (disk.good or first)
                # An image would have an older array's superblock.
                disk.superblock.imaged = disk.superblock.returned_stale = False
                disk.superblock.forget_claims()
            else:
                # What the superblocks call CONFIGURED must have all acknowledged data, also where the tester
                # couldn't know (a removal in flight when the target died); others are left behind now.
                disk.good = disk.member and (not disk.is_harmful or (goes and disk.good))
        self.write_down(list(members))

    def write_down(self, members: list[int]) -> None:
        """Write the superblocks of the members; those of disks that were left behind don't change.

        A member that isn't good may have missed this, and all that follows.
        """
        for number in members:
            disk = self[number]
            disk.superblock.written(number, members, is_good=disk.good)

    def may_be_stale(self, number: int, *, superblock: bool) -> bool:
        """Return whether this disk may come back with older content.

        A disk that was left behind before it still calls it a member. With this one's older superblock, which doesn't
        contradict, the two would make the array as it was before the others went on without them. So might two disks
        with older content, or one that was the only member once.
        """
        of = self[number].superblock
        others = [disk.superblock for disk in self if disk.superblock is not of]
        is_called = any(other.returned_stale or number in other.claims_members for other in others)
        return (
            of.left_behind
            and of.imaged
            and not (superblock and (is_called or of.image_claims_sole))
        )

    def measure(self, needed: int) -> None:
        """Compare all sizes with what the array needs, in blocks; it may have grown without some of the disks."""
        for disk in self:
            disk.has_size(needed)

    def target_lost(self, clones: tuple[int, ...]) -> None:
        """Be found anew by the next target; with clones, those are identical now, and nothing is broken any more."""
        largest = max(disk.blocks for disk in self)
        for number, disk in enumerate(self):
            disk.member = False
            if disk.present:
                disk.presence = LATE
            if clones:
                disk.presence, disk.health = LATE, WELL
                disk.small = disk.foreign = disk.refused = False
                disk.blocks = largest
                disk.good = number in clones
