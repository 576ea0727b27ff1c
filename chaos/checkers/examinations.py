"""Examinations that have begun: each reads the superblock, and no wait for them may end before that.

An examination begins when ``bdev_examine_again`` is answered, when the target starts, and when a disk is plugged in, if no array has
claimed the bdev. Its read begins in the same step, so the disk finishes a read of its first block later, unless something hurts the disk.
"""

from __future__ import annotations

import msgspec

from chaos.checkers.target_facts import TargetFacts
from chaos.run.execution import Execution
from chaos.steps.history import Completed
from chaos.steps.schedule import FinishIo, Step
from workers.bdev.io import IoType


class Examination(msgspec.Struct, frozen=True):
    """One examination; ``asked`` and ``begun``: where its request and the answer are in the history, or its disk's arrival."""

    asked: int
    begun: int
    step: int  # of the answer
    bdev: int
    ops: list[int]  # the request


class Examinations:
    """Those that have surely begun and that no wait has been judged for."""

    def __init__(self, execution: Execution, facts: TargetFacts) -> None:
        self.schedule = execution.schedule
        self.facts = facts
        self._begun: list[Examination] = []

    def begin(self, bdev: int, asked: int, answer: Completed) -> None:
        """Take in that the answer to a request has begun one."""
        now = self.facts.moments.now
        self._begun.append(Examination(asked, now, answer.number, bdev, [answer.op]))

    def arrived(self, disk: int, step: int) -> None:
        """Take in that a disk was plugged in; its bdev is examined at once, unless it is being pulled again."""
        now = self.facts.moments.now
        if self.facts.moments.holds(("ready", disk)):
            bdev = next(bdev for bdev, below in self.facts.disks.items() if below == disk)
            self._begun.append(Examination(now, now, step, bdev, []))

    def unread(self, step: int, before: int) -> Examination | None:
        """Return an examination begun before this place in the history whose read can't have ended by this step.

        Each examination is looked at once.
        """
        asked = [one for one in self._begun if one.begun < before]
        self._begun = [one for one in self._begun if one.begun >= before]
        return next((one for one in asked if not self._may_have_ended(one, step)), None)

    def _may_have_ended(self, examination: Examination, step: int) -> bool:
        moments = self.facts.moments
        disk = self.facts.disks[examination.bdev]
        return (
            moments.ever(("harmed", disk), examination.asked)
            or not moments.always(("ready", disk), examination.begun)
            or self._was_read(disk, examination.step, step)
        )

    def _was_read(self, disk: int, after: int, until: int) -> bool:
        """Return whether the disk finished a read of its first block in one of these steps; it usually comes soon."""
        return any(_is_read(self.schedule[place], disk) for place in range(after, until))


def _is_read(step: Step, disk: int) -> bool:
    return (
        step.__class__ is FinishIo
        and step.disk == disk
        and step.io_type == IoType.READ
        and step.offset == 0
    )
