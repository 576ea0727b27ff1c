"""The operator's and the nemesis's knowledge of the disks: presence, health, and the possible superblocks.

Only this module changes a disk's state: by faults and heals (``injected``), and by the array's effect on all of
them (:class:`Disks`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from chaos.plan.faults import DISK_RETURNS, FAULTS, HARMLESS, HEALS, PULLS


class Presence(Enum):
    """The place of a disk."""

    AWAY = "away"
    LATE = "late"  # present, but the running target has not found it yet
    ARRIVED = "arrived"


class Health(Enum):
    """The faults of a disk."""

    WELL = "well"
    FAULTED = "faulted"  # it may miss writes, or be slow
    WEAK = "weak"  # its data stays good, but it is unreliable


# These have names of their own, since the lookup of a member in its class costs more than a comparison.
AWAY, LATE, ARRIVED = Presence
WELL, FAULTED, WEAK = Health
# From the health before a fault to the health after it. A weakening fault outlasts others.
_WEAKENED = dict.fromkeys(Health, WEAK)
_FAULTED = {WELL: FAULTED, FAULTED: FAULTED, WEAK: WEAK}
_ARRIVALS = frozenset(("disk_arrive", *DISK_RETURNS))


@dataclass(slots=True)
class SuperblockView:
    """The possible content of superblocks: of the others about this disk, and of its own about the others."""

    left_behind: bool = False  # the superblocks of the members list it as no member
    returned_stale: bool = False  # it returned with older content, and is no member yet
    # Its own superblock may have missed the newest round, so it may list these former members.
    claims_members: frozenset[int] = frozenset()
    claims_sole: bool = False  # its own may list it as the only member
    imaged: bool = False  # an older image of the disk is kept
    image_claims_sole: bool = False  # the image's superblock may list it as the only member

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
    # It has all acknowledged data: a member from the start, or rebuilt since it was last harmed.
    good: bool = False
    blocks: int = 0
    small: bool = False  # too small for the array's present size
    foreign: bool = False  # another array's member
    refused: bool = False  # the operator has learned that the array refuses it
    is_deleted: bool = False  # only its bdev is away
    flush_failed: bool = False  # since the target began
    fails_later: bool = False  # what it was hurt by costs it nothing before there is another member
    has_missed: bool = False  # a write, as the array has said, and was not rebuilt since
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
        """Return whether it is present, but not yet found by the target."""
        return self.presence is LATE

    @property
    def faulted(self) -> bool:
        """Return whether a fault is active on it."""
        return self.health is not WELL or self.fails_later

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
        """Return whether it would miss a write now."""
        return self.health is FAULTED or self.presence is AWAY

    # Faults and heals.

    def injected(self, fault: str) -> None:
        """Record a fault or a heal; the caller decides whether its good data is lost."""
        if fault in _ARRIVALS:
            self._arrives(fault)
        elif fault in PULLS:
            self.presence = AWAY
            self.is_deleted = fault == "bdev_delete"
        elif fault == "disk_heal":
            self.health = WELL
            self.fails_later = False
        elif fault == "disk_image":
            self.superblock.imaged = True
            self.superblock.image_claims_sole = self.superblock.claims_sole
        elif fault not in HARMLESS:
            self.health = (_WEAKENED if FAULTS[fault].weakens else _FAULTED)[self.health]

    def _arrives(self, fault: str) -> None:
        self.presence = ARRIVED
        self.is_deleted = False
        if fault == "disk_return_stale":
            self.superblock.returned_stale = True
        elif HEALS[fault].replaces:
            self.health = WELL
            self.good = self.refused = self.fails_later = False
            self.foreign = fault == "disk_return_foreign"
            self.superblock.forget_claims()
            self.superblock.returned_stale = self.superblock.imaged = False

    def held(self) -> None:
        """Take in that I/O is held back: its data stays good."""
        self.health = WEAK

    def failed(self) -> None:
        """Take in that a bdev on it fails I/O."""
        self.health = _FAULTED[self.health]

    def was_tried(self, *, must_be_wiped: bool = False) -> None:
        """Record that the array refused it; a fit disk can be tried again when a slot is free."""
        self.foreign = self.foreign or must_be_wiped
        self.refused = self.unfit

    def has_size(self, needed: int) -> None:
        """Compare its size with the array's, in blocks."""
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

    @property
    def have_failed_flush(self) -> bool:
        """Return whether a flush of one has failed since the target began."""
        return any(disk.flush_failed for disk in self)

    def trust(self, members: list[int]) -> None:
        """Trust the members of an array that is online, if no good disk is known.

        A good disk stays known while it can't be read; another one, which has just failed, must not be trusted instead.
        """
        if any(disk.good for disk in self):
            return
        for number in members:
            disk = self[number]
            disk.good = not (disk.is_harmful or disk.has_missed)

    def come_online(self, members: tuple[int, ...], *, fresh: bool) -> None:
        """Make these the members: ``fresh`` after the array's creation."""
        first = fresh and not any(disk.good for disk in self)
        for number, disk in enumerate(self):
            disk.member = number in members
            if disk.member:
                disk.has_missed = False
                disk.superblock.became_member()
            if fresh:
                disk.good = disk.member and (disk.good or first)
                # An image would have an older array's superblock.
                disk.superblock.imaged = disk.superblock.returned_stale = False
                disk.superblock.forget_claims()
            else:
                # A disk that the superblocks list as CONFIGURED must have all acknowledged data, even where the
                # tester couldn't know it (a removal in flight when the target died); other disks are left behind. One that
                # was good is good, though a fault may just now delay its I/O.
                disk.good = disk.member and (disk.good or not disk.is_harmful)
        self.write_down(list(members))

    def write_down(self, members: list[int]) -> None:
        """Write the superblocks of the members; those of disks that were left behind don't change.

        A member that isn't good may have missed this round and later ones.
        """
        for number in members:
            disk = self[number]
            disk.superblock.written(number, members, is_good=disk.good)

    def may_be_stale(self, number: int, *, superblock: bool) -> bool:
        """Return whether this disk may return with older content.

        A disk that was left behind before lists it as a member. This one's older superblock doesn't contradict, so the two
        could assemble the array as it was before it left them behind. So could two disks with older content, or a disk that
        was once the only member.
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
        """Compare all sizes with the array's, in blocks; it may have grown without some of the disks."""
        for disk in self:
            disk.has_size(needed)

    def target_lost(self, clones: tuple[int, ...]) -> None:
        """Begin with a new target, which must find the disks; with clones, those are identical and without faults."""
        largest = max(disk.blocks for disk in self)
        for number, disk in enumerate(self):
            disk.member = disk.flush_failed = False
            if disk.present:
                disk.presence = LATE
            if clones:
                disk.presence, disk.health = LATE, WELL
                disk.is_deleted = False
                disk.small = disk.foreign = disk.refused = False
                disk.blocks = largest
                disk.good = number in clones
