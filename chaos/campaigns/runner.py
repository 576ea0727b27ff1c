"""One run, from its seed to a stored result, with its driver and its checks."""

from __future__ import annotations

import platform
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from chaos.base.interrupt import never
from chaos.campaigns.known import KnownFailure, known_as
from chaos.checkers import Check, Finding, Verdict
from chaos.checkers.finding import DETERMINISM
from chaos.drivers.free_replay import Divergence
from chaos.drivers.make import Driver, make_driver
from chaos.drivers.realtime import RealtimeDriver
from chaos.judging.judge import judge, verdict_of
from chaos.judging.reach.count import count_reach
from chaos.judging.reach.sequences import count_sequence
from chaos.judging.rejudge import Rejudged, rejudge
from chaos.judging.user_checks import embed_check, load_check
from chaos.narrating.described import Engine, describe_run
from chaos.plan.experiment import Experiment
from chaos.plan.target_id import TargetId
from chaos.plan.targets import resolve_for
from chaos.run.controller import Controller
from chaos.run.driver import WorkerLostError
from chaos.run.execution import Execution
from chaos.run.outcome import PlannedOutcome
from chaos.steps.recording import Recording
from chaos.store.capsule import Capsule, DriverName, capsule_defect, expected_of, replay_line
from chaos.store.store import KNOWN, IndexLine, Store, StoreError
from chaos.store.stored import StoredResult, write_history
from chaos.store.version import tool_version
from workers.protocol import DefectSource

DOUBLE_RUN_EVERY = 20
OUT_OF_MEMORY = Finding(
    check="memory",
    kind="run",
    shape="memory",
    summary="out of memory",
    step=0,
    verdict=Verdict.UNKNOWN,
)


class RunSpec(msgspec.Struct, frozen=True):
    """The options with which a campaign runs each seed."""

    experiment: Experiment
    driver: DriverName
    defects: tuple[DefectSource, ...]
    defect_arguments: tuple[str, ...]  # as the user typed them, for replay lines
    experiment_argument: str
    program: str  # the user's raidstorm command, for lines to paste
    out: str
    target: TargetId | None = None  # for the driver native
    known: tuple[KnownFailure, ...] = ()  # those that are for the target's version


class RunResult(msgspec.Struct, frozen=True):
    """One run, as its campaign counts it."""

    seed: int
    verdict: Verdict
    findings: list[Finding]
    story: list[str]
    fingerprint: str
    steps: int
    seconds: float
    reach: dict[str, int]
    run_dir: str
    replay: str
    divergence: Divergence | None = None  # for a free run: where its replay in sim diverges
    replay_seconds: float = 0.0  # of the replay
    unwritten: str = ""  # the reason why its files can't be written; the run is not counted then
    known: str = ""  # the title of the known failure that it is
    outcome: PlannedOutcome | None = None  # of all that was planned

    @property
    def signature(self) -> str:
        """Return the signature of the first finding, or ""."""
        return self.findings[0].signature if self.findings else ""

    @property
    def is_failure(self) -> bool:
        """Return whether it failed, in a way that isn't known."""
        return bool(self.findings) and not self.known

    @property
    def group(self) -> str:
        """Return the group of failures of which a store keeps a number of runs."""
        return KNOWN + self.known if self.known else self.signature


