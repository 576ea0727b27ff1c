"""What a finding is about: it gives the weight to things that are routine in other stories."""

from __future__ import annotations

import msgspec

from chaos.checkers import Finding
from chaos.narrating.clauses import IMPORTANT, MINOR
from workers.protocol import Crash

OF_SUPERBLOCKS = ("superblock", "recovery")
OF_QUIESCE = ("quiesce",)
OF_SESSIONS = ("nvmf/",)


class Topics(msgspec.Struct, frozen=True):
    """Which machinery of the target a finding names: in its check, its words, its waits, or the crash's functions."""

    superblocks: bool
    quiesce: bool
    sessions: bool

    def weight_of_superblocks(self) -> int:
        """Return the weight of a superblock that is written as usual."""
        return IMPORTANT if self.superblocks else MINOR


def topics_of(finding: Finding, crash: Crash | None) -> Topics:
    """Return what a finding is about."""
    parts = [finding.check, finding.shape, finding.summary, *finding.waits]
    parts += [event.says for event in finding.events]
    if crash is not None and finding.check == "crash":
        parts.append(crash.traceback)
    text = " ".join(parts).lower()
    return Topics(
        superblocks=any(word in text for word in (*OF_SUPERBLOCKS, "raid/metadata")),
        quiesce=any(word in text for word in ("quiesc", "bdev/locks")),
        sessions=finding.shape.startswith(OF_SESSIONS),
    )
