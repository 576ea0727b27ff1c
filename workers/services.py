"""The calls that services make on each other, as protocols: each lies below the services that implement it.

A service may call a neighbour that is imported later, or not at all, so it can't name that class. ``workers/engine.py``
has the record of the real services.
"""

from __future__ import annotations

from typing import Protocol

from workers.bdev.bdev import Bdev
from workers.bdev.disk import Disk
from workers.raid.superblock import Superblock
from workers.thread import Future, SpdkThread, ThreadCore, Waiters


class BdevService(Protocol):
    """See :class:`workers.bdev.layer.BdevLayer`."""

    @property
    def bdevs(self) -> dict[int, Bdev]: ...

    async def reset(self, thread: SpdkThread, bdev: Bdev) -> int: ...


class ExamineService(Protocol):
    """See :class:`workers.raid.examine.Examine`."""

    async def look_at(self, thread: SpdkThread, bdev: Bdev) -> None: ...

    async def read(self, thread: SpdkThread, bdev: Bdev) -> tuple[int, Superblock | None]: ...

    def array_is_online(self, thread: SpdkThread) -> None: ...

    def serve_returning(self, thread: SpdkThread) -> None: ...

    def look_again(self, thread: SpdkThread) -> None: ...

    def make_way(self, thread: SpdkThread) -> None: ...

    async def decide(self, thread: SpdkThread, bdev: Bdev, found: Superblock) -> int: ...


class RebuildService(Protocol):
    """See :class:`workers.raid.rebuild.Rebuild`."""

    @property
    def is_under_way(self) -> bool: ...

    def begin(self, thread: SpdkThread, number: int) -> None: ...

    async def stop(self, thread: SpdkThread) -> None: ...


class MembershipService(Protocol):
    """See :class:`workers.raid.membership.Membership`."""

    has_grown: bool

    @property
    def is_changing(self) -> bool: ...

    @property
    def waiters(self) -> Waiters: ...

    def is_held_up(self) -> bool: ...

    def rebuild_onto(self, thread: SpdkThread, bdev: int, number: int, data_offset: int) -> int: ...


class ConfigurationService(Protocol):
    """See :class:`workers.raid.configuration.Configuration`."""

    async def configure(self, thread: SpdkThread) -> int: ...

    def lose_unconfigured(self, number: int) -> None: ...

    def join(self, place: int, bdev: int, data_offset: int) -> int: ...

    def go_offline(self, thread: SpdkThread) -> Future: ...


class WriteOrderService(Protocol):
    """See :class:`workers.raid.write_order.WriteOrder`."""

    async def enter(self, thread: SpdkThread, offset: int, end: int) -> int: ...

    def leave(self, thread: SpdkThread, number: int) -> None: ...


class NeighbourServices(Protocol):
    """The services that call each other."""

    @property
    def bdev(self) -> BdevService: ...

    @property
    def raid_bdev(self) -> Bdev: ...

    @property
    def configuration(self) -> ConfigurationService: ...

    @property
    def membership(self) -> MembershipService: ...

    @property
    def examine(self) -> ExamineService: ...

    @property
    def rebuild(self) -> RebuildService: ...

    @property
    def write_order(self) -> WriteOrderService: ...


class EngineCore(ThreadCore, Protocol):
    """A reactor as its services see it: with its disks, and with the services' types."""

    disks: list[Disk]

    @property
    def services(self) -> NeighbourServices: ...
