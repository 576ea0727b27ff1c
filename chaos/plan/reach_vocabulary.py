"""The names that are counted in runs: counts, named states of the target, and faults that came in a state.

A gate of an experiment may name a count (``rebuilds_finished``), a state (``rebuild.window_locked``), or a state and a
fault that came in it (``rebuild.window_locked x target_kill``). ``judging/reach/`` does the counting.
"""

from __future__ import annotations

import re

import msgspec

from chaos.plan.faults import FAULTS
from chaos.plan.operations import OPERATIONS
from workers.spelling import did_you_mean

# Every name that a report may show, in the order of reports.
REACH_NAMES = {
    "connects": "hosts connected (admin queues)",
    "io_queues_connected": "I/O queues connected",
    "disconnects": "connections closed by hosts",
    "reconnects_while_draining": "hosts that reconnected before their old queues were gone",
    "connects_queued": "connects and admin commands that waited for a paused subsystem",
    "ios_queued": "I/O that waited for its paused namespace",
    "duplicate_qids": "I/O queues that connected while their id was still in use",
    "keep_alives_expired": "controllers ended for lack of a keep-alive",
    "events_told": "asynchronous events answered",
    "aborts": "abort commands answered",
    "commands_aborted": "I/O that an abort command ended",
    "reads": "reads answered",
    "writes": "writes answered",
    "fua_writes": "writes with FUA answered",
    "flushes": "flushes answered",
    "unmaps": "unmaps answered",
    "write_zeroes": "write-zeroes answered",
    "compares_matched": "compare-and-writes that wrote",
    "compares_missed": "compare-and-writes that found other data",
    "io_errors": "I/O answered with an error",
    "io_in_rebuild": "writes, unmaps, flushes answered while a rebuild ran",
    "fua_writes_in_rebuild": "of these, writes with FUA",
    "flushes_in_rebuild": "of these, flushes",
    "unmaps_in_rebuild": "of these, unmaps",
    "write_zeroes_in_rebuild": "of these, write-zeroes",
    "reads_straddling": "reads across a rebuild's offset",
    "writes_straddling": "writes across a rebuild's offset",
    "unmaps_straddling": "unmaps across a rebuild's offset",
    "write_zeroes_straddling": "write-zeroes across a rebuild's offset",
    "ios_split": "requests split by the bdev layer",
    "io_waits": "requests that waited for a bdev_io",
    "nomem_retries": "requests retried for lack of memory",
    "bdev_resets": "resets of bdevs",
    "resets_in_rebuild": "resets while a rebuild ran",
    "array_resets": "resets of the array",
    "array_resets_in_rebuild": "resets of the array while a rebuild ran",
    "rebuilds_started": "rebuilds started",
    "rebuilds_finished": "rebuilds finished with success",
    "rebuilds_ended_early": "rebuilds ended without success",
    "rebuilds_restarted": "rebuilds started after one that ended early",
    "rebuilds_limited": "windows that waited for the bandwidth limit",
    "members_queued": "returning members that waited for another one's rebuild",
    "connects_in_rebuild": "hosts connected while a rebuild ran",
    "channels_created_in_rebuild": "namespace channels created while a rebuild ran",
    "reads_repaired": "blocks rewritten after a read error",
    "namespaces_attached": "namespaces attached",
    "namespaces_detached": "namespaces detached",
    "namespaces_lost": "of these, detached since their bdev was removed",
    "namespaces_resized": "namespaces that grew",
    "poll_groups_created": "poll groups created",
    "poll_groups_destroyed": "poll groups that ended, with their threads",
    "arrays_created": "arrays created",
    "arrays_assembled": "arrays assembled from superblocks",
    "arrays_assembled_whole": "of these, of two members or more, and with all expected members",
    "wide_arrays": "arrays that came online with three members or more",
    "arrays_deleted": "arrays that ended: deleted, or without their last member",
    "arrays_started_degraded": "arrays started without missing members",
    "superblocks_written": "superblocks written to all members",
    "members_failed": "members failed by the array after a write error",
    "members_removed": "members removed from the array",
    "last_members_removed": "arrays whose last member was removed",
    "adds_refused_in_rebuild": "members not added since a rebuild ran (-1)",
    "adds_refused_offline": "members not added since the array had lost its last one (-19)",
    "requests_refused": "other RPCs answered with an error",
    "adds_refused_foreign": "of these, disks not added since another array has them (-17)",
    "adds_refused_small": "of these, disks not added since they are too small (-22)",
    "adds_refused_full": "of these, disks not added since no slot was free (-22)",
    "adds_refused_own": "of these, disks not added since they are members (-1)",
    "adds_refused_busy": "of these, disks not added since another one was being added, or a rebuild was ending (-1)",
    "adds_refused_unknown": "bdevs not added since there are none of that name (-19)",
    "removals_refused": "of these, bdevs not removed since they are no members (-19)",
    "creates_refused_name": "of these, arrays not created since there is one of that name (-17)",
    "creates_refused_claimed": "of these, arrays not created of a bdev that is claimed, or named twice (-1)",
    "creates_refused_alone": "of these, arrays not created of a single bdev (-22)",
    "disks_failed": "disks whose failing I/O the target met",
    "disks_pulled": "disks whose removal the target noticed",
    "disks_returned": "disks that the target found again as they were",
    "disks_returned_blank": "disks replaced by blank ones",
    "disks_returned_stale": "disks returned with older content",
    "disks_returned_small": "disks replaced by smaller ones",
    "disks_returned_large": "disks replaced by larger ones",
    "disks_arrived": "disks that a restarted target found",
    "disks_returned_foreign": "disks replaced by another array's member",
    "disks_late": "of these, disks that came when the array was online already",
    "read_errors_effective": "reads failed by injected errors",
    "write_errors_effective": "writes failed by injected errors",
    "unmap_errors_effective": "unmaps failed by injected errors",
    "flush_errors_effective": "flushes failed by injected errors",
    "bad_blocks_effective": "reads failed by bad blocks",
    "slow_ios_effective": "I/Os that a fault slowed down",
    "hung_ios_effective": "I/Os that a fault hung",
    "superblock_errors_effective": "superblock writes failed by injected errors",
    "channel_failures_effective": "channels that couldn't be created",
    "error_bdev_effective": "I/Os that an error bdev failed, held or refused",
    "error_bdev_failures": "of these, failed",
    "error_bdev_holds": "of these, held",
    "error_bdev_refusals": "of these, refused for lack of memory",
    "delay_bdev_effective": "I/Os that a delay bdev delayed",
    "bit_rot_effective": "reads that returned rotten blocks",
    "misdirected_writes_effective": "writes that landed in the wrong place",
    "arrays_grown": "arrays that grew",
    "target_kills": "targets killed and restarted",
    "kills_in_rebuild": "targets killed or powered off while a rebuild ran",
    "power_losses": "power losses",
    "power_losses_effective": "power losses that dropped unflushed blocks",
    "torn_writes": "writes that a power loss dropped in part",
    "reactor_stalls": "reactors stopped while a step of theirs was possible",
    "hosts_vanished": "hosts that vanished and were missed: their keep-alive expired",
    "network_cuts": "networks cut that lost an answer or a keep-alive",
    "hosts_slow": "silent hosts that let an answer wait or their keep-alive expire",
    "faults_close_together": "faults that came right after another one",
    "crashes": "targets crashed by themselves",
    "harmed_adding": "disks harmed while a request that adds them was in flight",
    "harmed_awaited": "disks harmed while the array waited for members",
    "harmed_spare": "disks harmed that were no members",
    "harmed_leaving": "disks harmed while a request that removes them was in flight",
    "harmed_ending": "disks harmed when fully copied, before their rebuild had ended",
    "bdevs_deleted": "bdevs that went away while their disks worked",
    "bdevs_created_again": "of these, created again",
    "pauses_without_namespace": "pauses of the subsystem that concern no namespace",
    "pauses_beside_io": "pauses for a namespace while I/O to another one was in flight",
    "pauses_queued": "changes of the subsystem asked for while it was paused for another one",
    "listeners_changed": "listeners added or removed",
    "channels_created_at_finish": "channels of the array created when its rebuild was cleared, and its end not yet reached",
    "channels_failed_with_last": "channels of the array not created, which gave back the only reference to a member's channel",
    "creations_failed_with_last": "arrays not created, which let go members that they had opened",
    "unregistered_in_iteration": "bdevs that began to go during an iteration over their channels",
    "changes_sent_again": "changes of blocks whose earlier change was in doubt",
    "changes_that_waited": "changes that waited for an earlier one of the same blocks",
    "power_losses_after_failed_flush": "power losses after a flush that failed on one member, which was neither healed nor rebuilt since",
    "changes_beside_superblock_faults": "changes of membership while a slow or failing superblock write was in flight",
    "slow_superblocks_effective": "superblock writes that a fault slowed down",
    "ends_after_growth": "targets killed or powered off just after the array had grown",
    "sequence_completed": "sequences that came to their end",
}
TIMES = " x "
SEQUENCE_COMPLETED = "sequence_completed"
_ITEM = re.compile(r"sequence_item_([1-9]\d?)")


