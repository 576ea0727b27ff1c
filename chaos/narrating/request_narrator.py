"""Each request of a host, disk by disk, up to its answer: the part of a story that has the data."""

from __future__ import annotations

import msgspec

from chaos.checkers import Finding
from chaos.narrating.array_narrator import ArrayNarrator
from chaos.narrating.clauses import DECISIVE, FINDING, IMPORTANT, MEANWHILE, MINOR, USUAL, Clause
from chaos.narrating.close_look import Moment
from chaos.plan.plan import Plan
from chaos.showing.serving import COMPARES, KINDS, can_be_part_of
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
from workers.bdev.stack import ErrorType
from workers.protocol import Event
from workers.reactor import FIRST_DYNAMIC_THREAD

CHANGES = (IoType.WRITE, IoType.UNMAP, IoType.WRITE_ZEROES)
_HITS = {
    ErrorType.FAILURE: "it is failed by",
    ErrorType.PENDING: "it is held by",
    ErrorType.NOMEM: "it gets no memory from",
}
ENDED_MAX = 50  # requests with an answer that are remembered


class NarratedRequest:
    """One I/O of a host, from its request to its answer."""

    def __init__(self, step: OutsideStep, key: str, weight: int) -> None:
        self.step = step
        self.key = key
        self.weight = weight
        self.handled = False
        self.served: list[int] = []  # disks that have served it
        self.failed: list[int] = []  # disks on which it has failed

    def clause(self, number: int, text: str, item: str = "", least: int = 0) -> Clause:
        """Make a clause about it; where the clause begins a sentence, "it" is named."""
        weight = max(self.weight, least)
        return Clause(number, self.key, text, weight, item=item, subject=self.key)


