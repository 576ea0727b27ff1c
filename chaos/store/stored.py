"""An execution in a run directory, written and read back: everything that the checks need to judge a run again.

``history.jsonl`` has the history, ``capsule.json`` plan and schedule, ``execution.json`` all other parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chaos.checkers import Finding
from chaos.drivers.free_replay import Divergence
from chaos.plan.plan import Plan
from chaos.run.driver import Counts
from chaos.run.execution import Execution, RunEnd
from chaos.run.outcome import PlannedOutcome
from chaos.steps.history import Entry, History
from chaos.steps.schedule import Step
from chaos.store.capsule import Capsule, read_capsule
from workers.protocol import Crash, WaitRow

EXECUTION = "execution.json"
HISTORY = "history.jsonl"
RESULT = "result.json"
TIMELINE = "timeline.html"
FILE_BYTES_MAX = 512 * 1024 * 1024
Kind = TypeVar("Kind")
ELSEWHERE: dict[str, list[Any]] = {"history": [], "schedule": []}  # in files of their own
# Links that a store writes, and why there may be none.
LINKS = {"latest": "no run is kept here", "latest-failure": "no run has failed here"}


class StoredError(Exception):
    """A run directory can't be judged; the message is one sentence."""


class StoredResult(msgspec.Struct, frozen=True):
    """result.json."""

    experiment: str
    driver: str
    seed: int
    code: int
    verdict: str
    defects: list[str]
    steps: int
    fingerprint: str
    findings: list[Finding]
    story: list[str]
    reach: dict[str, int]
    crash: Crash | None
    replay: str
    # For a free run: the step where its replay in sim diverges, and the findings that only the free run has.
    divergence: Divergence | None = msgspec.field(default=None, name="parted")
    free_findings: list[Finding] = []


class StoredRest(msgspec.Struct, frozen=True):
    """An execution without the parts in other files; its end is written as three flags."""

    plan: Plan
    history: History
    schedule: list[Step]
    notes: list[str]
    fingerprint: str
    steps: int
    crash: Crash | None
    settled: bool
    settle_bound_hit: bool
    disks: list[list[int]]
    census: Counts
    interrupted: bool = False
    waits: list[WaitRow] = []
    outcome: PlannedOutcome | None = None

    @property
    def end(self) -> RunEnd:
        """Return the end of the run."""
        if self.crash is not None:
            return RunEnd.CRASHED
        if self.settled:
            return RunEnd.SETTLED
        if self.interrupted:
            return RunEnd.INTERRUPTED
        return RunEnd.BOUND_HIT if self.settle_bound_hit else RunEnd.STUCK


class StoredExecution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """execution.json: an execution without the parts in other files, and the lengths of those."""

    entries: int
    steps: int
    execution: StoredRest


class StoredRun(msgspec.Struct, frozen=True):
    """The content of a run directory."""

    capsule: Capsule
    execution: Execution
    result: StoredResult


def write_execution(folder: Path, execution: Execution) -> None:
    """Write history and execution; another module writes the capsule."""
    write_history(folder, execution.history)
    encode = msgspec.json.Encoder().encode
    rest = StoredRest(
        **{name: getattr(execution, name) for name in StoredRest.__struct_fields__} | ELSEWHERE
    )
    stored = StoredExecution(len(execution.history), len(execution.schedule), rest)
    (folder / EXECUTION).write_bytes(encode(stored) + b"\n")


def write_history(folder: Path, history: History) -> None:
    """Write one line for each entry."""
    encode = msgspec.json.Encoder().encode
    (folder / HISTORY).write_bytes(b"".join(encode(entry) + b"\n" for entry in history))


def dangling(path: Path) -> str:
    """Return in words why a link to a run leads nowhere; empty where the path exists, or is none of these links."""
    try:
        if path.is_symlink() and not path.exists():
            return f"{path} points to {path.readlink()}, which is gone"
        if path.name in LINKS and not path.exists():
            return f"there is no {path}: {LINKS[path.name]}"
    except (OSError, ValueError):
        return ""  # reading it says more
    return ""


def read_run(folder: Path) -> StoredRun:
    """Read a whole run directory; raise StoredError or CapsuleError when it can't be read."""
    _check_folder(folder)
    capsule = read_capsule(folder / "capsule.json")
    schedule = capsule.schedule
    if schedule is None:
        raise StoredError(
            f"{folder}/capsule.json has no schedule, so it is not this run's; replay it"
        )
    stored = _decode(folder / EXECUTION, _read(folder / EXECUTION), StoredExecution)
    history = _read_history(folder / HISTORY)
    if (len(history), len(schedule)) != (stored.entries, stored.steps):
        raise StoredError(
            f"{folder} has {len(history)} history entries of {stored.entries}, and {len(schedule)} steps of "
            f"{stored.steps}; a file was edited or cut short"
        )
    if stored.execution.plan != capsule.plan:
        raise StoredError(f"{folder}: {EXECUTION} and capsule.json are of different runs")
    rest = stored.execution
    kept = {name: getattr(rest, name) for name in Execution.__struct_fields__}
    execution = Execution(**kept | {"history": history, "schedule": schedule})
    return StoredRun(
        capsule, execution, _decode(folder / RESULT, _read(folder / RESULT), StoredResult)
    )


def _check_folder(folder: Path) -> None:
    if why := dangling(folder):
        raise StoredError(why)
    try:
        if not folder.is_dir():
            raise StoredError(
                f"{folder} is not a run directory ('replay' runs a capsule or NAME:SEED again); of runs that pass "
                "only the line in index.jsonl is kept"
            )
        missing = [
            name
            for name in ("capsule.json", EXECUTION, HISTORY, RESULT)
            if not (folder / name).exists()
        ]
    except (OSError, ValueError) as error:
        raise StoredError(f"{folder} can't be read: {error}") from None
    if "capsule.json" in missing:
        example = f" (such as {folder}/latest-failure)" if folder.is_dir() else ""
        raise StoredError(
            f"{folder} has no capsule.json, so it is no run directory{example}; "
            "of runs that pass only the line in index.jsonl is kept"
        )
    if missing:
        raise StoredError(
            f"{folder} has no {missing[0]}, so there is nothing to judge (the run was cut short, its capsule "
            "came alone, or an older raidstorm wrote it); replay it"
        )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise StoredError(f"{path} is too large to be raidstorm's")
        return path.read_bytes()
    except OSError as error:
        raise StoredError(f"{path} can't be read: {error.strerror}") from None


def _decode(path: Path, data: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise StoredError(
            f"{path} is damaged, or of another version of raidstorm: {error}"
        ) from None


def _read_history(path: Path) -> History:
    decode = msgspec.json.Decoder(Entry).decode
    history: History = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        try:
            history.append(decode(line))
        except (msgspec.DecodeError, RecursionError) as error:
            raise StoredError(
                f"{path} is damaged, or of another version of raidstorm, in line {number}: {error}"
            ) from None
    return history