class TargetState(msgspec.Struct, frozen=True):
    """A state of the target that lasts from one of the first events (see ``workers/probes.py``) to one of the others."""

    what: str
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    during: str = ""  # it only begins while this state lasts


STATES: dict[str, TargetState] = {
    "rebuild.running": TargetState(
        "a rebuild is in progress", ("rebuild.started",), ("rebuild.finished",)
    ),
    "rebuild.starting": TargetState(
        "a rebuild is published, and its first window not locked yet",
        ("rebuild.started",),
        ("rebuild.window_locked", "rebuild.finished"),
    ),
    "rebuild.window_locked": TargetState(
        "a rebuild holds a window, which hosts can neither read nor write",
        ("rebuild.window_locked",),
        ("rebuild.window_done", "rebuild.finished"),
    ),
    "channel.created_in_rebuild": TargetState(
        "a poll group has got its channel of a namespace during a rebuild that still runs",
        ("nvmf.namespace_channel_created",),
        ("rebuild.finished",),
        during="rebuild.running",
    ),
    "superblock.write_in_flight": TargetState(
        "a superblock is being written to the members",
        ("raid.superblock_writing",),
        ("raid.superblock_ended",),
    ),
    "member.being_removed": TargetState(
        "a member is being removed from the array",
        ("raid.removing_member",),
        ("raid.member_removed",),
    ),
    "member.failed": TargetState(
        "a member has missed a write and is not removed yet",
        ("raid.member_failed",),
        ("raid.member_removed", "rebuild.finished"),
    ),
    "array.quiesced": TargetState(
        "blocks of a bdev are quiesced", ("bdev.quiesced",), ("bdev.unquiesced",)
    ),
    "array.degraded": TargetState(
        "the array has lost a member and rebuilt none since",
        ("raid.member_removed",),
        ("rebuild.finished", "raid.created", "raid.assembled"),
    ),
    "array.gone": TargetState(
        "the array has no member or was deleted",
        ("raid.last_member_removed", "raid.deleted"),
        ("raid.created", "raid.assembled"),
    ),
    "array.configuring": TargetState(
        "the array waits for its members after a restart",
        ("raid.configuring",),
        ("raid.assembled", "raid.deleted"),
    ),
    "subsystem.paused": TargetState(
        "the subsystem is paused for a change of its namespaces or listeners",
        ("nvmf.pausing",),
        ("nvmf.resumed",),
    ),
    "connect.queued": TargetState(
        "a connect or an admin command waits for a paused subsystem",
        ("nvmf.command_queued",),
        ("nvmf.resumed",),
    ),
    "bdev.resetting": TargetState("a bdev is being reset", ("bdev.resetting",), ("bdev.reset",)),
}
CROSSINGS = [f"{state}{TIMES}{fault}" for state in STATES for fault in FAULTS]


