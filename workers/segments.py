"""Shared-memory segments: create, attach and name them, and find those that a killed run left behind.

The controller alone creates segments. Their names carry the owner's pid and start time, which distinguish leftovers
from the segments of a live run.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

PREFIX = "raidstorm"
FOLDER = Path("/dev/shm")  # noqa: S108  # where Linux keeps POSIX shared memory
_NAME = re.compile(rf"^{PREFIX}-(\d+)-(\d+)-")


class SegmentError(Exception):
    """Shared memory is not available; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A segment or directory, with the owner that its name gives."""

    path: Path
    owner_pid: int
    owner_is_alive: bool


def start_time(pid: int) -> int | None:
    """Return a process's start time in clock ticks since boot, or None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name is in parentheses and may contain anything, so field 22 is counted after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def owner_tag() -> str:
    """Return the part of a name that identifies its owner."""
    return f"{PREFIX}-{os.getpid()}-{start_time(os.getpid())}"


def create(purpose: str, size: int) -> SharedMemory:
    """Create a segment with its memory reserved; raise SegmentError if there is not enough."""
    name = f"{owner_tag()}-{purpose}"
    try:
        segment = SharedMemory(name=name, create=True, size=size)
    except OSError as error:
        raise SegmentError(
            f"shared memory segment {name} can't be made: {error.strerror}"
        ) from None
    try:
        # Without this a full file system would cause SIGBUS at the first access.
        with open(FOLDER / name, "rb+") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        destroy(segment)
        raise SegmentError(
            f"{FOLDER} has no room for {size} bytes ({error.strerror}); free some, or ask for smaller disks"
        ) from None
    return segment


def attach(name: str) -> SharedMemory:
    """Attach an existing segment, without registering it with this process's resource tracker.

    Python 3.11 and 3.12 register attached segments as if this process had created them.
    """
    with _untracked():
        return SharedMemory(name=name)


@contextlib.contextmanager
def _untracked() -> Iterator[None]:
    # By hand: unittest.mock brings asyncio along, a tenth of a worker's start.
    register = resource_tracker.register
    resource_tracker.register = lambda *_: None
    try:
        yield
    finally:
        resource_tracker.register = register


def memory(segment: SharedMemory) -> memoryview:
    """Return the bytes of a mapped segment."""
    buffer = segment.buf
    assert buffer is not None, f"segment {segment.name} is closed"
    return buffer


def destroy(segment: SharedMemory) -> None:
    """Remove a segment; its mapping goes when the last view of it does."""
    with contextlib.suppress(FileNotFoundError):
        segment.unlink()
    close(segment)


def close(segment: SharedMemory) -> None:
    """Unmap a segment, or leave that to the end of the process while views of it are alive."""
    try:
        segment.close()
    except BufferError:
        # Engine objects still hold views, so the finalizer would complain at exit; this class has none.
        segment.__class__ = _Abandoned


class _Abandoned(SharedMemory):
    """A segment whose mapping ends with the process."""

    def __del__(self) -> None:
        pass


def leftovers(folders: tuple[Path, ...]) -> list[Leftover]:
    """Return everything in these folders with raidstorm's prefix, sorted."""
    found = []
    for folder in folders:
        for path in sorted(folder.glob(f"{PREFIX}-*")):
            match = _NAME.match(path.name)
            if match is not None:
                pid, started = int(match[1]), int(match[2])
                found.append(Leftover(path, pid, start_time(pid) == started))
    return found