class Runner:
    """Runs seeds of one spec on one driver, which lives from run to run."""

    def __init__(self, spec: RunSpec, store: Store, is_stopped: Callable[[], bool] = never) -> None:
        self.spec = spec
        self.store = store
        self.is_stopped = is_stopped
        self.checks: tuple[Check, ...] = tuple(load_check(path) for path in spec.experiment.checks)
        self._driver: Driver | None = None

    @property
    def driver(self) -> Driver:
        """Return the driver; the first call starts it."""
        if self._driver is None:
            self._driver = make_driver(
                self.spec.driver, self.spec.experiment, self.is_stopped, self.spec.target
            )
        return self._driver

    def close(self) -> None:
        """End the driver."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def head(self, seed: int) -> Capsule:
        """Make the capsule's head, which has everything that is known before the run."""
        spec = self.spec
        return Capsule(
            raidstorm_version=tool_version(),
            python_version=platform.python_version(),
            experiment=spec.experiment,
            seed=seed,
            driver=spec.driver,
            plan=resolve_for(spec.experiment, seed, spec.target),
            defects=[capsule_defect(defect) for defect in spec.defects],
            checks=[embed_check(path) for path in spec.experiment.checks],
        )

    def run_seed(self, seed: int) -> RunResult:
        """Run one seed; a run that is out of memory has no verdict but UNKNOWN."""
        head = self.head(seed)
        path = self.store.begin(head)
        try:
            return self._run(head, path)
        except MemoryError:
            self.close()
            self.store.discard(path)
            return not_ended(self.spec, seed, OUT_OF_MEMORY)
        except BaseException:
            self.store.discard(path)
            raise

    def _run(self, head: Capsule, path: Path) -> RunResult:
        begun = time.perf_counter()
        execution, recording = self._execute_again_if_lost(head, path)
        is_twice = head.seed % DOUBLE_RUN_EVERY == 0 and self.spec.driver != "realtime"
        difference = self._run_twice(head, execution) if is_twice else None
        seconds = time.perf_counter() - begun
        findings = judge(execution, self.checks, seed=head.seed)
        outcome = execution.outcome
        if difference is not None:
            findings.append(difference)
        if recording is None:
            rejudged = Rejudged(execution, findings, None)
            return self._finish(head, path, rejudged, outcome, seconds)
        begun = time.perf_counter()
        defects = head.defect_sources()
        rejudged = rejudge(execution, recording, findings, defects, self.checks)
        result = self._finish(head, path, rejudged, outcome, seconds)
        if rejudged.is_rebuilt and result.run_dir:
            write_history(
                path / "workers", execution.history
            )  # as the free run's own checks saw it
        return msgspec.structs.replace(result, replay_seconds=time.perf_counter() - begun)

    def _execute_again_if_lost(
        self, head: Capsule, path: Path
    ) -> tuple[Execution, Recording | None]:
        """Run it; after a kill of a worker from outside, run it once more with a new one."""
        try:
            return self._execute(head, path)
        except WorkerLostError:
            self.close()
        try:
            return self._execute(head, path)
        except WorkerLostError:
            self.close()
            raise

    def _execute(self, head: Capsule, path: Path) -> tuple[Execution, Recording | None]:
        driver = self.driver
        defects = head.defect_sources()
        if isinstance(driver, RealtimeDriver):
            return driver.run(head.plan, head.seed, defects, path)
        return Controller(head.plan, driver, defects).explore(head.seed), None

    def _run_twice(self, head: Capsule, first: Execution) -> Finding | None:
        second, _ = self._execute(head, self.store.root)
        if second.fingerprint == first.fingerprint:
            return None
        step = first_difference(first, second)
        return Finding(
            check=DETERMINISM,
            kind="difference",
            shape="two runs of one seed",
            summary=f"two runs of seed {head.seed} differ from step {step} on",
            step=step,
            verdict=Verdict.NONDETERMINISM,
        )

    def _finish(
        self,
        head: Capsule,
        path: Path,
        judged: Rejudged,
        outcome: PlannedOutcome | None,
        seconds: float,
    ) -> RunResult:
        """Keep a run that failed, discard one that passed, and return its result."""
        execution, findings = judged.execution, judged.findings
        result = RunResult(
            seed=head.seed,
            verdict=verdict_of(findings),
            findings=[*findings, *judged.free_findings],
            story=[],
            fingerprint=execution.fingerprint,
            steps=execution.steps,
            seconds=seconds,
            reach=count_reach(execution.history, execution.plan.layout) | count_sequence(outcome),
            run_dir="",
            replay="",
            divergence=judged.divergence,
            outcome=outcome,
        )
        known = self._known_as(result)
        if known:
            replay = replay_by_seed(self.spec, head.seed)
            result = msgspec.structs.replace(result, known=known, replay=replay)
        if findings and not (known and self.store.is_full(result.group)):
            return self._keep(head, path, judged, result)
        self.store.discard(path)
        return result

    def _known_as(self, result: RunResult) -> str:
        """Return the title of the known failure that a run's first finding is, or ""."""
        if not self.spec.known or any(one.check == DETERMINISM for one in result.findings[1:]):
            return ""  # a run that can't be repeated shows nothing about its first finding
        return known_as(self.spec.known, result.signature)

    def _keep(self, head: Capsule, path: Path, judged: Rejudged, result: RunResult) -> RunResult:
        """Write a failing run's directory, if there is room for it, and return its path."""
        execution, findings = judged.execution, judged.findings
        # A report shows the first run of a signature. The stories of those without a directory must not cost much.
        engine = None if self.store.is_full(result.group) else Engine(self.spec.defects)
        described = describe_run(execution, findings, head.seed, engine=engine)
        capsule = msgspec.structs.replace(
            head,
            labels=described.labels,
            expected=expected_of(execution, findings),
            schedule=execution.schedule,
            rebuilt=judged.is_rebuilt,
        )
        shown = str(self.store.shown(path))
        replay = replay_line(self.spec.program, shown, capsule)
        stored = StoredResult(
            experiment=head.experiment.name,
            driver=head.driver,
            seed=head.seed,
            code=int(described.verdict),
            verdict=described.verdict.name.lower(),
            defects=[defect.id for defect in head.defects],
            steps=execution.steps,
            fingerprint=execution.fingerprint,
            findings=findings,
            story=described.story,
            reach=result.reach,
            crash=execution.crash,
            replay=replay,
            divergence=judged.divergence,
            free_findings=judged.free_findings,
        )
        if not self.store.keep(path, capsule, execution, described.labels, stored, result.group):
            shown, replay = "", replay_by_seed(self.spec, head.seed)
        return msgspec.structs.replace(result, story=described.story, run_dir=shown, replay=replay)


