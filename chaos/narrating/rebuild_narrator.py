"""The rebuild: where it begins, its windows, those that it skips, what it copies, its stop, and its end."""

from __future__ import annotations

from chaos.narrating.array_look import NO_ARRAY, ArrayLook
from chaos.narrating.channel_views import NO_REBUILD, ChannelViews
from chaos.narrating.clauses import DECISIVE, IMPORTANT, USUAL, Clause
from chaos.narrating.close_look import Moment
from chaos.plan.plan import Plan
from chaos.showing.wording.words import Words
from chaos.steps.block_words import blocks, blocks_are
from chaos.steps.history import EngineEvent
from chaos.steps.schedule import FinishIo
from workers.bdev.io import IoType
from workers.errors import ENODEV
from workers.protocol import Event
from workers.reactor import FIRST_DYNAMIC_THREAD

KEY = "rebuild"
STOP_REQUEST = "rebuild.stop_requested"  # the message to the rebuild's thread


class RebuildNarrator:
    """Follows the rebuild of an array."""

    def __init__(self, plan: Plan, views: ChannelViews) -> None:
        self.plan = plan
        self.views = views
        self.words = Words(plan)
        self.target = NO_REBUILD  # the disk being rebuilt
        self._array = NO_ARRAY
        self._window: tuple[int, int] | None = None
        self._next = 0  # where the next window has to begin
        self._written: dict[
            int, bool
        ] = {}  # blocks that were copied onto the target; used for membership
        self._copied_to = 0
        self._whole = plan.blocks
        self._offset = NO_REBUILD  # the newest in an event

    @property
    def copied_to(self) -> int:
        """Return the first block that a channel born now doesn't find copied."""
        return max(self._offset, self._copied_to)

    def complete(self) -> list[int]:
        """Return the target, once all its blocks are copied."""
        return [self.target] if self.target != NO_REBUILD and self.copied_to >= self._whole else []

    def take(self, moment: Moment) -> list[Clause]:
        """Follow one moment, and return its clauses."""
        clauses: list[Clause] = []
        step = moment.step
        if isinstance(step, FinishIo) and step.thread >= FIRST_DYNAMIC_THREAD:
            clauses += self._copied(moment, step)
        before, self._array = self._array, moment.array or self._array
        clauses += self._stop(moment, before)
        for entry in moment.entries:
            if isinstance(entry, EngineEvent) and entry.event.name.startswith("rebuild."):
                clauses += self._emitted(moment.number, entry.event)
        return clauses

    def forget(self) -> None:
        """Forget the rebuild of a target that is gone."""
        self.target = self._offset = NO_REBUILD
        self._array = NO_ARRAY
        self._window = None

    def moved(self, offset: int) -> None:
        """Take in an offset that a channel has got."""
        self._offset = max(self._offset, offset)

    def _copied(self, moment: Moment, step: FinishIo) -> list[Clause]:
        first = step.offset - self.plan.data_offset
        if moment.note:
            verb = IoType(step.io_type).name.lower()
            text = f"disk{step.disk} fails a {verb} of the rebuild ({blocks(first, step.count)})"
            return [Clause(moment.number, KEY, text, IMPORTANT)]
        if step.io_type != IoType.WRITE or self._window is None:
            return []
        self._written.update(dict.fromkeys(range(first, first + step.count), True))
        self._copied_to = first + step.count
        text = f"{blocks_are(first, step.count)} copied onto disk{step.disk}"
        if self._copied_to == self._window[1]:
            text += ", and an iteration begins that takes the new offset to the existing channels"
        return [Clause(moment.number, KEY, text, USUAL, topic="copied")]

    def _stop(self, moment: Moment, before: ArrayLook) -> list[Clause]:
        """Write that the rebuild is asked to stop: by a message to its thread, or directly before that exists."""
        now = self._array
        was_asked = moment.note == STOP_REQUEST
        # A rebuild that can't copy, or has no channel, stops with another status.
        is_stopped = before.process_status != now.process_status == ENODEV and now.rebuilds
        if not was_asked and not is_stopped:
            return []
        where = f" at its offset {now.offset}" if now is not NO_ARRAY else ""
        text = f"the rebuild is asked to stop{where}"
        if now is not NO_ARRAY and now.offset >= self._whole:
            text += ", though it has copied everything"
        return [Clause(moment.number, KEY, text, IMPORTANT)]

    def _emitted(self, number: int, event: Event) -> list[Clause]:
        args = event.args
        match event.name.removeprefix("rebuild."):
            case "started":
                return [self._started(number, event)]
            case "window_locked":
                self._window = (args[0], args[1])
                return self._locked(number, args[0])
            case "window_done":
                return [self._done(number, event)]
            case "finished":
                return [self._finished(number, event)]
            case _:
                return []

    def _started(self, number: int, event: Event) -> Clause:
        first = self._array.offset
        text = self.words.event(event)
        odd = ""
        if self.target != NO_REBUILD:
            odd = f", while that onto disk{self.target} runs"
        if first:
            odd += f" at block {first}: {blocks_are(0, first)} not going to be copied"
        self.target, self._offset, self._copied_to, self._next = event.args[1], first, first, first
        self._written = {}
        return Clause(number, KEY, f"{text}{odd}", DECISIVE if odd else IMPORTANT)

    def _locked(self, number: int, first: int) -> list[Clause]:
        """Write what a window that begins passes over, and the channels that don't know of the rebuild."""
        clauses = []
        if first > self._next:
            text = f"the rebuild skips {blocks(self._next, first - self._next)}"
            clauses.append(Clause(number, KEY, text, DECISIVE))
        elif not first and self.views.behind(0):
            text = f"the rebuild locks its first window{self.views.behind(0)}"
            clauses.append(Clause(number, KEY, text, DECISIVE))
        return clauses

    def _done(self, number: int, event: Event) -> Clause:
        offset, whole = event.args[:2]
        self._whole = whole
        first = self._window[0] if self._window is not None else offset
        missed = [block for block in range(first, offset) if block not in self._written]
        self._window = None
        self._offset, self._next = offset, offset
        left = ", though the rebuild has not ended yet" if offset == whole else ""
        behind = self.views.behind(offset)
        text = f"{self.words.event(event)}{left}{behind}"
        # A target in C may copy on a thread of which no disk I/O is seen.
        if missed and self._written:
            text += f", though nothing was copied to {blocks(missed[0], len(missed))}"
        is_odd = behind or (missed and self._written)
        return Clause(number, KEY, text, DECISIVE if is_odd else USUAL, topic="done")

    def _finished(self, number: int, event: Event) -> Clause:
        slot, disk, status = event.args[:3]
        name = f"disk{disk}"
        odd = self.views.following()
        if not odd and self.views.views:
            odd = self.views.keeping(slot, name) if status else self.views.lacking(slot, name)
        self.target = self._offset = NO_REBUILD
        self._window = None
        return Clause(
            number, KEY, f"{self.words.event(event)}{odd}", DECISIVE if odd else IMPORTANT
        )
