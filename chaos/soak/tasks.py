"""The tasks of a soak's job processes: seeds, canaries, stored failures, and shrinking.

Each process writes to a file of its own which seed it is at, and since when. The soak ends a process that is at one for
too long, and knows the seed of one that was killed.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import msgspec

from chaos.base.interrupt import InterruptedRunError
from chaos.base.job_process import JobProcess
from chaos.campaigns.jobs import Runners
from chaos.campaigns.runner import RunResult, RunSpec, not_ended
from chaos.checkers import Finding, Verdict
from chaos.explaining.minimal_files import write_minimal
from chaos.judging.user_checks import CodeError, load_embedded_check
from chaos.replaying.replay import replay_capsule
from chaos.run.driver import DriverError
from chaos.shrinking.files import MINIMAL
from chaos.shrinking.minimal import minimize
from chaos.shrinking.shrinker import ShrinkError
from chaos.store.capsule import read_capsule, replay_line
from chaos.store.store import Store

MARK_BYTES = 96
MEMORY_BYTES_MAX = 6 * 1024**3  # for a job process or a reactor
SHRINK_SECONDS = 60.0
STORY = "story.txt"


class SeedMark(msgspec.Struct, frozen=True, array_like=True):
    """The seed that a process is at, since this time by the clock that all processes of a machine share."""

    lane: int
    seed: int
    since: float


class SeedsTask(msgspec.Struct, frozen=True):
    """Seeds of a lane to run."""

    lane: int
    spec: RunSpec
    seeds: tuple[int, ...]
    marks: str
    kept_max: int


class Ran(msgspec.Struct, frozen=True):
    """The results of a task; ``seconds``: how long its process has worked."""

    results: list[RunResult]
    seconds: float


class CanaryTask(msgspec.Struct, frozen=True):
    """Seeds of a facet of which one must fail."""

    number: int
    spec: RunSpec
    seeds: tuple[int, ...]
    expect_code: int


class CanaryRan(msgspec.Struct, frozen=True):
    """Whether the canary was caught."""

    caught: bool
    runs: int
    seconds: float


class ShrinkTask(msgspec.Struct, frozen=True):
    """A failing run to shrink; its files go to ``folder``."""

    signature: str
    run_dir: str
    folder: str
    program: str


class Shrunk(msgspec.Struct, frozen=True):
    """The shrunk run, or why there is none."""

    why_not: str
    signature: str
    story: list[str]
    steps: tuple[int, int]
    seconds: float
    replay: str = ""  # the line to type


class AgainTask(msgspec.Struct, frozen=True):
    """A failure of an earlier soak."""

    number: int
    capsule: str


class Again(msgspec.Struct, frozen=True):
    """How it ends today."""

    state: str
    seconds: float


def run_seeds(process: JobProcess, task: SeedsTask) -> Ran:
    """Run the seeds; fewer when asked to end early. A seed that raidstorm can't run or judge counts as broken."""
    _limit_memory()
    begun = time.monotonic()
    store = Store(Path(task.spec.out), kept_max=task.kept_max)
    runner = process.of(Runners).get(task.spec, store)
    results: list[RunResult] = []
    with _Marker(Path(task.marks)) as marker:
        for seed in task.seeds:
            if process.is_stopped():
                break
            marker.at(task.lane, seed)
            try:
                results.append(runner.run_seed(seed))
            except InterruptedRunError:
                break
            except (CodeError, DriverError) as error:
                # One seed that can't be run or judged must not end the soak.
                runner.close()
                results.append(not_ended(task.spec, seed, _broken(error)))
    return Ran(results, time.monotonic() - begun)


def _broken(error: Exception) -> Finding:
    return Finding(
        check="raidstorm",
        kind="run",
        shape=type(error).__name__,
        summary=str(error),
        step=0,
        verdict=Verdict.BROKEN,
    )


def run_canary(process: JobProcess, task: CanaryTask) -> CanaryRan:
    """Run seeds until one fails with the expected code; no run is kept."""
    _limit_memory()
    begun = time.monotonic()
    store = Store(Path(task.spec.out), kept_max=0)
    runner = process.of(Runners).get(task.spec, store)
    runs = 0
    for seed in task.seeds:
        if process.is_stopped():
            break
        runs += 1
        if int(runner.run_seed(seed).verdict) == task.expect_code:
            return CanaryRan(caught=True, runs=runs, seconds=time.monotonic() - begun)
    return CanaryRan(caught=False, runs=runs, seconds=time.monotonic() - begun)


def shrink_run(process: JobProcess, task: ShrinkTask) -> Shrunk:
    """Shrink a failing run."""
    begun = time.monotonic()
    folder = Path(task.folder)
    try:
        capsule = read_capsule(Path(task.run_dir) / "capsule.json")
        # It has been run here, so its code is this soak's own.
        checks = tuple(load_embedded_check(code) for code in capsule.checks)
        minimal = minimize(
            capsule,
            checks,
            lambda: process.is_stopped() or time.monotonic() - begun > SHRINK_SECONDS,
            interrupted=process.is_stopped,
            budget=f"{SHRINK_SECONDS:g} s",
        )
    except (ShrinkError, OSError) as error:
        return Shrunk(str(error), "", [], (0, 0), time.monotonic() - begun)
    folder.mkdir(parents=True, exist_ok=True)
    replay = replay_line(task.program, folder / MINIMAL, capsule)
    told = write_minimal(folder, minimal.capsule, checks, replay)
    story = [*told.story, f"replay: {replay}"]
    (folder / STORY).write_text("\n".join(story) + "\n", encoding="utf-8")
    return Shrunk(
        "",
        minimal.finding.signature,
        told.story,
        (minimal.outside_before, minimal.outside),
        time.monotonic() - begun,
        replay,
    )


def run_again(process: JobProcess, task: AgainTask) -> Again:
    """Replay a failure of an earlier soak with the present code."""
    begun = time.monotonic()
    capsule = read_capsule(Path(task.capsule))
    checks = tuple(load_embedded_check(code) for code in capsule.checks)
    replayed = replay_capsule(
        capsule, capsule.stepping_driver, capsule.defect_sources(), checks, process.is_stopped
    )
    if replayed.divergence:
        state = "no longer applies"
    else:
        state = "fails still" if replayed.findings else "passes now"
    return Again(state, time.monotonic() - begun)


def read_marks(folder: Path) -> dict[int, SeedMark]:
    """Return the seed that each process is at, by its pid."""
    marks: dict[int, SeedMark] = {}
    for path in sorted(folder.iterdir()):
        text = path.read_bytes().strip()
        if text:
            marks[int(path.name)] = msgspec.json.decode(text, type=SeedMark)
    return marks


class _Marker:
    """This process's file among the marks."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(
            folder / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644
        )

    def __enter__(self) -> _Marker:
        return self

    def __exit__(self, *_: object) -> None:
        self._write(b"")
        os.close(self._descriptor)

    def at(self, lane: int, seed: int) -> None:
        """Write down that this process is at this seed now."""
        self._write(msgspec.json.encode(SeedMark(lane, seed, time.monotonic())))

    def _write(self, data: bytes) -> None:
        os.pwrite(
            self._descriptor, data.ljust(MARK_BYTES), 0
        )  # one write: a reader never sees half of it


def _limit_memory() -> None:
    """Limit the memory, so that too much of it raises an exception here, before other processes suffer."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = MEMORY_BYTES_MAX if most == resource.RLIM_INFINITY else min(most, MEMORY_BYTES_MAX)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
