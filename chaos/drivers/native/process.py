"""The process in which a target in C lives, as the driver sees it: calls, answers, and how it ended.

The first process loads the target's object; each life of a target is a fork of it (``workers/native/host.py``).
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from chaos.base.interrupt import never, shielded
from chaos.run.driver import DriverError, WorkerLostError
from workers.native import host
from workers.native.host import ANSWER, CALL, CRASH_BYTES

INTERFACE = 1
WAIT_SECONDS = 0.25  # from one look at a silent target to the next
STEP_CPU_SECONDS_MAX = 10.0
STEP_SECONDS_MAX = 60.0
# This much of an answer at a time; a larger buffer would be mapped anew for each call.
RECEIVED_BYTES_MAX = 1 << 15
END_MILLISECONDS_MAX = 5_000
OUTPUT_SHOWN_BYTES = 2_000
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
CRASH_EXIT = 99  # RAIDSTORM_CRASH_EXIT
ENDLESS = "a step does not end"
LIFE_KILLED = "the target's process was killed from outside, or by the system for lack of memory"
LOADER_GONE = "the process that loads the target was killed; run it again"
ASAN_OPTIONS = "detect_leaks=0:exitcode=97:handle_segv=0:allow_user_segv_handler=1"


class TargetError(DriverError):
    """The target can't be used; the message is one sentence."""


class Death(msgspec.Struct, frozen=True):
    """The end of a target's process: its kind and message, and the places of its frames in the object."""

    kind: str
    message: str
    frames: tuple[int, ...] = ()
    output: str = ""  # what it has printed last


class TargetEnded(Exception):  # noqa: N818  # no error of the tester: a finding
    """The target's process has ended by itself, or had to be ended."""

    def __init__(self, death: Death) -> None:
        super().__init__(death.message)
        self.death = death


class TargetServer:
    """The process that has loaded a target, once for all drivers of this process."""

    def __init__(self, library: Path, preload: tuple[str, ...] = (), named: str = "") -> None:
        """Load the library; sentences about it say ``named``, as its user did."""
        self.output = os.memfd_create("raidstorm-output")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = (theirs.fileno(), self.output)
        environment = {"LC_ALL": "C"}
        if preload:
            environment |= {"LD_PRELOAD": ":".join(preload), "ASAN_OPTIONS": ASAN_OPTIONS}
        with shielded():
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-I", "-S", host.__file__, str(library), *map(str, descriptors)],
                pass_fds=descriptors,
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        theirs.close()
        self.description = self._described(library, named or str(library))

    def _described(self, library: Path, named: str) -> dict[str, Any]:
        """Await the description of the target; raise TargetError where it has none."""
        answer = self._control.recv(1 << 16)
        if not answer:
            code = self._process.wait()
            death = end_of(code, "", printed(self.output))
            self.close()
            raise TargetError(f"{named} can't be used: it ends while it starts ({death.message})")
        said = json.loads(answer)
        sentence = said.get("error", "").replace(f"{library}: ", "")
        if not sentence and said["interface"] != INTERFACE:
            sentence = f"has version {said['interface']} of the interface, and raidstorm version {INTERFACE}"
        elif not sentence and said["prepared"]:
            sentence = f"can't start: {os.strerror(-said['prepared'])}"
        if sentence:
            self.close()
            raise TargetError(f"{named} {sentence}; build it with this raidstorm's header")
        try:
            description: dict[str, Any] = json.loads(said["description"])
            dict(description["capabilities"])
        except (ValueError, KeyError, TypeError):
            self.close()
            raise TargetError(
                f"{named} describes itself wrongly; see raidstorm_describe in raidstorm_target.h"
            ) from None
        return description

    def fork(self, *descriptors: int) -> int:
        """Start a life with these descriptors, and return its process id."""
        with contextlib.suppress(OSError):
            socket.send_fds(self._control, [b"fork"], descriptors)
            return self._answer()
        raise WorkerLostError(LOADER_GONE)

    def reap(self, pid: int) -> int:
        """Await the end of a life; return its status as ``waitpid`` does."""
        with contextlib.suppress(OSError):
            self._control.send(struct.pack("<q", pid))
            return self._answer()
        raise WorkerLostError(LOADER_GONE)

    def _answer(self) -> int:
        answer = self._control.recv(64)
        if not answer:
            raise WorkerLostError(LOADER_GONE)
        (number,) = struct.unpack("<q", answer)
        return int(number)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait(self) -> None:
        """Await its end."""
        self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Return whether it can start lives."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process; lives that are left end with it."""
        if self._control.fileno() < 0:
            return
        self._control.close()
        self._process.kill()
        self._process.wait()
        os.close(self.output)


