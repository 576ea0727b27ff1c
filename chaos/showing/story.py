"""The story of a failure in a few sentences: the steps and events that matter most, and their consequence."""

from __future__ import annotations

from chaos.checkers.finding import Finding
from chaos.plan.faults import FAULTS
from chaos.run.execution import Execution
from chaos.showing.crash_frames import frames_of
from chaos.showing.labels import Labels
from chaos.showing.wording.places import named, owners_of, thread_name
from chaos.showing.wording.steps import Style
from chaos.showing.wording.words import Words
from chaos.steps.history import Completed, EngineEvent, Invoked
from chaos.steps.schedule import IO, Deliver, Impair, Inject, Kill, PowerLoss, Stall

_MEMBER_EVENTS = (
    "disk.cache_lost",
    "raid.assembled",
    "raid.created",
    "raid.deleted",
    "raid.member_failed",
    "raid.member_removed",
    "rebuild.finished",
)
BETWEEN_MAX = 12

FRAMES_SHOWN = 3


class Storyteller:
    """Chooses the steps and events of one run's failure that the story has; ``words`` has their texts."""

    def __init__(self, execution: Execution, labels: Labels) -> None:
        self.execution = execution
        self.labels = labels
        self.invoked = {
            entry.step.op: entry
            for entry in execution.history
            if isinstance(entry, Invoked) and hasattr(entry.step, "op")
        }
        self.words = Words(execution.plan, labels, Style.EXACT, owners_of(execution.history))

    def tell(self, finding: Finding) -> list[str]:
        """Return the sentences, oldest first, each with its step number."""
        if finding.check == "crash":
            return self._crash(finding)
        found = [
            (entry.number, self.words.step(entry.step))
            for entry in self.execution.history
            if isinstance(entry, Invoked) and getattr(entry.step, "op", None) in finding.ops
        ]
        if found:
            found += self._between(found[0][0], finding.step, finding.ops)
        found += [line for line in self._background(finding.step) if line not in found]
        # Each of the contradicting events says what an answer means; the last is the finding's own.
        meant = [
            (event.step, named(event.says))
            for event in finding.events
            if event.step != finding.step
        ]
        found += [line for line in meant if line[0] not in [number for number, _ in found]]
        waits = [f"  {line}" for line in finding.waits]
        return [*_in_order(found), f"step {finding.step}: {named(finding.summary)}", *waits]

    def _crash(self, finding: Finding) -> list[str]:
        crash = self.execution.crash
        if crash is None:
            return [finding.summary]
        found = self._background(finding.step)
        birth = self._last_event("nvmf.namespace_channel_created", thread=crash.thread)
        if birth is not None:
            found.append((birth.number, self.words.event(birth.event)))
        request = self._request_at_crash(crash.thread)
        if request is not None:
            found.append((request.number, self.words.step(request.step)))
        lines = _in_order(found)
        frames = frames_of(crash, FRAMES_SHOWN)
        lines.append(
            f"step {finding.step}: on reactor {crash.reactor}, {thread_name(crash.thread)} "
            f"crashed in {' > '.join(frames)}: {crash.message}"
        )
        return lines

    def _between(self, begin: int, end: int, ops: list[int]) -> list[tuple[int, str]]:
        """Return the changes of members and the answers to the ops, from one step to another."""
        found: list[tuple[int, str]] = []
        for entry in self.execution.history:
            if not begin <= entry.number <= end:
                continue
            if isinstance(entry, EngineEvent) and entry.event.name in _MEMBER_EVENTS:
                found.append((entry.number, self.words.event(entry.event)))
            elif isinstance(entry, Completed) and entry.op in ops and entry.number != end:
                found.append((entry.number, self.words.answer(entry)))
        return found[:BETWEEN_MAX]

    def _background(self, until: int) -> list[tuple[int, str]]:
        """Return the rebuild that was running, and the last fault."""
        lines = []
        started = self._last_event("rebuild.started", until=until)
        finished = self._last_event("rebuild.finished", until=until)
        if started is not None and (finished is None or finished.number < started.number):
            lines.append((started.number, self.words.event(started.event)))
            window = self._last_event("rebuild.window_done", until=until)
            if window is not None and window.number > started.number:
                lines.append((window.number, self.words.event(window.event)))
        faults = [
            entry
            for entry in self.execution.history
            if isinstance(entry, Invoked)
            and entry.number <= until
            and (
                isinstance(entry.step, (Stall, Kill, PowerLoss))
                or (isinstance(entry.step, Impair) and entry.step.fault in FAULTS)
                or (
                    isinstance(entry.step, Inject) and entry.step.fault in FAULTS
                )  # a heal is no fault
            )
        ]
        if faults:
            lines.append((faults[-1].number, self.words.step(faults[-1].step)))
        return lines

    def _last_event(
        self, name: str, *, thread: int | None = None, until: int | None = None
    ) -> EngineEvent | None:
        for entry in reversed(self.execution.history):
            if (
                isinstance(entry, EngineEvent)
                and entry.event.name == name
                and (thread is None or entry.event.thread == thread)
                and (until is None or entry.number <= until)
            ):
                return entry
        return None

    def _request_at_crash(self, thread: int) -> Invoked | None:
        """Return the read whose handling crashed: the newest one of this thread without an answer."""
        answered = {entry.op for entry in self.execution.history if isinstance(entry, Completed)}
        last = self.execution.schedule[-1] if self.execution.schedule else None
        connection = last.sender if isinstance(last, Deliver) else None
        reads = [
            entry
            for op, entry in self.invoked.items()
            if op not in answered and isinstance(entry.step, IO) and entry.step.thread == thread
        ]
        from_sender = [
            entry for entry in reads if getattr(entry.step, "connection", None) == connection
        ]
        if from_sender:
            return from_sender[0]
        return reads[-1] if reads else None


def _in_order(found: list[tuple[int, str]]) -> list[str]:
    return [f"step {number}: {text}" for number, text in sorted(found)]
