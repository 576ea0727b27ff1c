"""Each request of a host, disk by disk, up to its answer: the part of a story that has the data."""

from __future__ import annotations

from chaos.checkers import Finding
from chaos.explaining.array_narrator import ArrayNarrator
from chaos.explaining.clauses import DECISIVE, MEANWHILE, MINOR, USUAL, Clause
from chaos.explaining.close_look import Moment
from chaos.plan.plan import Plan
from chaos.showing.serving import COMPARES, can_be_part_of
from chaos.showing.wording.phrases import data_of, status_of
from chaos.showing.wording.places import disk_names, thread_name
from chaos.showing.wording.words import Words
from chaos.steps.block_words import blocks
from chaos.steps.history import Completed, EngineEvent, Entry, Undelivered
from chaos.steps.payload import NEVER_WRITTEN
from chaos.steps.schedule import (
    CHANGING,
    IO,
    Deliver,
    FinishIo,
    Flush,
    Kill,
    OutsideStep,
    PowerLoss,
    Read,
    WriteZeroes,
)
from workers.bdev.io import IoType
from workers.reactor import FIRST_DYNAMIC_THREAD


class NarratedRequest:
    """One I/O of a host, from its request to its answer."""

    def __init__(self, step: OutsideStep, key: str, weight: int) -> None:
        self.step = step
        self.key = key
        self.weight = weight
        self.handled = False
        self.served: list[int] = []  # disks that have served it
        self.has_failed = False  # on some disk

    def clause(self, number: int, text: str, item: str = "") -> Clause:
        """Make a clause about it; where the clause begins a sentence, "it" is named."""
        return Clause(number, self.key, text, self.weight, item=item, subject=self.key)


