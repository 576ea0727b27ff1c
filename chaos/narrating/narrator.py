"""The narrator: goes through the moments of a run once, and makes clauses of steps, events, answers and the crash."""

from __future__ import annotations

import re

import msgspec

from chaos.checkers import Finding
from chaos.narrating.array_narrator import ArrayNarrator
from chaos.narrating.clauses import (
    DECISIVE,
    FINDING,
    IMPORTANT,
    MEANWHILE,
    MINOR,
    USUAL,
    Clause,
    lifted,
)
from chaos.narrating.close_look import CloseLook, Moment
from chaos.narrating.request_narrator import RequestNarrator
from chaos.narrating.script_order import ScriptOrder
from chaos.narrating.setup_narrator import SetupNarrator
from chaos.narrating.topics import topics_of
from chaos.plan.faults import FAULTS
from chaos.plan.plan import Plan
from chaos.plan.rpcs import SET_UP, Rpc
from chaos.showing.crash_frames import frames_of
from chaos.showing.wording.phrases import status_of
from chaos.showing.wording.places import owners_of, thread_name
from chaos.showing.wording.words import Words
from chaos.steps.crash_words import crash_words
from chaos.steps.history import Completed, Crashed, EngineEvent
from chaos.steps.schedule import (
    ENGINE_STEPS,
    IO,
    Admin,
    Connect,
    Deliver,
    Disconnect,
    Flush,
    Impair,
    Inject,
    Kill,
    Mark,
    Open,
    Operate,
    PowerLoss,
    Stall,
)
from workers.nvmf.status import AdminOpcode

HELD_BACK_MIN = 3  # a step that overtook fewer steps gets no phrase about its delay
FRAMES_SHOWN = 3
HEALING_CLAUSES_MAX = 40  # clauses after the heal of all faults, which may last long
CREATE_THREAD = "reactor.create_thread"  # the message to a thread that does not exist yet
_ON_MEMBERS = (Rpc.BDEV_RAID_ADD_BASE_BDEV, Rpc.BDEV_RAID_REMOVE_BASE_BDEV)
_OF_SESSIONS = (
    "nvmf.command_queued",
    "nvmf.duplicate_qid",
    "nvmf.keep_alive_expired",
    "nvmf.pausing",
    "nvmf.qpair_connected",
    "nvmf.qpair_destroyed",
    "nvmf.resumed",
)


