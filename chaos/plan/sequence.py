"""Directed sequences: faults and operations in a fixed order, each with a condition; and what a seed draws of them.

An item of an experiment's sequence is an :class:`Act`; what its author leaves open, the seed draws (:class:`PlannedAct`).
``sequence_checks.py`` looks for mistakes, ``chaos/run/sequence.py`` carries a sequence out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from chaos.base.prng import Stream
from chaos.plan.faults import FAULTS, NO_HEAL, Carrier, FaultName
from chaos.plan.operations import OPERATIONS, OperationKind, Subject
from chaos.plan.ranges import RUN_PERMILLE, Range, pair

WAIT = "wait"
ActKind = Literal[FaultName, OperationKind, "wait"]
Role = Literal["member", "target", "source", "spare", "same", "other"]
Return = Literal["as it was", "stale", "blank", "small", "large", "foreign", "never"]
ROLES: tuple[str, ...] = get_args(Role)
OF_EARLIER_ITEMS = ("same", "other")
OF_REBUILDS = ("target", "source")
KINDS_OF_REBUILDS = ("rebuild_stop", "add_in_rebuild")
NEVER = "never"
RETURNS = {
    "as it was": "disk_return",
    "stale": "disk_return_stale",
    "blank": "disk_return_blank",
    "small": "disk_return_small",
    "large": "disk_return_large",
    "foreign": "disk_return_foreign",
    NEVER: NO_HEAL,
}
assert tuple(RETURNS) == get_args(Return)
# After these the disk can be a member again, whatever the array is like.
DRAWN_RETURNS = ("as it was", "blank", "stale")
# A device that the array refuses, or none: the disk is no member from then on.
LOST_RETURNS = ("small", "foreign", NEVER)

# Thousandths of the run from the moment at which an item without a condition could come to the one at which it does.
OPEN_WAIT_MAX = 500
OPEN_PROGRESS_MAX = 900  # thousandths; in the last window of a rebuild there may be no time left
OPEN_STAGES_MAX = 64  # steps after an event, where the stage is left open
LASTING = (50, 300)  # thousandths of the run, as for planned faults
CHAOS_PHASES_MAX = 6  # the chaos goes on for a sequence, up to this many times the planned length
AFTERMATH = 200  # thousandths of the run that the chaos goes on after the last item
ITEMS_MAX = 64

# These change disks, members or the target, so they wait until a sequence is through.
HELD_BACK = frozenset(
    (
        *(
            kind
            for kind, row in FAULTS.items()
            if row.carrier in (Carrier.INJECTION, Carrier.RPC, Carrier.RESTART)
        ),
        *(kind for kind, row in OPERATIONS.items() if row.subject is Subject.MEMBERS),
    )
)
DISK_OPERATIONS = ("member_removal", "bdev_reset")
# The kinds that choose one disk.
OF_DISKS = frozenset(
    (
        *(
            kind
            for kind, row in FAULTS.items()
            if row.carrier in (Carrier.INJECTION, Carrier.RPC) and kind != "disk_grow"
        ),
        *DISK_OPERATIONS,
    )
)
# The kinds with a heal that can be put off; a stalled reactor goes on by itself.
LASTING_KINDS = frozenset(
    kind for kind, row in FAULTS.items() if row.heal != NO_HEAL and kind != "host_vanish"
)


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item of a sequence. It comes once the item before it has come, and all conditions that it has hold.

    ``kind``: a fault, an operation, or "wait". ``disk``: a member's number or a role; "same" and "other" are about the
    disk of item ``of_item`` (counted from 1; 0: the last one with a disk).

    ``after``: an event, an RPC, a fault, a heal or an operation, its ``occurrence`` counted from the item before on, that one
    included; ``stage`` steps later, or so many steps after the item before. ``rebuild``: while this rebuild of the run runs,
    or a later one. ``between``: thousandths of that rebuild's progress, or of the run.

    ``returns``: how a pulled disk comes back. ``lasting`` (thousandths of the run) or ``until`` an event: the time to the
    disk's return, or to the fault's heal.
    """

    kind: ActKind
    disk: int | Role | None = None
    of_item: int = 0
    after: str = ""
    occurrence: int = 1
    stage: Range | None = None
    rebuild: int = 0
    between: tuple[int, int] | None = None
    returns: Return | None = None
    lasting: Range | None = None
    until: str = ""

    @property
    def is_open(self) -> bool:
        """Return whether it has no condition of its own, so that the seed draws when it comes."""
        return not (self.after or self.rebuild) and self.stage is None and self.between is None


