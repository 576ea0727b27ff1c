"""The superblocks: each write with its sequence number, two writes under way at once, and a round that wrote nothing."""

from __future__ import annotations

from chaos.narrating.clauses import DECISIVE, IMPORTANT, Clause
from chaos.narrating.close_look import Moment
from chaos.narrating.topics import Topics
from chaos.plan.plan import Plan
from chaos.showing.wording.places import disk_names
from chaos.steps.history import EngineEvent, Written
from chaos.steps.schedule import FinishIo
from workers.bdev.io import IoType
from workers.protocol import APP_THREAD
from workers.raid.metadata import SUPERBLOCK_BLOCKS

KEY = "array"
WRITING, ENDED = "raid.superblock_writing", "raid.superblock_ended"
# After these, the next superblock that is written records the change.
_CHANGES = ("raid.removing_member", "raid.member_failed")
# After these, sequence numbers begin anew, or go on from those on disk.
_OTHER_ARRAYS = ("raid.configuring", "raid.deleted")
NOTHING = -1  # no round of writes is under way


class SuperblockNarrator:
    """Follows the superblocks on disk, and the rounds in which they are written."""

    def __init__(self, plan: Plan, topics: Topics) -> None:
        self.plan = plan
        self._weight = topics.weight_of_superblocks()
        self._newest: dict[int, Written] = {}
        self.found: dict[int, Written] = {}  # as they were before they were last rewritten
        self._writing = NOTHING  # the highest sequence number that is being written
        self._is_known = False  # the set-up's first superblocks are written
        self._landed: list[int] = []  # disks that got one since the last change of a member

    def take(self, moment: Moment, members: list[int], leaving: list[int]) -> list[Clause]:
        """Follow one moment, and return its clauses; ``leaving``: disks whose removal is in progress."""
        events = [entry.event for entry in moment.entries if isinstance(entry, EngineEvent)]
        clauses = self._failed(moment)
        # The observer looks at the end of a step, but the writes that it saw precede the step's events.
        if any(event.name == WRITING for event in events):
            self.found = dict(self._newest)
        for entry in moment.entries:
            if isinstance(entry, Written):
                clauses += self._written(entry)
        for event in events:
            if event.name == WRITING:
                self._writing = max(self._writing, event.args[0])
            elif event.name == ENDED:
                clauses += self._ended(moment.number, event.args[0], members, leaving)
            elif event.name in _CHANGES:
                self._landed = []
            elif event.name in _OTHER_ARRAYS:
                self._writing = NOTHING
        return clauses

    def forget(self) -> None:
        """Forget the rounds of a target that is gone."""
        self._writing, self._landed = NOTHING, []

    def _failed(self, moment: Moment) -> list[Clause]:
        step = moment.step
        if not isinstance(step, FinishIo) or not moment.note or step.thread != APP_THREAD:
            return []
        of_superblock = step.offset + step.count <= self.plan.data_offset
        if step.io_type == IoType.WRITE and of_superblock:
            text = f"disk{step.disk} fails a write of its superblock"
        elif step.io_type == IoType.FLUSH:
            text = f"disk{step.disk} fails a flush of the array's own"
        elif step.io_type == IoType.READ and of_superblock:
            text = f"disk{step.disk} fails a read of its superblock"
        elif step.io_type == IoType.READ and step.offset < SUPERBLOCK_BLOCKS:
            text = f"disk{step.disk} fails the read that looks for another array's superblock"
        else:
            return []
        return [Clause(moment.number, KEY, text, IMPORTANT)]

    def _written(self, entry: Written) -> list[Clause]:
        before = self._newest.get(entry.disk)
        self._newest[entry.disk] = entry
        if not entry.by_target:
            return []
        self._landed.append(entry.disk)
        if entry.sequence < 0:
            text = "the superblock of {} is erased"
            return [Clause(entry.number, KEY, text, self._weight, item=f"disk{entry.disk}")]
        if not self._is_known:
            return []  # the array was just created, and the set-up's sentence says it
        disk = f"disk{entry.disk}"
        text = f"the superblock with sequence number {entry.sequence} is written to {{}}"
        odd = ""
        if before is not None and before.sequence > entry.sequence:
            odd = f", over one with {before.sequence}"
        if entry.sequence < self._writing:
            odd += f", while that with {self._writing} is under way: two writes of it at once"
        if odd:
            return [Clause(entry.number, KEY, f"{text}{odd}", DECISIVE, item=disk)]
        if before is None or before.configured != entry.configured:
            text += f", and lists {_listed(entry.configured)} as CONFIGURED"
        return [Clause(entry.number, KEY, text, self._weight, item=disk)]

    def _ended(
        self, number: int, status: int, members: list[int], leaving: list[int]
    ) -> list[Clause]:
        """Write the end of a round of superblock writes, which may have reached no disk."""
        was_written, self._writing = self._writing != NOTHING, NOTHING
        is_first, self._is_known = not self._is_known, True
        if status:
            return [Clause(number, KEY, "the superblocks can't be written", IMPORTANT)]
        if was_written or self._landed or is_first:
            return []
        of = f" that records the removal of {disk_names(leaving[:1])}" if leaving else ""
        text = f"the superblock{of} is written to no disk"
        if members and all(disk in leaving for disk in members):
            text += ", as all its members are being removed, and that counts as success"
        newest = max(self._newest.values(), key=lambda one: one.sequence, default=None)
        if newest is not None and newest.configured:
            text += f" (on disk it still lists {_listed(newest.configured)} as CONFIGURED)"
        return [Clause(number, KEY, text, DECISIVE)]

    def still_list(self, disk: int) -> str:
        """Write that the newest superblock of other disks calls this one CONFIGURED; or ""."""
        others = [one for one in self._newest.values() if one.disk != disk and one.sequence >= 0]
        newest = max(others, key=lambda one: one.sequence, default=None)
        if newest is None or not newest.configured & 1 << disk:
            return ""
        return f", though the newest superblock ({newest.sequence}) still lists it as CONFIGURED"

    def assembled(self, number: int, members: list[int]) -> Clause:
        """Write an assembly, with the sequence numbers that the array was assembled from."""
        self._is_known = True
        text = f"the array is assembled from {disk_names(members)}"
        stale = self._stale(members)
        by_sequence: dict[int, list[int]] = {}
        for disk in members:
            if disk in self.found:
                by_sequence.setdefault(self.found[disk].sequence, []).append(disk)
        text += f"{_sequences(by_sequence, len(members))}{stale}"
        return Clause(number, KEY, text, DECISIVE)

    def _stale(self, members: list[int]) -> str:
        """Name the members that the newest superblock among them doesn't list; or ""."""
        found = [self.found[disk] for disk in members if disk in self.found]
        newest = max(found, key=lambda one: one.sequence, default=None)
        if newest is None or newest.sequence < 0:
            return ""
        missing = [disk for disk in members if not newest.configured & 1 << disk]
        if not missing:
            return ""
        name = disk_names(missing)
        return f", though the superblock with {newest.sequence} doesn't list {name} as CONFIGURED"


def _sequences(by_sequence: dict[int, list[int]], members: int) -> str:
    if not by_sequence:
        return ""
    if len(by_sequence) == 1:
        alike = "whose superblocks all have" if members > 1 else "whose superblock has"
        return f", {alike} sequence number {next(iter(by_sequence))}"
    found = [f"{sequence} on {disk_names(own)}" for sequence, own in sorted(by_sequence.items())]
    return f" (sequence numbers {', '.join(found[:-1])} and {found[-1]})"


def _listed(mask: int) -> str:
    return disk_names([disk for disk in range(mask.bit_length()) if mask & 1 << disk])
