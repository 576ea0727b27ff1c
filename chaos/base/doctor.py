"""``raidstorm doctor``: the machine's abilities, the leftovers of killed runs, and their removal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from workers import segments

SHARED_MEMORY_BYTES_WANTED = 16 * 1024 * 1024


def folders() -> tuple[Path, ...]:
    """Return the places of raidstorm's files: shared memory, and directories of sockets."""
    return (segments.FOLDER, Path(tempfile.gettempdir()))


def machine_lines() -> list[tuple[bool, str]]:
    """Return pairs: whether a requirement is met, and the facts."""
    import zmq  # other functions here don't need it

    lines = [
        (sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}, without -O"),
        (sys.platform == "linux", f"platform {sys.platform}"),
        (True, f"{len(os.sched_getaffinity(0))} cores"),
        (zmq.has("ipc"), f"ZeroMQ {zmq.zmq_version()} with ipc"),
    ]
    if segments.FOLDER.is_dir():
        usage = shutil.disk_usage(segments.FOLDER)
        lines.append(
            (
                usage.free >= SHARED_MEMORY_BYTES_WANTED,
                f"{segments.FOLDER}: {usage.free // 1024 // 1024} MiB of "
                f"{usage.total // 1024 // 1024} MiB free",
            )
        )
    else:
        lines.append((False, f"{segments.FOLDER} is missing; lockstep and realtime need it"))
    temporary = Path(tempfile.gettempdir())
    lines.append((os.access(temporary, os.W_OK), f"{temporary} for socket directories"))
    return lines


def leftovers() -> list[segments.Leftover]:
    """Return the files with raidstorm's name, of living and dead owners."""
    return segments.leftovers(folders())


def clean(owners: set[int] | None = None) -> list[segments.Leftover]:
    """Remove the files of dead owners (these, or all), and return them; those of a living process stay."""
    removed = []
    for leftover in leftovers():
        if leftover.owner_is_alive or (owners is not None and leftover.owner_pid not in owners):
            continue
        with contextlib.suppress(OSError):  # another user's file stays, and is shown as left
            if leftover.path.is_dir() and not leftover.path.is_symlink():
                shutil.rmtree(leftover.path)
            else:
                leftover.path.unlink()
            removed.append(leftover)
    return removed
