"""What each channel of the array knows: its members, its twin's, and its rebuild offset; from the engine's events.

An iteration takes each change of the array to the channels one by one. What a channel still has, or lacks, when the
iteration is over is often the cause of a failure.
"""

from __future__ import annotations

import msgspec

from chaos.showing.wording.phrases import listed
from chaos.showing.wording.places import thread_name
from workers.protocol import Event

NO_REBUILD = -1


class View(msgspec.Struct, frozen=True):
    """One channel's members (a mask of slots), its rebuild offset, and its twin's members; NO_REBUILD without a rebuild."""

    members: int
    offset: int
    twin: int

    def has(self, slot: int) -> bool:
        """Return whether I/O through the channel can reach the disk in this slot."""
        bit = 1 << slot
        return bool(self.members & bit or (self.twin > 0 and self.twin & bit))


class ChannelViews:
    """The views by thread."""

    def __init__(self) -> None:
        self.views: dict[int, View] = {}
        self._offsets: dict[int, int] = {}  # of channels that emit no event of their own

    def change(self, event: Event) -> tuple[View | None, View]:
        """Take in a channel's event; return its view before and now."""
        before = self.views.get(event.thread)
        now = self.views[event.thread] = View(*event.args[:3])
        return before, now

    def gone(self, thread: int) -> None:
        """Forget the channel of a thread."""
        self.views.pop(thread, None)
        self._offsets.pop(thread, None)

    def clear(self) -> None:
        """Forget all channels."""
        self.views.clear()
        self._offsets.clear()

    def assume(self, thread: int, offset: int) -> None:
        """Take in the offset that a poll group has reported with its new channel."""
        if thread not in self.views:
            self._offsets[thread] = offset

    def offset(self, thread: int) -> int:
        """Return the rebuild offset of a thread's channel."""
        view = self.views.get(thread)
        return self._offsets.get(thread, NO_REBUILD) if view is None else view.offset

    def behind(self, offset: int) -> str:
        """Name the channels that are not at this offset, though an iteration has taken it to the channels; or ""."""
        others: dict[str, list[str]] = {}
        for thread, view in self.views.items():
            if view.offset != offset:
                where = (
                    "without the rebuild"
                    if view.offset == NO_REBUILD
                    else f"still at block {view.offset}"
                )
                others.setdefault(where, []).append(thread_name(thread))
        texts = [f"{listed(names)} {where}" for where, names in others.items()]
        if not texts:
            return ""
        return f", with the channels of {listed(texts)}: the iteration that updated the others didn't reach them"

    def keeping(self, slot: int, disk: str) -> str:
        """Name the channels that still have the disk in this slot; or ""."""
        names = [thread_name(thread) for thread, view in self.views.items() if view.has(slot)]
        if not names:
            return ""
        return f", though {_channels(names, 'keep')} {disk}: the iteration that drops it hasn't changed that"

    def lacking(self, slot: int, disk: str) -> str:
        """Name the channels without the disk in this slot among their members; or ""."""
        names = [
            thread_name(thread)
            for thread, view in self.views.items()
            if not view.members & 1 << slot
        ]
        return f", though {_channels(names, 'lack')} {disk}" if names else ""

    def following(self) -> str:
        """Name the channels that still have a rebuild; or ""."""
        names = [
            thread_name(thread) for thread, view in self.views.items() if view.offset != NO_REBUILD
        ]
        return f", though {_channels(names, 'follow')} the rebuild still" if names else ""


def _channels(names: list[str], verb: str) -> str:
    if len(names) == 1:
        return f"the channel of {names[0]} {verb}s"
    return f"the channels of {listed(names)} {verb}"
