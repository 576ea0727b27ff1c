"""The run directory: the files of runs on disk.

A passing run keeps a line in the index. A failing one keeps its capsule, history, trace and result, up to a number of
runs for each signature.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from chaos.checkers.finding import NAMES
from chaos.run.execution import Execution
from chaos.showing.labels import Labels
from chaos.showing.lanes import lanes_of
from chaos.showing.narrative import narrate
from chaos.showing.timeline import About, page, timeline_from
from chaos.showing.trace import lines_of
from chaos.showing.wording.words import exact_words
from chaos.store.capsule import Capsule, write_capsule
from chaos.store.stored import TIMELINE, StoredResult, write_execution

KEPT_PER_SIGNATURE_MAX = 20
KNOWN = "known failure: "  # before the title of a group of known failures, of which one run is kept
RUN_DIRECTORY = re.compile(
    r"\d{8}-\d{6}-(?P<driver>[a-z]+)-(?P<seed>\d+)(\.\d+)?"
)  # see Store.begin
README = """This directory is one failing run of raidstorm.

capsule.json   everything needed to replay it; give this file to a colleague
history.jsonl  the steps of hosts, operator and nemesis, and the target's answers and events, in order:
               ["invoked", step, [what, op, ...]], ["completed", step, op, status, value, data per block],
               ["happened", step, [event, thread, [numbers]]]; trace.log has the same in words
execution.json the other facts for the checks: disks and references at the end, the kind of end
result.json    verdict, findings and story
trace.log      a line per step, a column per reactor, disk and host
timeline.html  the same as lanes, for a browser: steps, faults, rebuild offset; it opens at the finding
workers/       in realtime: the step records of each reactor, [target, [number, ticket, step, cause, outcome]], and
               the steps of hosts, operator and nemesis, [target, [ticket, step]]; if capsule.json has "rebuilt",
               the files above are of the replay in sim, and history.jsonl here is the free run's own
minimal.*      "raidstorm shrink" with this directory writes the smallest run that fails in the same way,
               as a capsule (json), in words (log) and as lanes (html)

Replay it: {replay}
"raidstorm check" with this directory judges it again and runs nothing.
"""


class StoreError(Exception):
    """The run directory can't be used; the message is one sentence."""


def now_stamp() -> str:
    """Return the present time as it stands in names of directories."""
    return time.strftime("%Y%m%d-%H%M%S")


class RunName(NamedTuple):
    """The parts of a run directory's name."""

    experiment: str
    driver: str
    seed: int


def run_name(path: Path) -> RunName | None:
    """Read the path of a run directory, or of a file in one, which need not exist; return None for any other path."""
    for folder in (path, path.parent):
        found = RUN_DIRECTORY.fullmatch(folder.name)
        if found is not None and folder.parent.name:
            return RunName(folder.parent.name, found["driver"], int(found["seed"]))
    return None


class IndexLine(msgspec.Struct, frozen=True):
    """One run in index.jsonl."""

    experiment: str
    driver: str
    seed: int
    defects: list[str]
    code: int
    steps: int
    seconds: float
    fingerprint: str
    signature: str
    run_dir: str