def is_known(name: str) -> bool:
    """Return whether this is a state, or a state and a fault."""
    return name in STATES or name in CROSSINGS


def sequence_item(number: int) -> str:
    """Return the name under which an item of sequences is counted, its number from 1."""
    return f"sequence_item_{number}"


def item_counted(name: str) -> int:
    """Return the number of the sequence's item that this name counts; 0: it counts something else."""
    found = _ITEM.fullmatch(name)
    return int(found[1]) if found is not None else 0


def hint_for_gate(name: str) -> str:
    """Return which gate an unknown one may mean, or where the names are listed."""
    first, is_pair, second = name.partition(TIMES)
    if is_pair and f"{second}{TIMES}{first}" in CROSSINGS:
        return f"; did you mean {second}{TIMES}{first}?"
    for word in (first, second):
        if is_pair and word in OPERATIONS and word not in FAULTS:
            return f"; {word} is an operation; a pair is a state x a fault"
    return did_you_mean(name, [*REACH_NAMES, *STATES, *CROSSINGS]) or (
        "; 'raidstorm list reach' and 'raidstorm list states' have the names, and a state may stand "
        "with a fault, as in 'rebuild.running x target_kill'"
    )


def current_names(gates: dict[str, int]) -> dict[str, int]:
    """Return the gates with their current names: stored capsules and older files have former ones."""
    return {
        name.removesuffix("_bitten") + "_effective" if name.endswith("_bitten") else name: wanted
        for name, wanted in gates.items()
    }
