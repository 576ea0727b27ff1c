"""The worker process: one reactor behind a socket. Stepped by grants, or running free on the real clock."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.shared_memory import SharedMemory

import msgspec
import setproctitle
import zmq

from workers import segments
from workers.bdev.disk import Disk
from workers.free_run import FreeRun
from workers.protocol import (
    Census,
    Counted,
    Frame,
    GetWaits,
    NotPossible,
    OutOfMemory,
    Pause,
    Perform,
    Performed,
    Ready,
    Reset,
    Run,
    Stop,
    Waiting,
    WorkerReply,
    command_decoder,
    encode,
)
from workers.reactor import StepNotPossibleError
from workers.shared import ControlBlock
from workers.step_log import StepLog
from workers.waits import wait_rows
from workers.worker import Worker

PR_SET_PDEATHSIG = 1
HIGH_WATER_MARK = 100_000  # frames


class WorkerSpec(msgspec.Struct, frozen=True):
    """The addresses and segments that a worker process needs."""

    number: int
    total: int
    parent_pid: int
    directory: str  # of the sockets
    block_segment: str
    disk_segments: tuple[str, ...]
    lock_path: str
    log_segment: str = ""  # of the step log, if it is to run free


def inbox_address(directory: str, reactor: int) -> str:
    """Return the address at which a reactor receives frames."""
    return f"ipc://{directory}/reactor-{reactor}"


def controller_address(directory: str) -> str:
    """Return the address at which the controller receives replies."""
    return f"ipc://{directory}/controller"


def die_with_parent(parent_pid: int) -> None:
    """End this process when its parent ends, however that ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the request was made
        os._exit(1)
    # The kernel's signal depends on the parent's thread, so the parent process is watched as well.
    parent = parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def watch() -> None:
            wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, name="parent watch", daemon=True).start()


def worker_main(spec: WorkerSpec) -> None:
    """Run a worker process."""
    die_with_parent(spec.parent_pid)
    # Ctrl-C reaches the whole process group; the controller decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setproctitle.setproctitle(f"raidstorm reactor {spec.number} of {spec.total}")
    process = WorkerProcess(spec)
    process.serve()
    # Views of the segments are alive all over the engine, so the process ends without closing them.
    os._exit(0)


class WorkerProcess:
    """Sockets and memory around a Worker."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self._segments: list[SharedMemory] = []
        self._disk_buffers = [self._attach(name) for name in spec.disk_segments]
        self.block = ControlBlock(self._attach(spec.block_segment))
        self.worker = Worker(spec.number, self.block, [])
        self.context = zmq.Context(io_threads=1)
        self.inbox = self._socket(zmq.PULL)
        self.inbox.bind(inbox_address(spec.directory, spec.number))
        self.controller = self._socket(zmq.PUSH)
        self.controller.connect(controller_address(spec.directory))
        self._peers: dict[int, zmq.Socket[bytes]] = {}
        self.epoch = 0
        log = spec.log_segment
        self._log = StepLog(self._attach(log)) if log else None
        self._free_run: FreeRun | None = None  # of this target

    def _attach(self, name: str) -> memoryview:
        segment = segments.attach(name)
        self._segments.append(segment)
        return segments.memory(segment)

    def _socket(self, kind: int) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self.context.socket(kind)
        socket.linger = 0
        socket.set_hwm(HIGH_WATER_MARK)
        return socket

    def reply(self, reply: WorkerReply) -> None:
        """Send a reply to the controller; a full queue is an error, never a silent drop."""
        self.controller.send(encode(reply), zmq.NOBLOCK)

    def peer(self, reactor: int) -> Callable[[Frame], None]:
        """Return a function that sends frames to another reactor."""
        socket = self._peers.get(reactor)
        if socket is None:
            socket = self._peers[reactor] = self._socket(zmq.PUSH)
            socket.connect(inbox_address(self.spec.directory, reactor))
        return lambda frame: socket.send(encode(frame), zmq.NOBLOCK)

    def serve(self) -> None:
        """Handle command after command until Stop."""
        number = self.spec.number
        self.reply(Ready(number, os.getpid()))
        receive = self.inbox.recv
        decode = command_decoder.decode
        while True:
            command = decode(receive())
            match command:
                case Perform():
                    self._perform(command)
                case Reset():
                    self._reset(command)
                    self.reply(Ready(number, os.getpid()))
                case Census():
                    self.reply(Counted(number, self.worker.reactor.census()))
                case GetWaits():
                    self.reply(Waiting(number, wait_rows(self.worker.reactor)))
                case Run():
                    self._run_free(command)
                    self.reply(Counted(number, self.worker.reactor.census()))
                case Frame():
                    self._take_in(command)
                case Pause():  # the free run has ended already
                    self.reply(Counted(number, self.worker.reactor.census()))
                case Stop():
                    return

    def _reset(self, command: Reset) -> None:
        layout = command.layout
        self.epoch = command.epoch
        if self._free_run is not None:
            self._free_run.close()
            self._free_run = None
        self.worker.disks = [
            Disk(number, self._disk_buffers[number], layout.capacity)
            for number in range(layout.disks)
        ]
        self.worker.reset(layout, command.defects)

    def _run_free(self, command: Run) -> None:
        """Run free until a Pause; work in progress then continues at the next Run."""
        if self._free_run is None:
            assert self._log is not None, "a worker that runs free has a step log"
            self._free_run = FreeRun(self, command, self._log)
        self._free_run.serve()

    def _take_in(self, frame: Frame) -> None:
        if self._free_run is not None:
            self._free_run.take_in(frame)
        elif frame.epoch == self.epoch:
            for message in frame.messages:
                self.worker.reactor.receive(message)

    def _perform(self, command: Perform) -> None:
        worker = self.worker
        for message in command.inbox:
            worker.reactor.receive(message)
        try:
            outcome = worker.perform(command.step)
        except StepNotPossibleError as error:
            self.reply(NotPossible(self.spec.number, str(error)))
            return
        except MemoryError:
            self.reply(OutOfMemory(self.spec.number))
            return
        self.controller.send(encode(Performed(self.spec.number, outcome)), zmq.NOBLOCK)