class Store:
    """Writes below one directory, ``runs`` unless the user names another.

    It keeps ``kept_max`` failing runs of a group (a signature, or the title of known failures, of which it keeps one),
    and none of those in ``full``. With ``home``, its runs will be moved there, and its sentences name that place.
    """

    def __init__(
        self,
        root: Path,
        home: Path | None = None,
        full: Iterable[str] = (),
        *,
        kept_max: int = KEPT_PER_SIGNATURE_MAX,
    ) -> None:
        self.root = root
        self.home = home or root
        self.kept_max = kept_max
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{root} can't be made ({error.strerror}); choose another directory with --out"
            ) from None
        if not root.is_dir() or not os.access(root, os.W_OK | os.X_OK):
            raise StoreError(f"{root} can't be written to; choose another directory with --out")
        self._kept: dict[str, int] = dict.fromkeys(full, kept_max)

    def begin(self, capsule: Capsule) -> Path:
        """Make a directory for one run, with the capsule's head in it, so that a killed run is replayable too."""
        stamp = now_stamp()
        parent = self.root / capsule.experiment.name
        base = f"{stamp}-{capsule.driver}-{capsule.seed}"
        for attempt in range(1, 10_000):
            path = parent / (base if attempt == 1 else f"{base}.{attempt}")
            try:
                path.mkdir(parents=True)
            except (FileExistsError, FileNotFoundError):
                # The name belongs to another run, or a campaign that ended has just removed the empty parent.
                continue
            except OSError as error:
                raise StoreError(f"{path} can't be made: {error.strerror}") from None
            with self._writing(path):
                write_capsule(path / "capsule.json", capsule)
            return path
        raise StoreError(f"{parent} has too many runs named {base}")

    def shown(self, path: Path) -> Path:
        """Return the path at which a user will find a file."""
        return self.home / path.relative_to(self.root)

    def discard(self, path: Path) -> None:
        """Remove the directory of a passing run, which keeps only its index line."""
        shutil.rmtree(path, ignore_errors=True)

    def drop_if_empty(self, experiment: str) -> None:
        """Remove the parent directory at the end of a campaign, if it is empty; another campaign makes it again."""
        with contextlib.suppress(OSError):  # failing runs are in it
            (self.root / experiment).rmdir()

    def keep(
        self,
        path: Path,
        capsule: Capsule,
        execution: Execution,
        labels: Labels,
        result: StoredResult,
        group: str,
    ) -> bool:
        """Write all files of a failing run; return False when its group has enough of them already."""
        if not self._has_room(group):
            self.discard(path)
            return False
        with self._writing(path):
            self._write_all(path, capsule, execution, labels, result)
        self._point_to(path, group)
        return True

    def bring(self, path: Path, group: str, files: dict[str, bytes]) -> bool:
        """Write the files of a failing run that another store has kept; return False when there are enough of them.

        A directory with the same name stays as it is: another campaign ran the seed in the same second. Return False then, too.
        """
        if path.exists() or not self._has_room(group):
            return False
        with self._writing(path):
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
        self._point_to(path, group)
        return True

    @property
    def full(self) -> tuple[str, ...]:
        """Return the groups of which it has kept enough runs."""
        return tuple(group for group in self._kept if self.is_full(group))

    def is_full(self, group: str) -> bool:
        """Return whether it has kept enough runs of this group."""
        most = min(1, self.kept_max) if group.startswith(KNOWN) else self.kept_max
        return self._kept.get(group, 0) >= most

    def _has_room(self, group: str) -> bool:
        if self.is_full(group):
            return False
        self._kept[group] = self._kept.get(group, 0) + 1
        return True

    def _point_to(self, path: Path, group: str) -> None:
        # A failure that is known must not stand before one that is to be looked at.
        if not group.startswith(KNOWN):
            self.point("latest", path)
            self.point("latest-failure", path)

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """Remove the directory of a run that can't be written as a whole."""
        try:
            yield
        except OSError as error:
            self.discard(path)
            raise StoreError(f"{path} can't be written: {error.strerror}") from None

    def _write_all(
        self,
        path: Path,
        capsule: Capsule,
        execution: Execution,
        labels: Labels,
        result: StoredResult,
    ) -> None:
        write_capsule(path / "capsule.json", capsule)
        words = exact_words(execution, labels)
        encode = msgspec.json.encode
        write_execution(path, execution)
        (path / "result.json").write_bytes(msgspec.json.format(encode(result), indent=2))
        # They are narrated once for both files, since that is most of the cost.
        told = narrate(execution, words, result.findings)
        lanes = lanes_of(execution.plan, labels)
        (path / "trace.log").write_text("\n".join(lines_of(lanes, told)) + "\n", encoding="utf-8")
        timeline = timeline_from(told, execution, words, result.findings, _about(result))
        (path / TIMELINE).write_text(page(timeline), encoding="utf-8")
        (path / "README.txt").write_text(README.format(replay=result.replay))

    def point(self, name: str, path: Path) -> None:
        """Let ``latest`` or ``latest-failure`` point to a run; a failure to do so must not stop a run."""
        link = self.root / name
        fresh = self.root / f".{name}-{os.getpid()}"
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(os.path.relpath(path, self.root))
            fresh.replace(link)

    def index(self, line: IndexLine) -> None:
        """Append to the index in one write, so that lines of several processes don't mix."""
        data = msgspec.json.encode(line) + b"\n"
        try:
            descriptor = os.open(
                self.root / "index.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
            )
        except OSError as error:
            raise StoreError(
                f"{self.root}/index.jsonl can't be written: {error.strerror}"
            ) from None
        try:
            os.write(descriptor, data)
        except OSError as error:
            raise StoreError(
                f"{self.root}/index.jsonl can't be written: {error.strerror}"
            ) from None
        finally:
            os.close(descriptor)


def _about(result: StoredResult) -> About:
    """Return the head of a stored run's page."""
    return About(
        experiment=result.experiment,
        driver=result.driver,
        seed=result.seed,
        verdict=NAMES.get(result.code, result.verdict),
        defects=result.defects,
        story=result.story,
        replay=result.replay,
    )
