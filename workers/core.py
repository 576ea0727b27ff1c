"""A reactor as the parts of the engine see it. It lies below all of them, so that imports in workers/ point one way.

``workers/reactor.py`` implements it. ``workers/thread.py`` adds threads and io_devices, and ``workers/services.py`` the
types of the services.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from workers.protocol import Argument, Layout
from workers.shared import ControlBlock


class Core(Protocol):
    """One core of the target: its number, its memory, and its effects on the outside."""

    number: int
    block: ControlBlock
    layout: Layout
    current_thread: int  # the thread of the step in progress

    @property
    def classes(self) -> Any:
        """The engine's classes (``EngineClasses``), which lie above: each user declares the type it takes."""

    @property
    def services(self) -> Any:
        """The services, which lie above: ``EngineCore`` declares their types."""

    def new_number(self) -> int:
        """Return a number that this reactor uses once, never 0."""

    def send(
        self, sender: int, receiver: int, handler: str, token: int, args: tuple[Argument, ...]
    ) -> None:
        """Post a message to a thread, here or on another reactor."""

    def emit(self, name: str, thread: int, args: tuple[int, ...]) -> None:
        """Emit an event."""

    def sleep(self, thread: int, delay_us: int) -> Awaitable[Any]:
        """Arm a timer and await it."""

    def start_io(self, io: Any) -> None:
        """Put a disk I/O (``DiskIo``) in flight."""

    def take_thread_id(self) -> int:
        """Reserve the lowest free thread id."""

    @staticmethod
    def poll_group_thread(reactor: int) -> int:
        """Return the thread that carries a reactor's NVMe-oF poll group."""
