"""What happened in a run, counted: name -> how often. A fault counts when something has seen it."""

from __future__ import annotations

from collections import Counter

from chaos.judging.reach.host_effects import HostEffects
from chaos.judging.reach.refusals import count_refusals
from chaos.judging.reach.states import count_states
from chaos.plan.faults import HOST_FAULTS
from chaos.plan.reach_vocabulary import REACH_NAMES
from chaos.plan.rpcs import Rpc
from chaos.steps.history import Completed, Crashed, EngineEvent, History, Invoked, Undelivered
from chaos.steps.schedule import (
    IO,
    Admin,
    CompareAndWrite,
    Disconnect,
    Flush,
    Impair,
    Inject,
    Kill,
    Open,
    Operate,
    OutsideStep,
    PowerLoss,
    Read,
    Stall,
    Unmap,
    Write,
    WriteZeroes,
)
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.errors import ENODEV, EPERM
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.protocol import Event

CLOSE_TOGETHER_STEPS = 40

WHOLE, WIDE = 2, 3  # members

_RETURNS = {
    "disk_arrive": "disks_arrived",
    "disk_return": "disks_returned",
    "disk_return_blank": "disks_returned_blank",
    "disk_return_stale": "disks_returned_stale",
    "disk_return_small": "disks_returned_small",
    "disk_return_large": "disks_returned_large",
    "disk_return_foreign": "disks_returned_foreign",
}
_EVENTS = {
    "bdev.delayed": "delay_bdev_effective",
    "bdev.error_injected": "error_bdev_effective",
    "bdev.io_wait": "io_waits",
    "bdev.nomem": "nomem_retries",
    "bdev.reset": "bdev_resets",
    "bdev.split": "ios_split",
    "disk.channel_failed": "channel_failures_effective",
    "disk.misdirected": "misdirected_writes_effective",
    "disk.write_torn": "torn_writes",
    "nvmf.command_queued": "connects_queued",
    "nvmf.duplicate_qid": "duplicate_qids",
    "nvmf.io_queued": "ios_queued",
    "nvmf.keep_alive_expired": "keep_alives_expired",
    "nvmf.namespace_attached": "namespaces_attached",
    "nvmf.namespace_detached": "namespaces_detached",
    "nvmf.namespace_resized": "namespaces_resized",
    "nvmf.poll_group_created": "poll_groups_created",
    "nvmf.poll_group_destroyed": "poll_groups_destroyed",
    "raid.assembled": "arrays_assembled",
    "raid.created": "arrays_created",
    "raid.deleted": "arrays_deleted",
    "raid.grown": "arrays_grown",
    "raid.last_member_removed": "last_members_removed",
    "raid.member_failed": "members_failed",
    "raid.member_queued": "members_queued",
    "raid.member_removed": "members_removed",
    "raid.read_repaired": "reads_repaired",
    "raid.reset": "array_resets",
    "raid.starting_degraded": "arrays_started_degraded",
    "raid.superblock_written": "superblocks_written",
    "rebuild.limited": "rebuilds_limited",
    "reactor.held_up": "reactor_stalls",
    "rebuild.started": "rebuilds_started",
}
_FAULT_BITES = {
    FaultKind.BAD_BLOCKS: "bad_blocks_effective",
    FaultKind.HANG: "hung_ios_effective",
    FaultKind.SLOW: "slow_ios_effective",
    FaultKind.ROT: "bit_rot_effective",
}
_ERROR_BITES = {
    IoType.READ: "read_errors_effective",
    IoType.WRITE: "write_errors_effective",
    IoType.FLUSH: "flush_errors_effective",
    IoType.UNMAP: "unmap_errors_effective",
}
_ANSWERED = frozenset((Operate, Admin, *IO))
# Told most often, and not counted here.
_UNCOUNTED = frozenset(
    (
        "raid.channel",
        "raid.channel_created",
        "raid.channel_destroyed",
        "bdev.quiesced",
        "bdev.unquiesced",
        "rebuild.window_locked",
        "rebuild.window_done",
    )
)
assert not _UNCOUNTED & _EVENTS.keys()
_ERROR_BDEV_KINDS = {
    ErrorType.FAILURE: "error_bdev_failures",
    ErrorType.PENDING: "error_bdev_holds",
    ErrorType.NOMEM: "error_bdev_refusals",
}
_STRADDLING = {
    IoType.READ: "reads_straddling",
    IoType.WRITE: "writes_straddling",
    IoType.UNMAP: "unmaps_straddling",
}
_IO_NAMES: dict[type, str] = {
    Flush: "flushes",
    Unmap: "unmaps",
    WriteZeroes: "write_zeroes",
}


