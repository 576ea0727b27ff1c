"""Judge restarts by what was acknowledged, by the promises of answers, and by the model's disks."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.checkers.finding import Verdict
from chaos.checkers.registers import Registers
from chaos.judging.promises import Promise, Promises
from chaos.judging.second_target import Restart
from chaos.plan.plan import Plan
from chaos.run.model import Model
from chaos.steps.payload import NEVER_WRITTEN, decode
from workers.bdev.disk import Disk
from workers.bdev.io import BLOCK_SIZE


class BrokenPromise(msgspec.Struct, frozen=True):
    """A contradiction after a restart, and the answered request that it breaks, if it is a request's."""

    text: str
    promise: Promise | None = None
    verdict: Verdict = Verdict.INVALID


class RestartJudge:
    """Judges restarts of one run; all it is made of is kept up to date by that run."""

    def __init__(self, plan: Plan, model: Model, promises: Promises, registers: Registers) -> None:
        self.plan = plan
        self.model = model
        self.promises = promises
        self.registers = registers

    def trusted(self) -> int | None:
        """Return a disk from which the array must come up now; None: no array is meant to be there."""
        if self.model.array.must_stay_whole:
            return None
        good = self.model.disks.sound() or self.promises.created_on
        return good[0] if good else None

    def must_be_gone(self) -> bool:
        """Return whether the array was wiped, and must not come up again."""
        return self.model.array.must_stay_whole and bool(self.promises.wiped)

    def findings(
        self, restart: Restart, trusted: int | None, disks: list[Disk]
    ) -> list[BrokenPromise]:
        """Return what is wrong; ``disks`` are those that the restarted target has."""
        creation = self.promises.creation
        if restart.crash:
            text = f"the target crashes as it starts: {restart.crash}"
            return [BrokenPromise(text, creation, Verdict.CRASHED)]
        if not restart.is_at_rest:
            text = "the target starts, and does not come to rest"
            return [BrokenPromise(text, creation, Verdict.LIVENESS)]
        if trusted is None:
            return [*self._resurrected(restart)]
        if not restart.members:
            return [
                BrokenPromise(f"the array is not assembled, though {self._why(trusted)}", creation)
            ]
        return [
            *self._wrong_members(restart),
            *self._wrong_size(restart),
            *self._wrong_data(restart, disks),
        ]

    def _why(self, trusted: int) -> str:
        if trusted in self.promises.created_on:
            return f"it was created on disk {trusted}"
        return f"disk {trusted} has all acknowledged data"

    def _resurrected(self, restart: Restart) -> Iterator[BrokenPromise]:
        for number in restart.members:
            if number in self.promises.wiped:
                text = f"disk {number} is taken as a member, though its array was deleted and wiped"
                yield BrokenPromise(text, self.promises.wipe)

    def _wrong_members(self, restart: Restart) -> Iterator[BrokenPromise]:
        rebuild = self.model.array.rebuild
        for number in restart.members:
            # The end of a rebuild is recorded on one member after the other.
            if rebuild is not None and number == rebuild.disk:
                continue
            removal = self.promises.removals.get(number)
            if removal is not None:
                text = f"disk {number} is taken as a member, though it was removed"
                yield BrokenPromise(text, removal)
            elif self._is_left_behind(number):
                text = (
                    f"disk {number} is taken as a member, though the array has gone on without it"
                )
                yield BrokenPromise(text)

    def _is_left_behind(self, number: int) -> bool:
        """Return whether the members' superblocks list this disk as no member; no superblock says so of the last one."""
        is_last = number == self.promises.last_member
        return self.model.disks[number].superblock.left_behind and not is_last

    def _wrong_size(self, restart: Restart) -> Iterator[BrokenPromise]:
        blocks = self.promises.blocks
        if restart.blocks < blocks:
            text = f"the array has {restart.blocks} blocks, though Identify has reported {blocks}"
            yield BrokenPromise(text, self.promises.size)

    def _wrong_data(self, restart: Restart, disks: list[Disk]) -> Iterator[BrokenPromise]:
        """Find the first block of a member with other data than acknowledged or in flight."""
        first = self.plan.data_offset * BLOCK_SIZE
        known: dict[bytes, list[int]] = {}  # equal disks, as mirrors are, are decoded once
        for number in restart.members:
            data = bytes(disks[number].data[first : disks[number].num_blocks * BLOCK_SIZE])
            values = known.get(data)
            if values is None:
                values = known[data] = decode(data, 0)
            lba = self._first_wrong(values)
            if lba is not None:
                newest = self.registers.newest_acknowledged[lba]
                text = (
                    f"block {lba} of disk {number} holds {_data(values[lba])}, but op {newest} "
                    "was acknowledged"
                )
                yield BrokenPromise(text, self.promises.changes.get(newest))
                return

    def _first_wrong(self, values: list[int]) -> int | None:
        registers = self.registers
        held = registers.held
        if values == held[: len(values)]:
            return None  # as nearly always: nothing is in flight, and all is as acknowledged last
        for lba, value in enumerate(values[: registers.blocks]):
            if value == held[lba] or lba in registers.tainted or value in registers.allowed(lba):
                continue
            # Where an array has grown, a member may hold anything until a host has written there.
            if lba < self.plan.blocks or registers.newest_acknowledged[lba] != NEVER_WRITTEN:
                return lba
        return None


def _data(value: int) -> str:
    if value == NEVER_WRITTEN:
        return "zeroes"
    return f"op {value}" if value > NEVER_WRITTEN else "garbage"
