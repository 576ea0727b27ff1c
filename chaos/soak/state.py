"""The state of a soak on disk: ``soak.json``, written whole or not at all, so that a killed soak continues from it.

A chunk of seeds is open from its submission until its result is in the state. After a kill it is still open there, and
is run again: a seed counts once, with the state that has its result. All other files of a soak follow the state.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from chaos.base.estimates import NONE_SEEN_95
from chaos.campaigns.reached import NeverCame, ReachedIn
from chaos.campaigns.runner import RunSpec

STATE = "soak.json"
LOCK = "lock"
FORMAT = "raidstorm soak"
FORMAT_VERSION = 1
STATE_BYTES_MAX = 256 * 1024 * 1024


class SoakError(Exception):
    """The soak can't begin or continue; the message is one sentence."""


class SeedLane(msgspec.Struct):
    """Seeds of one spec, in order; ``share`` of the seeds of its driver's lanes."""

    spec: RunSpec
    share: int
    first_seed: int
    next_seed: int
    runs: int = 0
    failed: int = 0
    known: int = 0  # runs with a known failure, which are not among the failed ones
    steps: int = 0
    seconds: float = 0.0  # of job processes
    reached_in: dict[str, ReachedIn] = {}
    never_came: dict[str, NeverCame] = {}  # by kind

    @property
    def name(self) -> str:
        """Return the lane's name on pages; it is unique in a soak."""
        words = [self.spec.experiment.name, self.spec.driver]
        if self.spec.defects:
            words += ["with", *(defect.id for defect in self.spec.defects)]
        return " ".join(words)

    @property
    def judged(self) -> int:
        """Return how many runs were not cut short by a known failure."""
        return self.runs - self.known


class Canary(msgspec.Struct):
    """A facet that must fail, and how often it did."""

    spec: RunSpec
    first_seed: int
    seeds: int
    expect_code: int
    caught: int = 0
    missed: int = 0
    last_seconds: float | None = None  # the soak's time when it was last run


