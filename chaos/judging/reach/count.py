"""Counts of what a run reached: name -> number. A fault counts when it had an effect.

Each topic is a file: ``requests.py``, ``disks.py``, ``array.py``, ``sessions.py``, ``host_effects.py``, ``refusals.py``,
and ``states.py`` for named states. The names are in ``chaos/plan/reach_vocabulary.py``.
"""

from __future__ import annotations

from chaos.judging.reach.array import ArrayCounts
from chaos.judging.reach.corners import Corners
from chaos.judging.reach.disks import DiskCounts
from chaos.judging.reach.host_effects import HostEffects
from chaos.judging.reach.refusals import count_refusals
from chaos.judging.reach.requests import count_answer
from chaos.judging.reach.sessions import SessionCounts
from chaos.judging.reach.situation import Situation
from chaos.judging.reach.states import count_states
from chaos.plan.faults import HOST_FAULTS
from chaos.plan.reach_vocabulary import REACH_NAMES
from chaos.steps.history import (
    CONNECTION_ENDED,
    Completed,
    Crashed,
    EngineEvent,
    History,
    Invoked,
    Seen,
    Undelivered,
)
from chaos.steps.schedule import (
    IO,
    Admin,
    Disconnect,
    Impair,
    Inject,
    Kill,
    Open,
    Operate,
    OutsideStep,
    PowerLoss,
    Stall,
)
from workers.protocol import Event, Layout

CLOSE_TOGETHER_STEPS = 40
# These events count in any situation.
COUNTED_EVENTS = {
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
    "nvmf.listener_changed": "listeners_changed",
    "nvmf.pause_queued": "pauses_queued",
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
    "raid.write_waits": "changes_that_waited",
    "reactor.held_up": "reactor_stalls",
    "rebuild.started": "rebuilds_started",
}
_ANSWERED = frozenset((Operate, Admin, *IO))
# These are the most frequent events, and are not counted here.
_UNCOUNTED = frozenset(
    (
        "raid.channel",
        "raid.channel_destroyed",
        "bdev.quiesced",
        "bdev.unquiesced",
        "rebuild.window_locked",
    )
)
assert not _UNCOUNTED & COUNTED_EVENTS.keys()


class _Counting:
    """The counters of all topics along one history."""

    def __init__(self, layout: Layout) -> None:
        self.situation = Situation()
        self.counts = self.situation.counts
        self.hosts = HostEffects(self.counts)
        self.disks = DiskCounts(self.situation)
        self.array = ArrayCounts(self.situation)
        self.sessions = SessionCounts(self.situation)
        self.corners = Corners(self.situation, layout)
        self._last_fault = -CLOSE_TOGETHER_STEPS

    def invoked(self, number: int, step: OutsideStep) -> None:
        self.hosts.invoked(step)
        self.corners.invoked(number, step)
        if step.__class__ in _ANSWERED:  # most steps
            self.situation.in_flight[step.op] = step
            return
        match step:
            case Inject():
                if self.disks.injected(step):
                    self._fault(number)
            case Stall():
                self._fault(number)
            case Impair() if step.fault in HOST_FAULTS:
                self._fault(number)
            case Kill() | PowerLoss():
                self._target_ended(step)
                self._fault(number)
            case Open() | Disconnect():
                self.sessions.invoked(step)
            case _:
                pass

    def _target_ended(self, step: Kill | PowerLoss) -> None:
        self.counts["target_kills" if isinstance(step, Kill) else "power_losses"] += 1
        self.counts["kills_in_rebuild"] += self.situation.rebuilding
        self.situation.target_ended()
        self.disks.target_ended()
        self.sessions.target_ended()
        self.hosts.forget()

    def _fault(self, number: int) -> None:
        self.counts["faults_close_together"] += number - self._last_fault < CLOSE_TOGETHER_STEPS
        self._last_fault = number

    def completed(self, entry: Completed) -> None:
        step = self.situation.in_flight.pop(entry.op, None)
        self.hosts.completed(entry)
        if step is not None:
            count_answer(self.situation, entry, step)

    def happened(self, number: int, event: Event) -> None:
        self.hosts.happened(event)
        self.corners.happened(number, event.name, event.thread, event.args)
        if event.name in COUNTED_EVENTS:
            self.counts[COUNTED_EVENTS[event.name]] += 1
        match event.name.partition(".")[0]:
            case "disk" | "bdev":
                self.disks.happened(event.name, event.args)
            case "nvmf":
                self.sessions.happened(event.name, event.args)
                if event.name == CONNECTION_ENDED:
                    self.situation.connection_ended(event.args[0])
            case "raid" | "rebuild":
                self.array.happened(event.name, event.args)
            case _:
                pass


def count_reach(history: History, layout: Layout) -> dict[str, int]:
    """Count by name; the result has every name, also those with 0."""
    counting = _Counting(layout)
    for entry in history:
        # Classes are compared: match and isinstance ask a struct's metaclass, which is slow.
        if entry.__class__ is EngineEvent:
            if entry.event.name not in _UNCOUNTED:
                counting.happened(entry.number, entry.event)
        elif entry.__class__ is Invoked:
            counting.invoked(entry.number, entry.step)
        elif entry.__class__ is Completed:
            counting.completed(entry)
        elif entry.__class__ is Undelivered:
            counting.situation.in_flight.pop(entry.op, None)
            counting.hosts.undelivered(entry.op)
        elif entry.__class__ is Seen:
            counting.corners.seen(entry)
        elif entry.__class__ is Crashed:
            counting.counts["crashes"] += 1
    counted = {name: counting.counts.get(name, 0) for name in REACH_NAMES}
    return counted | count_refusals(history) | count_states(history)


def add_reach(total: dict[str, int], more: dict[str, int]) -> None:
    """Add one run's counts to a total."""
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
