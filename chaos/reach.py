"""What happened in a run, counted: name -> how often."""

from __future__ import annotations

from collections import Counter

from chaos.history import Completed, Crashed, Happened, History, Invoked, Restarted
from chaos.schedule import Disconnect, Flush, Inject, OutsideStep, Read, Stall, Write
from workers.protocol import Event

# Every name a report may show, in the order of reports.
NAMES = {
    "connects": "hosts connected (admin queues)",
    "io_queues_connected": "I/O queues connected",
    "disconnects": "connections closed by hosts",
    "reads": "reads answered",
    "writes": "writes answered",
    "flushes": "flushes answered",
    "io_errors": "I/O answered with an error",
    "rebuilds_started": "rebuilds started",
    "rebuilds_finished": "rebuilds finished with success",
    "rebuilds_ended_early": "rebuilds ended without success",
    "connects_in_rebuild": "hosts connected while a rebuild ran",
    "channels_created_in_rebuild": "namespace channels created while a rebuild ran",
    "namespaces_attached": "namespaces attached",
    "namespaces_detached": "namespaces detached",
    "poll_groups_created": "poll groups born",
    "disks_failed": "disks that began to fail all I/O",
    "disks_pulled": "disks pulled out",
    "disks_returned": "disks returned",
    "read_errors_injected": "transient read errors injected",
    "write_errors_injected": "transient write errors injected",
    "members_failed": "members failed by the array after a write error",
    "members_removed": "members removed from the array",
    "reactor_stalls": "reactors stopped for a while",
    "target_kills": "targets killed and restarted",
    "crashes": "targets crashed by themselves",
}

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
    return {name: counts[name] for name in NAMES}


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
