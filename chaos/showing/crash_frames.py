"""The functions in which a target crashed, outermost first: of the engine's traceback, or of a stack of a target in C."""

from __future__ import annotations

import re

from workers.protocol import Crash

_IN_C = re.compile(r"^  (\S+) at (\S+):\d+$")
OURS = ("runtime.c", "heap.c")  # they only report a crash


def frames_of(crash: Crash, count: int) -> list[str]:
    """Return the names of the innermost functions, at most this many."""
    lines = crash.traceback.splitlines()
    # A stack in C has the innermost frame first.
    found = [match for match in map(_IN_C.match, lines) if match is not None]
    if found:
        names = [match[1] for match in found if match[2] not in OURS]
        return names[:count][::-1]
    return [line.split(" ")[-1] for line in lines[-count:]]
