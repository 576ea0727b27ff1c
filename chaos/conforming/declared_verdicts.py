"""The declared differences on superblocks: where the engine's verdict is another one than SPDK's, and why."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workers.raid.metadata import SEQUENCE_MAX, SUPERBLOCK_BLOCKS
from workers.raid.superblock import NO_UUID, Superblock


class DeclaredVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A superblock on which the engine's verdict is another one than SPDK's, and why."""

    topic: str
    spdk: str
    function: str
    engine: str
    why: str
    holds: Callable[[Superblock | None, str], bool]  # of it, or of the reason why it can't be read
    defect: str = ""  # the built-in one that does as SPDK does


DECLARED_VERDICTS = (
    DeclaredVerdict(
        topic="superblock-unknown-state",
        spdk="It counts as 'not configured': the array starts degraded.",
        function="raid_bdev_create_from_sb",
        engine="The superblock counts as none.",
        why="A state that is damaged may have been CONFIGURED.",
        holds=lambda found, reason: found is None and "unknown state" in reason,
    ),
    DeclaredVerdict(
        topic="superblock-two-entries-for-a-slot",
        spdk="The last one has the slot, and the array waits.",
        function="raid_bdev_create_from_sb",
        engine="The superblock is left alone.",
        why="It contradicts itself.",
        holds=lambda found, _: (
            found is not None
            and sorted(entry.slot for entry in found.entries) != list(range(found.num_base_bdevs))
        ),
    ),
    DeclaredVerdict(
        topic="superblock-null-uuid-of-an-entry",
        spdk="It is accepted, or an assertion ends the target: it depends on the order of the entries.",
        function="raid_bdev_examine_sb",
        engine="The superblock is left alone.",
        why="No superblock may end the target.",
        holds=lambda found, _: (
            found is not None and NO_UUID in [entry.uuid for entry in found.entries]
        ),
    ),
    DeclaredVerdict(
        topic="superblock-without-a-name",
        spdk="It holds its disks and can never be registered.",
        function="raid_bdev_configure_cont",
        engine="The superblock is left alone.",
        why="Such an array would only stand in the way.",
        holds=lambda found, _: found is not None and not found.name,
    ),
    DeclaredVerdict(
        topic="superblock-data-within-it",
        spdk="It is accepted, and a write to the array's first block goes to the superblock.",
        function="raid_bdev_configure_base_bdev",
        engine="The superblock is left alone.",
        why="A host's write must not destroy the superblock.",
        holds=lambda found, _: (
            found is not None
            and any(entry.data_offset < SUPERBLOCK_BLOCKS for entry in found.entries)
        ),
    ),
    DeclaredVerdict(
        topic="superblock-sequence-number-near-its-end",
        spdk="It is accepted, and the next update wraps around to 0: older than all others.",
        function="raid_bdev_write_superblock",
        engine="The superblock is left alone beyond 2^63.",
        why="A newer superblock must be recognised as such.",
        holds=lambda found, _: found is not None and found.seq_number > SEQUENCE_MAX,
    ),
)
