"""The answers of RPCs are right for the state that the request met, and what a success promises has happened (C15).

Races allow several answers: a reason counts if it held at any moment between the sending of the request and its answer. A
request that is unanswered when its target dies is not judged. Without an observer, only errors that the RPC never has are
found.
"""

from __future__ import annotations

from errno import errorcode

from chaos.checkers.answer_rules import RULES, Rule
from chaos.checkers.armed_bdevs import Armed, ArmedBdevs
from chaos.checkers.examinations import Examinations
from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.request import Request
from chaos.checkers.target_facts import EVENTS, REBUILD, TargetFacts
from chaos.plan.rpcs import Rpc
from chaos.run.execution import Execution
from chaos.steps.history import Completed, EngineEvent, Invoked, Seen, Written, was_observed
from chaos.steps.schedule import Inject, Kill, Operate, OutsideStep, PowerLoss, Write
from workers.errors import OK

NEVER = "; that did not hold at any moment from its sending to its answer"
FOLLOWED = (Operate, Inject, Kill, PowerLoss)


def check_answers(execution: Execution) -> list[Finding]:
    """Find the first answer without a reason, or the first success that keeps no promise."""
    requests = _Requests(execution)
    facts = requests.facts
    moments = facts.moments
    # Most entries are about I/O. Classes are compared: isinstance asks a struct's metaclass, which is slow.
    for now, entry in enumerate(execution.history):
        moments.now = now
        if entry.__class__ is EngineEvent:
            if entry.event.name in EVENTS:
                facts.observe(entry.event)
                finding = requests.observe(entry)
                if finding is not None:
                    return [finding]
            elif entry.event.name == "bdev.unregistering":
                requests.armed.goes(entry.event.args[0])
        elif entry.__class__ is Invoked:
            if entry.step.__class__ in FOLLOWED:
                facts.took(entry.step)
                requests.took(entry.step)
            elif entry.step.__class__ is Write and requests.armed.armed:
                requests.armed.wrote(entry.step)
        elif entry.__class__ is Completed:
            facts.answered(entry)
            finding = requests.answered(entry)
            if finding is not None:
                return [finding]
        elif entry.__class__ is Seen:
            facts.saw(entry)
        elif entry.__class__ is Written:
            facts.wrote(entry)
            finding = requests.wrote(entry)
            if finding is not None:
                return [finding]
    return requests.at_end() if execution.settled else []


def _is_observed(execution: Execution) -> bool:
    """Return whether the array's record was seen after each step, with the bdevs in its slots, which older runs lack."""
    records = (entry for entry in execution.history if entry.__class__ is Seen)
    first = next((entry for entry in records if entry.slots), None)
    is_old = first is not None and not first.bdevs
    return was_observed(execution.history) and not is_old


