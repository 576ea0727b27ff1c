"""The processor time that this process and those that it started have used: what a budget of work counts.

A budget in wall-clock time does less work on a busy machine, and a failure would shrink to another run there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROCESSES = Path("/proc")
# In /proc/PID/stat, after the name: user and system time, of the process and of its children that have been waited for.
USER, CHILDREN_SYSTEM = 11, 14


def processor_seconds() -> float:
    """Return the seconds used so far, by this process and all its descendants."""
    ended = os.times()
    living = sum(_ticks(pid) for pid in _descendants(os.getpid()))
    return time.process_time() + ended.children_user + ended.children_system + living / TICKS


def _descendants(pid: int) -> list[int]:
    found = []
    for children in sorted((PROCESSES / str(pid) / "task").glob("*/children")):
        for child in map(int, _read(children).split()):
            found += [child, *_descendants(child)]
    return found


def _ticks(pid: int) -> int:
    fields = _read(PROCESSES / str(pid) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[USER : CHILDREN_SYSTEM + 1]))


def _read(path: Path) -> str:
    """Return a file's text, or "" where its process is gone by now."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
