"""The quiesces of the array: asked for, in force, not inherited by a channel, over."""

from __future__ import annotations

from chaos.narrating.array_look import ArrayLook
from chaos.narrating.clauses import DECISIVE, IMPORTANT, Clause
from chaos.narrating.close_look import CHANNEL_CREATED, QUIESCED, Moment
from chaos.narrating.topics import Topics
from chaos.plan.plan import Plan
from chaos.showing.wording.phrases import listed
from chaos.showing.wording.places import thread_name
from chaos.steps.block_words import blocks
from chaos.steps.history import EngineEvent
from workers.bdev.stack import raid_bdev_id
from workers.protocol import Event

UNQUIESCED = "bdev.unquiesced"


class QuiesceNarrator:
    """Follows the locks of the array's blocks; what is routine is only in a story that is about quiesces."""

    def __init__(self, plan: Plan, topics: Topics) -> None:
        self._bdev = raid_bdev_id(plan.layout)
        self._is_about_it = topics.quiesce
        self._names: dict[int, str] = {}  # by lock

    def take(self, moment: Moment) -> list[Clause]:
        """Follow one moment, and return its clauses."""
        clauses = []
        if moment.array is not None:
            clauses += self._asked(moment.number, moment.array)
        for entry in moment.entries:
            if not isinstance(entry, EngineEvent):
                continue
            event = entry.event
            if event.name in (QUIESCED, UNQUIESCED) and event.args[0] == self._bdev:
                clauses += self._changed(moment, event)
            elif event.name == CHANNEL_CREATED:
                clauses += self._born(moment, event.thread)
        return clauses

    def forget(self) -> None:
        """Forget the locks of a target that is gone."""
        self._names.clear()

    def _asked(self, number: int, array: ArrayLook) -> list[Clause]:
        clauses = []
        for row in (*array.locks, *array.pending):
            if row.lock in self._names or not row.quiesces:
                continue
            self._names[row.lock] = blocks(row.offset, row.length)
            if not self._is_about_it:
                continue
            text = f"{thread_name(row.owner)} asks for a quiesce of {self._names[row.lock]}"
            if row in array.pending:
                ahead = [
                    self._names[other.lock] for other in array.locks if other.lock in self._names
                ]
                text += f", which waits until that of {listed(ahead) or 'other blocks'} is over"
            clauses.append(Clause(number, "quiesce", text, IMPORTANT))
        return clauses

    def _changed(self, moment: Moment, event: Event) -> list[Clause]:
        if event.name == UNQUIESCED:
            name = self._names.get(event.args[1], "")
            if not self._is_about_it or not name:
                return []
            return [Clause(moment.number, "quiesce", f"the quiesce of {name} ends", IMPORTANT)]
        _, lock, first, end = event.args
        without = [thread_name(thread) for of, thread in moment.unheld if of == lock]
        if not without and not self._is_about_it:
            return []
        text = f"the quiesce of {blocks(first, end - first)} takes hold"
        if not without:
            return [Clause(moment.number, "quiesce", text, IMPORTANT)]
        text += f", though {_channels_of(without)} it"
        return [Clause(moment.number, "quiesce", text, DECISIVE)]

    def _born(self, moment: Moment, thread: int) -> list[Clause]:
        lacking = [self._names.get(lock, "") for lock, of in moment.unheld if of == thread]
        names = [name for name in lacking if name]
        if not names:
            return []
        text = (
            f"{thread_name(thread)} creates its channel of the array, which doesn't inherit the "
            f"quiesce of {listed(names)}"
        )
        return [Clause(moment.number, f"channel {thread}", text, DECISIVE)]


def _channels_of(names: list[str]) -> str:
    one = len(names) == 1
    return f"the channel{'' if one else 's'} of {listed(names)} {'does' if one else 'do'}n't hold"
