"""The floor of lockstep: a plain pyzmq ping-pong between two processes, over the same kind of sockets."""

from __future__ import annotations

import multiprocessing
import tempfile
import time

import zmq

FRAME_BYTES = 48  # about a grant


def _echo(directory: str) -> None:
    context = zmq.Context()
    inbox = context.socket(zmq.PULL)
    inbox.bind(f"ipc://{directory}/ping")
    outbox = context.socket(zmq.PUSH)
    outbox.connect(f"ipc://{directory}/pong")
    outbox.send(b"ready")
    while frame := inbox.recv():
        outbox.send(frame)


class PingPong:
    """A partner process and the sockets to it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="raidstorm-bench-")
        self._context = zmq.Context()
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.bind(f"ipc://{self._folder.name}/pong")
        self._process = multiprocessing.get_context("spawn").Process(
            target=_echo, args=(self._folder.name,), daemon=True
        )
        self._process.start()
        self._inbox.recv()
        self._outbox = self._context.socket(zmq.PUSH)
        self._outbox.connect(f"ipc://{self._folder.name}/ping")

    def per_second(self, rounds: int) -> float:
        """Round trips per second."""
        frame = b"x" * FRAME_BYTES
        send, receive = self._outbox.send, self._inbox.recv
        begun = time.perf_counter()
        for _ in range(rounds):
            send(frame)
            receive()
        return rounds / (time.perf_counter() - begun)

    def close(self) -> None:
        """End the partner."""
        self._outbox.send(b"")
        self._process.join()
        self._context.destroy(linger=0)
        self._folder.cleanup()
