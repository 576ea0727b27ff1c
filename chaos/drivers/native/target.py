"""A target in C that this process has loaded, and the memory of its disks."""

from __future__ import annotations

import mmap
import os

import msgspec

from chaos.drivers.native.process import TargetServer
from chaos.drivers.native.symbols import Symbols
from chaos.plan.target_id import TargetId

PAGE = mmap.PAGESIZE


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A target that this process has loaded."""

    identity: TargetId
    server: TargetServer
    symbols: Symbols


class Memory:
    """The disks' segments, one after the other in one descriptor that the target's process maps as well."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None
        self._views: list[memoryview] = []
        self.offsets: list[int] = []

    def views(self, disks: int, size: int) -> list[memoryview]:
        """Return a view of ``size`` bytes for each disk; views from before are void."""
        padded = (size + PAGE - 1) // PAGE * PAGE
        self.close()
        os.ftruncate(self._descriptor, max(PAGE, disks * padded))
        self._map = mmap.mmap(self._descriptor, max(PAGE, disks * padded))
        self.offsets = [number * padded for number in range(disks)]
        whole = memoryview(self._map)
        self._views = [whole[offset : offset + size] for offset in self.offsets]
        return self._views

    def close(self) -> None:
        """Drop the memory; what still has a view of it keeps it alive."""
        self._views = []
        self._map = None
