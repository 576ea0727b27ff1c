"""What identifies a target in C: the build, and what it says that it can do."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

TargetKind = Literal["spdk", "target"]
OPTIONS: dict[TargetKind, str] = {"spdk": "--spdk", "target": "--target"}


class TargetId(msgspec.Struct, frozen=True, kw_only=True):
    """What identified a target when a run was recorded; ``path`` is what its user typed, for lines to paste."""

    kind: TargetKind
    path: str
    name: str
    version: str
    build: str = ""  # debug or release
    commit: str = ""
    archives: str = ""  # hash of what it was made from
    capabilities: dict[str, Any] = {}

    @property
    def words(self) -> str:
        """Name and version, for sentences."""
        commit = f" ({self.commit[:10]})" if self.commit else ""
        name = "" if self.version.startswith(self.name) else f"{self.name} "
        return f"{name}{self.version}{commit}{', ' if self.build else ''}{self.build}"

    @property
    def option(self) -> tuple[str, str]:
        """Return the option that names it on a command line, and its value."""
        return OPTIONS[self.kind], self.path

    @property
    def data_offset(self) -> int:
        """Blocks in front of the data of a member with a superblock."""
        return int(self.capabilities.get("data_offset", 0))

    def can(self, capability: str) -> bool:
        """Return whether it says that it has this capability."""
        return bool(self.capabilities.get(capability))

    def is_same_code(self, other: TargetId) -> bool:
        """Return whether both were made from the same archives."""
        return bool(self.archives) and self.archives == other.archives
