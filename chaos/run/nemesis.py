"""The nemesis: planned faults, each with its heal, within the fault budget."""

from __future__ import annotations

import msgspec

from chaos.base.prng import Stream
from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.faults import FAULTS, HOST_FAULTS, HOST_HEALS, TARGET_FAULTS
from chaos.plan.injection import ALL_TYPES, SMALLER_BY
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.plan.rpcs import Rpc
from chaos.run.hosts import Host
from chaos.run.model import Model
from chaos.run.moments import is_due
from chaos.steps.schedule import Impair, Inject, Kill, Operate, PowerLoss, Stall
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType, Stack, stack_of, stacked_bdev_id

TRANSIENT_ERRORS_MAX = 3
READ_ERRORS_MAX = 24
SLOW_US = (1_000, 50_000)
STALL_STEPS = (20, 200)
LATE_PERMILLE_MAX = 250
CHANNEL_FAILURES_MAX = 2
WHOLE = 2  # members
WHOLE_WAIT_PERMILLE = 400
BAD_BLOCKS_MAX = 6
# Bit masks over IoType, of what an error bdev hits.
ERROR_BDEV_TYPES = (
    *(1 << io_type for io_type in ALL_TYPES),
    (1 << IoType.READ) | (1 << IoType.WRITE),
)
# An array's only member keeps its data when its superblock can't be written, or blocks can't be read, for a while.
# Failures are seen least: the disk must be one that may be harmed.
ERROR_BDEV_KINDS = (ErrorType.FAILURE, *ErrorType)
HARMLESS_ALONE = ("superblock_errors", "read_errors", "bad_blocks")

NemesisStep = Inject | Impair | Stall | Kill | PowerLoss | Operate


class Due(msgspec.Struct, frozen=True):
    """A heal that comes due at a point of the chaos phase: of a disk, or of a host."""

    permille: int
    heal: str
    number: int


def may_break(model: Model, kind: str, number: int) -> bool:
    """Does the fault budget allow this fault of this disk now?"""
    if kind in HARMLESS_ALONE and not model.array.must_stay_whole:
        return model.array.is_alone(number) or model.array.may_harm(number)
    return model.array.may_harm(number)


