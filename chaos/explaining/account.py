"""The story of a small failing run, as an engineer would write it in an issue.

The narrator knows nothing of defects. It uses the steps, the engine's events, the content of disks, and the order that
the script fixes. The set-up of a target becomes one sentence for each life of the target.
"""

from __future__ import annotations

import msgspec

from chaos.checkers import Finding
from chaos.explaining.array_narrator import ArrayNarrator
from chaos.explaining.clauses import (
    DECISIVE,
    FINDING,
    IMPORTANT,
    MEANWHILE,
    MINOR,
    USUAL,
    Clause,
    Sentence,
    sentences,
)
from chaos.explaining.close_look import CloseLook, Moment
from chaos.explaining.promises import consequence, should_have_been
from chaos.explaining.request_narrator import RequestNarrator
from chaos.explaining.setup_narrator import SetupNarrator
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.scripts.player import twin
from chaos.showing.crash_frames import frames_of
from chaos.showing.wording.phrases import capitalized, status_of
from chaos.showing.wording.places import named, owners_of, thread_name
from chaos.showing.wording.words import Words
from chaos.shrinking.shrinker import SET_UP
from chaos.steps.history import Completed, Crashed, EngineEvent
from chaos.steps.schedule import (
    ENGINE_STEPS,
    IO,
    ORDER,
    Connect,
    Deliver,
    Disconnect,
    Flush,
    Impair,
    Inject,
    Item,
    Kill,
    Late,
    Mark,
    Open,
    Operate,
    PowerLoss,
    Rest,
    Stall,
)

SENTENCES_MAX = 15
HELD_BACK_MIN = 3  # a step that overtook fewer steps gets no phrase about its delay
FRAMES_SHOWN = 3
ALSO_MAX = 4  # other findings
HEALING_CLAUSES_MAX = 40  # clauses after the heal of all faults, which may last long
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


class Story(msgspec.Struct, frozen=True):
    """The events, the contradiction, the broken promise, and the consequence."""

    summary: str
    sentences: list[Sentence]
    contradiction: list[Sentence]
    promise: str
    harm: str  # may be ""
    steps: list[str]  # each step in words, with its result
    also: list[Sentence] = []  # findings of other checks, or of the same check elsewhere


class StoryScript(msgspec.Struct, frozen=True):
    """The parts of a script that order a run: the items, and the number of each item's step."""

    items: list[Item]
    numbers: list[int]

    def held(self, moments: list[Moment]) -> set[int]:
        """Return engine steps whose place the script names, or that come late."""
        found = set()
        for item, number in zip(self.items, self.numbers, strict=True):
            if isinstance(item, ENGINE_STEPS):
                found.add(number)
            elif isinstance(item, Late):
                key = twin(item.step)
                like = [
                    moment.number
                    for moment in moments[max(0, number - 1) :]
                    if isinstance(moment.step, ENGINE_STEPS) and twin(moment.step) == key
                ]
                found.update(like[item.skip : item.skip + 1])
        return found

    def early(self) -> set[int]:
        """Return the steps of hosts, operator and nemesis that don't wait until the target is at rest."""
        found = set()
        before: Item = Rest()
        for item, number in zip(self.items, self.numbers, strict=True):
            if isinstance(item, Late):
                continue
            is_rest = isinstance(before, Rest) and not before.steps
            if not isinstance(item, ORDER) and not is_rest:
                found.add(number)
            before = item
        return found


def tell(
    plan: Plan,
    look: CloseLook,
    finding: Finding,
    script: StoryScript,
    others: list[Finding] | None = None,
) -> Story:
    """Write the story of a run up to its failure; ``others``: other findings of the run."""
    teller = _Narrator(plan, look, finding, script)
    clauses = teller.clauses()
    chosen = sentences([*teller.setup.clauses(), *clauses], SENTENCES_MAX)
    steps = _steps(look, clauses, Words(plan))
    return Story(
        named(finding.summary),
        chosen,
        _contradiction(finding),
        " ".join(filter(None, (should_have_been(finding), teller.unanswered))),
        consequence(finding),
        steps,
        _also(finding, others or []),
    )


def _steps(look: CloseLook, clauses: list[Clause], words: Words) -> list[str]:
    """Write each step: its part of the story, or, where the story leaves it out, the step itself.

    Each is quoted alone, so none refers to the one before.
    """
    said: dict[int, list[Clause]] = {}
    for clause in clauses:
        alone = msgspec.structs.replace(clause, text=clause.text.removeprefix(MEANWHILE))
        said.setdefault(clause.step, []).append(alone)
    texts = []
    for moment in look.moments:
        step = moment.step
        if isinstance(step, ENGINE_STEPS):
            text = words.engine(step, moment.note)
        else:
            text = words.step(step)
        chosen = sentences(said.get(moment.number, []), SENTENCES_MAX)
        shown = " ".join(sentence.text for sentence in chosen)
        texts.append(shown or f"{capitalized(text)}.")
    return texts


