"""The devices that are plugged into one life of a target in C."""

from __future__ import annotations

from errno import EEXIST
from typing import Protocol

from chaos.drivers.native import requests
from chaos.drivers.native.disk_queue import DiskQueue
from workers.bdev.disk import Disk
from workers.errors import OK
from workers.native import host
from workers.protocol import Layout, Message, Outcome
from workers.raid.uuids import bdev_uuid, text

UNASKED = 0  # the token of requests whose answers don't matter


class Call(Protocol):
    """A call of a function of the target, whose output goes to the outcome."""

    def __call__(
        self, outcome: Outcome, number: int, a: int = 0, b: int = 0, /, *, data: bytes = b""
    ) -> int:
        """Call it; return its result."""


class Plugs:
    """Plugs devices in; one whose predecessor the target still holds waits until that is gone."""

    def __init__(
        self, layout: Layout, disks: list[Disk], queues: list[DiskQueue], call: Call
    ) -> None:
        self._layout = layout
        self._disks = disks
        self._queues = queues
        self._call = call
        self._waiting: dict[int, Message] = {}

    def attach(self, message: Message, outcome: Outcome) -> None:
        """Plug a device in, now or later."""
        disk = message.args[0]
        if self.plug(disk, outcome) == -EEXIST:
            self._waiting[disk] = message

    def taken_next(self, disk: int) -> Message | None:
        """Return the message about the device that waits for the end of its predecessor."""
        return self._waiting.pop(disk, None)

    def plug(self, number: int, outcome: Outcome) -> int:
        """Plug a device in, if it is there; return 0 or a negative errno."""
        disk = self._disks[number]
        if not disk.header.present:
            return OK  # it was pulled again
        for request in requests.error_bdev_requests(self._layout, number):
            self._call(outcome, host.RPC, UNASKED, data=requests.encoded(request))
        uuid = text(bdev_uuid(disk.identity)).encode()
        queue = self._queues[number]
        former, queue.plug = queue.plug, disk.header.plugs  # the call itself may submit I/O to it
        result = self._call(outcome, host.PLUG, number, disk.num_blocks, data=uuid)
        if result != OK:
            queue.plug = former
        return result
