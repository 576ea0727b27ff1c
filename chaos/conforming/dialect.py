"""The interface of a dialect: how one kind of target is configured and asked, and how its answers are read."""

from __future__ import annotations

from typing import Protocol

from chaos.conforming.observe import Sizes
from chaos.conforming.scenario import Operation, Setup, State
from chaos.conforming.stepped_target import SteppedTarget
from workers.bdev.disk import Disk
from workers.protocol import Layout, Reply

Call = tuple[
    str, tuple[object, ...]
]  # the handler of a message to the app thread, and its arguments


class Dialect(Protocol):
    """How requests are put to one kind of target."""

    sizes: Sizes

    def layout(self, setup: Setup, capacity_blocks: int) -> Layout:
        """Return the target's configuration for a scenario."""

    def opening(self, setup: Setup) -> list[Call]:
        """Return the requests that come before the first disk."""

    def after_plug(self, setup: Setup, disk: Disk) -> list[Call]:
        """Return the requests that come after a disk is plugged in."""

    def request(self, setup: Setup, operation: Operation) -> Call:
        """Return the request of an operation that is one."""

    def code(self, operation: Operation, reply: Reply) -> int:
        """Return the code of an answer, as JSON-RPC gives it."""

    def look(self, target: SteppedTarget, setup: Setup, *, namespaces: bool) -> State:
        """Return the target's state, with its namespaces if there is a subsystem."""

    def glance(self, target: SteppedTarget, setup: Setup, *, namespaces: bool) -> State:
        """Return the same as far as it can be known without letting the target run."""