class Life:
    """A target that runs, in a fork of the server; ``begin`` starts another one over the same disks."""

    def __init__(self, server: TargetServer, gives_up: Callable[[], bool] = never) -> None:
        self.gives_up = gives_up
        self._server = server
        self._crash = os.memfd_create("raidstorm-crash")
        os.truncate(self._crash, CRASH_BYTES)
        self._crash_area = mmap.mmap(self._crash, CRASH_BYTES)
        self._output = os.memfd_create("raidstorm-output")
        self.media = os.memfd_create("raidstorm-media")
        self._calls: socket.socket | None = None
        self._pid = 0
        self._is_closed = False

    @property
    def pid(self) -> int:
        """The id of the process that the target lives in; it leads a group of its own."""
        return self._pid

    def begin(self, options: bytes) -> bytes:
        """Start a new life over the disks, and return its first output."""
        self.end()
        self._crash_area[:1] = b"\0"
        os.ftruncate(self._output, 0)
        ours, theirs = socket.socketpair()
        ours.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(WAIT_SECONDS * 1e6))
        )
        self._pid = self._server.fork(theirs.fileno(), self.media, self._crash, self._output)
        theirs.close()
        self._calls = ours
        try:
            result, output = self.call(host.START, data=options)
        except TargetEnded as end:
            shown = end.death.output.strip().splitlines()[-1:]
            raise TargetError(
                f"the target ends while it starts: {'; '.join([end.death.message, *shown])}"
            ) from None
        if result:
            raise TargetError(f"the target can't start: {os.strerror(-result)}")
        return output

    def call(
        self, number: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, data: bytes = b""
    ) -> tuple[int, bytes]:
        """Call a function; return its result and the output. Raise TargetEnded where the process ends instead."""
        calls = self._calls
        assert calls is not None, "a target must be started before it is called"
        try:
            calls.sendall(CALL.pack(number, a, b, c, d, len(data)) + data)
            frame = calls.recv(RECEIVED_BYTES_MAX)
        except BlockingIOError:
            frame = self._wait()
        except (BrokenPipeError, ConnectionResetError):
            frame = b""
        if not frame:
            raise TargetEnded(self._bury())
        result, size = ANSWER.unpack_from(frame)
        while len(frame) < ANSWER.size + size:
            more = self._wait()
            if not more:
                raise TargetEnded(self._bury())
            frame += more
        return result, frame[ANSWER.size :]

    def _wait(self) -> bytes:
        """Await an answer that takes long; end a target that doesn't come back."""
        assert self._calls is not None
        begun, waited = self._cpu_seconds(), 0.0
        while True:
            try:
                return self._calls.recv(RECEIVED_BYTES_MAX)
            except BlockingIOError:
                waited += WAIT_SECONDS
            except ConnectionResetError:
                return b""
            now = self._cpu_seconds()
            if now is None or self.gives_up():
                return b""  # it is gone, though something that it started holds its socket
            if now - (begun or 0.0) > STEP_CPU_SECONDS_MAX or waited > STEP_SECONDS_MAX:
                os.kill(self._pid, signal.SIGABRT)  # its handler describes where it is
                with contextlib.suppress(BlockingIOError, ConnectionResetError):
                    self._calls.recv(1)
                raise TargetEnded(self._bury(endless=True))

    def _cpu_seconds(self) -> float | None:
        """Return the processor time of the life so far; None where it is over."""
        try:
            with open(f"/proc/{self._pid}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def end(self) -> None:
        """End the present life, as SIGKILL does."""
        if self._pid:
            self._reap()

    def _reap(self) -> int:
        """End the life with all that it started; return its status as ``waitpid`` does."""
        pid, self._pid = self._pid, 0
        if self._calls is not None:
            self._calls.close()
            self._calls = None
        for kill in (os.kill, os.killpg):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        return self._server.reap(pid)

    def _bury(self, *, endless: bool = False) -> Death:
        """Reap a life that has ended, and say how."""
        # It has closed its socket, so it is about to end by itself; its own end must come before the kill in _reap.
        pidfd = os.pidfd_open(self._pid)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(END_MILLISECONDS_MAX)
        os.close(pidfd)
        code = os.waitstatus_to_exitcode(self._reap())
        if code == -signal.SIGKILL and not endless:
            raise WorkerLostError(LIFE_KILLED)
        text = bytes(self._crash_area).partition(b"\0")[0].decode(errors="replace")
        death = end_of(code, text, printed(self._output))
        if endless:
            death = msgspec.structs.replace(death, kind="endless", message=ENDLESS)
        return death

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """End the present life, and free the descriptors."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(DriverError):
            self.end()
        self._crash_area.close()
        for descriptor in (self._crash, self._output, self.media):
            os.close(descriptor)


def end_of(code: int, text: str, output: str) -> Death:
    """Describe the end of a process by its exit code, the text of its crash area, and what it printed."""
    if code == CRASH_EXIT and text:
        kind, message, *frames = text.splitlines()
        return Death(kind, message, tuple(int(frame, 16) for frame in frames), output)
    if code == host.CONNECTION_LOST_EXIT:
        return Death(
            "descriptors", "the target closed descriptors that are not its own", (), output
        )
    if code < 0:
        return Death("signal", f"the process ended by {signal.Signals(-code).name}", (), output)
    reports = [
        line for line in output.splitlines() if "ERROR: " in line or "runtime error: " in line
    ]
    if reports:
        return Death("sanitizer", reports[0].partition("ERROR: ")[2] or reports[0], (), output)
    return Death("exit", f"the target called exit({code})", (), output)


def printed(descriptor: int) -> str:
    """Return the last of what was printed."""
    first = max(0, os.fstat(descriptor).st_size - OUTPUT_SHOWN_BYTES)
    return os.pread(descriptor, OUTPUT_SHOWN_BYTES, first).decode(errors="replace")