class _Counting:
    """State along one history."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.hosts = HostEffects(self.counts)
        self.steps: dict[int, OutsideStep] = {}
        self.failing: dict[int, bool] = {}  # disks under disk_failure, not yet seen
        self.pulled: dict[int, bool] = {}
        self.superblock_faults: dict[int, bool] = {}
        self.draining: dict[int, int] = {}  # connection -> host that has closed it
        self.rebuilding = False
        self.ended_early = False
        self.assembled = False  # since the last restart
        self.expected = 0  # members that the array found last waits for
        self.is_dismantled = False  # the last member is gone, and the array not yet
        self.returning: dict[int, str] = {}  # disk -> what it counts as when it is there
        self.last_fault = -CLOSE_TOGETHER_STEPS

    def invoked(self, number: int, step: OutsideStep) -> None:
        self.hosts.invoked(step)
        if step.__class__ in _ANSWERED:  # most steps
            self.steps[step.op] = step
            return
        counts = self.counts
        match step:
            case Inject():
                self._injected(number, step)
            case Stall():
                self._fault(number)
            case Impair() if step.fault in HOST_FAULTS:
                self._fault(number)
            case Kill() | PowerLoss():
                counts["target_kills" if isinstance(step, Kill) else "power_losses"] += 1
                counts["kills_in_rebuild"] += self.rebuilding
                self.rebuilding = self.assembled = self.is_dismantled = False
                self.draining.clear()
                self.returning.clear()
                self.hosts.forget()
                self._fault(number)
            case Disconnect():
                counts["disconnects"] += 1
                self.draining[step.connection] = step.host
            case Open():
                counts["reconnects_while_draining"] += step.host in self.draining.values()
            case _:
                pass

    def _injected(self, number: int, step: Inject) -> None:
        if step.fault in _RETURNS:
            self.returning[step.disk] = _RETURNS[step.fault]
            return
        if step.fault in ("disk_heal", "disk_image", "disk_grow"):
            if step.fault == "disk_heal":
                self.failing.pop(step.disk, None)
                self.superblock_faults.pop(step.disk, None)
            return
        if step.fault == "disk_failure":
            self.failing[step.disk] = True
        elif step.fault == "disk_pull":
            self.pulled[step.disk] = True
            self.returning.pop(step.disk, None)
        elif step.fault == "superblock_errors":
            self.superblock_faults[step.disk] = True
        self._fault(number)

    def _fault(self, number: int) -> None:
        self.counts["faults_close_together"] += number - self.last_fault < CLOSE_TOGETHER_STEPS
        self.last_fault = number

    def completed(self, entry: Completed) -> None:
        counts, step, status = self.counts, self.steps.pop(entry.op, None), entry.status
        self.hosts.completed(entry)
        match step:
            case None:
                pass
            case Read():
                counts["reads"] += 1
                counts["io_errors"] += status != 0
                return
            case Admin():
                counts["events_told"] += step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST
                counts["aborts"] += step.opcode == AdminOpcode.ABORT
                counts["commands_aborted"] += (
                    step.opcode == AdminOpcode.ABORT and status == 0 and entry.value == 0
                )
            case Operate():
                self._rpc_answered(step, status)
            case CompareAndWrite():
                counts["compares_matched"] += status == NvmeStatus.SUCCESS
                counts["compares_missed"] += status == NvmeStatus.COMPARE_FAILURE
            case _:
                counts[_IO_NAMES.get(type(step), "writes")] += 1
                counts["fua_writes"] += isinstance(step, Write) and step.fua
                counts["io_errors"] += status != 0
        if self.rebuilding and isinstance(step, IO):
            self._answered_in_rebuild(step)

    def _answered_in_rebuild(self, step: OutsideStep) -> None:
        counts = self.counts
        counts["io_in_rebuild"] += 1
        counts["flushes_in_rebuild"] += isinstance(step, Flush)
        counts["unmaps_in_rebuild"] += isinstance(step, Unmap)
        counts["write_zeroes_in_rebuild"] += isinstance(step, WriteZeroes)
        counts["fua_writes_in_rebuild"] += isinstance(step, Write) and step.fua

    def _rpc_answered(self, step: Operate, status: int) -> None:
        if status == 0:
            return
        if step.method == Rpc.BDEV_RAID_ADD_BASE_BDEV and status == EPERM and self.rebuilding:
            self.counts["adds_refused_in_rebuild"] += 1
        elif step.method == Rpc.BDEV_RAID_ADD_BASE_BDEV and status == ENODEV and self.is_dismantled:
            self.counts["adds_refused_offline"] += 1
        else:
            self.counts["requests_refused"] += 1

    def happened(self, event: Event) -> None:
        self.hosts.happened(event)
        if event.name in _EVENTS:
            self.counts[_EVENTS[event.name]] += 1
        match event.name.partition(".")[0]:
            case "disk" | "bdev":
                self._happened_to_disks(event.name, event.args)
            case "nvmf":
                self._happened_to_hosts(event.name, event.args)
            case "raid" | "rebuild":
                self._happened_to_array(event.name, event.args)
            case _:
                pass

    def _happened_to_disks(self, name: str, args: tuple[int, ...]) -> None:
        counts = self.counts
        match name:
            case "disk.fault":
                self._effective(FaultKind(args[1]), args[0], IoType(args[2]), args[3])
            case "disk.cache_lost":
                counts["power_losses_effective"] += 1
            case "bdev.error_injected":
                counts[_ERROR_BDEV_KINDS[ErrorType(args[1])]] += 1
            case "bdev.registered" if args[0] in self.returning:
                returned = self.returning.pop(args[0])
                counts[returned] += 1
                counts["disks_late"] += returned == "disks_arrived" and self.assembled
            case "bdev.unregistered":
                counts["disks_pulled"] += self.pulled.pop(args[0], False)
            case "bdev.reset":
                counts["resets_in_rebuild"] += self.rebuilding
            case _:
                pass

    def _happened_to_hosts(self, name: str, args: tuple[int, ...]) -> None:
        counts = self.counts
        match name:
            case "nvmf.qpair_connected":
                admin = args[1] == 0
                counts["connects" if admin else "io_queues_connected"] += 1
                counts["connects_in_rebuild"] += admin and self.rebuilding
            case "nvmf.qpair_destroyed":
                self.draining.pop(args[0], None)
            case "nvmf.namespace_channel_created":
                counts["channels_created_in_rebuild"] += args[1]
            case "nvmf.namespace_detached":
                counts["namespaces_lost"] += not any(
                    isinstance(step, Operate) and step.method == Rpc.NVMF_SUBSYSTEM_REMOVE_NS
                    for step in self.steps.values()
                )
            case _:
                pass

    def _happened_to_array(self, name: str, args: tuple[int, ...]) -> None:
        counts = self.counts
        match name:
            case "raid.assembled" | "raid.created":
                is_whole = name == "raid.assembled" and WHOLE <= len(args) == self.expected
                counts["arrays_assembled_whole"] += is_whole
                self.assembled = self.assembled or name == "raid.assembled"
                counts["wide_arrays"] += len(args) >= WIDE
            case "raid.configuring":
                self.expected = args[1]
            case "raid.last_member_removed":
                self.is_dismantled = True
            case "raid.deleted":
                self.is_dismantled = False
            case "raid.reset":
                counts["array_resets_in_rebuild"] += self.rebuilding
            case "raid.straddled":
                self._straddled(IoType(args[0]), *args[1:3])
            case "rebuild.started":
                self.rebuilding = True
                counts["rebuilds_restarted"] += self.ended_early
                self.ended_early = False
            case "rebuild.finished":
                self.rebuilding = False
                self.ended_early = args[2] != 0
                counts["rebuilds_ended_early" if args[2] else "rebuilds_finished"] += 1
            case _:
                pass

    def _straddled(self, io_type: IoType, first: int, end: int) -> None:
        """The array knows no write-zeroes: what the bdev layer makes of one is a write within its blocks."""
        is_zeroes = io_type is IoType.WRITE and any(
            isinstance(step, WriteZeroes) and step.slba <= first and end <= step.slba + step.blocks
            for step in self.steps.values()
        )
        self.counts["write_zeroes_straddling" if is_zeroes else _STRADDLING[io_type]] += 1

    def _effective(self, kind: FaultKind, disk: int, io_type: IoType, first: int) -> None:
        counts = self.counts
        if kind in _FAULT_BITES:
            counts[_FAULT_BITES[kind]] += 1
        elif kind is FaultKind.ERROR:
            if disk in self.failing:
                counts["disks_failed"] += self.failing[disk]
                self.failing[disk] = False
            elif first == 0 and io_type is IoType.WRITE and disk in self.superblock_faults:
                counts["superblock_errors_effective"] += 1
            else:
                counts[_ERROR_BITES[io_type]] += 1


def count_reach(history: History) -> dict[str, int]:
    """Counts by name; every name is there, also those with 0."""
    counting = _Counting()
    for entry in history:
        # Classes are compared: match and isinstance ask a struct's metaclass, which is slow.
        if entry.__class__ is EngineEvent:
            if entry.event.name not in _UNCOUNTED:
                counting.happened(entry.event)
        elif entry.__class__ is Invoked:
            counting.invoked(entry.number, entry.step)
        elif entry.__class__ is Completed:
            counting.completed(entry)
        elif entry.__class__ is Undelivered:
            counting.hosts.unheard(entry.op)
        elif entry.__class__ is Crashed:
            counting.counts["crashes"] += 1
    counted = {name: counting.counts.get(name, 0) for name in REACH_NAMES}
    return counted | count_refusals(history) | count_states(history)


def add_reach(total: dict[str, int], more: dict[str, int]) -> None:
    """Add one run's counts to a total."""
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
