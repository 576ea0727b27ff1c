"""Which steps from outside are allowed now, so that a failure that follows is the target's.

The generator keeps the rules by its way of choosing. A player that reorders recorded steps, or leaves some out, asks
here. The fault budget leaves a disk with all acknowledged data. Hosts change no blocks with a write in flight,
except one that its host has given up. Arrays are
created from equal disks.
"""

from __future__ import annotations

import msgspec

from chaos.plan.faults import DISK_HEALS, FAULTS, REPLACEMENTS
from chaos.plan.namespaces import first_block
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.array_view import Cause
from chaos.run.model import Model
from chaos.run.nemesis.budget import may_break
from chaos.scripts.sessions import Sessions
from chaos.steps.schedule import (
    CHANGING,
    IO,
    Admin,
    Flush,
    HostStep,
    Impair,
    Inject,
    Kill,
    Mark,
    Operate,
    OutsideStep,
    PowerLoss,
    Stall,
)
from workers.bdev.stack import ErrorType, disk_of, member_bdev_id, stacked_bdev_id
from workers.bdev.stack import Stack as StackKind
from workers.nvmf.status import AdminOpcode

CLEARS = 1
MEMBERS_MIN = 2


class Rules:
    """Judges outside steps by the model and the hosts' connections, which it keeps up to date."""

    def __init__(self, plan: Plan, model: Model) -> None:
        self.plan = plan
        self.model = model
        self.sessions = Sessions()
        self.rpcs_since_start: list[Operate] = []
        self.delayed: list[int] = []  # disks whose delay bdev has a latency

    @property
    def _has_started(self) -> bool:
        return bool(self.rpcs_since_start)

    def may(self, step: OutsideStep) -> bool:
        """Return whether the step may be taken now."""
        if self.model.array.is_online:
            self.model.disks.trust(self.model.array.members_in_sync())
        match step:
            case Operate():
                return self._may_operate(step)
            case Inject():
                return self._may_inject(step)
            case Impair():
                return self.sessions.may_impair(step)
            case Kill() | PowerLoss():
                return bool(self.model.disks.sound())
            case Stall() | Mark():
                return True
            case _:
                return self._may_host(step)

    def bind(self, step: OutsideStep) -> OutsideStep:
        """Return the step in terms of this run: thread, controller and disks may be others than were recorded."""
        if isinstance(step, (Kill, PowerLoss)):
            return self._bind_clones(step)
        if isinstance(step, (Operate, Inject, Impair, Stall, Mark)):
            return step
        return self.sessions.bind(step)

    def took(self, step: OutsideStep) -> None:
        """Take in a step: the model learns what it would have learnt from the generator."""
        if isinstance(step, Impair) and step.fault in ("host_vanish", "network_cut"):
            links = self.sessions.of(step.host)
            self.model.ledger.lost_connections.update(link.number for link in links)
        self.sessions.took(step)
        match step:
            case Kill() | PowerLoss():
                self.sessions.target_lost()
                self.rpcs_since_start.clear()
                self.delayed.clear()
            case Operate():
                self.rpcs_since_start.append(step)
                self._operated(step)
            case _:
                pass

    def _operated(self, step: Operate) -> None:
        match step.method:
            case Rpc.BDEV_ERROR_INJECT_ERROR:
                self._breaks(step)
            case Rpc.BDEV_DELAY_UPDATE_LATENCY:
                disk = self._stacked_on(step.args[0], StackKind.DELAY)
                if step.args[1] and disk not in self.delayed:
                    self.delayed.append(disk)
            case Rpc.BDEV_RAID_REMOVE_BASE_BDEV:
                removed = self._member_of(step.args[0])
                is_in_sync = removed in self.model.array.members_in_sync()
                if is_in_sync and not self.model.disks.sound():
                    self.model.array.move(Cause.DISMANTLING_BEGUN)
            case _:
                pass

    def answered(self, step: OutsideStep, status: int, value: int) -> None:
        """Take in an answer to one of the steps."""
        self.sessions.answered(step, status, value)
        if (
            isinstance(step, Admin)
            and step.opcode == AdminOpcode.IDENTIFY
            and status == 0
            and value
        ):
            self.model.grown(first_block(self.plan.layout, step.second) + value)
        if isinstance(step, Operate) and self.model.array.is_online:
            self.model.array.move(Cause.DISMANTLING_OVER)

    def connection_ended(self, connection: int) -> None:
        """Take in that the target has destroyed a connection."""
        self.sessions.ended(connection)

    def _may_host(self, step: HostStep) -> bool:
        if not self.sessions.may(step):
            return False
        if not isinstance(step, IO):
            return True
        model = self.model
        if len(model.ledger.connections[step.connection]) >= self.plan.queue_depth:
            return False
        if isinstance(step, Flush):
            return True
        if step.slba + step.blocks > model.blocks:
            return False
        return not isinstance(step, CHANGING) or model.ledger.may_be_changed(step.slba, step.blocks)

    def _bind_clones(self, step: Kill | PowerLoss) -> Kill | PowerLoss:
        if isinstance(step, PowerLoss):
            # In a smaller plan, blocks and disks that don't exist have no data to lose.
            end = self.plan.layout.capacity
            lost = [tuple(block for block in disk if block < end) for disk in step.lost]
            step = msgspec.structs.replace(step, lost=tuple(lost[: self.plan.layout.disks]))
        if self.plan.superblock:
            return step
        disks = self.model.disks
        sound = disks.sound()[0]
        others = [number for number in range(len(disks)) if number != sound]
        clones = (sound, *others[: self.plan.members - 1])
        return msgspec.structs.replace(step, clones=clones)

    # The operator.

    def _may_operate(self, step: Operate) -> bool:
        model, args = self.model, step.args
        match step.method:
            case Rpc.FRAMEWORK_START_INIT:
                return not self._has_started and all(model.disks[disk].present for disk in args)
            case _ if not self._has_started:
                return False
            case Rpc.BDEV_RAID_REMOVE_BASE_BDEV:
                disk = self._member_of(args[0])
                return disk is None or self._may_remove(disk)
            case Rpc.BDEV_RAID_CREATE:
                return self._may_create(args[2:])
            case Rpc.BDEV_RAID_DELETE if args[0] == CLEARS:
                is_whole = len(model.array.members_in_sync()) == self.plan.members
                return is_whole or model.array.is_to_be_recreated or model.array.is_configuring
            case Rpc.BDEV_RAID_START_DEGRADED:
                # The array is online already, so the RPC is refused.
                return model.array.is_online or model.disks[model.disk_of(args[0])].is_sound
            case Rpc.BDEV_ERROR_INJECT_ERROR if args[1] == ErrorType.FAILURE:
                return model.array.may_harm(self._stacked_on(args[0], StackKind.ERROR))
            case _:
                return True

    def _may_remove(self, disk: int) -> bool:
        # With superblocks the last member keeps its superblock: the array is deleted, and assembled from it again.
        view = self.model.disks[disk]
        return self.plan.superblock or not view.is_sound or self.model.array.may_harm(disk)

    def _may_create(self, bdevs: tuple[int, ...]) -> bool:
        """Return whether it is of equal disks: the first array, or one of members that hold the same; or will be refused."""
        model = self.model
        disks = [self._member_of(bdev) for bdev in bdevs]
        is_refused = len(bdevs) < MEMBERS_MIN or None in disks or len(set(disks)) != len(bdevs)
        if is_refused or model.array.is_online:
            return True
        views = [model.disks[disk] for disk in disks if disk is not None]
        return all(view.is_sound for view in views) or not any(view.good for view in model.disks)

    def _member_of(self, bdev: int) -> int | None:
        layout = self.plan.layout
        for disk in range(layout.disks):
            if bdev == member_bdev_id(layout, disk):
                return disk
        return None

    def _stacked_on(self, bdev: int, kind: StackKind) -> int:
        layout = self.plan.layout
        disks = [
            disk for disk in range(layout.disks) if stacked_bdev_id(layout, kind, disk) == bdev
        ]
        return disks[0] if disks else disk_of(layout, bdev)

    def _breaks(self, step: Operate) -> None:
        bdev, kind = step.args[:2]
        disk = self._stacked_on(bdev, StackKind.ERROR)
        if kind == ErrorType.FAILURE:
            self.model.harm_by_rpc(disk)
        elif kind == ErrorType.PENDING:
            self.model.disks[disk].held()

    # The nemesis.

    def _may_inject(self, step: Inject) -> bool:
        view = self.model.disks[step.disk]
        match step.fault:
            case "disk_return_stale":
                superblock = self.model.plan.superblock
                is_fair = self.model.disks.may_be_stale(step.disk, superblock=superblock)
                return not view.present and not view.is_deleted and is_fair
            case "bdev_create":
                return view.is_deleted
            case name if name == "disk_return" or name in REPLACEMENTS:
                return not view.present and not view.is_deleted
            case "disk_arrive":
                return view.present and not view.arrived
            case "disk_grow":
                return True
            case "disk_image" | "disk_heal":
                return view.present
            case "disk_pull" | "bdev_delete":
                return view.present and (not view.is_sound or self.model.array.may_harm(step.disk))
            case name:
                assert name not in DISK_HEALS, f"the heal {name} has a rule of its own"
                return view.present and self._may_break(name, step.disk)

    def _may_break(self, name: str, disk: int) -> bool:
        fault = FAULTS[name]
        return not (fault.harms or fault.weakens) or may_break(self.model, name, disk)
