"""Faults of disks: the choice of the disk, of the details, and of the heal."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chaos.base.prng import Stream
from chaos.plan.faults import FAULTS
from chaos.plan.injection import ALL_TYPES
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.run.disk_view import ARRIVED, WELL
from chaos.run.model import Model
from chaos.run.nemesis.budget import may_break
from chaos.run.nemesis.heals import Heals, end_of
from chaos.run.nemesis.steps import NemesisStep, inject, inject_error, set_latency
from chaos.run.nemesis.victims import FLEETING, FLEETING_PERCENT, SPARE_PERCENT, Place, places
from chaos.steps.schedule import Inject, Operate
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType, Stack, stack_of

TRANSIENT_ERRORS_MAX = 3
READ_ERRORS_MAX = 24
FLUSH_ERRORS_MAX = 6
SLOW_US = (1_000, 50_000)
CHANNEL_FAILURES_MAX = 2
BAD_BLOCKS_MAX = 6
IMAGE_PERMILLE = 20  # from the image of a disk to its pull
OF_SUPERBLOCKS = ("superblock_errors", "superblock_slow")
OF_MEMBERS = ("flush_errors", "error_bdev", "delay_bdev")  # these show mostly in I/O of hosts
FLUSH_WAIT_PERMILLE = 300
STACK_NEEDED = {"error_bdev": Stack.ERROR, "delay_bdev": Stack.DELAY}
# Bit masks over IoType: the I/O that an error bdev affects.
ERROR_BDEV_TYPES = (
    *(1 << io_type for io_type in ALL_TYPES),
    (1 << IoType.READ) | (1 << IoType.WRITE),
)
# Failures are rarest in runs, since they need a disk that may be harmed.
ERROR_BDEV_KINDS = (ErrorType.FAILURE, *ErrorType)
# The ways in which a pulled disk returns: each with the percentage of draws below which it is chosen.
WAYS_BACK = (
    (40, "disk_return"),
    (58, "disk_return_blank"),
    (78, "disk_return_stale"),
    (86, "disk_return_small"),
    (92, "disk_return_large"),
    (100, "disk_return_foreign"),
)


class DiskFaults:
    """Breaks disks; ``waiting`` has the faults that need two steps."""

    def __init__(
        self, plan: Plan, model: Model, heals: Heals, waiting: list[Planned], stream: Stream
    ) -> None:
        self.plan = plan
        self.model = model
        self.heals = heals
        self.waiting = waiting
        self.stream = stream
        self._growing: list[int] = []
        self._to_be_stale: int | None = None  # imaged, and the next to be pulled

    def begin(
        self, planned: Planned, now_permille: int, among: Sequence[int] | None = None
    ) -> NemesisStep | None:
        """Return the fault's step; None: it isn't applicable now, or the budget doesn't allow it."""
        kind = planned.kind
        if kind == "disk_grow":
            return self._begin_growing()
        if among is None and self._should_wait(planned, now_permille):
            return None
        disk = self.victim(kind, among)
        if disk is None:
            return None
        if kind == "error_bdev":
            return self._break_error_bdev(disk, end_of(planned, now_permille))
        if kind == "delay_bdev":
            self.heals.delayed.append(disk)
            latency_us = self.stream.between(*SLOW_US)
            return set_latency(self.plan, self.model, disk, latency_us)
        heal = FAULTS[kind].heal
        if kind == "disk_pull":
            heal = "disk_return_stale" if disk == self._to_be_stale else self.way_back()
            self._to_be_stale = None
            if heal == "disk_return_stale" and not self.model.disks[disk].superblock.imaged:
                return self._keep_image(disk, planned, now_permille)
        self.heals.plan_heal(end_of(planned, now_permille), heal, disk)
        return inject(self.model, kind, disk, *self._arguments(kind))

    def victim(self, kind: str, among: Sequence[int] | None = None) -> int | None:
        """Return a disk this may happen to now, within the budget; ``among``: one of these disks."""
        fault = FAULTS[kind]
        needed = STACK_NEEDED.get(kind)
        if kind in OF_SUPERBLOCKS and not self.plan.superblock:
            return None
        able = [
            number
            for number, disk in enumerate(self.model.disks)
            if (among is None or number in among)
            and disk.presence is ARRIVED
            and (disk.health is WELL or (kind == "disk_pull" and among is not None))
            and number not in self.heals.delayed
            and (needed is None or needed in stack_of(self.plan.layout, number))
            and (not (fault.harms or fault.weakens) or may_break(self.model, kind, number))
        ]
        if kind == "disk_pull" and self._to_be_stale in able:
            return self._to_be_stale
        if kind in OF_MEMBERS and among is None:
            members = self.model.array.members_in_sync()
            wanted = [number for number in able if number in members]
            if wanted or kind not in STACK_NEEDED:
                able = among = wanted
        if among is not None or not able:
            return self.stream.choice(able) if able else None
        return self._draw(able)

    def _should_wait(self, planned: Planned, now_permille: int) -> bool:
        """Return whether flushes should fail later: while a host's flush is under way, and two members are in sync.

        Otherwise they mostly hit the flush of a superblock, or the only member, and no member then misses what another has.
        """
        model = self.model
        if planned.kind != "flush_errors" or (model.array.is_whole and model.ledger.is_flushing()):
            return False
        return now_permille < planned.moment + FLUSH_WAIT_PERMILLE

    def _draw(self, able: list[int]) -> int | None:
        """Draw mostly from those that are on their way into the array or out of it, else from the members."""
        found = places(self.model)
        fleeting = [number for number in able if found[number] in FLEETING]
        if fleeting and self.stream.chance(FLEETING_PERCENT, 100):
            return self.stream.choice(fleeting)
        spare = [number for number in able if found[number] is Place.SPARE]
        if spare and self.stream.chance(SPARE_PERCENT, 100):
            return self.stream.choice(spare)
        members = [number for number in able if self.model.disks[number].member]
        if not self.model.disks.members():
            # There is no array just now. The next one is made of disks with the data.
            members = [number for number in able if self.model.disks[number].is_sound] or able
        return self.stream.choice(members) if members else None

    def _keep_image(self, disk: int, planned: Planned, now_permille: int) -> Inject:
        """Keep what the disk holds; it is pulled when the array has gone on."""
        self._to_be_stale = disk
        moment = now_permille + IMAGE_PERMILLE
        self.waiting.append(msgspec.structs.replace(planned, moment=moment, anchor="run"))
        return inject(self.model, "disk_image", disk)

    def way_back(self) -> str:
        """Draw how a pulled disk will return: as it was, or another one in its place."""
        draw = self.stream.integer_below(100)
        return next(heal for below, heal in WAYS_BACK if draw < below)

    def _arguments(self, kind: str) -> tuple[int, ...]:
        stream = self.stream
        times = stream.between(1, TRANSIENT_ERRORS_MAX)
        blocks = self.plan.layout.disk_blocks
        first = stream.integer_below(blocks)
        end = stream.between(first + 1, blocks)
        match kind:
            case "read_errors":
                # None of these costs a disk its data, since the array corrects each; so other writes don't matter.
                return (first, end, stream.between(1, READ_ERRORS_MAX))
            case "write_errors":
                return (first, end, times)
            case "unmap_errors":
                return (0, blocks, times)
            case "flush_errors":
                return (stream.between(1, FLUSH_ERRORS_MAX),)
            case "superblock_errors":
                return (times,)
            case "bad_blocks":
                return (first, min(end, first + BAD_BLOCKS_MAX))
            case "disk_slow" | "superblock_slow":
                return (stream.between(*SLOW_US),)
            case "channel_failures":
                return (stream.between(1, CHANNEL_FAILURES_MAX),)
            case "bit_rot":
                return (max(first, self.plan.data_offset),)
            case "misdirected_write":
                # The distance keeps it out of the superblock, at both ends.
                return (self.plan.data_offset, blocks, stream.between(1, 4))
            case _:
                return ()

    def _break_error_bdev(self, disk: int, ends: int) -> Operate:
        stream = self.stream
        kind = stream.choice(ERROR_BDEV_KINDS)
        if kind is ErrorType.FAILURE:
            self.model.harm_by_rpc(disk)
        elif kind is ErrorType.PENDING:
            self.model.disks[disk].held()
        self.heals.plan_heal(ends, FAULTS["error_bdev"].heal, disk)
        io_types = stream.choice(ERROR_BDEV_TYPES)
        count = stream.between(1, TRANSIENT_ERRORS_MAX)
        return inject_error(self.plan, self.model, disk, kind, io_types, count)

    # The growth of disks, one after the other.

    def _begin_growing(self) -> Inject | None:
        if not self.plan.layout.capacity_blocks:
            return None
        self._growing = self.stream.shuffled(range(len(self.model.disks)))
        return self.grow_on()

    def grow_on(self) -> Inject | None:
        """Let the next disk become larger, if one is to."""
        if not self._growing:
            return None
        self.heals.has_room = False
        return inject(self.model, "disk_grow", self._growing.pop(0), self.plan.layout.capacity)