class _Requests:
    """The requests in flight, and those of one family at the same time."""

    def __init__(self, execution: Execution) -> None:
        self.facts = TargetFacts(execution.plan)
        self.examinations = Examinations(execution, self.facts)
        self.armed = ArmedBdevs(execution.plan.layout)
        self.is_observed = _is_observed(execution)
        self.last_step = execution.steps
        self.waiting: dict[int, Request] = {}

    def observe(self, entry: EngineEvent) -> Finding | None:
        """Take in an event; judge an error or delay bdev that a superblock has passed."""
        idle = self.armed.observe(entry.number, entry.event)
        if idle is not None:
            return _of_superblock(idle)
        if entry.event.name == "bdev.registered" and self.is_observed:
            self.examinations.arrived(entry.event.args[0], entry.number)
        return None

    def wrote(self, entry: Written) -> Finding | None:
        """Judge an error or delay bdev that a superblock has passed."""
        idle = self.armed.wrote_superblock(entry.number, entry.disk) if entry.by_target else None
        return None if idle is None else _of_superblock(idle)

    def took(self, step: OutsideStep) -> None:
        """Take in a request, an action on a disk, or the end of a target, which owes nothing any more."""
        if step.__class__ is Operate:
            self._sent(step)
        elif step.__class__ is Inject:
            self.armed.injected(step)
        else:
            self.waiting.clear()
            self.armed.restarted()

    def _sent(self, step: Operate) -> None:
        since = self.facts.moments.now
        if step.method == Rpc.BDEV_RESET:
            # It may end with a reset that runs already, and with that one's status.
            resets = [
                request.since
                for request in self.waiting.values()
                if request.step.method == Rpc.BDEV_RESET
            ]
            since = min([since, *resets])
        request = Request(step, since, self.facts, self.examinations)
        # For as long as one of them is in flight, so until the next one is sent.
        has_rival = any(other.family == request.family for other in self.waiting.values())
        self.facts.moments.change(request.family, holds=has_rival)
        has_twin = any(other.step.method == step.method for other in self.waiting.values())
        self.facts.moments.change(("twin", step.method), holds=has_twin)
        self.waiting[step.op] = request

    def answered(self, entry: Completed) -> Finding | None:
        """Judge an answer, if it is to a request."""
        request = self.waiting.get(entry.op)
        if request is None:
            return self._judge_write(entry)
        request.value, request.answered_in = entry.value, entry.number
        self.armed.answered(request.step)
        finding = self._judge(request, entry)
        del self.waiting[entry.op]
        return finding

    def at_end(self) -> list[Finding]:
        """Judge what must have happened by the end of a run that has nothing left to do."""
        moments = self.facts.moments
        unread = self.examinations.unread(self.last_step, moments.now + 1)
        if unread is None:
            return []
        summary = f"bdev {unread.bdev} was to be examined, but its superblock was never read"
        return [_of_promise("no examination", summary, unread.step, unread.ops)]

    def _judge(self, request: Request, entry: Completed) -> Finding | None:
        rule = RULES[request.step.method]
        if entry.status != OK:
            return self._judge_error(rule, request, entry)
        return self._judge_success(rule, request, entry) if self.is_observed else None

    def _judge_error(self, rule: Rule, request: Request, entry: Completed) -> Finding | None:
        words, is_right = rule.errors.get(entry.status, ("", None))
        if is_right is None:
            return _finding("code", request, entry, "which this request never gets")
        if self.is_observed and not is_right(request):
            return _finding("code", request, entry, f"which is right only if {words}{NEVER}")
        return None

    def _judge_success(self, rule: Rule, request: Request, entry: Completed) -> Finding | None:
        for words, is_kept in rule.promises:
            if not is_kept(request):
                why = f"which promises that {words}{NEVER}"
                return _finding("promise", request, entry, why)
        for bdev in request.begun_examinations():
            self.examinations.begin(bdev, request.since, entry)
        is_rebuilding = self.facts.moments.holds(REBUILD)
        self.armed.succeeded(request.step, entry, is_rebuilding=is_rebuilding)
        return None

    def _judge_write(self, entry: Completed) -> Finding | None:
        """Judge the acknowledgement of a write by the error and delay bdevs that it has passed."""
        idle = self.armed.passed(entry)
        if idle is None:
            return None
        return _of_idle(idle, f"and then write op {entry.op} reached disk {idle.disk}")


def _of_superblock(idle: Armed) -> Finding:
    return _of_idle(idle, f"and then a superblock reached disk {idle.disk}")


def _of_idle(idle: Armed, why: str) -> Finding:
    return _of_promise(
        f"{idle.method} without effect",
        f"{idle.method} was answered with OK, {why} as if it had not been",
        idle.step,
        [idle.op],
    )


def _finding(kind: str, request: Request, entry: Completed, why: str) -> Finding:
    method = request.step.method
    name = errorcode.get(-entry.status, "an unknown error") if entry.status else "OK"
    arguments = " ".join(map(str, request.args))
    return Finding(
        check="answers",
        kind=kind,
        shape=f"{method} {name}",
        summary=f"{method}({arguments}) was answered with {name}, {why}",
        step=entry.number,
        verdict=Verdict.INVALID,
        ops=[entry.op],
    )


def _of_promise(shape: str, summary: str, step: int, ops: list[int]) -> Finding:
    """Return the finding for a promise that was to be kept after the answer."""
    return Finding(
        check="answers",
        kind="promise",
        shape=shape,
        summary=summary,
        step=step,
        verdict=Verdict.INVALID,
        ops=ops,
    )
