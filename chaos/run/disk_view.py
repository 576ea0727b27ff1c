"""What the operator and the nemesis know of one disk, and of the rebuild under way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class DiskView:
    """A disk as the operator and the nemesis know it."""

    present: bool = True
    arrived: bool = False  # the running target has been told of it
    faulted: bool = False
    weak: bool = False  # faulted, in a way that leaves its data good
    member: bool = False
    # Holds all acknowledged data: a member from the start, or rebuilt since it was last harmed.
    good: bool = False
    blocks: int = 0
    small: bool = False  # too small for the array as it is now
    foreign: bool = False  # another array's member
    refused: bool = False  # the operator has been told that the array can't use it
    imaged: bool = False  # an older image of it is kept
    out: bool = False  # the superblocks of the members say that it is none
    older: bool = False  # it came back with older content, and is no member yet
    # Whom its superblock may call members: it may have missed the newest, and still say what was so before.
    calls: frozenset[int] = frozenset()
    alone: bool = False  # its superblock may call it the only member
    imaged_alone: bool = False  # the image's may

    @property
    def unfit(self) -> bool:
        """Would the array refuse it?"""
        return self.small or self.foreign


@dataclass(slots=True)
class RebuildView:
    """The rebuild under way; offsets in blocks."""

    disk: int
    offset: int = 0
    blocks: int = 0
    harmed: bool = False

    @property
    def is_copied(self) -> bool:
        """Is all on it, so that it may be written down as a member, which nobody was told of?"""
        return self.offset >= self.blocks > 0


def is_sound(disk: DiskView) -> bool:
    """Can all acknowledged data be read from this disk?"""
    return disk.good and disk.present and not (disk.faulted and disk.weak)


def is_harmful(disk: DiskView) -> bool:
    """Would it miss what is written now?"""
    return (disk.faulted and not disk.weak) or not disk.present


def trust(disks: list[DiskView], members: list[int]) -> None:
    """An array is online: if no disk is known to be good, what it calls members must be.

    A good one that can't be read for a while is known; another one, just failed, isn't to be trusted in its place.
    """
    if any(disk.good for disk in disks):
        return
    for number in members:
        disks[number].good = not is_harmful(disks[number])


def come_online(
    disks: list[DiskView], members: tuple[int, ...], *, fresh: bool, goes: bool
) -> None:
    """The array is online with these members: ``fresh`` from its creation; ``goes``: it is about to be wiped."""
    first = fresh and not any(disk.good for disk in disks)
    for number, disk in enumerate(disks):
        is_member = number in members
        disk.member, disk.out = is_member, disk.out and not is_member
        if fresh:
            disk.good = is_member and (disk.good or first)
            disk.imaged = disk.older = False  # an image would have an older array's superblock
            disk.calls, disk.alone = frozenset(), False
        else:
            # What the superblocks call CONFIGURED must have all acknowledged data, also where the tester
            # couldn't know (a removal under way when the target died); others are left behind now.
            disk.good = is_member and (not is_harmful(disk) or (goes and disk.good))
        disk.older = disk.older and not is_member
    write_down(disks, list(members))


def write_down(disks: list[DiskView], members: list[int]) -> None:
    """These are members now, and their superblocks say so; those of disks that were left behind don't change.

    One that isn't good may have missed this, and all that follows.
    """
    called = frozenset(members)
    for number in members:
        disk = disks[number]
        disk.calls = called if disk.good else disk.calls | called
        disk.alone = members == [number] or (disk.alone and not disk.good)


def may_be_older(disks: list[DiskView], number: int, *, superblock: bool) -> bool:
    """May this disk come back with older content?

    Who was left behind before it still calls it a member; with its older superblock, which doesn't contradict, the two
    would make the array as it was before that went on without them. So might two disks with older content, or one that
    was the only member once.
    """
    disk = disks[number]
    others = [other for other in disks if other is not disk]
    is_called = any(other.older or number in other.calls for other in others)
    return disk.out and disk.imaged and not (superblock and (is_called or disk.imaged_alone))


def finish_rebuild(
    disks: list[DiskView], number: int, rebuild: RebuildView | None, status: int
) -> None:
    """The rebuild onto this disk is over."""
    disk = disks[number]
    disk.member = status == 0
    disk.out = disk.out and status != 0
    disk.older = disk.older and status != 0
    disk.good = status == 0 and rebuild is not None and not rebuild.harmed
    write_down(disks, [place for place, each in enumerate(disks) if each.member])


def advance(disks: list[DiskView], rebuild: RebuildView, offset: int, blocks: int) -> None:
    """A window is copied."""
    rebuild.offset, rebuild.blocks = offset, blocks
    if rebuild.is_copied:
        write_down(disks, [place for place, each in enumerate(disks) if each.member])


def is_late(disk: DiskView) -> bool:
    """Will the target still be told of this disk, which is there?"""
    return disk.present and not disk.arrived


def measure(disks: list[DiskView], needed: int) -> None:
    """Which disks are too small now? An array may have grown without them."""
    for disk in disks:
        disk.small = disk.blocks < needed


def restart(disks: list[DiskView], clones: tuple[int, ...]) -> None:
    """The target has to find all disks again; with clones, those are identical now, and all are as they should be."""
    largest = max(disk.blocks for disk in disks)
    for number, disk in enumerate(disks):
        disk.member = disk.arrived = False
        if clones:
            disk.present, disk.faulted, disk.weak = True, False, False
            disk.small = disk.foreign = disk.refused = False
            disk.blocks = largest
            disk.good = number in clones