class Chunk(msgspec.Struct, frozen=True):
    """Consecutive seeds of one task."""

    lane: int
    first: int
    count: int

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds."""
        return tuple(range(self.first, self.first + self.count))


class Kept(msgspec.Struct, frozen=True):
    """A failing run whose directory is kept."""

    run_dir: str
    seed: int
    lane: int
    steps: int
    replay: str


class Group(msgspec.Struct):
    """All failures with one signature."""

    signature: str
    code: int
    summary: str
    story: list[str]
    first_seconds: float  # the soak's time when it was first seen
    first_seed: int
    lanes: list[int]
    count: int = 0
    kept: list[Kept] = []
    replay: str = ""
    folder: str = ""  # of the minimal capsule and its story
    minimal: str = ""  # the capsule
    minimal_signature: str = ""
    minimal_steps: tuple[int, int] = (0, 0)  # of hosts, operator and nemesis: before, after
    shrunk_from: int = 0  # steps of the run that was shrunk last
    shrinks: int = 0
    not_shrunk: str = ""  # the reason
    same_as: str = ""  # another signature, if the minimal run fails with that one


class KnownGroup(msgspec.Struct):
    """All runs with a known failure of one title; the smallest is kept."""

    title: str
    link: str = ""
    count: int = 0
    kept: Kept | None = None


class Stored(msgspec.Struct):
    """A failure of an earlier soak, run again first."""

    capsule: str
    signature: str
    state: str = "waiting"  # fails still, passes now, no longer applies


class Arguments(msgspec.Struct, frozen=True):
    """The arguments of the soak."""

    suite: str
    seconds: float
    jobs: int
    keep: int
    canary_seconds: float | None
    disk_bytes: int
    seed_seconds: float
    on_failure: str
    metrics: str
    program: str
    runs_max: int | None = None  # then it ends, if not by time


class Drift(msgspec.Struct, frozen=True):
    """The resources held at one time; for job and reactor processes, those of the largest."""

    seconds: float
    runs: int
    failed: int
    busy: float  # the share of the time that job processes have worked, since the soak began
    controller_kib: int
    jobs_kib: int
    reactors_kib: int
    descriptors: int
    processes: int
    segments: int
    disk_bytes: int


class SoakState(msgspec.Struct):
    """soak.json."""

    arguments: Arguments
    lanes: list[SeedLane]
    canaries: list[Canary]
    stored: list[Stored]
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    state: str = "running"  # done, interrupted
    seconds: float = 0.0
    busy_seconds: float = 0.0
    open: list[Chunk] = []
    attempts: dict[str, int] = {}  # "lane:seed" -> the number of times that its process was killed
    groups: dict[str, Group] = {}
    known: dict[str, KnownGroup] = {}  # by title
    reach: dict[str, int] = {}
    unknown: int = 0
    chunks_bytes: int = 0  # the counted length of chunks.jsonl
    failures_bytes: int = 0  # the counted length of failures.jsonl
    lost: int = 0  # job processes that were killed from outside
    resumed: int = 0
    pids: list[
        int
    ] = []  # of the controller and its job processes, whose leftovers a resumed soak removes
    drift: list[Drift] = []
    disk_full: bool = False  # then failing runs are only counted, and one of each signature is kept

    @property
    def runs(self) -> int:
        """Return how many runs count."""
        return sum(lane.runs for lane in self.lanes)

    @property
    def seeds_left(self) -> int | None:
        """Return how many seeds may still be handed out for the first time; None: there is no bound."""
        runs_max = self.arguments.runs_max
        if runs_max is None:
            return None
        return runs_max - sum(lane.next_seed - lane.first_seed for lane in self.lanes)

    @property
    def is_over(self) -> bool:
        """Return whether it has run its time, or its number of runs."""
        runs_max = self.arguments.runs_max
        is_full = runs_max is not None and self.runs >= runs_max
        return is_full or self.seconds >= self.arguments.seconds

    @property
    def failed(self) -> int:
        """Return how many runs failed."""
        return sum(lane.failed for lane in self.lanes)

    @property
    def known_total(self) -> int:
        """Return how many runs ended with a known failure."""
        return sum(lane.known for lane in self.lanes)

    @property
    def busy(self) -> float:
        """Return the share of the time that the job processes have worked."""
        return min(1.0, self.busy_seconds / (self.seconds * self.arguments.jobs or 1.0))


def green_line(state: SoakState) -> str:
    """Say how much a soak without failures shows."""
    clean = [lane for lane in state.lanes if not lane.spec.defects]
    runs, failed = sum(lane.judged for lane in clean), sum(lane.failed for lane in clean)
    if not state.runs:
        return "no seed has run yet"
    if failed or not runs:
        return f"{state.failed} of {state.runs:,} schedules failed".replace(",", " ")
    which = "" if clean == state.lanes else "without a defect: "
    bound = min(1.0, NONE_SEEN_95 / runs)
    mantissa, _, exponent = f"{bound:.1e}".partition("e")
    power = "".join("⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".index(sign)] for sign in str(int(exponent)))
    return f"{which}0 of {runs:,} schedules; 95 % bound {mantissa}·10{power}".replace(",", " ")


def write_state(folder: Path, state: SoakState) -> None:
    """Write the whole file, or leave the old one."""
    write_whole(folder / STATE, msgspec.json.encode(state))


def write_whole(path: Path, data: bytes) -> None:
    """Write a whole file, or leave the old one; raise SoakError where neither is possible."""
    unfinished = path.with_name(f".{path.name}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise SoakError(f"{path} can't be written: {error.strerror}") from None


def read_state(folder: Path) -> SoakState:
    """Read a soak's directory; raise SoakError where it can't be read."""
    path = folder / STATE
    try:
        if path.stat().st_size > STATE_BYTES_MAX:
            raise SoakError(f"{path} is too large to be a soak's state")
        state = msgspec.json.decode(path.read_bytes(), type=SoakState)
    except OSError as error:
        raise SoakError(
            f"{path} can't be read ({error.strerror}); --resume takes the directory of a soak"
        ) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise SoakError(f"{path} is not a soak's state: {error}") from None
    if state.format != FORMAT or state.format_version != FORMAT_VERSION:
        raise SoakError(f"{path} is not a soak's state that this raidstorm reads")
    return state


def take_lock(folder: Path) -> int:
    """Keep any other process from running this soak; returns the descriptor that holds the lock."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SoakError(
            f"{folder} is the directory of a soak that runs; wait, or stop it"
        ) from None
    return descriptor
