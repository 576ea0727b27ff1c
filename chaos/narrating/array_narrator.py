"""The array's part of a story: members, superblocks, rebuild, quiesces and channels."""

from __future__ import annotations

from chaos.checkers.members import Members
from chaos.narrating.array_look import EMPTY, ArrayLook
from chaos.narrating.channel_views import NO_REBUILD, ChannelViews
from chaos.narrating.clauses import DECISIVE, IMPORTANT, MINOR, USUAL, Clause
from chaos.narrating.close_look import Moment
from chaos.narrating.quiesce_narrator import QuiesceNarrator
from chaos.narrating.rebuild_narrator import RebuildNarrator
from chaos.narrating.superblock_narrator import SuperblockNarrator
from chaos.narrating.topics import Topics
from chaos.plan.plan import Plan
from chaos.showing.wording.phrases import listed
from chaos.showing.wording.places import disk_names, thread_name
from chaos.showing.wording.words import Words
from chaos.steps.block_words import blocks_are
from chaos.steps.history import EngineEvent, Invoked
from chaos.steps.schedule import Kill, PowerLoss
from workers.protocol import Event
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD

KEY = "array"
# The weights of events in a story. Events that are neither here nor in a narrator of their own only update its state.
_WEIGHTS = {
    "bdev.nomem": MINOR,
    "bdev.reset": USUAL,
    "bdev.resetting": USUAL,
    "bdev.resized": USUAL,
    "bdev.unregistering": MINOR,
    "disk.cache_lost": IMPORTANT,
    "disk.channel_failed": IMPORTANT,
    "disk.misdirected": IMPORTANT,
    "nvmf.listener_changed": MINOR,
    "nvmf.namespace_channel_failed": IMPORTANT,
    "raid.channel_failed": USUAL,
    "raid.configuring": USUAL,
    "raid.creation_failed": IMPORTANT,
    "raid.deleted": USUAL,
    "raid.grown": USUAL,
    "raid.last_member_removed": IMPORTANT,
    "raid.member_failed": IMPORTANT,
    "raid.member_queued": IMPORTANT,
    "raid.member_removed": IMPORTANT,
    "raid.member_too_small": IMPORTANT,
    "raid.read_repaired": IMPORTANT,
    "raid.removing_member": MINOR,
    "raid.reset": USUAL,
    "raid.starting_degraded": IMPORTANT,
    "raid.superblock_failed": IMPORTANT,
    "raid.write_waits": MINOR,
}
OF_CHANNELS = ("raid.channel", "raid.channel_created", "raid.channel_destroyed")
_BEGINNINGS = ("raid.created", "raid.assembled")


