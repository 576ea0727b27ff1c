"""From the end of a target's process to the crash that a run reports: functions, source lines, a stable signature."""

from __future__ import annotations

import re

from chaos.drivers.native.process import Death
from chaos.drivers.native.symbols import Symbols
from workers.protocol import Crash

OUR_SOURCES = ("/workers/native/",)  # frames of the adapter are no part of a signature
FRAMES_IN_SIGNATURE = 2
FOUND_LATE = "written to"  # freed memory; what reuses it finds that, and has nothing to do with it
ASSERTION = re.compile(
    r"^(?P<file>[^:]+):\d+: (?P<function>\w+): Assertion `(?P<what>.*)' failed$", re.DOTALL
)


def crash_of(death: Death, reactor: int, thread: int, symbols: Symbols) -> Crash:
    """Describe the end of a target: where it was, in the target's own words."""
    places = symbols.places(death.frames)
    own = [place for place in places if not place.is_in(OUR_SOURCES)]
    found = ASSERTION.match(death.message)
    if found is not None:
        message = f"{found['function']}: Assertion `{found['what']}' failed"
        where = f"{found['file']}:{found['function']}"
    elif death.kind == "heap" and FOUND_LATE in death.message:
        message, where = death.message, death.kind
    else:
        message = death.message
        shown = [f"{place.file_name}:{place.function}" for place in own[:FRAMES_IN_SIGNATURE]]
        where = " < ".join(shown) or death.kind
    lines = [f"  {place}" for place in places]
    if death.output.strip():
        lines += ["the target printed:", *(f"  {line}" for line in death.output.splitlines())]
    traceback = "\n".join([death.message, *lines])
    return Crash(reactor, thread, death.kind, message, where, traceback)
