"""Named states of the target, from what its probes tell, and which faults came while it was in them.

A gate of an experiment may name a state (``rebuild.window_locked``) or a state and a fault that came in it
(``rebuild.window_locked x target_kill``).
"""

from __future__ import annotations

from collections import Counter

import msgspec

from chaos.faults import FAULTS
from chaos.history import Happened, History, Invoked
from chaos.schedule import Impair, Inject, Kill, PowerLoss, Stall, Step

TIMES = " x "


class State(msgspec.Struct, frozen=True):
    """The target is in it from one of the first events (of which probe, see ``workers/probes.py``) to one of the others."""

    what: str
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    during: str = ""  # only begins while this state lasts


STATES: dict[str, State] = {
    "rebuild.running": State("a rebuild is under way", ("rebuild.started",), ("rebuild.finished",)),
    "rebuild.starting": State(
        "a rebuild is published, and its first window not locked yet",
        ("rebuild.started",),
        ("rebuild.window_locked", "rebuild.finished"),
    ),
    "rebuild.window_locked": State(
        "a rebuild holds a window: nobody may read or write it",
        ("rebuild.window_locked",),
        ("rebuild.window_done", "rebuild.finished"),
    ),
    "channel.created_in_rebuild": State(
        "a poll group has got its channel of a namespace while a rebuild ran, which goes on",
        ("nvmf.namespace_channel_created",),
        ("rebuild.finished",),
        during="rebuild.running",
    ),
    "superblock.write_in_flight": State(
        "a superblock is being written to the members",
        ("raid.superblock_writing",),
        ("raid.superblock_ended",),
    ),
    "member.being_removed": State(
        "a member is being taken out of the array",
        ("raid.removing_member",),
        ("raid.member_removed",),
    ),
    "member.failed": State(
        "a member has missed a write and is not out of the array yet",
        ("raid.member_failed",),
        ("raid.member_removed", "rebuild.finished"),
    ),
    "array.quiesced": State(
        "blocks of a bdev are quiesced", ("bdev.quiesced",), ("bdev.unquiesced",)
    ),
    "array.degraded": State(
        "the array has lost a member and rebuilt none since",
        ("raid.member_removed",),
        ("rebuild.finished", "raid.created", "raid.assembled"),
    ),
    "array.gone": State(
        "the array has no member or was deleted",
        ("raid.last_member_removed", "raid.deleted"),
        ("raid.created", "raid.assembled"),
    ),
    "array.configuring": State(
        "the array waits for its members after a restart",
        ("raid.configuring",),
        ("raid.assembled", "raid.deleted"),
    ),
    "subsystem.paused": State(
        "the subsystem is paused for a change of its namespaces",
        ("nvmf.pausing",),
        ("nvmf.resumed",),
    ),
    "connect.queued": State(
        "a connect or an admin command waits for a paused subsystem",
        ("nvmf.command_queued",),
        ("nvmf.resumed",),
    ),
    "bdev.resetting": State("a bdev is being reset", ("bdev.resetting",), ("bdev.reset",)),
}
_FAULTY = frozenset((Inject, Impair, Stall, Kill, PowerLoss))
CROSSINGS = [f"{state}{TIMES}{fault}" for state in STATES for fault in FAULTS]
_BEGINS = {
    event: [name for name, state in STATES.items() if event in state.begins]
    for state in STATES.values()
    for event in state.begins
}
_ENDS = {
    event: [name for name, state in STATES.items() if event in state.ends]
    for state in STATES.values()
    for event in state.ends
}


def is_known(name: str) -> bool:
    """Is this a state, or a state and a fault?"""
    return name in STATES or name in CROSSINGS


def count_states(history: History) -> dict[str, int]:
    """How often each state was entered, and how often each fault came in it; nothing that didn't happen."""
    counts: Counter[str] = Counter()
    lasting: dict[str, bool] = {}
    for entry in history:
        # Classes are compared: isinstance asks a struct's metaclass, which is slow.
        if entry.__class__ is Happened:
            event = entry.event.name
            if event in _ENDS:
                for name in _ENDS[event]:
                    lasting.pop(name, None)
            if event in _BEGINS:
                for name in _BEGINS[event]:
                    during = STATES[name].during
                    if not during or during in lasting:
                        counts[name] += name not in lasting
                        lasting[name] = True
        elif entry.__class__ is Invoked and entry.step.__class__ in _FAULTY:
            fault = _fault_of(entry.step)
            if fault:
                for name in lasting:
                    counts[name + TIMES + fault] += 1
            if entry.step.__class__ in (Kill, PowerLoss):
                lasting.clear()
    return dict(sorted(counts.items()))


def _fault_of(step: Step) -> str:
    """The kind of fault that a step is; empty for everything else, heals among it."""
    if isinstance(step, (Inject, Impair)):
        return step.fault if step.fault in FAULTS else ""
    if isinstance(step, Stall):
        return "reactor_stall"
    if isinstance(step, Kill):
        return "target_kill"
    return "power_loss" if isinstance(step, PowerLoss) else ""
