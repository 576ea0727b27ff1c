"""Runs of the command line as a user starts it, and its leftovers."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.cli import run_command_line
from experiments.catalog import EXPERIMENTS
from experiments.suites import SUITES
from workers.main import PR_SET_PDEATHSIG

ROOT = Path(__file__).parent.parent
PROGRAM = [sys.executable, str(ROOT / "raidstorm.py")]
SEED_DEFECT = "new-channel-null-module-ctx"
SECONDS_MAX = 300
LIBC = ctypes.CDLL(None)  # loaded before a child could need it


def popen(command: list[str], **options: Any) -> subprocess.Popen:
    """Start a process that ends with this one, also when this one is killed before any cleanup."""
    return subprocess.Popen(command, preexec_fn=_ending_with(os.getpid()), **options)


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess:
    """Run a process to its end, or to the end of this one."""
    return subprocess.run(command, preexec_fn=_ending_with(os.getpid()), check=False, **options)


def _ending_with(parent_pid: int) -> Callable[[], None]:
    """Return the first action of the new process: ask the kernel for SIGKILL at its parent's end."""

    def begin() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # the parent ended before the request was made
            os._exit(1)

    return begin


def raidstorm(*args: str, cwd: Path | None = None, **environment: str):
    """Run to its end; text output."""
    return run(
        [*PROGRAM, *args],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        cwd=cwd or ROOT,
        env={**os.environ, **environment},
    )


def run_refused(*args: str) -> subprocess.CompletedProcess[str]:
    """Return the error of a command with a mistake, in this process, since a new one would take longer."""
    output, errors, code = io.StringIO(), io.StringIO(), None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    argv, sys.argv = sys.argv, [PROGRAM[1], *args]
    try:
        with (
            contextlib.chdir(ROOT),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            run_command_line(EXPERIMENTS, SUITES)
    except SystemExit as exit_:
        code = exit_.code
    finally:
        sys.argv = argv
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(code, int)
    return subprocess.CompletedProcess(args, code, output.getvalue(), errors.getvalue())


def run_json(*args: str, out: Path, **environment: str) -> dict:
    """``raidstorm run`` with JSON output, decoded; its code is checked against the process's."""
    done = raidstorm("run", *args, "--out", str(out), "--format", "json", **environment)
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode, done.stderr
    counted = sum(report[kind] for kind in ("valid", "invalid", "unknown", "crashed", "hung"))
    assert counted + sum(report["known"].values()) == report["runs"]
    return report


def start(*args: str, out: Path) -> subprocess.Popen:
    """Start ``raidstorm run`` and return at once; it has a process group of its own."""
    return popen(
        [*PROGRAM, "run", *args, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


def processes(session: int) -> dict[int, str]:
    """Return all processes of a session: pid -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue
        if int(stat[3]) == session and stat[0] != "Z":
            found[int(entry.name)] = command
    return found


def reactors(session: int) -> dict[int, str]:
    """Return the reactor processes of a session."""
    return {
        pid: command
        for pid, command in processes(session).items()
        if command.startswith("raidstorm reactor")
    }


def leftovers(pid: int) -> list[str]:
    """Return segments and socket directories that a process has made."""
    folders = (Path("/dev/shm"), Path(tempfile.gettempdir()))
    return [path.name for folder in folders for path in folder.glob(f"raidstorm-{pid}-*")]


def wait_for(condition, what: str, seconds: float = 30.0) -> None:
    """Wait for a condition outside this process, with a bound; the only wait by clock in the tests."""
    import time

    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
