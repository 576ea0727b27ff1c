"""What happened in a run, counted: name -> how often."""

from __future__ import annotations

from collections import Counter

from chaos.experiment import REACH_NAMES
from chaos.history import Completed, Crashed, Happened, History, Invoked, Restarted
from chaos.schedule import Disconnect, Flush, Inject, OutsideStep, Read, Stall, Write
from workers.protocol import Event

_FAULTS = {
    "disk_failure": "disks_failed",
    "disk_pull": "disks_pulled",
    "disk_return": "disks_returned",
    "read_errors": "read_errors_injected",
    "write_errors": "write_errors_injected",
}
_EVENTS = {
    "nvmf.namespace_attached": "namespaces_attached",
    "nvmf.namespace_detached": "namespaces_detached",
    "nvmf.poll_group_created": "poll_groups_created",
    "raid.member_failed": "members_failed",
    "raid.member_removed": "members_removed",
    "rebuild.started": "rebuilds_started",
}


def count_reach(history: History) -> dict[str, int]:
    """Counts by name; every name is there, also those with 0."""
    counts: Counter[str] = Counter()
    ios: dict[int, OutsideStep] = {}
    rebuilding = False
    for entry in history:
        match entry:
            case Invoked(step=step):
                if isinstance(step, Inject):
                    counts[_FAULTS.get(step.fault, "")] += 1
                elif isinstance(step, Stall):
                    counts["reactor_stalls"] += 1
                elif isinstance(step, Disconnect):
                    counts["disconnects"] += 1
                elif isinstance(step, (Read, Write, Flush)):
                    ios[step.op] = step
            case Completed(op=op, status=status):
                _count_io(counts, ios.pop(op, None), status)
            case Happened(event=event):
                if event.name.startswith("rebuild."):
                    rebuilding = event.name != "rebuild.finished"
                _count_event(counts, event, rebuilding=rebuilding)
            case Restarted():
                rebuilding = False
                counts["target_kills"] += 1
            case Crashed():
                counts["crashes"] += 1
    return {name: counts[name] for name in REACH_NAMES}


def _count_io(counts: Counter[str], step: OutsideStep | None, status: int) -> None:
    if step is None:
        return
    name = "reads" if isinstance(step, Read) else "writes" if isinstance(step, Write) else "flushes"
    counts[name] += 1
    counts["io_errors"] += status != 0


def _count_event(counts: Counter[str], event: Event, *, rebuilding: bool) -> None:
    if event.name in _EVENTS:
        counts[_EVENTS[event.name]] += 1
    elif event.name == "nvmf.qpair_connected":
        admin = event.args[1] == 0
        counts["connects" if admin else "io_queues_connected"] += 1
        counts["connects_in_rebuild"] += admin and rebuilding
    elif event.name == "nvmf.namespace_channel_created":
        counts["channels_created_in_rebuild"] += event.args[1]
    elif event.name == "rebuild.finished":
        counts["rebuilds_ended_early" if event.args[2] else "rebuilds_finished"] += 1


def add_reach(total: dict[str, int], more: dict[str, int]) -> None:
    """Add one run's counts to a total."""
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
