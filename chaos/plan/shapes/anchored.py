"""anchored: planned things come a drawn number of steps after an event, not at a share of the run.

Faults at drawn moments mostly find the engine at rest. Changes of the array are short, so faults must be aimed at them:
event x occurrence x stage. The creation of channels is aimed at rebuilds and removals, when global state has changed
and the channels follow one by one.
"""

from __future__ import annotations

import msgspec

from chaos.base.prng import Stream
from chaos.plan.experiment import Experiment
from chaos.plan.planned import Planned
from chaos.plan.rpcs import Rpc

ANCHORED_PERCENT = 60
STAGES_MAX = 64  # steps
Events = tuple[tuple[str, int], ...]
# Events with their highest occurrence. If an event never comes, its fault doesn't come either.
CHANGES = (
    ("rebuild.started", 3),
    ("rebuild.window_done", 10),
    ("rebuild.finished", 2),
    (Rpc.BDEV_RAID_ADD_BASE_BDEV, 3),
    (Rpc.BDEV_RAID_REMOVE_BASE_BDEV, 3),
    ("raid.removing_member", 3),
    ("raid.member_removed", 2),
    ("raid.superblock_written", 5),
)
OTHERS = (
    ("raid.member_failed", 1),
    ("raid.assembled", 1),
    ("disk.fault", 3),
    ("bdev.unregistered", 1),
    ("nvmf.namespace_attached", 3),
    ("nvmf.namespace_detached", 2),
    ("nvmf.poll_group_destroyed", 1),
    ("nvmf.qpair_destroyed", 8),
)
# A channel can be created only where there is none: room is made before the same occurrence of the change.
ROOM_MADE = (Rpc.BDEV_RAID_REMOVE_BASE_BDEV, "raid.member_removed", Rpc.BDEV_RAID_ADD_BASE_BDEV)
BORN = (
    "raid.member_removed",
    Rpc.BDEV_RAID_ADD_BASE_BDEV,
    "rebuild.started",
    "rebuild.window_done",
    "rebuild.window_done",
    "rebuild.finished",
)
BIRTH_OCCURRENCES_MAX = 3
BIRTH_STAGES_MAX = 24  # steps
BIRTHS = (("namespace_detach", "namespace_attach"), ("poll_group_destroy", "poll_group_create"))
BIRTHS_DRAWN = (1, 3)
LATE_BIRTHS_PERCENT = 35
LATE_BIRTHS = (500, 980)  # thousandths of a rebuild's progress
MISBIRTH = "channel_failures"


def anchor(planned: list[Planned], experiment: Experiment, stream: Stream) -> list[Planned]:
    """Return the same things, most of them anchored to an event; and births of channels, each with what makes room."""
    anchored = [
        _anchor_one(one, CHANGES if stream.chance(2, 3) else OTHERS, stream)
        if one.anchor != "event" and stream.chance(ANCHORED_PERCENT, 100)
        else one
        for one in planned
    ]
    kinds = [operation.kind for operation in experiment.operations]
    able = [both for both in BIRTHS if both[0] in kinds and both[1] in kinds]
    for _ in range(stream.between(*BIRTHS_DRAWN) if able else 0):
        born = _birth(*stream.choice(able), stream)
        if any(fault.kind == MISBIRTH for fault in experiment.faults) and stream.chance(1, 3):
            before = max(0, born[-1].stage - stream.integer_below(BIRTH_STAGES_MAX))
            born.append(msgspec.structs.replace(born[-1], kind=MISBIRTH, stage=before, lasting=100))
        anchored += born
    return anchored


def _birth(room: str, birth: str, stream: Stream) -> list[Planned]:
    occurrence = stream.between(1, BIRTH_OCCURRENCES_MAX)
    if stream.chance(LATE_BIRTHS_PERCENT, 100):
        # Begun before the rebuild ends, so that it may be half done when it does.
        moment = stream.between(*LATE_BIRTHS)
        rebuild = stream.between(1, BIRTH_OCCURRENCES_MAX)
        return [
            Planned(room, "event", 0, occurrence, 0, stream.choice(ROOM_MADE), 0),
            Planned(birth, "rebuild", moment, rebuild, 0),
        ]
    event, stage = stream.choice(BORN), stream.integer_below(BIRTH_STAGES_MAX)
    if event == "rebuild.window_done":
        stage += stream.integer_below(BIRTH_STAGES_MAX)  # of any of the next windows
    return [
        Planned(room, "event", 0, occurrence, 0, stream.choice(ROOM_MADE), 0),
        Planned(birth, "event", 0, occurrence, 0, event, stage),
    ]


def _anchor_one(one: Planned, events: Events, stream: Stream) -> Planned:
    """Anchor one to an early occurrence and a short stage, since late events may never come."""
    event, occurrences = stream.choice(events)
    return msgspec.structs.replace(
        one,
        anchor="event",
        event=event,
        occurrence=stream.between(1, stream.between(1, occurrences)),
        stage=stream.integer_below(stream.between(1, STAGES_MAX)),
    )
