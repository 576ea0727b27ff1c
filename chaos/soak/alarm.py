"""The user's command for a new failure: it runs beside the soak, once per signature."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from chaos.soak.state import Group

SECONDS_MAX = 60.0
CLOSE_SECONDS = 10.0
LOG = "on-failure.log"


class Alarm:
    """Starts the command, and ends it when it takes too long; a running soak never waits for it."""

    def __init__(self, folder: Path, command: str) -> None:
        self.folder = folder
        self.command = command
        self._running: list[tuple[subprocess.Popen[bytes], float]] = []

    def sound(self, group: Group) -> None:
        """Start the command for a new signature."""
        if not self.command:
            return
        environment = {
            **os.environ,
            "RAIDSTORM_SOAK": str(self.folder),
            "RAIDSTORM_SIGNATURE": group.signature,
            "RAIDSTORM_SUMMARY": group.summary,
            "RAIDSTORM_CODE": str(group.code),
            "RAIDSTORM_RUN_DIR": group.kept[0].run_dir if group.kept else "",
            "RAIDSTORM_REPLAY": group.replay,
        }
        with (self.folder / LOG).open("ab") as log:
            process = subprocess.Popen(  # noqa: S602  # the user's own command line
                self.command,
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._running.append((process, time.monotonic()))

    def look(self) -> None:
        """Note the commands that have ended, and end those that take too long."""
        for process, begun in list(self._running):
            if process.poll() is None and time.monotonic() - begun <= SECONDS_MAX:
                continue
            self._running.remove((process, begun))
            if process.poll() is None:
                _end(process)
                self._write(f"ended after {SECONDS_MAX:.0f} s: {self.command}")
            elif process.returncode:
                self._write(f"exit code {process.returncode}: {self.command}")

    def close(self) -> None:
        """Give those that still run some seconds, then end them."""
        deadline = time.monotonic() + CLOSE_SECONDS
        while self._running and time.monotonic() < deadline:
            self.look()
            time.sleep(0.05)
        for process, _ in self._running:
            _end(process)
        self._running.clear()

    def _write(self, line: str) -> None:
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"raidstorm: {line}\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
