"""What this process holds from run to run: descriptors, processes, segments, memory. For long campaigns."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import msgspec

from workers import segments

KIB_PER_PAGE = os.sysconf("SC_PAGE_SIZE") // 1024
WARM_UP_RUNS = 3  # the first runs fill caches


class Resources(msgspec.Struct, frozen=True):
    """Counts after the first runs and after the last one; memory also as a slope over the runs."""

    runs: int
    descriptors: tuple[int, int]
    processes: tuple[int, int]
    segments: tuple[int, int]
    memory_kib: tuple[int, int]
    memory_slope_kib_per_run: float


class _Sample(msgspec.Struct, frozen=True):
    descriptors: int
    processes: int
    segments: int
    memory_kib: int


class Watch:
    """Looks after every run; what it keeps doesn't grow."""

    def __init__(self) -> None:
        self._seen = 0
        self._first: _Sample | None = None
        self._last: _Sample | None = None
        # Sums for a straight line through (run, memory).
        self._count = self._x = self._y = self._xx = self._xy = 0

    def look(self) -> None:
        """A run has ended."""
        self._seen += 1
        if self._seen <= WARM_UP_RUNS:
            return
        gc.collect()  # runs leave rings of objects behind, which would look like a leak for a while
        sample = self._last = _sample()
        self._first = self._first or sample
        x, y = self._seen, sample.memory_kib
        self._count += 1
        self._x, self._y = self._x + x, self._y + y
        self._xx, self._xy = self._xx + x * x, self._xy + x * y

    def report(self) -> Resources | None:
        """What has changed; None: too few runs to say."""
        first, last = self._first, self._last
        if first is None or last is None or self._count < WARM_UP_RUNS:
            return None
        spread = self._count * self._xx - self._x * self._x
        slope = (self._count * self._xy - self._x * self._y) / spread if spread else 0.0
        return Resources(
            runs=self._seen,
            descriptors=(first.descriptors, last.descriptors),
            processes=(first.processes, last.processes),
            segments=(first.segments, last.segments),
            memory_kib=(first.memory_kib, last.memory_kib),
            memory_slope_kib_per_run=round(slope, 2),
        )


def _sample() -> _Sample:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    own = list(segments.FOLDER.glob(f"{segments.owner_tag()}-*"))
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return _Sample(
        descriptors=len(os.listdir("/proc/self/fd")),
        processes=len(children),
        segments=len(own),
        memory_kib=pages * KIB_PER_PAGE,
    )
