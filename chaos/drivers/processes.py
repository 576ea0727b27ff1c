"""The worker processes of a target and their shared memory: started, watched, ended."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import msgspec
import zmq

from chaos.base.interrupt import InterruptedRunError, never, shielded
from chaos.run.driver import Counts, DriverError, WorkerLostError
from workers import segments
from workers.bdev.disk import Disk
from workers.main import (
    HIGH_WATER_MARK,
    WorkerSpec,
    controller_address,
    inbox_address,
    worker_main,
)
from workers.protocol import (
    Census,
    Command,
    Counted,
    DefectSource,
    GetWaits,
    Layout,
    OutOfMemory,
    Ready,
    Reset,
    Stop,
    Waiting,
    WaitRow,
    WorkerReply,
    encode,
    reply_decoder,
)
from workers.shared import ControlBlock
from workers.step_log import StepLog

START_SECONDS_MAX = 60.0
WATCH_MILLISECONDS = 200
STOP_SECONDS_MAX = 2.0
SOCKET_PATH_BYTES_MAX = 107
CONTROLLER = -1  # the sender number of the controller's frames


class Limits(msgspec.Struct, frozen=True):
    """The largest target that a set of processes has room for."""

    reactors: int
    disks: int
    disk_blocks: int


class Processes:
    """Workers, segments and sockets for targets up to some limits; reused from run to run."""

    def __init__(
        self,
        limits: Limits,
        gives_up: Callable[[], bool] = never,
        *,
        log_bytes: int = 0,  # the size of each reactor's step log; 0 if they won't run free
    ) -> None:
        self.limits = limits
        self.log_bytes = log_bytes
        self.gives_up = gives_up
        self.layout: Layout | None = None
        self.epoch = 0
        self.disks: list[Disk] = []
        self._segments: list[SharedMemory] = []
        self._processes: list[SpawnProcess] = []
        self._outboxes: list[zmq.Socket[bytes]] = []
        self._undo = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            self.directory = Path(tempfile.mkdtemp(prefix=f"{segments.owner_tag()}-"))
            undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self._check_path()
            undo.callback(self._free)
            self._reserve()
            self.context = zmq.Context(io_threads=1)
            undo.callback(self.context.destroy, linger=0)
            self._listen()
            undo.callback(self._end_workers)
            self.start_workers()
            self._undo = undo.pop_all()

    def _check_path(self) -> None:
        if len(os.fsencode(self.directory)) > SOCKET_PATH_BYTES_MAX - len("/reactor-00"):
            raise segments.SegmentError(
                f"{self.directory} is too long for a socket; set TMPDIR to a shorter path"
            )

    def _reserve(self) -> None:
        self.block_segment = self._segment("block", ControlBlock.SIZE)
        size = Disk.segment_size(self.limits.disk_blocks)
        self._disk_segments = [
            self._segment(f"disk{number}", size) for number in range(self.limits.disks)
        ]
        self._log_segments = [
            self._segment(f"log{number}", self.log_bytes)
            for number in range(self.limits.reactors)
            if self.log_bytes
        ]
        self.block = ControlBlock(segments.memory(self.block_segment))
        self.logs = [StepLog(segments.memory(segment)) for segment in self._log_segments]
        self.lock_path = self.directory / "step-lock"
        self.lock_path.touch(mode=0o600)

    def _segment(self, purpose: str, size: int) -> SharedMemory:
        segment = segments.create(f"{self.directory.name[-8:]}-{purpose}", size)
        self._segments.append(segment)
        return segment

    def _listen(self) -> None:
        self.replies: zmq.Socket[bytes] = self.context.socket(zmq.PULL)
        self.replies.set_hwm(HIGH_WATER_MARK)
        self.replies.rcvtimeo = WATCH_MILLISECONDS
        self.replies.bind(controller_address(str(self.directory)))

    # Workers.

    def start_workers(self) -> None:
        """Start all worker processes and wait until they answer."""
        context = multiprocessing.get_context("spawn")
        for number in range(self.limits.reactors):
            spec = WorkerSpec(
                number=number,
                total=self.limits.reactors,
                parent_pid=os.getpid(),
                directory=str(self.directory),
                block_segment=self.block_segment.name,
                disk_segments=tuple(segment.name for segment in self._disk_segments),
                lock_path=str(self.lock_path),
                log_segment=self._log_segments[number].name if self.log_bytes else "",
            )
            process = context.Process(
                target=worker_main, args=(spec,), name=f"raidstorm reactor {number}", daemon=True
            )
            with shielded():
                process.start()
            self._processes.append(process)
        ready = 0
        waited_ms = 0
        while ready < self.limits.reactors:
            try:
                reply = reply_decoder.decode(self.replies.recv())
            except zmq.Again:
                waited_ms += WATCH_MILLISECONDS
                self.check_alive()
                if waited_ms > START_SECONDS_MAX * 1_000:
                    raise DriverError("worker processes didn't start in time") from None
                continue
            ready += isinstance(reply, Ready)
        for number in range(self.limits.reactors):
            outbox: zmq.Socket[bytes] = self.context.socket(zmq.PUSH)
            outbox.linger = 0
            outbox.set_hwm(HIGH_WATER_MARK)
            outbox.connect(inbox_address(str(self.directory), number))
            self._outboxes.append(outbox)

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the workers, by reactor."""
        return [process.pid or 0 for process in self._processes]

    def check_alive(self) -> None:
        """Raise WorkerLostError when a worker process has ended."""
        for number, process in enumerate(self._processes):
            if process.exitcode is not None:
                raise WorkerLostError(
                    f"the worker process of reactor {number} ended (exit code {process.exitcode})"
                )

    def kill_workers(self) -> None:
        """Kill all workers with SIGKILL, as the end of a target; their shared memory stays."""
        for process in self._processes:
            if process.exitcode is None:
                process.kill()
        for process in self._processes:
            process.join()
            process.close()
        self._processes.clear()
        for outbox in self._outboxes:
            outbox.close()
        self._outboxes.clear()
        with contextlib.suppress(zmq.Again):  # frames that they sent before are dropped
            while True:
                self.replies.recv(zmq.NOBLOCK)

    def signal_worker(self, reactor: int, number: signal.Signals) -> None:
        """Send a signal to one worker."""
        os.kill(self.pids[reactor], number)

    def stands_still(self, reactor: int) -> bool:
        """Return whether a worker that was sent SIGSTOP has stopped or ended."""
        # The exit status stays for the call that waits for the process's end.
        options = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pids[reactor], options) is not None

    # Messages to the workers.

    def send(self, reactor: int, command: Command) -> None:
        """Send a command; raise an error if the queue is full."""
        try:
            self._outboxes[reactor].send(encode(command), zmq.NOBLOCK)
        except zmq.Again:
            raise DriverError(f"reactor {reactor} no longer takes its frames") from None

    def receive(self) -> WorkerReply:
        """Wait for the next reply while checking that the workers are alive; raise MemoryError for a worker."""
        while True:
            try:
                reply = reply_decoder.decode(self.replies.recv())
            except zmq.Again:
                self.check_alive()
                if self.gives_up():
                    raise InterruptedRunError from None
                continue
            if isinstance(reply, OutOfMemory):
                raise MemoryError(f"the process of reactor {reply.reactor} is out of memory")
            return reply

    def start_target(
        self, layout: Layout, defects: tuple[DefectSource, ...], *, new_disks: bool = True
    ) -> None:
        """Start a new target: cleared control block, fresh reactors, one after the other."""
        self.layout = layout
        self.epoch += 1
        self.block.clear()
        for log in self.logs:
            log.clear()
        if new_disks:
            self.disks = [
                Disk(number, segments.memory(self._disk_segments[number]), layout.capacity)
                for number in range(layout.disks)
            ]
            for disk in self.disks:
                disk.forget()
                disk.new(layout.disk_blocks)
        for reactor in range(layout.reactors):
            self.send(reactor, Reset(layout, defects, self.epoch))
            while not isinstance(self.receive(), Ready):
                pass  # a late report of the previous run

    def census(self) -> Counts:
        """Count the live objects on all reactors."""
        assert self.layout is not None, "a target is started before it is counted"
        counts: Counts = []
        for reactor in range(self.layout.reactors):
            self.send(reactor, Census())
            reply = self.receive()
            assert isinstance(reply, Counted), (
                f"a worker answered a census with {type(reply).__name__}"
            )
            counts += reply.counts
        return counts

    def waits(self) -> list[WaitRow]:
        """Return the waits of all reactors."""
        assert self.layout is not None, "a target is started before it is asked"
        rows: list[WaitRow] = []
        for reactor in range(self.layout.reactors):
            self.send(reactor, GetWaits())
            reply = self.receive()
            assert isinstance(reply, Waiting), (
                f"a worker answered a question for waits with {type(reply).__name__}"
            )
            rows += reply.rows
        return rows

    def close(self) -> None:
        """End all workers and free everything."""
        self._undo.close()

    def _end_workers(self) -> None:
        for outbox in self._outboxes:
            with contextlib.suppress(zmq.ZMQError):
                outbox.send(encode(Stop()), zmq.NOBLOCK)
        for process in self._processes:
            process.join(STOP_SECONDS_MAX)
        self.kill_workers()

    def _free(self) -> None:
        self.disks = []
        self.logs = []
        self.block = ControlBlock(bytearray(ControlBlock.SIZE))
        gc.collect()  # engine objects form reference cycles, and hold views of the segments
        for segment in self._segments:
            segments.destroy(segment)