class PlannedAct(msgspec.Struct, frozen=True):
    """An item with everything drawn that doesn't depend on the run's course; times in thousandths of the run."""

    kind: str
    disk: int | str = ""  # a number, a role, or any disk that the kind may hit
    like: int = -1  # for "same" and "other": the item, counted from 0, whose disk is meant
    wait: int = 0  # from the moment at which it could come
    after: str = ""
    occurrence: int = 1
    stage: int = 0  # steps after the event, or after the item before
    moment: int = 0  # of the run, or of the rebuild's progress
    rebuild: int = (
        0  # the number of the first rebuild that is right, counted from 1; 0: none need run
    )
    moment_max: int = RUN_PERMILLE  # of the rebuild's progress
    heal: str = ""  # how a pulled disk returns; empty: in the end only
    lasting: int = 0
    until: str = ""


def draw_sequence(acts: Sequence[Act], stream: Stream) -> tuple[PlannedAct, ...]:
    """Draw what the items leave open."""
    return tuple(_draw(number, acts, stream) for number in range(len(acts)))


def _draw(number: int, acts: Sequence[Act], stream: Stream) -> PlannedAct:
    act = acts[number]
    is_in_rebuild = act.rebuild > 0 or (act.is_open and _needs_rebuild(act))
    low, high = act.between or (0, OPEN_PROGRESS_MAX if is_in_rebuild else 0)
    return PlannedAct(
        kind=act.kind,
        disk="" if act.disk is None else act.disk,
        like=item_meant(number, acts),
        wait=_early(OPEN_WAIT_MAX, stream) if act.is_open and not is_in_rebuild else 0,
        after=act.after,
        occurrence=act.occurrence,
        stage=_draw_stage(act, stream),
        moment=stream.between(low, high),
        rebuild=max(act.rebuild, 1) if is_in_rebuild else 0,
        moment_max=high if act.between is not None else RUN_PERMILLE,
        heal=_draw_return(number, acts, stream),
        lasting=stream.between(*pair(LASTING if act.lasting is None else act.lasting)),
        until=act.until,
    )


def _needs_rebuild(act: Act) -> bool:
    return act.disk in OF_REBUILDS or act.kind in KINDS_OF_REBUILDS


def item_meant(number: int, acts: Sequence[Act]) -> int:
    """Return the item, counted from 0, whose disk "same" or "other" means; -1: none."""
    if acts[number].disk not in OF_EARLIER_ITEMS:
        return -1
    if acts[number].of_item:
        return acts[number].of_item - 1
    earlier = [index for index in range(number) if acts[index].kind in OF_DISKS]
    return earlier[-1] if earlier else -1


def _draw_stage(act: Act, stream: Stream) -> int:
    if act.stage is not None:
        return stream.between(*pair(act.stage))
    return _early(OPEN_STAGES_MAX, stream) if act.after else 0


def _early(limit: int, stream: Stream) -> int:
    """Draw below the limit; early moments are likelier, since changes of the array are short."""
    return stream.integer_below(stream.between(1, limit))


def _draw_return(number: int, acts: Sequence[Act], stream: Stream) -> str:
    act = acts[number]
    if act.kind != "disk_pull":
        return NO_HEAL
    if act.returns is not None:
        return RETURNS[act.returns]
    able = [name for name in DRAWN_RETURNS if name != "stale" or not is_spare(number, acts)]
    return RETURNS[stream.choice(able)]


def is_spare(number: int, acts: Sequence[Act]) -> bool:
    """Return whether an item is about a disk that was chosen among those that are no members."""
    while acts[number].disk == "same" and 0 <= item_meant(number, acts) < number:
        number = item_meant(number, acts)
    return acts[number].disk == "spare"


def is_of_spare(act: PlannedAct, acts: Sequence[PlannedAct]) -> bool:
    """Return whether a planned item is about a disk that was chosen among those that are no members."""
    while act.disk == "same":
        act = acts[act.like]
    return act.disk == "spare"


def fits_sequence(planned: Sequence[PlannedAct], acts: Sequence[Act]) -> bool:
    """Return whether these items can be drawn from the first of those; shrinking leaves out the last ones."""
    return len(planned) <= len(acts) and all(
        one.kind == act.kind
        and one.disk == ("" if act.disk is None else act.disk)
        and one.like == item_meant(number, acts)
        and one.heal in RETURNS.values()
        for number, (one, act) in enumerate(zip(planned, acts, strict=False))
    )
