"""anchored: planned things come a drawn number of steps after an event, not at a share of the run.

Faults at drawn moments mostly find the engine at rest. What changes the array is short, so it must be aimed at:
event x occurrence x stage. Births of channels are aimed at rebuilds and removals, which are where global state
has changed and the channels follow one by one.
"""

from __future__ import annotations

import msgspec

from chaos.experiment import Experiment
from chaos.planned import Planned
from chaos.prng import Stream
from chaos.strategies.base import Strategy

ANCHORED_PERCENT = 60
STAGES_MAX = 64  # steps
# Events, and up to which occurrence. An event that never comes costs its fault.
CHANGES = (
    ("rebuild.started", 3),
    ("rebuild.window_done", 10),
    ("rebuild.finished", 2),
    ("bdev_raid_add_base_bdev", 3),
    ("bdev_raid_remove_base_bdev", 3),
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
BIRTHS = ("namespace_attach", "poll_group_create")


def anchor(planned: list[Planned], _experiment: Experiment, stream: Stream) -> list[Planned]:
    """The same things, most of them anchored to an event."""
    return [
        _anchor_one(one, stream)
        if one.anchor != "event" and stream.chance(ANCHORED_PERCENT, 100)
        else one
        for one in planned
    ]


def _anchor_one(one: Planned, stream: Stream) -> Planned:
    events = CHANGES if one.kind in BIRTHS or stream.chance(2, 3) else OTHERS
    event, occurrences = stream.choice(events)
    return msgspec.structs.replace(
        one,
        anchor="event",
        event=event,
        occurrence=stream.between(1, occurrences),
        stage=stream.below(stream.between(1, STAGES_MAX)),
    )


ANCHORED = Strategy(what="faults and operations a few steps after an event", shape=anchor)