def not_ended(spec: RunSpec, seed: int, finding: Finding) -> RunResult:
    """Make the result of a run that can't be judged."""
    replay = replay_by_seed(spec, seed)
    return RunResult(seed, finding.verdict, [finding], [], "", 0, 0.0, {}, "", replay)


def unwritten(seed: int, error: StoreError) -> RunResult:
    """Make the result of a run whose files can't be written; its campaign ends with it."""
    verdict = Verdict.UNWRITTEN
    return RunResult(seed, verdict, [], [], "", 0, 0.0, {}, "", "", unwritten=str(error))


def index_line(spec: RunSpec, result: RunResult) -> IndexLine:
    """Make the line of a run in index.jsonl.

    The campaign writes it when it counts the run, so that the index has as many lines as it reports runs.
    """
    return IndexLine(
        experiment=spec.experiment.name,
        driver=spec.driver,
        seed=result.seed,
        defects=[defect.id for defect in spec.defects],
        code=int(result.verdict),
        steps=result.steps,
        seconds=round(result.seconds, 4),
        fingerprint=result.fingerprint,
        signature=result.signature,
        run_dir=result.run_dir,
    )


def replay_by_seed(spec: RunSpec, seed: int) -> str:
    """Make the line that runs a seed again without its directory."""
    words = [spec.program, "replay", shlex.quote(f"{spec.experiment_argument}:{seed}")]
    if spec.target is not None:
        option, path = spec.target.option
        words += [option, shlex.quote(path)]
    elif spec.driver != "sim":
        words += ["--driver", spec.driver]
    for defect in spec.defect_arguments:
        words += ["--defect", shlex.quote(defect)]
    return " ".join(words)


def first_difference(first: Execution, second: Execution) -> int:
    """Return the first step at which two runs differ, counted from 1."""
    for number, (one, other) in enumerate(zip(first.schedule, second.schedule, strict=False), 1):
        if one != other:
            return number
    return min(len(first.schedule), len(second.schedule)) + 1
