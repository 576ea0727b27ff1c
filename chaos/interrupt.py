"""Ctrl-C and SIGTERM: the first asks the run to end and write its reports, the second doesn't wait."""

from __future__ import annotations

import signal
import types


class Interrupt:
    """A wish to stop, set by signals; call it to ask whether it is there."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested

    def install(self) -> None:
        """Take SIGINT and SIGTERM from now on."""
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: types.FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
