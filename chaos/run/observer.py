"""The observations of a stepping driver between two steps: the disks, and the array's shared record.

Free-running processes change both at any time, so ``realtime`` has no observer; the checks that judge what was
observed then have nothing to judge. Observations are in the history, not in the fingerprint: they follow from the steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from chaos.plan.plan import Plan
from chaos.steps.history import Compared, Entry, History, Seen, Written
from chaos.steps.payload import decode, payload
from chaos.steps.schedule import Changing, Inject, Step, Unmap, WriteZeroes
from workers.bdev.disk import Disk
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.protocol import Event, FinishIo
from workers.raid import superblock
from workers.raid.uuids import number_of
from workers.shared import ControlBlock, RaidRecord

SUPERBLOCK_SECTOR = slice(0, BLOCK_SIZE)
DEVICE = 256  # the distance between the identities of a place's devices
STACKED = 32  # the distance between those of the bdevs on one device
_BLANK = bytes(BLOCK_SIZE)
# The bounds of the rebuild's window in the record's words. They change most often, and no entry has them.
_WINDOW = 8 * RaidRecord.window_offset.index
_WINDOW_END = 8 * (RaidRecord.window_size.index + 1)


class Observer:
    """Looks after each step, and records what has changed since the last look."""

    def __init__(self, plan: Plan, disks: list[Disk], block: ControlBlock) -> None:
        self.plan = plan
        self.disks = disks
        self._raid = block.raid
        self._record_now = block.raid.words.tobytes
        # The first look records that there was an observer, even if nothing ever changes.
        self._record = b""
        self._sectors = [bytes(disk.data[SUPERBLOCK_SECTOR]) for disk in disks]

    def restarted(self) -> None:
        """Look anew: another target has begun."""
        self._record = self._record_now()

    def look(self, number: int, step: Step, events: Sequence[Event], history: History) -> None:
        """Add to the history what the step has changed."""
        record = self._record_now()
        if record != self._record:
            before, self._record = self._record, record
            if record[:_WINDOW] != before[:_WINDOW] or record[_WINDOW_END:] != before[_WINDOW_END:]:
                history.append(seen_of(number, self._raid))
        if step.__class__ is FinishIo:
            if step.offset == 0 and self.plan.superblock and step.io_type != IoType.READ:
                history += self._look_at_superblock(number, step.disk, by_target=True)
        elif step.__class__ is Inject:
            history += self._look_at_superblock(number, step.disk, by_target=False)
        for event in events:
            if event.name == "raid.assembled" or (
                event.name == "rebuild.finished" and event.args[2] == 0
            ):
                history.append(Compared(number, event.name, self._contents()))

    def disks_changed(self, number: int) -> list[Entry]:
        """Return what has changed on all disks, after a loss of power or a cloning."""
        return [
            entry
            for disk in self.disks
            for entry in self._look_at_superblock(number, disk.number, by_target=False)
        ]

    def copies(self, step: Changing) -> int:
        """Return a bit mask of the disks that hold all blocks of this change."""
        first = (step.slba + self.plan.data_offset) * BLOCK_SIZE
        if isinstance(step, (Unmap, WriteZeroes)):
            wanted = bytes(step.blocks * BLOCK_SIZE)
        else:
            wanted = payload(step.host, step.op, step.slba, step.blocks)
        end = first + len(wanted)
        return sum(1 << disk.number for disk in self.disks if bytes(disk.data[first:end]) == wanted)

    def _look_at_superblock(self, number: int, disk: int, *, by_target: bool) -> list[Entry]:
        sector = bytes(self.disks[disk].data[SUPERBLOCK_SECTOR])
        if not self.plan.superblock or sector == self._sectors[disk]:
            return []
        self._sectors[disk] = sector
        try:
            found = superblock.decode(sector)
        except superblock.SuperblockError:
            return [Written(number, disk, by_target, -1, -1, 0, sector == _BLANK)]
        configured = named = 0
        for entry in found.entries:
            bit = self._disk_bit(number_of(entry.uuid))
            named |= bit
            if entry.state is superblock.EntryState.CONFIGURED:
                configured |= bit
        array = number_of(found.uuid)
        return [
            Written(
                number,
                disk,
                by_target,
                found.seq_number,
                array,
                configured,
                False,
                found.raid_size,
                named,
            )
        ]

    def _disk_bit(self, identity: int) -> int:
        """Return the bit of the disk with this identity, stacked bdevs included; 0: another device is there now."""
        for disk in self.disks:
            if disk.identity // DEVICE == identity // DEVICE and (
                identity % DEVICE % STACKED == disk.identity % DEVICE % STACKED
            ):
                return 1 << disk.number
        return 0

    def _contents(self) -> list[list[int]]:
        return contents_of(self.disks, self.plan.data_offset)


def contents_of(disks: list[Disk], data_offset: int) -> list[list[int]]:
    """Return what each disk holds, block by block (see payload.py); equal disks, as mirrors are, share a list."""
    first = data_offset * BLOCK_SIZE
    known: dict[bytes, list[int]] = {}
    contents = []
    for disk in disks:
        data = bytes(disk.data[first:])
        values = known.get(data)
        if values is None:
            values = known[data] = decode(data, 0)
        contents.append(values)
    return contents


def seen_of(number: int, record: RaidRecord) -> Seen:
    """Return the array's record as a history entry."""
    slots, bdevs = [], []
    for slot in record.slots[: record.num_slots]:
        occupied, configured, target, failed, scheduled = slot.words[:5].tolist()
        bdevs.append(occupied - 1)  # NO_BDEV where it is empty
        # The bits of SlotFlag; this runs at each change of the record.
        slots.append(
            (occupied != 0)
            | (configured != 0) << 1
            | (target != 0) << 2
            | (failed != 0) << 3
            | (scheduled != 0) << 4
        )
    return Seen(
        number,
        record.state,
        record.discovered,
        record.operational,
        record.process_state,
        record.process_slot,
        slots,
        bdevs,
        record.process_thread,
    )
