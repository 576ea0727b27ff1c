"""Moments made by hand: the steps of a run, and what they showed."""

from __future__ import annotations

from chaos.narrating.array_look import NO_ARRAY, ArrayLook
from chaos.narrating.clauses import Clause, sentences
from chaos.narrating.close_look import Moment
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.steps.history import Completed, EngineEvent, Entry, Written
from chaos.steps.schedule import Deliver, FinishIo, Step
from workers.bdev.io import IoType
from workers.protocol import APP_THREAD, Event

PLAN = resolve(
    Experiment(
        name="narrated", reactors=2, members=2, spares=1, hosts=1, superblock_share=100, blocks=16
    ),
    0,
)
ARRAY = PLAN.layout.disks  # the id of the array's bdev
GROUP, OTHER, REBUILD = 1, 2, 100  # threads: two poll groups, and a rebuild
NOWHERE = Deliver(0, APP_THREAD, APP_THREAD)


class Moments:
    """Numbers steps, and collects the moments."""

    def __init__(self) -> None:
        self.made: list[Moment] = []

    def step(
        self, *entries: Entry | Event, step: Step = NOWHERE, note: str = "", **more
    ) -> Moments:
        """Add a step with its entries; an event becomes the entry of one."""
        number = len(self.made) + 1
        numbered = [
            EngineEvent(number, entry) if isinstance(entry, Event) else entry for entry in entries
        ]
        fields = {"since": number - 1, "busy": 0, "first": 0, "before": [], "after": []} | more
        self.made.append(Moment(number, step, note, numbered, **fields))
        return self

    def emit(self, name: str, *args: int, thread: int = APP_THREAD, **more) -> Moments:
        """Add a step that emits one event."""
        return self.step(Event(name, thread, args), **more)

    def superblock(self, disk: int, sequence: int, *configured: int) -> Moments:
        """Add a step in which the target's superblock reaches a disk."""
        mask = sum(1 << one for one in configured)
        return self.step(Written(len(self.made) + 1, disk, True, sequence, 1, mask, False))

    def answer(self, op: int, status: int = 0, *values: int) -> Moments:
        """Add a step that answers a request."""
        return self.step(Completed(len(self.made) + 1, op, status, 0, list(values)))

    def io(self, disk: int, kind: IoType, first: int, count: int, thread: int, **more) -> Moments:
        """Add the end of an I/O of a disk; ``first`` is a block of the array."""
        offset = first + PLAN.data_offset
        return self.step(
            step=FinishIo(0, thread, disk, kind, offset, count, 0), first=offset, **more
        )


def array(**fields) -> ArrayLook:
    """Make a look at an array of two members that is online."""
    base = {"disks": (0, 1), "configured": (True, True), "is_online": True}
    return ArrayLook(
        **{name: getattr(NO_ARRAY, name) for name in ArrayLook.__struct_fields__} | base | fields
    )


def told(clauses: list[Clause]) -> str:
    """Return clauses as the text of a story without a bound."""
    return " ".join(sentence.text for sentence in sentences(clauses, 1_000))
