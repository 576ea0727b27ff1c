"""The array's part of a story: members, superblocks, rebuild and channels, from the engine's events."""

from __future__ import annotations

from chaos.checkers.members import Members
from chaos.explaining.clauses import DECISIVE, IMPORTANT, MINOR, USUAL, Clause
from chaos.explaining.close_look import Moment
from chaos.plan.plan import Plan
from chaos.showing.wording.phrases import listed
from chaos.showing.wording.places import disk_names, thread_name
from chaos.showing.wording.words import Words
from chaos.steps.block_words import blocks, blocks_are
from chaos.steps.history import EngineEvent, Invoked, Written
from chaos.steps.schedule import FinishIo, Kill, PowerLoss
from workers.bdev.io import IoType
from workers.protocol import Event
from workers.reactor import FIRST_DYNAMIC_THREAD

NO_REBUILD = -1
# The weight of an array's event in a story; other events only update the state.
_WEIGHTS = {
    "member_removed": IMPORTANT,
    "member_failed": IMPORTANT,
    "last_member_removed": IMPORTANT,
    "deleted": USUAL,
    "superblock_failed": IMPORTANT,
    "configuring": USUAL,
    "read_repaired": IMPORTANT,
    "member_queued": IMPORTANT,
    "starting_degraded": IMPORTANT,
    "reset": USUAL,
}


