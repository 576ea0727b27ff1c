"""What a check finds."""

from __future__ import annotations

from enum import IntEnum

import msgspec

DETERMINISM = "determinism"  # found by running a seed twice, not by a check of one execution


class Verdict(IntEnum):
    """How a run ended; the number is the exit code."""

    VALID = 0
    INVALID = 1
    UNKNOWN = 3
    LIVENESS = 4
    CRASHED = 5
    NONDETERMINISM = 6
    NOT_EXERCISED = 7
    BROKEN = 70


# What people read of an exit code.
NAMES = {
    0: "valid",
    1: "INVALID",
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
    Verdict.VALID,
)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict that several verdicts add up to."""
    return min(verdicts, key=SEVERITY.index, default=Verdict.VALID)


class Evidence(msgspec.Struct, frozen=True):
    """One of the events that contradict each other: the number of its step, and what happened in it."""

    step: int
    says: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One contradiction. ``shape`` says what kind it is, without numbers: it goes into the signature.

    Where they are known: the first and last block, the disk that has served them, and the events that contradict
    each other, in order.
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
    waits: tuple[str, ...] = ()  # what is stuck, and under it what it waits for: a line each

    @property
    def signature(self) -> str:
        """Groups equal failures of different seeds."""
        return f"{self.check}/{self.kind}/{self.shape}"