class Narrator:
    """Goes through the moments of a run once."""

    def __init__(self, plan: Plan, look: CloseLook, finding: Finding, script: ScriptOrder) -> None:
        self.plan = plan
        self.look = look
        self.finding = finding
        self.words = Words(plan, owners=owners_of(look.execution.history))
        # Each step of a shrunk run is needed. In a whole run most are not, and what has no effect is left out first.
        self.is_whole = not script.items
        self._fault = IMPORTANT if self.is_whole else DECISIVE
        self._refused = _refused_in(look) if self.is_whole else {}
        self.held = script.held(look.moments)
        self.early = script.early()
        self.topics = topics_of(finding, look.execution.crash)
        self.array = ArrayNarrator(plan, self.topics)
        self.requests = RequestNarrator(plan, finding, self.array, self.early)
        self.setup = SetupNarrator(plan)
        self.is_about_sessions = self._is_about_sessions()
        self._queues: dict[int, int] = {}  # by connection: its queue
        self.unanswered = ""  # the sentence about a request that a crash left without an answer
        self._asked: dict[int, str] = {}  # by op of an RPC: the key of its clause
        self._crashed: list[str] = []  # the keys of the requests that a crash has interrupted
        self._is_healing = False
        self._healing_clauses = 0

    def _is_about_sessions(self) -> bool:
        """Return whether connecting or disconnecting is what fails; then each connection has its own clause."""
        ops = dict.fromkeys(self.finding.ops)
        steps = [moment.step for moment in self.look.moments]
        mine = [step for step in steps if getattr(step, "op", 0) in ops]
        no_io = not any(isinstance(step, IO) for step in steps)
        may_be = no_io and self.finding.check in ("crash", "liveness", "references")
        return (
            self.topics.sessions
            or may_be
            or any(isinstance(step, (Open, Connect)) for step in mine)
        )

    def clauses(self) -> list[Clause]:
        """Return all clauses of the steps, in order; set-up steps are in ``setup`` instead."""
        clauses: list[Clause] = []
        for moment in self.look.moments:
            if moment.number > self.finding.step:
                break
            clauses += self._moment(moment)
        own = [clause.key for clause in clauses if clause.step == self.finding.step]
        central = [key for key in (*own, *self._crashed) if key in self.requests.keys]
        return lifted(clauses, central)

    def _moment(self, moment: Moment) -> list[Clause]:
        step = moment.step
        if isinstance(step, Mark):
            self._is_healing = self._is_healing or step.phase == "heal"
            if step.phase != "heal":
                return []
            text = "from here on all faults are healed, and what is in flight must finish"
            return [Clause(moment.number, "heal", text, DECISIVE)]
        clauses = self._outside(moment)
        was_quiet = self.array.is_quiet
        clauses += self.requests.take_disk(moment)
        clauses += self.array.take(moment)
        clauses += self.requests.take(moment)
        clauses += self._answers(moment)
        if moment.to_exited and isinstance(step, Deliver) and moment.note != CREATE_THREAD:
            text = f"{self.words.engine(step, moment.note)}, but that thread has exited"
            clauses.append(Clause(moment.number, "order", text, DECISIVE))
        self.setup.take(moment, is_quiet=was_quiet)
        clauses += self._crash(moment)
        if moment.number in self.held and moment.passed >= HELD_BACK_MIN:
            clauses = self._with_delay(moment, clauses)
        if self._is_healing:
            # Every run has this end, so only decisive clauses are shown; a failure in it is the finding.
            clauses = [clause for clause in clauses if clause.weight >= IMPORTANT]
            clauses = clauses[: max(0, HEALING_CLAUSES_MAX - self._healing_clauses)]
            self._healing_clauses += len(clauses)
        return clauses

    # Steps of hosts, operator and nemesis, except I/O.

    def _outside(self, moment: Moment) -> list[Clause]:
        step = moment.step
        text = ""
        match step:
            case Kill() | PowerLoss():
                return [Clause(moment.number, "restart", self.words.step(step), DECISIVE)]
            case Inject(fault="disk_arrive"):
                disk = f"disk{step.disk}"
                return [Clause(moment.number, "arrival", "the target finds {}", USUAL, item=disk)]
            case Inject() | Impair() | Stall():
                return [
                    self._said(
                        moment, f"fault {step.op}", self.words.step(step), self._weight_of(step)
                    )
                ]
            case Operate() if step.method in SET_UP and not self.setup.is_over:
                return []
            case Operate():
                key, number = f"rpc {step.method}", self._number_of(step)
                self._asked[step.op] = key
                if step.method in _ON_MEMBERS:
                    disk = self.words.places.bdev(step.args[0])
                    # Neighbours that differ only in the disk become one sentence.
                    text = f"{self.words.step(step).replace(disk, '{}', 1)} ({step.method})"
                    disk += f" ({number})" if number else ""
                    return [self._said(moment, key, text, self._weight_of(step), disk)]
                text = self.words.step(step)
                names = [name for name in (step.method, number) if name and name not in text]
                text += f" ({', '.join(names)})" if names else ""
                return [self._said(moment, key, text, self._weight_of(step))]
            case Connect():
                self._queues[step.connection] = step.qid
                if not self.is_about_sessions:
                    return []
                text = f"{self.words.step(step)} on {thread_name(step.thread)} (op {step.op})"
                return [self._said(moment, f"host {step.host}", text, USUAL)]
            case Disconnect():
                qid = self._queues.get(step.connection, -1)
                of = {-1: "", 0: " of its admin queue"}.get(qid, f" of I/O queue {qid}")
                text = f"{self.words.step(step)}{of}"
                weight = MINOR if self.is_whole else IMPORTANT
                return [self._said(moment, f"host {step.host}", text, weight)]
            case Admin() if self.is_about_sessions and step.opcode != AdminOpcode.KEEP_ALIVE:
                return [self._said(moment, f"host {step.host}", self.words.step(step), IMPORTANT)]
            case Open() if self.is_about_sessions:
                return [self._said(moment, f"host {step.host}", self.words.step(step), MINOR)]
            case _:
                return []

    def _number_of(self, step: Operate) -> str:
        """Write the number of a request that the finding's waits name by number."""
        name = f"op {step.op}"
        is_named = any(re.search(rf"\b{name}\b", line) for line in self.finding.waits)
        return name if is_named else ""

    def _weight_of(self, step: Inject | Impair | Stall | Operate) -> int:
        """Return the weight of a step of operator or nemesis; in a whole run heals and refused requests matter least."""
        is_heal = isinstance(step, (Inject, Impair)) and step.fault not in FAULTS
        if self.is_whole and (is_heal or step.op in self._refused):
            return MINOR
        if step.op in self.finding.ops:
            return FINDING
        return self._fault

    def _said(self, moment: Moment, key: str, text: str, weight: int, item: str = "") -> Clause:
        if moment.number in self.early and moment.busy:
            text = f"{MEANWHILE}{text}"
        return Clause(moment.number, key, text, weight, item=item)

    def _answers(self, moment: Moment) -> list[Clause]:
        """Return clauses about refused RPCs, and about the end of connections."""
        clauses = []
        for entry in moment.entries:
            if (
                isinstance(entry, EngineEvent)
                and self.is_about_sessions
                and entry.event.name in _OF_SESSIONS
            ):
                text = self.words.event(entry.event)
                clauses.append(Clause(moment.number, "target", text, USUAL))
            if isinstance(entry, Completed) and entry.op in self._asked:
                key = self._asked.pop(entry.op)
                if entry.status:
                    text = f"it is refused ({status_of(entry.status)})"
                    method = f"the call of {key.removeprefix('rpc ')}"
                    weight = MINOR if self.is_whole else IMPORTANT
                    clauses.append(Clause(moment.number, key, text, weight, subject=method))
        return clauses

    def _crash(self, moment: Moment) -> list[Clause]:
        crash = next((one.crash for one in moment.entries if isinstance(one, Crashed)), None)
        if crash is None:
            return []
        frames = frames_of(crash, FRAMES_SHOWN)
        text = f"{thread_name(crash.thread)} crashes in {' > '.join(frames)}: {crash_words(crash)}"
        step = moment.step
        key = "crash"
        if isinstance(step, Deliver):
            handled = [
                request
                for request in self.requests.out.values()
                if request.step.connection == step.sender  # type: ignore[union-attr]
            ]
            waiting = [
                request
                for request in self.requests.out.values()
                if request.step.thread == crash.thread  # type: ignore[union-attr]
            ]
            if moment.note == "nvmf.io" and handled:
                key = handled[0].key
                self._crashed.append(key)
                self.unanswered = f"Op {handled[0].step.op} should have been answered."  # type: ignore[union-attr]
                text = f"handling it, {text}"
            elif len(waiting) == 1 and crash.where.startswith(("raid/", "bdev/")):
                # It was queued, and no other request of the thread can have continued.
                request = waiting[0]
                key = request.key
                self._crashed.append(key)
                self.unanswered = f"Op {request.step.op} should have been answered."  # type: ignore[union-attr]
                asked = request.step
                side = ""
                if not isinstance(asked, Flush):
                    side = self.array.side_of(asked.thread, asked.slba, asked.blocks)  # type: ignore[union-attr]
                continues = request.clause(moment.number, f"it continues{_after(side)}")
                return [continues, Clause(moment.number, key, f"handling it, {text}", FINDING)]
            else:
                text = f"handling {moment.note}, {text}"
        elif isinstance(step, ENGINE_STEPS):
            text = f"as {self.words.engine(step, moment.note)}, {text}"
        return [Clause(moment.number, key, text, FINDING)]

    # The order of steps.

    def _with_delay(self, moment: Moment, clauses: list[Clause]) -> list[Clause]:
        """Add to the clauses of a step that was held back how long it waited."""
        since = f"only now, though it could have come after step {moment.since}"
        if clauses:
            first = clauses[0]
            text = f"{first.text} ({since})"
            return [msgspec.structs.replace(first, text=text), *clauses[1:]]
        step = moment.step
        if not isinstance(step, Deliver) or moment.note == "io_device.destroy_channel":
            return []
        text = f"{self.words.engine(step, moment.note)} {since}"
        return [Clause(moment.number, "order", text, USUAL)]


def _after(side: str) -> str:
    return f": {side}" if side else ""


def _refused_in(look: CloseLook) -> dict[int, int]:
    """Return the requests with an answer that isn't success, and the answer."""
    return {
        entry.op: entry.status
        for entry in look.execution.history
        if isinstance(entry, Completed) and entry.status
    }