class ArrayNarrator:
    """The array of a run, moment by moment, with a clause for each of its changes."""

    def __init__(self, plan: Plan, topics: Topics) -> None:
        self.plan = plan
        self.words = Words(plan)
        self.members = Members()
        self.leaving: list[int] = []  # disks whose removal is in progress
        self.missed: dict[int, str] = {}  # by disk: the last request that failed on it
        self._views = ChannelViews()
        self._rebuild = RebuildNarrator(plan, self._views)
        self._superblocks = SuperblockNarrator(plan, topics)
        self._quiesces = QuiesceNarrator(plan, topics)
        self._resets: list[int] = []  # bdevs whose reset is in progress
        self._array: ArrayLook | None = None
        self._is_new = True  # no array has been online in this life

    @property
    def is_quiet(self) -> bool:
        """Return whether no rebuild and no removal is in progress."""
        return not self.leaving and self._rebuild.target == NO_REBUILD

    @property
    def rebuilds(self) -> bool:
        """Return whether a rebuild runs."""
        return self._rebuild.target != NO_REBUILD

    def take(self, moment: Moment) -> list[Clause]:
        """Follow one moment, and return its clauses."""
        if isinstance(moment.step, (Kill, PowerLoss)):
            self._died(moment)
        clauses = self._superblocks.take(moment, self.members.disks, self.leaving)
        clauses += self._quiesces.take(moment)
        events = [entry.event for entry in moment.entries if isinstance(entry, EngineEvent)]
        born = [event for event in events if event.name == "raid.channel_created"]
        clauses += self._joined(moment, events)
        views = [event for event in events if event.name in OF_CHANNELS]
        for event in views:
            clauses += self._viewed(moment.number, event)
        clauses += self._rebuild.take(moment)
        for entry in moment.entries:
            if isinstance(entry, EngineEvent):
                clauses += self._emitted(moment.number, entry.event, born)
                self.members.take(entry)
        self._array = moment.array or self._array
        return clauses

    def side_of(self, thread: int, first: int, count: int) -> str:
        """Name the side of the rebuild on which an I/O of this thread lies; "" without a rebuild."""
        offset = self._views.offset(thread)
        if self._rebuild.target == NO_REBUILD or offset < 0:
            return ""
        if first + count <= offset:
            return f"it lies below the rebuild offset of its channel ({offset}), in the part that is copied"
        if first >= offset:
            return f"it lies above the rebuild offset of its channel ({offset})"
        return ""

    def _died(self, moment: Moment) -> None:
        self.members.take(Invoked(moment.number, moment.step))  # type: ignore[arg-type]
        self.leaving.clear()
        self.missed.clear()
        self._views.clear()
        self._rebuild.forget()
        self._superblocks.forget()
        self._quiesces.forget()
        self._resets.clear()
        self._array, self._is_new = None, True

    def _joined(self, moment: Moment, events: list[Event]) -> list[Clause]:
        """Write that a disk has become a member without a rebuild, though the array was online."""
        now, before = moment.array, self._array
        was_new, self._is_new = self._is_new, self._is_new and not _has(events, _BEGINNINGS)
        if now is None or before is None or was_new or not before.is_online or not now.is_online:
            return []
        clauses = []
        for slot, disk in enumerate(now.disks):
            was = before.disks[slot] == disk, before.configured[slot]
            is_now = now.configured[slot]
            if disk == EMPTY or was == (True, is_now) or (is_now and self._is_target(now, slot)):
                continue
            if is_now:
                again = "again, " if was[0] else ""
                text = f"disk{disk} becomes a member {again}without a rebuild"
                self.leaving = [other for other in self.leaving if other != disk]
                clauses.append(Clause(moment.number, KEY, text, DECISIVE))
            elif not was[0]:
                text = f"disk{disk} is put into slot {slot}, though its rebuild has not begun"
                clauses.append(Clause(moment.number, KEY, text, IMPORTANT))
        return clauses

    def _is_target(self, array: ArrayLook, slot: int) -> bool:
        return array.rebuilds and array.target_slot == slot

    # Channels.

    def _viewed(self, number: int, event: Event) -> list[Clause]:
        """Follow what a channel knows, and write what an iteration's visit changes."""
        if event.name == "raid.channel_destroyed":
            self._views.gone(event.thread)
            return []
        before, now = self._views.change(event)
        where = thread_name(event.thread)
        if event.name == "raid.channel_created":
            return self._born(number, event.thread)
        if before is None:
            return []
        clauses = []
        dropped = [
            f"disk{disk}" for slot, disk in self._slots() if before.has(slot) and not now.has(slot)
        ]
        if dropped:
            text = f"the iteration's visit drops {listed(dropped)} from the channel of {{}}"
            clauses.append(Clause(number, "visit", text, MINOR, item=where))
        if self._rebuild.target != NO_REBUILD and now.offset > max(before.offset, 0):
            self._rebuild.moved(now.offset)
            text = f"the rebuild offset {now.offset} reaches the channel of {{}}"
            clauses.append(Clause(number, "rebuild", text, USUAL, item=where, topic="reached"))
        return clauses

    def _born(self, number: int, thread: int) -> list[Clause]:
        """Write the new channel of a thread that isn't a poll group: for the rebuild, or a reset."""
        odd = self._takes(thread)
        if FIRST_POLL_GROUP_THREAD <= thread < FIRST_DYNAMIC_THREAD or not odd:
            return []
        text = f"{thread_name(thread)} creates its channel of the array{odd}"
        return [Clause(number, f"channel {thread}", text, DECISIVE)]

    def _slots(self) -> list[tuple[int, int]]:
        """Return the slots with a disk, as they were before this step."""
        if self._array is None:
            return []
        return [(slot, disk) for slot, disk in enumerate(self._array.disks) if disk != EMPTY]

    def _channel(self, number: int, event: Event, born: Event | None) -> list[Clause]:
        """Write the new channel of a poll group."""
        where = thread_name(event.thread)
        _, in_rebuild, offset = event.args
        if born is None and in_rebuild:
            self._views.assume(event.thread, offset)
        own = self._views.offset(event.thread)
        text = f"{where} creates its channel of the array"
        key = f"channel {event.thread}"
        leaving = self._takes(event.thread)
        if self._rebuild.target == NO_REBUILD:
            if self.is_quiet:
                return []
            return [Clause(number, key, f"{text}{leaving}", DECISIVE if leaving else IMPORTANT)]
        text = f"{text} while the rebuild runs"
        copied_to = self._rebuild.copied_to
        if offset < 0:
            pass  # a target in C doesn't show what its channels know
        elif not in_rebuild or own < 0:
            text += ", without knowing of the rebuild"
        elif own < copied_to:
            text += (
                f": it begins at the rebuild offset {own}, though "
                f"{blocks_are(own, copied_to - own)} copied by now"
            )
        else:
            text += f"; its rebuild offset is {own}"
        return [Clause(number, key, f"{text}{leaving}", DECISIVE)]

    def _takes(self, thread: int) -> str:
        """Name the disks that a new channel takes, though they are being removed or aren't in sync; or ""."""
        view = self._views.views.get(thread)
        if view is None:
            return ""
        taken = [disk for slot, disk in self._slots() if view.has(slot)]
        leaving = [disk for disk in taken if disk in self.leaving]
        plain = [disk for slot, disk in self._slots() if view.members & 1 << slot]
        in_sync = [*self.members.disks, *self._rebuild.complete()]
        early = [disk for disk in plain if disk not in (*in_sync, *leaving)]
        odd = f", and takes {disk_names(leaving)}, whose removal is in progress" if leaving else ""
        if early:
            odd += f", and takes {disk_names(early)} as a member, which isn't in sync"
        return odd

    # Members, and the array as a whole.

    def _emitted(self, number: int, event: Event, born: list[Event]) -> list[Clause]:
        match event.name:
            case "nvmf.namespace_channel_created":
                same = [one for one in born if one.thread == event.thread]
                return self._channel(number, event, same[-1] if same else None)
            case "raid.assembled":
                self.leaving.clear()
                return [self._superblocks.assembled(number, list(event.args))]
            case "raid.member_failed":
                return [self._failed(number, event)]
            case "bdev.resetting":
                odd = ", though an earlier one of it has not ended"
                self._resets.append(event.args[0])
                return self._plain(number, event, odd if event.args[0] in self._resets[:-1] else "")
            case "bdev.reset":
                self._resets = [bdev for bdev in self._resets if bdev != event.args[0]]
                return self._plain(number, event)
            case "raid.removing_member":
                others = [disk for disk in self.leaving if disk != event.args[1]]
                self.leaving = [*others, event.args[1]]
                return self._plain(number, event)
            case "raid.member_removed":
                return [self._removed(number, event)]
            case "raid.last_member_removed":
                self.leaving.clear()
                return self._plain(number, event)
            case "raid.deleted":
                odd = self._still_leaving()
                self.leaving.clear()
                return self._plain(number, event, odd)
            case _:
                return self._plain(number, event)

    def _plain(self, number: int, event: Event, odd: str = "") -> list[Clause]:
        """Write the event's text from the table, if the event has a weight; ``odd``: what is wrong with it."""
        weight = _WEIGHTS.get(event.name)
        if weight is None:
            return []
        return [Clause(number, KEY, f"{self.words.event(event)}{odd}", DECISIVE if odd else weight)]

    def _failed(self, number: int, event: Event) -> Clause:
        slot, disk = event.args[:2]
        what = self.missed.get(disk, "a write")
        text = f"{thread_name(event.thread)} marks disk{disk} (slot {slot}) failed, since it has missed {what}"
        return Clause(number, KEY, text, IMPORTANT)

    def _still_leaving(self) -> str:
        if not self.leaving:
            return ""
        return f", while the removal of {disk_names(self.leaving)} is still in progress"

    def _removed(self, number: int, event: Event) -> Clause:
        slot, disk = event.args[:2]
        self.leaving = [other for other in self.leaving if other != disk]
        odd = self._views.keeping(slot, f"disk{disk}")
        if any(other != disk for other in self.members.disks):
            # The last member stays CONFIGURED, so that the array can be assembled again.
            odd += self._superblocks.still_list(disk)
        odd += self._still_leaving()
        weight = DECISIVE if odd else IMPORTANT
        return Clause(number, KEY, f"{self.words.event(event)}{odd}", weight)


def _has(events: list[Event], names: tuple[str, ...]) -> bool:
    return any(event.name in names for event in events)