def _contradiction(finding: Finding) -> list[Sentence]:
    shown = [
        Sentence(event.step, event.step, named(event.says))
        for event in finding.events
        if event.step != finding.step
    ]
    waits = [Sentence(finding.step, finding.step, line) for line in finding.waits]
    return [*shown, Sentence(finding.step, finding.step, named(finding.summary)), *waits]


def _also(finding: Finding, others: list[Finding]) -> list[Sentence]:
    """Write other findings in the order of the run, since an earlier one often names the cause in other words."""
    texts = {
        (other.step, named(other.summary)): f"{other.check}: {named(other.summary)}"
        for other in others
        if other is not finding and other.step > 0
    }
    chosen = [Sentence(step, step, text) for (step, _), text in texts.items()]
    return sorted(chosen, key=lambda sentence: sentence.first)[:ALSO_MAX]


class _Narrator:
    """Goes through the moments of a run once."""

    def __init__(self, plan: Plan, look: CloseLook, finding: Finding, script: StoryScript) -> None:
        self.plan = plan
        self.look = look
        self.finding = finding
        self.words = Words(plan, owners=owners_of(look.execution.history))
        self.held = script.held(look.moments)
        self.early = script.early()
        self.array = ArrayNarrator(plan)
        self.requests = RequestNarrator(plan, finding, self.array, self.early)
        self.setup = SetupNarrator(plan)
        self.is_about_sessions = self._is_about_sessions()
        self._queues: dict[int, int] = {}  # by connection: its queue
        self.unanswered = ""  # the sentence about a request that a crash left without an answer
        self._asked: dict[int, str] = {}  # by op of an RPC: the key of its clause
        self._is_healing = False
        self._healing_clauses = 0

    def _is_about_sessions(self) -> bool:
        """Return whether connecting or disconnecting is what fails; then each connection has its own clause."""
        ops = dict.fromkeys(self.finding.ops)
        steps = [moment.step for moment in self.look.moments]
        mine = [step for step in steps if getattr(step, "op", 0) in ops]
        no_io = not any(isinstance(step, IO) for step in steps)
        of_target = self.finding.shape.startswith("nvmf/")
        return of_target or no_io or any(isinstance(step, (Open, Connect)) for step in mine)

    def clauses(self) -> list[Clause]:
        """Return all clauses of the steps, in order; set-up steps are in ``setup`` instead."""
        clauses: list[Clause] = []
        for moment in self.look.moments:
            if moment.number > self.finding.step:
                break
            clauses += self._moment(moment)
        return clauses

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
        clauses += self.array.take(moment)
        clauses += self.requests.take(moment)
        clauses += self._answers(moment)
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
                text = self.words.step(step)
                return [self._said(moment, f"fault {step.op}", text, DECISIVE)]
            case Operate() if step.method in SET_UP and not self.setup.is_over:
                return []
            case Operate():
                key = f"rpc {step.method}"
                self._asked[step.op] = key
                if step.method in _ON_MEMBERS:
                    disk = self.words.places.bdev(step.args[0])
                    # Neighbours that differ only in the disk become one sentence.
                    text = f"{self.words.step(step).replace(disk, '{}')} ({step.method})"
                    return [self._said(moment, key, text, DECISIVE, disk)]
                text = self.words.step(step)
                name = "" if step.method in text else f" ({step.method})"
                return [self._said(moment, key, f"{text}{name}", DECISIVE)]
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
                return [self._said(moment, f"host {step.host}", text, IMPORTANT)]
            case Open() if self.is_about_sessions:
                return [self._said(moment, f"host {step.host}", self.words.step(step), MINOR)]
            case _:
                return []

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
                    clauses.append(Clause(moment.number, key, text, IMPORTANT, subject=method))
        return clauses

    def _crash(self, moment: Moment) -> list[Clause]:
        crash = next((one.crash for one in moment.entries if isinstance(one, Crashed)), None)
        if crash is None:
            return []
        frames = frames_of(crash, FRAMES_SHOWN)
        text = f"{thread_name(crash.thread)} crashes in {' > '.join(frames)}: {crash.message}"
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
                self.unanswered = f"Op {handled[0].step.op} should have been answered."  # type: ignore[union-attr]
                text = f"handling it, {text}"
            elif len(waiting) == 1 and crash.where.startswith(("raid/", "bdev/")):
                # It was queued, and no other request of the thread can have continued.
                request = waiting[0]
                key = request.key
                self.unanswered = f"Op {request.step.op} should have been answered."  # type: ignore[union-attr]
                asked = request.step
                side = ""
                if not isinstance(asked, Flush):
                    side = self.array.side_of(asked.thread, asked.slba, asked.blocks)  # type: ignore[union-attr]
                continues = request.clause(moment.number, f"it continues{_after(side)}")
                return [continues, Clause(moment.number, key, f"handling it, {text}", FINDING)]
            else:
                text = f"handling {moment.note}, {text}"
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