class RequestNarrator:
    """The requests of a run, moment by moment, with a clause for each event of a request."""

    def __init__(self, plan: Plan, finding: Finding, array: ArrayNarrator, early: set[int]) -> None:
        self.plan = plan
        self.finding = finding
        self.array = array
        self.early = early  # outside steps that don't wait until the target is at rest
        self.words = Words(plan)
        self.keys: list[str] = []  # of the clauses about requests
        self.out: dict[int, NarratedRequest] = {}
        self._ended: dict[
            int, NarratedRequest
        ] = {}  # changes with an answer: they may still reach a disk
        self._last_reset = 0  # the step at which the last reset of a bdev ended

    def take_disk(self, moment: Moment) -> list[Clause]:
        """Follow what a disk has done; its consequences for the array come after it, and the answer last."""
        step = moment.step
        if isinstance(step, FinishIo) and step.thread < FIRST_DYNAMIC_THREAD:
            return self._served(moment, step)
        return []

    def take(self, moment: Moment) -> list[Clause]:
        """Follow all else of one moment, and return its clauses."""
        clauses: list[Clause] = []
        step = moment.step
        if isinstance(step, IO):
            clauses.append(self._sent(moment, step))
        elif isinstance(step, Deliver) and moment.note == "nvmf.io":
            clauses += self._handled(moment.number, step.sender)
        elif isinstance(step, (Kill, PowerLoss)):
            self.out.clear()
            self._ended.clear()
            self._last_reset = 0
        for entry in moment.entries:
            clauses += self._entry(entry)
        return clauses

    def _sent(self, moment: Moment, step: OutsideStep) -> Clause:
        request = NarratedRequest(step, f"op {step.op}", self._weight(step))  # type: ignore[union-attr]
        self.out[step.op] = request  # type: ignore[union-attr]
        text = f"{self.words.step(step)} through {thread_name(step.thread)}"  # type: ignore[union-attr]
        if moment.number in self.early and moment.busy:
            text = f"{MEANWHILE}{text}"
        self.keys.append(request.key)
        return msgspec.structs.replace(request.clause(moment.number, text), opens=True)

    def _weight(self, step: OutsideStep) -> int:
        if step.op in self.finding.ops:  # type: ignore[union-attr]
            return FINDING
        if self.finding.blocks is not None and not isinstance(step, Flush):
            return DECISIVE if self._touches(step.slba, step.blocks) else MINOR  # type: ignore[union-attr]
        return USUAL

    def _touches(self, first: int, count: int) -> bool:
        """Return whether these blocks are among those of the finding."""
        if self.finding.blocks is None:
            return False
        begin, last = self.finding.blocks
        return first <= last and begin < first + count

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
            return [request.clause(number, "a rebuild runs")] if self.array.rebuilds else []
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
            return [self._failed(moment.number, request, step)]
        request.served.append(step.disk)
        if isinstance(request.step, Read) and request.failed:
            holds = f", which holds {data_of(moment.before)}" if moment.before else ""
            return [request.clause(moment.number, f"it is read from {disk} instead{holds}")]
        if isinstance(request.step, (Flush, Read)):
            return []  # its answer shows it
        text = "it is compared on {}" if step.io_type in COMPARES else "it reaches {}"
        if step.count < request.step.blocks:  # type: ignore[union-attr]
            text += f" with {blocks(first, step.count)}"
        return [request.clause(moment.number, text, disk)]

    def _failed(self, number: int, request: NarratedRequest, step: FinishIo) -> Clause:
        request.failed.append(step.disk)
        name = type(request.step).__name__.lower()
        self.array.missed[step.disk] = f"the {name} of {request.key}"
        is_lost = step.io_type != IoType.READ  # what it should have made durable or changed
        text = f"it fails on disk{step.disk}"
        return request.clause(number, text, least=IMPORTANT if is_lost else USUAL)

    def _request_of(self, step: FinishIo, first: int, moment: Moment) -> NarratedRequest | None:
        """Return the request that this I/O of a disk is a part of; for a write, the data shows it."""
        candidates = [
            request
            for request in self.out.values()
            if request.step.thread == step.thread and can_be_part_of(request.step, step, first)  # type: ignore[union-attr]
        ]
        if step.io_type == IoType.WRITE and moment.after and not moment.note:
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
        """Write a disk write without a host's request in flight: a late one, or a repair."""
        if step.io_type not in CHANGES or first < 0 or moment.note or not moment.after:
            return []
        late = self._late(moment, step, first)
        if late is not None:
            return [late]
        if step.io_type != IoType.WRITE:
            return []
        reads = [
            request
            for request in self.out.values()
            if isinstance(request.step, Read)
            and request.step.slba <= first < request.step.slba + request.step.blocks
        ]
        where = blocks(first, step.count)
        does = "corrects the read error: it writes" if reads else "writes"
        text = f"the target {does} {where} of disk{step.disk} with {data_of(moment.after)}"
        older = _older(moment)
        text += f", over {data_of(older)}, which is newer" if older else ""
        key = reads[-1].key if reads else "repair"
        return [
            Clause(moment.number, key, text, self._weight_of_own(bool(older), first, step.count))
        ]

    def _late(self, moment: Moment, step: FinishIo, first: int) -> Clause | None:
        """Write a part of a request that reaches a disk after the request's answer."""
        for request in self._ended.values():
            asked = request.step
            if asked.thread != step.thread or not can_be_part_of(asked, step, first):  # type: ignore[union-attr]
                continue
            if step.disk in (*request.served, *request.failed) or asked.op not in moment.after:  # type: ignore[union-attr]
                continue
            request.served.append(step.disk)
            text = f"it reaches disk{step.disk} only now, after its answer"
            if self._last_reset:
                text += f" and after the reset that ended at step {self._last_reset}"
            older = _older(moment)
            text += f", over {data_of(older)}, which is newer" if older else ""
            weight = self._weight_of_own(bool(older), first, step.count)
            return request.clause(moment.number, text, least=weight)
        return None

    def _weight_of_own(self, is_older: bool, first: int, count: int) -> int:
        if self._touches(first, count):
            return FINDING if is_older else DECISIVE
        return DECISIVE if is_older else MINOR

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
            case EngineEvent(event=event) if event.name == "bdev.split":
                return self._split(entry.number, event)
            case EngineEvent(event=event) if event.name == "bdev.error_injected":
                return self._hit(entry.number, event)
            case EngineEvent(event=event) if event.name == "bdev.reset":
                self._last_reset = entry.number
                return []
            case _:
                return []

    def _split(self, number: int, event: Event) -> list[Clause]:
        """Write that a bdev splits the request that its thread has just begun to handle."""
        bdev, count = event.args
        found = [
            request
            for request in self.out.values()
            if request.handled
            and not isinstance(request.step, Flush)
            and (request.step.thread, request.step.blocks) == (event.thread, count)  # type: ignore[union-attr]
        ]
        if not found:
            return []
        text = f"it is split into parts by {self.words.places.bdev(bdev)}"
        return [found[-1].clause(number, text)]

    def _hit(self, number: int, event: Event) -> list[Clause]:
        """Write that an error bdev fails or corrupts a request; the disk below doesn't see it."""
        disk, error_type, io_type = event.args
        found = [
            request
            for request in self.out.values()
            if request.handled
            and request.step.thread == event.thread  # type: ignore[union-attr]
            and io_type in KINDS[type(request.step)]
            and disk not in (*request.served, *request.failed)
        ]
        if not found:
            return [Clause(number, "array", self.words.event(event), USUAL)]
        request = found[-1]
        does = _HITS[ErrorType(error_type)]
        if error_type == ErrorType.FAILURE:
            name = type(request.step).__name__.lower()
            request.failed.append(disk)
            self.array.missed[disk] = f"the {name} of {request.key}"
        text = f"{does} the error bdev of disk{disk}"
        return [request.clause(number, text, least=IMPORTANT)]

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
        if isinstance(step, CHANGING):
            self._ended[step.op] = request
            for op in list(self._ended)[:-ENDED_MAX]:
                del self._ended[op]
        if entry.status:
            text = f"it fails with {status_of(entry.status)}{_unexplained(request)}"
        elif isinstance(step, Read):
            is_one = len(request.served) == 1 and not request.failed
            where = f" from disk{request.served[0]}" if is_one else ""
            text = f"it gets {data_of(entry.values)}{where}"
        else:
            text = "it is acknowledged"
            if isinstance(step, Flush) and request.failed:
                text += f", though it has failed on {disk_names(request.failed)}"
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


def _unexplained(request: NarratedRequest) -> str:
    """Write of a request that fails that no disk has failed it; or ""."""
    if request.failed:
        return ""
    return ", though no disk has failed it" if request.served else ", and has reached no disk"


def _older(moment: Moment) -> list[int]:
    """Return the newer data that an I/O has replaced by older data."""
    pairs = zip(moment.before, moment.after, strict=True)
    return [before for before, after in pairs if before > after]


assert NEVER_WRITTEN == 0, "ages compare by op number, and unwritten blocks are the oldest"