class Nemesis:
    """Breaks disks, hosts, reactors and the target at planned moments, and heals them again."""

    def __init__(self, plan: Plan, model: Model, hosts: list[Host], stream: Stream) -> None:
        self.model = model
        self.hosts = hosts
        self.stream = stream
        self.plan = plan
        self.waiting = [planned for planned in plan.planned if planned.kind in FAULTS]
        self.heals: list[Due] = []
        self._growing: list[int] = []
        self._has_room = plan.layout.capacity > plan.layout.disk_blocks  # for larger disks
        self._has_taken = False  # a disk has gone, or not, before the target will
        self._to_be_stale: int | None = None  # imaged, and the next to be pulled
        self._delayed: list[int] = []  # disks whose delay bdev has a latency

    def next_step(self, now_permille: int) -> NemesisStep | None:
        """A fault or a heal whose moment has come."""
        for due in self.heals:
            if now_permille >= due.permille:
                self.heals.remove(due)
                step = self._heal(due)
                if step is not None:
                    return step
        if self._growing:
            return self._grow(self._growing.pop(0))
        for planned in self.waiting:
            if is_due(planned, now_permille, self.model):
                step = self._fault(planned, now_permille)
                if step is not None:
                    self.waiting.remove(planned)
                    self.model.mark(planned.kind)
                    return step
                # The budget doesn't allow it now, or it isn't applicable; perhaps later.
        return None

    def adopt(self, heals: list[tuple[str, int]], delayed: list[int]) -> None:
        """Heal in the end what was broken elsewhere: (heal, host) and the disks whose delay bdev delays."""
        self.waiting.clear()
        self.heals = [Due(RUN_PERMILLE, heal, host) for heal, host in heals]
        self._delayed = list(delayed)

    def heal_all(self) -> NemesisStep | None:
        """Heals, one a call, until nothing is broken."""
        self.waiting.clear()
        if self._growing:
            return self._grow(self._growing.pop(0))
        while self.heals:
            step = self._heal(self.heals.pop(0))
            if step is not None:
                return step
        while self._delayed:
            return self._set_latency(self._delayed.pop(0), 0)
        for number, disk in enumerate(self.model.disks):
            if not disk.present:
                return self._inject("disk_return", number)
            if not disk.arrived:
                return self._inject("disk_arrive", number)
            if disk.faulted:
                return self._inject("disk_heal", number)
            if disk.unfit and not disk.member:
                return self._inject("disk_pull", number)
        return None

    # Faults.

    def _fault(self, planned: Planned, now_permille: int) -> NemesisStep | None:
        ends = min(RUN_PERMILLE, now_permille + planned.lasting)
        kind = planned.kind
        if kind in HOST_FAULTS:
            return self._harm_host(kind, ends)
        if kind in TARGET_FAULTS:
            if self._should_wait(planned, now_permille):
                return None
            taken = self._take_disk_along(ends)
            if taken is not None:
                self.waiting.append(planned)  # the target follows
            return taken or self._end_target(kind, now_permille)
        if kind == "reactor_stall":
            return self._stall(planned)
        if kind == "disk_grow":
            if self.plan.layout.capacity_blocks:
                self._growing = self.stream.shuffled(range(len(self.model.disks)))
                return self._grow(self._growing.pop(0))
            return None
        disk = self._victim(kind)
        if disk is None:
            return None
        if kind == "error_bdev":
            return self._break_error_bdev(disk, ends)
        if kind == "delay_bdev":
            self._delayed.append(disk)
            return self._set_latency(disk, self.stream.between(*SLOW_US))
        heal = FAULTS[kind].heal
        if kind == "disk_pull":
            heal = "disk_return_stale" if disk == self._to_be_stale else self._way_back(disk)
            self._to_be_stale = None
            if heal == "disk_return_stale" and not self.model.disks[disk].superblock.imaged:
                # First keep what it holds; it is pulled when the array has gone on.
                self._to_be_stale = disk
                self.waiting.append(
                    msgspec.structs.replace(
                        planned, moment=min(RUN_PERMILLE, now_permille + 20), anchor="run"
                    )
                )
                return self._inject("disk_image", disk)
        self.heals.append(Due(ends, heal, disk))
        return self._inject(kind, disk, *self._arguments(kind))

    def _victim(self, kind: str) -> int | None:
        """A disk this may happen to now, within the budget."""
        fault = FAULTS[kind]
        needed = {"error_bdev": Stack.ERROR, "delay_bdev": Stack.DELAY}.get(kind)
        if kind == "superblock_errors" and not self.plan.superblock:
            return None
        able = [
            number
            for number, disk in enumerate(self.model.disks)
            if disk.present
            and disk.arrived
            and not disk.faulted
            and disk.member
            and number not in self._delayed
            and (needed is None or needed in stack_of(self.plan.layout, number))
            and (not (fault.harms or fault.weakens) or may_break(self.model, kind, number))
        ]
        if kind == "disk_pull" and self._to_be_stale in able:
            return self._to_be_stale
        return self.stream.choice(able) if able else None

    def _arguments(self, kind: str) -> tuple[int, ...]:
        stream = self.stream
        times = stream.between(1, TRANSIENT_ERRORS_MAX)
        blocks = self.plan.layout.disk_blocks
        first = stream.integer_below(blocks)
        end = stream.between(first + 1, blocks)
        match kind:
            case "read_errors":
                # Nobody is lost by one: each is corrected, beside whatever is written there.
                return (first, end, stream.between(1, READ_ERRORS_MAX))
            case "write_errors":
                return (first, end, times)
            case "unmap_errors":
                return (0, blocks, times)
            case "flush_errors" | "superblock_errors":
                return (times,)
            case "bad_blocks":
                return (first, min(end, first + BAD_BLOCKS_MAX))
            case "disk_slow":
                return (stream.between(*SLOW_US),)
            case "channel_failures":
                return (stream.between(1, CHANNEL_FAILURES_MAX),)
            case "bit_rot":
                return (max(first, self.plan.data_offset),)
            case "misdirected_write":
                # Far from the superblock, on both ends.
                return (self.plan.data_offset, blocks, stream.between(1, 4))
            case _:
                return ()

    def _way_back(self, number: int) -> str:
        """How a pulled disk will return: as it was, or something else in its place."""
        draw = self.stream.integer_below(100)
        if draw < 40:
            return "disk_return"
        if draw < 58:
            return "disk_return_blank"
        if draw < 78:
            return "disk_return_stale"
        if draw < 86:
            return "disk_return_small"
        return "disk_return_large" if draw < 92 else "disk_return_foreign"

    def _break_error_bdev(self, disk: int, ends: int) -> Operate | None:
        stream = self.stream
        kind = stream.choice(ERROR_BDEV_KINDS)
        if kind is ErrorType.FAILURE:
            self.model.harm_by_rpc(disk)
        elif kind is ErrorType.PENDING:
            self.model.disks[disk].held()
        self.heals.append(Due(ends, "disk_heal", disk))
        io_types = stream.choice(ERROR_BDEV_TYPES)
        bdev = stacked_bdev_id(self.plan.layout, Stack.ERROR, disk)
        count = stream.between(1, TRANSIENT_ERRORS_MAX)
        args = (bdev, int(kind), io_types, count)
        return Operate(self.model.ledger.new_op(), Rpc.BDEV_ERROR_INJECT_ERROR.value, args)

    def _set_latency(self, disk: int, latency_us: int) -> Operate:
        bdev = stacked_bdev_id(self.plan.layout, Stack.DELAY, disk)
        return Operate(
            self.model.ledger.new_op(), Rpc.BDEV_DELAY_UPDATE_LATENCY.value, (bdev, latency_us)
        )

    def _grow(self, disk: int) -> Inject:
        self._has_room = False
        return self._inject("disk_grow", disk, self.plan.layout.capacity)

    def _harm_host(self, kind: str, ends: int) -> Impair | None:
        able = [
            host.number
            for host in self.hosts
            if (host.may_vanish if kind == "host_vanish" else host.may_be_cut)
        ]
        if not able:
            return None
        number = self.stream.choice(able)
        if kind != "host_vanish":
            self.heals.append(Due(ends, HOST_HEALS[kind], number))
        return Impair(self.model.ledger.new_op(), kind, number)

    def _stall(self, planned: Planned) -> Stall | None:
        layout = self.plan.layout
        if self.model.stalled is not None or layout.reactors < 2:
            return None
        reactor = self.stream.integer_below(layout.reactors)
        length = max(STALL_STEPS[0], self.plan.steps * planned.lasting // RUN_PERMILLE)
        return Stall(self.model.ledger.new_op(), reactor, min(length, STALL_STEPS[1]))

    # The end of the target, and its disks' way back.

    def _should_wait(self, planned: Planned, now_permille: int) -> bool:
        """Half of the kills wait a while for a whole array.

        Under many faults it rarely is one, and a restart that assembles several members would be rare as well.
        """
        is_patient = planned.anchor == "run" and planned.moment % 2 == 0
        is_whole = len(self.model.array.members_in_sync()) >= WHOLE
        waits = is_patient and self.plan.superblock and not is_whole
        return waits and now_permille < planned.moment + WHOLE_WAIT_PERMILLE

    def _take_disk_along(self, ends: int) -> Inject | None:
        """Now and then a disk goes just before the target does, and isn't there when it starts again."""
        was_asked, self._has_taken = self._has_taken, not self._has_taken
        if was_asked or not self.stream.chance(1, 4):
            return None
        disk = self._victim("disk_pull")
        if disk is None:
            return None
        self.heals.append(Due(ends, self._way_back(disk), disk))
        return self._inject("disk_pull", disk)

    def _end_target(self, kind: str, now_permille: int) -> Kill | PowerLoss | None:
        self._has_taken = False
        sound = self.model.disks.numbers(sound=True)
        if not sound:
            return None
        clones: tuple[int, ...] = ()
        if self.plan.superblock:
            self._plan_arrivals(now_permille)
        else:
            others = [number for number in range(len(self.model.disks)) if number != sound[0]]
            clones = (sound[0], *others[: self.plan.members - 1])
            self.heals = [due for due in self.heals if due.heal in HOST_HEALS.values()]
        self._delayed.clear()
        op = self.model.ledger.new_op()
        return Kill(op, clones) if kind == "target_kill" else PowerLoss(op, clones, self._lost())

    def _plan_arrivals(self, now_permille: int) -> None:
        """Disks come in a drawn order, some late; some don't come back as they were."""
        stream = self.stream
        hosts = HOST_HEALS.values()
        returns = [due for due in self.heals if due.heal not in ("disk_heal", *hosts)]
        self.heals = [due for due in self.heals if due.heal in hosts]
        arrivals = []
        for number in stream.shuffled(range(len(self.model.disks))):
            disk = self.model.disks[number]
            late = stream.between(1, LATE_PERMILLE_MAX) if stream.chance(1, 3) else 0
            if disk.present:
                arrivals.append(Due(min(RUN_PERMILLE, now_permille + late), "disk_arrive", number))
                if disk.faulted:
                    ends = now_permille + stream.between(1, LATE_PERMILLE_MAX)
                    arrivals.append(Due(min(RUN_PERMILLE, ends), "disk_heal", number))
        self.heals += [*arrivals, *returns]

    def _lost(self) -> tuple[tuple[int, ...], ...]:
        """Per disk the blocks that are lost if they aren't flushed: none, all, or a drawn part."""
        stream = self.stream
        capacity = self.plan.layout.capacity
        lost: list[tuple[int, ...]] = []
        for _ in self.model.disks:
            part = stream.choice((0, 100, stream.between(1, 99)))
            blocks = range(capacity)
            lost.append(tuple(block for block in blocks if stream.chance(part, 100)))
        return tuple(lost)

    # Heals.

    def _heal(self, due: Due) -> NemesisStep | None:
        if due.heal in HOST_HEALS.values():
            return Impair(self.model.ledger.new_op(), due.heal, due.number)
        disk = self.model.disks[due.number]
        if due.heal == "disk_arrive":
            return None if disk.arrived or not disk.present else self._inject(due.heal, due.number)
        if due.heal == "disk_heal":
            return self._inject(due.heal, due.number) if disk.present else None
        if disk.present:
            return None
        return self._inject(self._return_of(due.number, due.heal), due.number)

    def _return_of(self, number: int, heal: str) -> str:
        disks, superblock = self.model.disks, self.plan.superblock
        if heal == "disk_return_stale" and not disks.may_be_stale(number, superblock=superblock):
            return "disk_return"
        if heal == "disk_return_small" and self.plan.layout.disk_blocks <= 2 * SMALLER_BY:
            return "disk_return_blank"
        if heal == "disk_return_large" and not self._has_room:
            return "disk_return_blank"
        if heal == "disk_return" and disks[number].unfit:
            return "disk_return_blank"
        return heal

    def _inject(self, fault: str, disk: int, *args: int) -> Inject:
        # An unfit disk that is pulled at the end comes back as one that can be a member.
        if fault == "disk_return" and self.model.disks[disk].unfit:
            fault = "disk_return_blank"
        return Inject(self.model.ledger.new_op(), fault, disk, args)
