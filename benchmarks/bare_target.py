"""The floor of the driver native: recorded calls into a target's object, one after the other, in one process for each life.

A program: ``python -m benchmarks.bare_target LIBRARY FILE``. FILE has the lives, pickled: the size of the media, and the
frames of the calls. It prints the processor time that they took, in seconds.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys

from workers.native import host


class Recorded:
    """Stands where the driver's socket is: gives the frames, and drops the answers."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = iter(frames)

    def recv(self, _: int) -> bytes:
        """Return the next frame; nothing after the last."""
        return next(self._frames, b"")

    def sendall(self, _: bytes) -> None:
        """Drop an answer."""


def main() -> None:
    """Take the calls of all lives, and print the processor time."""
    host.fix_addresses("benchmarks.bare_target")
    library = host.load(sys.argv[1])
    library.raidstorm_describe()
    assert library.raidstorm_prepare() == 0, "the target can't be prepared"
    with open(sys.argv[2], "rb") as file:
        lives = pickle.load(file)  # noqa: S301  # written by the benchmark itself
    media = -1
    for size, frames in lives:
        if size:  # the first life of a run begins with new disks
            media = os.memfd_create("media")
            os.truncate(media, size)
        if os.fork() == 0:
            host.serve(Recorded(frames), library, media)  # type: ignore[arg-type]
            os._exit(0)
        os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
