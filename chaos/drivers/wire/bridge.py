"""ZeroMQ under trio, for which pyzmq has no binding.

A ZeroMQ socket's descriptor is edge-triggered: it must be drained until it would block before it is waited for.
"""

from __future__ import annotations

import trio
import zmq

DRAIN_FRAMES_MAX = 256
# Another reader of the socket (a restart waits for its workers) may take the edge away.
EDGE_SECONDS_MAX = 0.02


class Inbox:
    """A receiving socket whose frames a trio task awaits. Nothing is ever sent on it."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._descriptor = socket.fileno()

    async def receive(self) -> list[bytes]:
        """Return all frames that are there; at least one."""
        while True:
            frames = self.drain()
            if frames:
                return frames
            with trio.move_on_after(EDGE_SECONDS_MAX):
                await trio.lowlevel.wait_readable(self._descriptor)

    def drain(self) -> list[bytes]:
        """Return the frames that are there now, up to a bound."""
        frames: list[bytes] = []
        try:
            while len(frames) < DRAIN_FRAMES_MAX:
                frames.append(self._socket.recv(zmq.NOBLOCK))
        except zmq.Again:
            pass
        return frames