class ArrayNarrator:
    """The array of a run, moment by moment, with a clause for each of its changes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.words = Words(plan)
        self.members = Members()
        self.leaving: list[int] = []  # disks whose removal is in progress
        self.is_quiet = True  # no rebuild and no removal is in progress
        self._superblocks: dict[int, Written] = {}
        self._found: dict[int, Written] = {}  # as they were before they were last rewritten
        self._writing = False
        self._is_known = False  # a superblock has been written
        self._window: tuple[int, int] | None = None
        self._target = NO_REBUILD  # the disk being rebuilt
        self._offset = NO_REBUILD  # the newest rebuild offset in an event
        self._copied_to = 0  # the first block that wasn't copied yet
        self._offsets: dict[int, int] = {}  # by thread: the rebuild offset of its channel
        self._written: list[int] = []  # disks that got a superblock since the round began

    def take(self, moment: Moment) -> list[Clause]:
        """Follow one moment, and return its clauses."""
        clauses: list[Clause] = []
        step = moment.step
        if isinstance(step, (Kill, PowerLoss)):
            self._died(moment)
        if isinstance(step, FinishIo) and step.thread >= FIRST_DYNAMIC_THREAD:
            clauses += self._copied(moment, step)
        if isinstance(step, FinishIo) and moment.note and self._is_superblock(step):
            text = f"disk{step.disk} fails a write of its superblock"
            clauses.append(Clause(moment.number, "array", text, IMPORTANT))
        born = [
            entry.event
            for entry in moment.entries
            if isinstance(entry, EngineEvent) and entry.event.name == "raid.channel_created"
        ]
        # The observer looks at the end of a step, but the writes that it saw precede the step's events.
        if _has_event(moment, "raid.superblock_writing"):
            self._found = dict(self._superblocks)
        for entry in moment.entries:
            if isinstance(entry, Written):
                self._superblocks[entry.disk] = entry
                if entry.by_target and entry.disk not in self._written:
                    self._written.append(entry.disk)
        for entry in moment.entries:
            if isinstance(entry, EngineEvent):
                clauses += self._emitted(moment.number, entry.event, born)
                self.members.take(entry)
        self.is_quiet = not self.leaving and self._target == NO_REBUILD
        return clauses

    def _is_superblock(self, step: FinishIo) -> bool:
        return step.io_type == IoType.WRITE and step.offset + step.count <= self.plan.data_offset

    def side_of(self, thread: int, first: int, count: int) -> str:
        """Name the side of the rebuild on which an I/O of this thread lies; "" without a rebuild."""
        offset = self._offsets.get(thread, NO_REBUILD)
        if self._target == NO_REBUILD or offset < 0:
            return ""
        if first + count <= offset:
            return f"it lies below the rebuild offset of its channel ({offset}), in the part that is copied"
        if first >= offset:
            return f"it lies above the rebuild offset of its channel ({offset})"
        return ""

    def _died(self, moment: Moment) -> None:
        self.members.take(Invoked(moment.number, moment.step))  # type: ignore[arg-type]
        self.leaving.clear()
        self._offsets.clear()
        self._target = self._offset = NO_REBUILD
        self._window = None
        self._writing = False
        self._written = []

    def _copied(self, moment: Moment, step: FinishIo) -> list[Clause]:
        first = step.offset - self.plan.data_offset
        if moment.note:
            verb = IoType(step.io_type).name.lower()
            text = f"disk{step.disk} fails a {verb} of the rebuild ({blocks(first, step.count)})"
            return [Clause(moment.number, "rebuild", text, IMPORTANT)]
        if step.io_type != IoType.WRITE or self._window is None:
            return []
        self._copied_to = first + step.count
        text = f"{blocks_are(first, step.count)} copied onto disk{step.disk}"
        if self._copied_to == self._window[1]:
            text += ", and an iteration begins that takes the new offset to the existing channels"
        return [Clause(moment.number, "rebuild", text, USUAL, topic="copied")]

    def _emitted(self, number: int, event: Event, born: list[Event]) -> list[Clause]:
        kind, _, what = event.name.partition(".")
        match kind:
            case "rebuild":
                return self._rebuild(number, what, event)
            case "raid":
                return self._raid(number, what, event)
            case "nvmf" if what == "namespace_channel_created":
                same = [one for one in born if one.thread == event.thread]
                return self._channel(number, event, same[-1] if same else None)
            case _:
                return []

    # The rebuild and the channels.

    def _rebuild(self, number: int, what: str, event: Event) -> list[Clause]:
        args = event.args
        match what:
            case "started":
                self._target, self._offset, self._copied_to = args[1], 0, 0
                return [Clause(number, "rebuild", self.words.event(event), DECISIVE)]
            case "window_locked":
                self._window = (args[0], args[1])
                return []
            case "window_done":
                self._window = None
                self._offset = args[0]
                left = ", though the rebuild has not ended yet" if args[0] == args[1] else ""
                behind = self._behind(args[0])
                text = f"{self.words.event(event)}{left}{behind}"
                weight = DECISIVE if behind else USUAL
                return [Clause(number, "rebuild", text, weight, topic="done")]
            case "finished":
                self._target = self._offset = NO_REBUILD
                self._window = None
                self._offsets.clear()
                return [Clause(number, "rebuild", self.words.event(event), DECISIVE)]
            case _:
                return []

    def _behind(self, offset: int) -> str:
        """Name the channels that are not at this offset, though an iteration took the offset to the channels."""
        others: dict[int, list[str]] = {}
        for thread, own in self._offsets.items():
            if own not in (offset, NO_REBUILD):
                others.setdefault(own, []).append(thread_name(thread))
        texts = [f"{listed(names)} still at block {own}" for own, names in others.items()]
        if not texts:
            return ""
        return f", with the channels of {listed(texts)}: the iteration that updated the others didn't reach them"

    def _channel(self, number: int, event: Event, born: Event | None) -> list[Clause]:
        """Follow the new channel of a poll group."""
        where = thread_name(event.thread)
        _, in_rebuild, offset = event.args
        if born is not None:
            self._offsets[event.thread] = born.args[1]
        elif in_rebuild:
            self._offsets[event.thread] = offset
        if self._target == NO_REBUILD:
            if self.is_quiet:
                return []
            text = f"{where} creates its channel of the array"
            return [Clause(number, f"channel {event.thread}", text, IMPORTANT)]
        text = f"{where} creates its channel of the array while the rebuild runs"
        own = self._offsets.get(event.thread, NO_REBUILD)
        if offset < 0:
            pass  # a target in C doesn't show what its channels know
        elif not in_rebuild or own < 0:
            text += ", without knowing of the rebuild"
        elif own < max(self._offset, self._copied_to):
            count = max(self._offset, self._copied_to) - own
            text += f": it begins at the rebuild offset {own}, though {blocks_are(own, count)} copied by now"
        else:
            text += f"; its rebuild offset is {own}"
        return [Clause(number, f"channel {event.thread}", text, DECISIVE)]

    # Members, superblocks, and the array as a whole.

    def _raid(self, number: int, what: str, event: Event) -> list[Clause]:
        args = event.args
        match what:
            case "channel" | "channel_created":
                return self._offset_known(number, event, is_new=what == "channel_created")
            case "channel_destroyed":
                self._offsets.pop(event.thread, None)
                return []
            case "superblock_writing":
                self._writing, self._written = True, []
                return []
            case "superblock_ended":
                return self._superblock(number, args[0])
            case "assembled":
                self.leaving.clear()
                return [Clause(number, "array", self._assembled(list(args)), DECISIVE)]
            case _:
                return self._member(number, what, event)

    def _member(self, number: int, what: str, event: Event) -> list[Clause]:
        """Write the event's text from the table, once ``leaving`` is up to date."""
        weight = _WEIGHTS.get(what)
        still_leaving = ""
        match what:
            case "removing_member":
                others = [disk for disk in self.leaving if disk != event.args[1]]
                self.leaving = [*others, event.args[1]]
            case "member_removed":
                self.leaving = [disk for disk in self.leaving if disk != event.args[1]]
                if self.leaving:
                    still_leaving = (
                        f", while the removal of {disk_names(self.leaving)} is still in progress"
                    )
            case "last_member_removed" | "deleted":
                self.leaving.clear()
            case _:
                pass
        if weight is None:
            return []
        return [Clause(number, "array", f"{self.words.event(event)}{still_leaving}", weight)]

    def _offset_known(self, number: int, event: Event, *, is_new: bool) -> list[Clause]:
        offset = event.args[1]
        own = self._offsets.get(event.thread, NO_REBUILD)
        self._offsets[event.thread] = offset
        if self._target == NO_REBUILD or is_new or offset <= max(own, 0):
            return []
        self._offset = max(self._offset, offset)
        text = f"the rebuild offset {offset} reaches the channel of {{}}"
        where = thread_name(event.thread)
        return [Clause(number, "rebuild", text, USUAL, item=where, topic="reached")]

    def _superblock(self, number: int, status: int) -> list[Clause]:
        """Write the end of a round of superblock writes, which may have reached no disk."""
        was_written, self._writing = self._writing, False
        written, self._written = sorted(self._written), []
        if not was_written and not status:
            of = (
                f" that records the removal of {disk_names(self.leaving[:1])}"
                if self.leaving
                else ""
            )
            still = self._listed_configured()
            text = f"the superblock{of} is written to no disk"
            if self.members.disks and set(self.members.disks) <= set(self.leaving):
                text += ", as all its members are being removed, and that counts as success"
            text += f" (on disk it still lists {disk_names(still)} as CONFIGURED)" if still else ""
            return [Clause(number, "array", text, DECISIVE)]
        if status:
            return [
                Clause(number, "array", "the superblocks can't be written", IMPORTANT),
            ]
        if not self._is_known:
            self._is_known = True
            return []  # the array was just created, and the set-up's sentence says it
        text = f"the superblock is written to {disk_names(written)}"
        return [Clause(number, "array", text, MINOR)]

    def _listed_configured(self) -> list[int]:
        """Return the disks that the newest superblock lists as CONFIGURED."""
        known = [written for written in self._superblocks.values() if written.sequence >= 0]
        if not known:
            return []
        mask = max(known, key=lambda written: written.sequence).configured
        return [disk for disk in range(mask.bit_length()) if mask & 1 << disk]

    def _assembled(self, members: list[int]) -> str:
        text = f"the array is assembled from {disk_names(members)}"
        by_sequence: dict[int, list[int]] = {}
        for disk in members:
            if disk in self._found:
                by_sequence.setdefault(self._found[disk].sequence, []).append(disk)
        if len(by_sequence) == 1:
            alike = "whose superblocks all have" if len(members) > 1 else "whose superblock has"
            return f"{text}, {alike} sequence number {next(iter(by_sequence))}"
        found = [
            f"{sequence} on {disk_names(own)}" for sequence, own in sorted(by_sequence.items())
        ]
        return f"{text} (sequence numbers {listed(found)})" if found else text


def _has_event(moment: Moment, name: str) -> bool:
    return any(
        isinstance(entry, EngineEvent) and entry.event.name == name for entry in moment.entries
    )
