"""All channels of an array agree with each other and with the array after each iteration (C8)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent, Invoked, Seen, SlotFlag, was_observed
from chaos.steps.schedule import Kill, PowerLoss
from workers.protocol import Event
from workers.shared import ProcessState

NONE = -1  # no rebuild offset, no processed twin
# Plain numbers: a flag's operators are slow, and the record changes often.
CONFIGURED, PROCESS_TARGET = int(SlotFlag.CONFIGURED), int(SlotFlag.PROCESS_TARGET)
NO_PROCESS = int(ProcessState.NONE)
# The events about channels. Most events are others.
RELEVANT = frozenset(
    (
        "raid.channel",
        "raid.channel_created",
        "raid.channel_destroyed",
        "raid.deleted",
        "raid.member_removed",
        "raid.removing_member",
        "rebuild.started",
        "rebuild.window_done",
        "rebuild.finished",
    )
)


class Channels:
    """Each thread's channel of the array, from its own events: (members, rebuild offset, twin's members)."""

    def __init__(self) -> None:
        self.by_thread: dict[int, tuple[int, int, int]] = {}
        self._slot = 0  # of the running rebuild
        self._in_sync = 0  # mask of slots that are configured and no rebuild target, as last seen
        # An iteration changes these slots on one channel after the other, so births don't judge them; its end does.
        self._changing = 0
        self._is_rebuilding = False
        self.born: list[tuple[int, int, int]] = []  # in this step: (thread, members, changing)

    def take(self, event: Event) -> tuple[str, str] | None:
        """Follow the next event; return the shape and the description of a disagreement."""
        match event.name:
            case "raid.channel" | "raid.channel_created":
                members, offset, twin = event.args
                if event.name == "raid.channel_created":
                    self.born.append((event.thread, members, self._changing))
                self.by_thread[event.thread] = (members, offset, twin)
            case "raid.channel_destroyed":
                self.by_thread.pop(event.thread, None)
            case "rebuild.started":
                self._slot, self._is_rebuilding = event.args[0], True
            case "rebuild.window_done":
                return self._at_window(event.args[0])
            case "rebuild.finished":
                self._is_rebuilding = False
                self._changing &= ~(1 << event.args[0])
                return self._at_finish(event.args[0], event.args[2])
            case "raid.removing_member":
                self._changing |= 1 << event.args[0]
            case "raid.member_removed":
                self._changing &= ~(1 << event.args[0])
                return self._at_removal(event.args[0])
            case "raid.deleted":
                self._changing = 0
            case _:
                pass
        return None

    def saw(self, seen: Seen) -> tuple[str, str] | None:
        """Follow the array's record after a step."""
        in_sync = sum(
            1 << place
            for place, flags in enumerate(seen.slots)
            if flags & CONFIGURED and not flags & PROCESS_TARGET
        )
        before, self._in_sync = self._in_sync, in_sync
        if self._is_rebuilding and seen.process_state == NO_PROCESS:
            self._changing |= 1 << self._slot  # it has ended, and the channels follow one by one
        return self._judge_births(before) if self.born else None

    def step_ended(self) -> tuple[str, str] | None:
        """Judge births at the end of the step."""
        return self._judge_births(self._in_sync)

    def _judge_births(self, before: int) -> tuple[str, str] | None:
        """Judge new channels by the array before or after the step, since it may have changed in between."""
        born, self.born = self.born, []
        for thread, members, changing in born:
            if all((members ^ in_sync) & ~changing for in_sync in (before, self._in_sync)):
                return (
                    "birth",
                    f"the new channel of thread {thread} has the members in slots {_slots(members)}",
                )
        return None

    def _at_window(self, offset: int) -> tuple[str, str] | None:
        for thread, (_, own, twin) in self.by_thread.items():
            if twin == NONE:
                return (
                    "no twin",
                    f"thread {thread} has no twin for the rebuild, which is at block {offset}",
                )
            if own != offset:
                return (
                    "offset",
                    f"thread {thread} is at block {own} of the rebuild, not at {offset}",
                )
            if not twin & 1 << self._slot:
                return "twin", f"thread {thread} doesn't write rebuilt blocks to slot {self._slot}"
        return None

    def _at_finish(self, slot: int, status: int) -> tuple[str, str] | None:
        for thread, (members, offset, twin) in self.by_thread.items():
            if offset != NONE or twin != NONE:
                return "rebuild left", f"thread {thread} still follows the rebuild that has ended"
            if status == 0 and not members & 1 << slot:
                return "member lacks", f"thread {thread} doesn't use slot {slot}, just rebuilt"
            if status != 0 and members & 1 << slot:
                return "target kept", f"thread {thread} uses slot {slot}, whose rebuild failed"
        return None

    def _at_removal(self, slot: int) -> tuple[str, str] | None:
        for thread, (members, _, twin) in self.by_thread.items():
            if members & 1 << slot or (twin != NONE and twin & 1 << slot):
                return "member kept", f"thread {thread} still uses slot {slot}, which was removed"
        return None


def check_channels(execution: Execution) -> list[Finding]:
    """Find the first channel whose view of the array differs from the array."""
    if not was_observed(execution.history):
        return []
    channels = Channels()
    number = 0
    for entry in execution.history:
        if channels.born:
            found = channels.step_ended() if entry.number != number else None
            if found is not None:
                return [_finding(*found, number)]
        number = entry.number
        found = None
        if entry.__class__ is EngineEvent:
            if entry.event.name in RELEVANT:
                found = channels.take(entry.event)
        elif entry.__class__ is Seen:
            found = channels.saw(entry)
        elif entry.__class__ is Invoked and entry.step.__class__ in (Kill, PowerLoss):
            channels = Channels()
        if found is not None:
            return [_finding(*found, entry.number)]
    return []


def _slots(mask: int) -> list[int]:
    return [place for place in range(mask.bit_length()) if mask & 1 << place]


def _finding(shape: str, what: str, step: int) -> Finding:
    return Finding(
        check="channels",
        kind="disagreement",
        shape=shape,
        summary=f"channels of the array disagree with it: {what}",
        step=step,
        verdict=Verdict.INVALID,
    )
