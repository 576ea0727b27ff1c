"""The findings of checks, and verdicts."""

from __future__ import annotations

from enum import IntEnum

import msgspec

DETERMINISM = "determinism"  # found by running a seed twice, not by checking one execution


class Verdict(IntEnum):
    """The result of a run; the number is the exit code."""

    VALID = 0
    INVALID = 1
    UNWRITTEN = 2
    UNKNOWN = 3
    LIVENESS = 4
    CRASHED = 5
    NONDETERMINISM = 6
    NOT_EXERCISED = 7
    BROKEN = 70


# The exit codes in words.
NAMES = {
    0: "valid",
    1: "INVALID",
    2: "NOT WRITTEN",
    3: "UNKNOWN",
    4: "STUCK",
    5: "CRASHED",
    6: "NONDETERMINISTIC",
    7: "NOT EXERCISED",
    70: "raidstorm itself broke",
    130: "interrupted",
}

# The worst first: several runs exit with the first of these that occurred.
SEVERITY = (
    Verdict.INVALID,
    Verdict.CRASHED,
    Verdict.LIVENESS,
    Verdict.NONDETERMINISM,
    Verdict.BROKEN,
    Verdict.NOT_EXERCISED,
    Verdict.UNKNOWN,
    Verdict.UNWRITTEN,
    Verdict.VALID,
)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of several verdicts."""
    return min(verdicts, key=SEVERITY.index, default=Verdict.VALID)


class Evidence(msgspec.Struct, frozen=True):
    """One of the events that contradict each other: its step number and its description."""

    step: int
    says: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A contradiction. ``shape`` is its form, without numbers, because it is part of the signature.

    If they are known, it has the first and last block, the disk that has served them, and the events that contradict each
    other, in order.
    """

    check: str
    kind: str
    shape: str
    summary: str
    step: int
    verdict: Verdict
    ops: list[int] = []
    blocks: tuple[int, int] | None = None
    disk: int | None = None
    events: tuple[Evidence, ...] = ()
    waits: tuple[str, ...] = ()  # a line for each stuck request, and below it a line for each wait

    @property
    def signature(self) -> str:
        """The same for equal failures of different seeds."""
        return f"{self.check}/{self.kind}/{self.shape}"
