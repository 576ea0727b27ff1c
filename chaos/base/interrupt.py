"""Ctrl-C, SIGTERM, SIGHUP: the first asks the run to end and write its reports, the second ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 2.0
TURNS_BETWEEN_LOOKS = 16
STOPPING = "stopping after this run; Ctrl-C again to stop now"
CLEAR_LINE = "\r\x1b[2K"  # a progress bar may stand there


class InterruptedRunError(Exception):
    """The user asked to stop, and the run in progress was stopped."""


def never() -> bool:
    """Return whether to stop, where no request to stop can arrive."""
    return False


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Block SIGINT, so that a process started in here doesn't get it before it has its handler."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Interrupt:
    """A request to stop, set by signals; call it to ask whether it is set."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested

    def install(self) -> None:
        """Handle the signals from now on.

        Not before the first run can begin: until then the signals' own meaning, to end at once, is the right one.
        """
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGHUP, self._handle)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle Ctrl-C for a while, in a process that has its own signal handlers; outside its main thread, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _handle(self, number: int, frame: types.FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        _say(STOPPING)


def _say(sentence: str) -> None:
    """Write a line to stderr at once.

    Past Python's buffer: the handler may have interrupted a write to it, and a second one inside would raise.
    """
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
        descriptor = sys.__stderr__.fileno() if sys.__stderr__ is not None else 2
        begin = CLEAR_LINE if os.isatty(descriptor) else ""
        os.write(descriptor, f"{begin}{sentence}\n".encode())


class Patience:
    """Call it to ask whether to stop a run in progress, which may continue for a few seconds after the request."""

    def __init__(
        self,
        is_stopped: Callable[[], bool],
        seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_stopped = is_stopped
        self._seconds = seconds
        self._clock = clock
        self._since: float | None = None

    def __call__(self) -> bool:
        if not self._is_stopped():
            return False
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since >= self._seconds


class Lookout:
    """Checks now and then, in a loop with short turns, whether to stop the run."""

    __slots__ = ("_gives_up", "_turns")

    def __init__(self, gives_up: Callable[[], bool]) -> None:
        self._gives_up = gives_up
        self._turns = 0

    def look(self) -> None:
        """Count a turn; raise InterruptedRunError when it is time to stop."""
        self._turns += 1
        if self._turns % TURNS_BETWEEN_LOOKS == 0 and self._gives_up():
            raise InterruptedRunError
