"""The resources that the program holds from run to run: descriptors, processes, segments, memory. For long campaigns.

They are counted for this process, and for the processes below it by kind: reactors (which a kill of the target replaces)
and job processes.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import msgspec

from workers import segments

PROC = Path("/proc")
KIB_PER_PAGE = os.sysconf("SC_PAGE_SIZE") // 1024
WARM_UP_RUNS = 3  # the first runs fill caches
REACTOR = "raidstorm reactor"  # the beginning of its command line


class HeldResources(msgspec.Struct, frozen=True):
    """The resources of the processes of a kind after the first runs, and after the last one.

    Descriptors and memory are those of the largest process. Memory is a process's own, without the segments that it shares.
    """

    processes: tuple[int, int]
    descriptors: tuple[int, int]
    memory_kib: tuple[int, int]
    memory_slope_kib_per_run: float


class Resources(msgspec.Struct, frozen=True):
    """Counts after the first runs and after the last one; memory also as a slope over the runs."""

    runs: int
    descriptors: tuple[int, int]
    processes: tuple[int, int]
    segments: tuple[int, int]
    memory_kib: tuple[int, int]
    memory_slope_kib_per_run: float
    below: dict[
        str, HeldResources
    ] = {}  # by kind of process: the resources of those below this one


class _Sample(msgspec.Struct, frozen=True):
    processes: int
    descriptors: int
    memory_kib: int
    segments: int = 0


class HeldNow(msgspec.Struct, frozen=True):
    """The resources of this process and of those below it at one moment."""

    own_kib: int
    descriptors: int  # this process's
    processes: int  # below it, at any depth
    segments: int
    below: dict[str, int]  # kind -> KiB of the largest process

    def below_kib(self, kind: str) -> int:
        """Return the largest process's own memory, or 0 where there is none of the kind."""
        return self.below.get(kind, 0)


def held_now(owners: set[int]) -> HeldNow:
    """Count once; segments are those of the owners."""
    own = _own_sample()
    below = _samples_below()
    return HeldNow(
        own_kib=own.memory_kib,
        descriptors=own.descriptors,
        processes=sum(sample.processes for sample in below.values()),
        segments=sum(
            leftover.owner_pid in owners for leftover in segments.leftovers((segments.FOLDER,))
        ),
        below={kind: sample.memory_kib for kind, sample in below.items()},
    )


class _Track:
    """Samples of one kind of process: the first, the last, and sums for a straight line through (run, memory)."""

    def __init__(self) -> None:
        self.first: _Sample | None = None
        self.last: _Sample | None = None
        self.count = self._x = self._y = self._xx = self._xy = 0

    def add(self, run: int, sample: _Sample) -> None:
        self.first = self.first or sample
        self.last = sample
        memory = sample.memory_kib
        self.count += 1
        self._x, self._y = self._x + run, self._y + memory
        self._xx, self._xy = self._xx + run * run, self._xy + run * memory

    def slope(self) -> float:
        """Return the slope, in KiB per run."""
        spread = self.count * self._xx - self._x * self._x
        return round((self.count * self._xy - self._x * self._y) / spread, 2) if spread else 0.0

    def held(self) -> HeldResources:
        first, last = self.first, self.last
        assert first is not None, "a track begins with a sample"
        assert last is not None, "a track begins with a sample"
        return HeldResources(
            processes=(first.processes, last.processes),
            descriptors=(first.descriptors, last.descriptors),
            memory_kib=(first.memory_kib, last.memory_kib),
            memory_slope_kib_per_run=self.slope(),
        )


class Watch:
    """Counts after every run; its own memory doesn't grow."""

    def __init__(self) -> None:
        self._seen = 0
        self._own = _Track()
        self._below: dict[str, _Track] = {}

    def look(self) -> None:
        """Count after a run."""
        self._seen += 1
        if self._seen < WARM_UP_RUNS:
            return
        if self._seen == WARM_UP_RUNS:
            gc.collect()
            gc.freeze()  # collections need not visit what is alive now, mostly code
            return
        gc.collect()  # runs leave reference cycles behind, which would look like a leak
        self._own.add(self._seen, _own_sample())
        for kind, sample in _samples_below().items():
            self._below.setdefault(kind, _Track()).add(self._seen, sample)

    def report(self) -> Resources | None:
        """Return the changes, or None after too few runs; it is the end of the watch."""
        gc.unfreeze()
        first, last = self._own.first, self._own.last
        if first is None or last is None or self._own.count < WARM_UP_RUNS:
            return None
        return Resources(
            runs=self._seen,
            descriptors=(first.descriptors, last.descriptors),
            processes=(first.processes, last.processes),
            segments=(first.segments, last.segments),
            memory_kib=(first.memory_kib, last.memory_kib),
            memory_slope_kib_per_run=self._own.slope(),
            below={kind: track.held() for kind, track in self._below.items()},
        )


def _own_sample() -> _Sample:
    own = list(segments.FOLDER.glob(f"{segments.owner_tag()}-*"))
    return _Sample(
        processes=len(_children(os.getpid())),
        descriptors=len(os.listdir("/proc/self/fd")),
        memory_kib=int(Path("/proc/self/statm").read_text().split()[1]) * KIB_PER_PAGE,
        segments=len(own),
    )


def _children(pid: int) -> list[int]:
    return [int(child) for child in (PROC / f"{pid}/task/{pid}/children").read_text().split()]


def _samples_below() -> dict[str, _Sample]:
    """Return a sample for each kind of process below this one, with their children."""
    found: dict[str, list[tuple[int, int]]] = {}
    waiting = _children(os.getpid())
    while waiting:
        pid = waiting.pop()
        try:
            waiting += _children(pid)
            command = (PROC / f"{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            resident, shared = map(int, (PROC / f"{pid}/statm").read_text().split()[1:3])
            descriptors = len(os.listdir(PROC / f"{pid}/fd"))
        except OSError:
            continue  # the process has ended meanwhile
        kind = "reactor" if command.startswith(REACTOR) else "other"
        found.setdefault(kind, []).append((descriptors, (resident - shared) * KIB_PER_PAGE))
    return {
        kind: _Sample(
            processes=len(rows),
            descriptors=max(descriptors for descriptors, _ in rows),
            memory_kib=max(memory for _, memory in rows),
        )
        for kind, rows in sorted(found.items())
    }
