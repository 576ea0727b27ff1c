"""The array as ``bdev_raid_get_bdevs`` shows it: from one text to the next, the events between them and the shared record.

The engine emits such events itself; of a target in C only this answer is known. So some events are missing (quiesces, failed
writes). The end of a rebuild has a record of its own, for SPDK hides a rebuild from its answer before it has ended.
"""

from __future__ import annotations

import json
from typing import Any

from workers.errors import EIO, OK
from workers.protocol import APP_THREAD, Event
from workers.shared import ProcessState, RaidRecord, RaidState, Slot

ARRAY = "raid0"
NO_SLOT = -1
SOURCES = 2  # with as many, a rebuild can read from another one
STATES = {
    "configuring": RaidState.CONFIGURING,
    "online": RaidState.ONLINE,
    "offline": RaidState.OFFLINE,
}


class ArrayState:
    """Follows the texts, and keeps the record up to date for the observer."""

    def __init__(self, record: RaidRecord) -> None:
        self.record = record
        self.is_being_created = (
            False  # a request that creates the array was sent since there was none
        )
        self.restarted()

    def restarted(self) -> None:
        """Begin with a target that has no array."""
        self.record.words.cast("B")[:] = bytes(8 * len(self.record.words))
        self.is_being_created = False
        self.reply: list[dict[str, Any]] = []  # the newest text, decoded
        self._state = RaidState.ABSENT
        self._members: dict[int, int] = {}  # slot -> disk of each configured member
        self._rebuilt = self._target = NO_SLOT
        self._offset = 0
        self._blocks = 0
        self._written = 0  # the end of what the rebuild has written to its target, on the disk
        self._has_failed = False  # the rebuild: what it reports as copied need not be
        self._is_hidden = False  # no reply shows it any more, but it has not ended
        self._result: int | None = None  # it has ended so, but the replies still show it
        self._failing: set[int] = set()  # disks on which an I/O has failed; only looked up
        self._announced: set[int] = set()  # disks that are members in sync; only looked up
        self._leaving: set[int] = set()  # disks whose removal has begun; only looked up
        self._process: dict[str, Any] | None = None
        self._slots: list[dict[str, Any]] = []
        self._shown: dict[str, Any] = {}  # the array's part of the reply
        self._data_offset = 0  # of the rebuild's target

    def copied(self, disk: int, end: int) -> None:
        """Take in that the rebuild has written to this disk, up to this block of it.

        A rebuild of SPDK that is stopped counts its next window as passed, although it copies nothing of it.
        """
        if self._rebuilt != NO_SLOT and disk == self._target:
            self._written = max(self._written, end)

    def copy_failed(self, disk: int) -> None:
        """Take in that I/O of the running rebuild has failed on this disk.

        It can't succeed then, unless another member can be read instead.

        SPDK counts a window that failed as passed, and hides the process before it removes the target.
        """
        sources = [member for member in self._members.values() if member != self._target]
        if self._rebuilt != NO_SLOT and (disk == self._target or len(sources) < SOURCES):
            self._has_failed = True

    def removal_begins(self, slot: int) -> list[Event]:
        """Return the event of a removal that begins, if there is a member in this slot, and it has not begun already."""
        if slot not in self._members or self._members[slot] in self._leaving:
            return []
        self._leaving.add(self._members[slot])
        return [_event("raid.removing_member", slot, self._members[slot])]

    def given_up(self, slot: int) -> list[Event]:
        """Return the events of a member that the target gives up: rightly so, if some I/O has failed on its disk.

        SPDK gives up even the last one. That is no event: the disk has all acknowledged data still, since its failed write isn't
        acknowledged.
        """
        disk = self._members.get(slot, NO_SLOT)
        if self.is_last(disk):
            return []
        events = self.removal_begins(slot)
        if events and disk in self._failing:
            return [_event("raid.member_failed", slot, disk), *events]
        return events

    def io_failed(self, disk: int) -> None:
        """Take in that an I/O has failed on this disk; one that a reset aborts has not."""
        self._failing.add(disk)

    def rebuild_ended(self, status: int) -> list[Event]:
        """Take in that the target has reported the end of its rebuild; return the events that follow."""
        if self._rebuilt == NO_SLOT:
            # Two at once were taken for one, since a reply shows one: the other one's target is a member by now.
            late = [row for row in self._members.items() if row[1] not in self._announced]
            return [
                event
                for row in late
                for event in (_event("rebuild.started", *row), self._ended(row, status))
            ]
        if not self._is_hidden:
            self._result = status
            return []
        events = [*self._end(status), *self._rebuild(self._process, self._members, self._slots)]
        self._record(self._shown, self._members)
        return events

    def _end(self, status: int) -> list[Event]:
        slot, self._rebuilt, self._is_hidden, self._result = self._rebuilt, NO_SLOT, False, None
        return [self._ended((slot, self._target), status)]

    def _ended(self, target: tuple[int, int], status: int) -> Event:
        if status == OK:
            self._announced.add(target[1])
        return _event("rebuild.finished", *target, status)

    def is_last(self, disk: int) -> bool:
        """Return whether no other member has all data: an array keeps its last one, and fails the request instead."""
        return self._announced == {disk}

    def slot_of(self, disk: int) -> int:
        """Return the slot of which this disk is a configured member, or NO_SLOT."""
        return next((slot for slot, member in self._members.items() if member == disk), NO_SLOT)

    def take(self, text: bytes) -> list[Event]:
        """Take the next text; return what has happened since the last one."""
        self.reply = json.loads(text)
        array: dict[str, Any] | None = next(
            (array for array in self.reply if array["name"] == ARRAY), None
        )
        if array is None:
            return self._vanished()
        slots = array["base_bdevs_list"]
        members = {
            place: disk_number(slot["name"])
            for place, slot in enumerate(slots)
            if slot["is_configured"] and slot["name"]
        }
        state = STATES[array["state"]]
        sizes = [slots[place]["data_size"] for place in members]
        self._blocks = min(sizes) if sizes else self._blocks
        process = array.get("process")
        self._failing -= set(members.values()) - set(self._members.values())
        events = self._states(state, array, members)
        if self._state == RaidState.ONLINE:
            events += self._rebuild_hidden(process, members)
            events += self._removed(members)
            events += self._rebuild(process, members, slots)
        self._state, self._members = state, members
        self._process, self._slots, self._shown = process, slots, array
        self._record(array, members)
        return events

    def _vanished(self) -> list[Event]:
        if self._state == RaidState.ABSENT:
            return []
        events = [*self._rebuild_hidden(None, {}), _event("raid.deleted")]
        created = self.is_being_created and self._state == RaidState.CONFIGURING
        reply = self.reply
        self.restarted()
        self.is_being_created, self.reply = created, reply
        return events

    def _states(
        self, state: RaidState, array: dict[str, Any], members: dict[int, int]
    ) -> list[Event]:
        before = self._state
        if state == before:
            return []
        if state == RaidState.CONFIGURING and not self.is_being_created:
            return [_event("raid.configuring", 0, array["num_base_bdevs_operational"])]
        if state == RaidState.ONLINE:
            name = "raid.created" if self.is_being_created else "raid.assembled"
            self.is_being_created = False
            self._state, self._members = state, dict(members)
            process = array.get("process")
            target = disk_number(process["target"]) if process else NO_SLOT
            in_sync = [disk for disk in members.values() if disk != target]
            self._announced = set(in_sync)
            return [_event(name, *in_sync)]
        if state == RaidState.OFFLINE:
            return [_event("raid.last_member_removed")]
        return []

    def _removed(self, members: dict[int, int]) -> list[Event]:
        gone = [row for row in self._members.items() if members.get(row[0]) != row[1]]
        left = {disk for _, disk in gone}
        self._announced -= left
        self._leaving -= left
        return [_event("raid.member_removed", *row) for row in gone]

    def _rebuild(
        self, process: dict[str, Any] | None, members: dict[int, int], slots: list[dict[str, Any]]
    ) -> list[Event]:
        if process is None:
            return []
        events = []
        disk = disk_number(process["target"])
        if self._rebuilt == NO_SLOT:
            slot = next((place for place, member in members.items() if member == disk), 0)
            self._rebuilt, self._target, self._offset = slot, disk, 0
            self._has_failed = False
            self._written = 0
            self._data_offset = slots[slot]["data_offset"]
            events.append(_event("rebuild.started", slot, disk))
        elif self._is_hidden or disk != self._target:
            return []  # another one begins before this one has ended
        offset = process["progress"]["blocks"]
        is_written = offset + self._data_offset <= self._written
        if offset != self._offset and is_written and not self._has_failed:
            self._offset = offset
            events.append(_event("rebuild.window_done", offset, self._blocks))
        return events

    def _rebuild_hidden(
        self, process: dict[str, Any] | None, members: dict[int, int]
    ) -> list[Event]:
        if self._rebuilt == NO_SLOT:
            return []
        is_shown = process is not None and disk_number(process["target"]) == self._target
        if is_shown and not self._is_hidden:
            return []
        self._is_hidden = True
        if self._result is not None:
            return self._end(self._result)
        return [] if members else self._end(EIO)

    def _record(self, array: dict[str, Any], members: dict[int, int]) -> None:
        """Show the array as the engine's shared record does, as far as it is known."""
        record = self.record
        record.state = int(self._state)
        record.num_slots = array["num_base_bdevs"]
        record.discovered = array["num_base_bdevs_discovered"]
        record.operational = array["num_base_bdevs_operational"]
        # From outside, a rebuild is there or not; in which of its states it is can't be seen.
        is_rebuilding = self._rebuilt != NO_SLOT
        record.process_state = int(ProcessState.INIT if is_rebuilding else ProcessState.NONE)
        record.process_slot = self._rebuilt if is_rebuilding else 0
        record.window_offset = self._offset
        for place, slot in enumerate(record.slots[: record.num_slots]):
            _show_slot(slot, members.get(place), is_target=is_rebuilding and place == self._rebuilt)


def _show_slot(slot: Slot, disk: int | None, *, is_target: bool) -> None:
    slot.bdev = 0 if disk is None else disk + 1
    slot.is_configured = int(disk is not None)
    slot.is_process_target = int(is_target)


def awaited(reply: bytes, uuids: list[str]) -> int:
    """Return a bit for each disk, by its UUID, for which a slot of an array is kept, as ``bdev_raid_get_bdevs`` shows."""
    kept = {
        slot.get("uuid")
        for array in json.loads(reply)
        for slot in array["base_bdevs_list"]
        if not slot["is_configured"] and not slot["name"]
    }
    return sum(1 << disk for disk, uuid in enumerate(uuids) if uuid in kept)


def disk_number(name: str) -> int:
    """Return the number of a disk from the name of its bdev, or of one that stands on it."""
    digits = "".join(letter for letter in name if letter.isdigit())
    return int(digits) if digits else NO_SLOT


def _event(name: str, *args: int) -> Event:
    return Event(name, APP_THREAD, args)