class RequestNarrator:
    """The requests of a run, moment by moment, with a clause for each event of a request."""

    def __init__(self, plan: Plan, finding: Finding, array: ArrayNarrator, early: set[int]) -> None:
        self.plan = plan
        self.finding = finding
        self.array = array
        self.early = early  # outside steps that don't wait until the target is at rest
        self.words = Words(plan)
        self.out: dict[int, NarratedRequest] = {}

    def take(self, moment: Moment) -> list[Clause]:
        """Follow one moment, and return its clauses."""
        clauses: list[Clause] = []
        step = moment.step
        if isinstance(step, IO):
            clauses.append(self._sent(moment, step))
        elif isinstance(step, Deliver) and moment.note == "nvmf.io":
            clauses += self._handled(moment.number, step.sender)
        elif isinstance(step, FinishIo) and step.thread < FIRST_DYNAMIC_THREAD:
            clauses += self._served(moment, step)
        elif isinstance(step, (Kill, PowerLoss)):
            self.out.clear()
        for entry in moment.entries:
            clauses += self._entry(entry)
        return clauses

    def _sent(self, moment: Moment, step: OutsideStep) -> Clause:
        request = NarratedRequest(step, f"op {step.op}", self._weight(step))  # type: ignore[union-attr]
        self.out[step.op] = request  # type: ignore[union-attr]
        text = f"{self.words.step(step)} through {thread_name(step.thread)}"  # type: ignore[union-attr]
        if moment.number in self.early and moment.busy:
            text = f"{MEANWHILE}{text}"
        return request.clause(moment.number, text)

    def _weight(self, step: OutsideStep) -> int:
        if step.op in self.finding.ops:  # type: ignore[union-attr]
            return DECISIVE
        if self.finding.blocks is not None and not isinstance(step, Flush):
            first, last = self.finding.blocks
            overlaps = step.slba <= last and first < step.slba + step.blocks  # type: ignore[union-attr]
            return DECISIVE if overlaps else MINOR
        return USUAL

    def _handled(self, number: int, connection: int) -> list[Clause]:
        waiting = [
            request
            for request in self.out.values()
            if request.step.connection == connection and not request.handled  # type: ignore[union-attr]
        ]
        if not waiting:
            return []
        request = waiting[0]
        request.handled = True
        step = request.step
        if isinstance(step, Flush):
            return []
        text = self.array.side_of(step.thread, step.slba, step.blocks)  # type: ignore[union-attr]
        return [request.clause(number, text)] if text else []

    # I/Os of disks.

    def _served(self, moment: Moment, step: FinishIo) -> list[Clause]:
        first = step.offset - self.plan.data_offset
        request = self._request_of(step, first, moment)
        if request is None:
            return self._by_itself(moment, step, first)
        disk = f"disk{step.disk}"
        if moment.note:
            request.has_failed = True
            return [request.clause(moment.number, f"it fails on {disk}")]
        request.served.append(step.disk)
        if isinstance(request.step, Read) and request.has_failed:
            text = f"it is read from {disk} instead, which holds {data_of(moment.before)}"
            return [request.clause(moment.number, text)]
        if isinstance(request.step, (Flush, Read)):
            return []  # its answer shows it
        text = "it is compared on {}" if step.io_type in COMPARES else "it reaches {}"
        return [request.clause(moment.number, text, disk)]

    def _request_of(self, step: FinishIo, first: int, moment: Moment) -> NarratedRequest | None:
        """Return the request that this I/O of a disk is a part of; for a write, the data shows it."""
        candidates = [
            request
            for request in self.out.values()
            if request.step.thread == step.thread and can_be_part_of(request.step, step, first)  # type: ignore[union-attr]
        ]
        if step.io_type == IoType.WRITE and not moment.note:
            candidates = [
                request
                for request in candidates
                if request.step.op in moment.after or isinstance(request.step, WriteZeroes)  # type: ignore[union-attr]
            ]
        exact = [
            request
            for request in candidates
            if not isinstance(request.step, Flush)
            and (request.step.slba, request.step.blocks) == (first, step.count)  # type: ignore[union-attr]
            and step.disk not in request.served
        ]
        return next(iter(exact or candidates), None)

    def _by_itself(self, moment: Moment, step: FinishIo, first: int) -> list[Clause]:
        """Write a disk write without a host's data: a repair, or a write that is sent again."""
        reads = [
            request
            for request in self.out.values()
            if isinstance(request.step, Read)
            and request.step.slba <= first < request.step.slba + request.step.blocks
        ]
        if step.io_type != IoType.WRITE or first < 0 or moment.note:
            return []
        where = blocks(first, step.count)
        text = f"the target corrects the read error: it writes {where} of disk{step.disk} with {data_of(moment.after)}"
        pairs = list(zip(moment.before, moment.after, strict=True))
        older = [one for one, other in pairs if one > other]
        if older:
            text += f", over {data_of(older)}, which is newer"
        key = reads[-1].key if reads else "repair"
        return [Clause(moment.number, key, text, DECISIVE if older else USUAL)]

    # Answers of requests.

    def _entry(self, entry: Entry) -> list[Clause]:
        match entry:
            case Completed() if entry.op in self.out:
                return self._answered(self.out.pop(entry.op), entry)
            case Undelivered() if entry.op in self.out:
                request = self.out.pop(entry.op)
                text = "its answer doesn't reach the host"
                return [request.clause(entry.number, text)]
            case EngineEvent(event=event) if event.name in ("nvmf.io_queued", "raid.straddled"):
                return self._queued(entry.number, event.name, event.args)
            case _:
                return []

    def _queued(self, number: int, name: str, args: tuple[int, ...]) -> list[Clause]:
        handled = [request for request in self.out.values() if request.handled]
        if name == "nvmf.io_queued" and handled:
            text = "it waits until the namespace is attached again"
            return [handled[-1].clause(number, text)]
        if name == "raid.straddled" and handled:
            text = f"it is split at the rebuild's offset, {args[3]}"
            return [handled[-1].clause(number, text)]
        return []

    def _answered(self, request: NarratedRequest, entry: Completed) -> list[Clause]:
        step = request.step
        if entry.status:
            text = f"it fails with {status_of(entry.status)}"
        elif isinstance(step, Read):
            is_one = len(request.served) == 1 and not request.has_failed
            where = f" from disk{request.served[0]}" if is_one else ""
            text = f"it gets {data_of(entry.values)}{where}"
        else:
            text = "it is acknowledged"
            missing = "no disk holds it" if entry.copies == 0 else self._missing(request)
            if missing:
                text += f", and {missing}"
        return [request.clause(entry.number, text)]

    def _missing(self, request: NarratedRequest) -> str:
        """Name the members that missed a write, though they must have it."""
        step = request.step
        if not isinstance(step, CHANGING):
            return ""
        without = [disk for disk in self.array.members.disks if disk not in request.served]
        words = []
        if without and request.served:
            words.append(f"{disk_names(without)} never got it")
        target, copied = self.array.members.target, self.array.members.copied
        if target >= 0 and target not in request.served and step.slba + step.blocks <= copied:
            words.append(
                f"disk{target} never got it, though the rebuild has passed these blocks "
                f"(it is at {copied})"
            )
        return " and ".join(words)


assert NEVER_WRITTEN == 0, "ages compare by op number, and unwritten blocks are the oldest"
