"""Mistakes in a sequence that show before it runs: sentences that begin with the item's field, for the line in its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chaos.plan.faults import FAULTS, HARMLESS_ALONE, TARGET_FAULTS
from chaos.plan.operations import OPERATIONS
from chaos.plan.ranges import RUN_PERMILLE, Range, pair
from chaos.plan.sequence import (
    HELD_BACK,
    ITEMS_MAX,
    KINDS_OF_REBUILDS,
    LASTING_KINDS,
    LOST_RETURNS,
    NEVER,
    OF_DISKS,
    OF_EARLIER_ITEMS,
    OF_REBUILDS,
    WAIT,
    Act,
    is_spare,
    item_meant,
)
from chaos.plan.sequence_events import (
    CAUSES_OF_REBUILDS,
    EVENTS,
    GONE_FOR_A_WHILE,
    may_bring,
    needs_an_item,
)
from workers.spelling import did_you_mean

if TYPE_CHECKING:
    from chaos.plan.experiment import Experiment, Fault, Operation

OCCURRENCES_MAX = 1_000
STAGES_MAX = 10_000  # steps
REBUILDS_MAX = 100
SMALLEST_TO_SHRINK = 9  # blocks: a smaller disk takes its place only if enough is left
# The kinds that nothing of the run can bring where this field is 0; the value is the least that is enough.
NEEDS = {
    "error_bdev": ("stack_share", 1),
    "delay_bdev": ("stack_share", 1),
    "superblock_errors": ("superblock_share", 1),
    "superblock_slow": ("superblock_share", 1),
    "last_member_removal": ("superblock_share", 1),
    "add_to_offline": ("superblock_share", 1),
    "disk_grow": ("grow_blocks", 1),
    "host_vanish": ("keep_alive_ms", 1),
    "reactor_stall": ("reactors", 2),
    "poll_group_destroy": ("reactors", 2),
}
# These are there from the start where the share is 100, and are made again only after one of these items.
MADE_AGAIN = {
    "namespace_attach": ("namespace_at_start_share", ("namespace_detach", *GONE_FOR_A_WHILE)),
    "poll_group_create": (
        "all_poll_groups_at_start_share",
        ("poll_group_destroy", *TARGET_FAULTS),
    ),
}
TAKE_OUT = ("disk_pull", "member_removal")


def mistakes(experiment: Experiment) -> Iterator[str]:
    """Return the mistakes in the experiment's sequence, item by item."""
    acts = experiment.sequence
    if len(acts) > ITEMS_MAX:
        yield f"sequence has {len(acts)} items; write at most {ITEMS_MAX}"
    for number in range(len(acts)):
        for found in (_of_numbers, _of_kind, _of_disk, _of_condition, _of_end):
            for field, words in found(number, experiment):
                yield f"sequence[{number}].{field} = {_written(acts[number], field)}: {words}"


Mistakes = Iterator[tuple[str, str]]  # a field, and what is wrong with it


def _written(act: Act, field: str) -> str:
    value = getattr(act, field)
    if isinstance(value, str):
        return f'"{value}"'
    return str([*value] if isinstance(value, tuple) else value)


def _of_numbers(number: int, experiment: Experiment) -> Mistakes:
    act = experiment.sequence[number]
    bounds: dict[str, tuple[Range | None, int, int]] = {
        "occurrence": (act.occurrence, 1, OCCURRENCES_MAX),
        "stage": (act.stage, 0, STAGES_MAX),
        "rebuild": (act.rebuild, 0, REBUILDS_MAX),
        "between": (act.between, 0, RUN_PERMILLE),
        "lasting": (act.lasting, 0, RUN_PERMILLE),
        "of_item": (act.of_item, 0, number),
    }
    for field, (value, low, high) in bounds.items():
        if value is None:
            continue
        first, last = pair(value)
        if first > last:
            yield field, "its low bound is above its high one; exchange them"
        elif not low <= first <= last <= high:
            which = " (items before this one)" if field == "of_item" else ""
            yield field, f"it must lie within [{low}, {high}]{which}"


def _of_kind(number: int, experiment: Experiment) -> Mistakes:
    kind = experiment.sequence[number].kind
    field, least = NEEDS.get(kind, ("", 0))
    if field and pair(getattr(experiment, field))[1] < least:
        yield "kind", f"it can't come while {field} is {getattr(experiment, field)}; set {field}"
    if kind in KINDS_OF_REBUILDS and not _causes(number, experiment):
        yield "kind", "it can't come, since no item before it makes a rebuild necessary"
    if kind in MADE_AGAIN and not _has_room(number, experiment):
        share, _ = MADE_AGAIN[kind]
        yield (
            "kind",
            f"it can't come while {share} is 100 and no item before it makes room; lower {share}",
        )


def _has_room(number: int, experiment: Experiment) -> bool:
    """Return whether a namespace or a poll group can be missing when this item makes one."""
    share, causes = MADE_AGAIN[experiment.sequence[number].kind]
    planned = [operation.kind for operation in experiment.operations]
    before = [act.kind for act in experiment.sequence[:number]]
    return getattr(experiment, share) < 100 or any(kind in causes for kind in (*planned, *before))


def _causes(number: int, experiment: Experiment) -> int:
    """Return how many rebuilds the items before this one can make necessary: all members but one, after a restart."""
    restarts = max(1, pair(experiment.members)[1] - 1)
    return sum(
        restarts if act.kind in TARGET_FAULTS else 1
        for act in experiment.sequence[:number]
        if act.kind in CAUSES_OF_REBUILDS
    )


# The disk.


def _of_disk(number: int, experiment: Experiment) -> Mistakes:
    act = experiment.sequence[number]
    if act.of_item and act.disk not in OF_EARLIER_ITEMS:
        yield "of_item", 'only the disks "same" and "other" are about an earlier item; remove it'
    if act.disk is None:
        return
    if act.kind not in OF_DISKS:
        yield "disk", f"{act.kind} is not about one disk; remove it"
    elif isinstance(act.disk, int):
        yield from _of_disk_number(act.disk, experiment)
    elif act.disk in OF_EARLIER_ITEMS:
        yield from _of_earlier_disk(number, experiment)
    else:
        yield from _of_role(number, experiment)
    yield from _of_lost_disk(number, experiment.sequence)


def _of_disk_number(disk: int, experiment: Experiment) -> Mistakes:
    members = pair(experiment.members)[0]
    if not 0 <= disk < members:
        yield (
            "disk",
            f"with members = {_shown(experiment.members)} the members of every seed are disks 0 to {members - 1}; "
            'for a disk that is no member write "spare"',
        )


def _of_earlier_disk(number: int, experiment: Experiment) -> Mistakes:
    acts = experiment.sequence
    meant = item_meant(number, acts)
    if meant < 0:
        yield "disk", "no item before this one has a disk"
    elif meant < number and acts[meant].kind not in OF_DISKS:
        yield "of_item", f"item {meant + 1} is {acts[meant].kind}, which is not about one disk"


def _of_role(number: int, experiment: Experiment) -> Mistakes:
    act, acts = experiment.sequence[number], experiment.sequence
    row = FAULTS.get(act.kind)
    if act.disk in OF_REBUILDS and not _causes(number, experiment):
        yield "disk", "no item before this one makes a rebuild necessary, so there is none"
    if act.disk == "target" and act.kind == "member_removal":
        yield "disk", "the rebuild's target is removed by the operation rebuild_stop; write that"
    is_harm = act.kind == "member_removal" or (
        row is not None and (row.harms or row.weakens) and act.kind not in HARMLESS_ALONE
    )
    if act.disk == "source" and is_harm and pair(experiment.members)[1] <= 2:
        yield (
            "disk",
            "of 2 members the source has the last good copy, which is never destroyed; set members = 3",
        )
    if act.disk == "spare" and act.kind not in FAULTS:
        yield "disk", f"a spare is no member, and {act.kind} is for members"
    has_spares = pair(experiment.spares)[1] or any(one.kind in TAKE_OUT for one in acts[:number])
    if act.disk == "spare" and not has_spares:
        yield "disk", "there is none while spares is 0; set spares"


def _of_lost_disk(number: int, acts: Sequence[Act]) -> Mistakes:
    """Find out whether an earlier item has the disk return as no member."""
    for earlier in range(number):
        is_lost = acts[earlier].returns in LOST_RETURNS
        if is_lost and _is_same(number, earlier, acts):
            yield (
                "disk",
                f'item {earlier + 1} has it return "{acts[earlier].returns}", so it is no member again',
            )


def _is_same(number: int, earlier: int, acts: Sequence[Act]) -> bool:
    """Return whether both items are certainly about the same disk."""
    while acts[number].disk == "same" and 0 <= item_meant(number, acts) < number:
        number = item_meant(number, acts)
        if number == earlier:
            return True
    return isinstance(acts[number].disk, int) and acts[number].disk == acts[earlier].disk


# When it comes.


def _of_condition(number: int, experiment: Experiment) -> Mistakes:
    act = experiment.sequence[number]
    if act.after:
        yield from _of_event("after", number, experiment)
    elif act.occurrence > 1:
        yield "occurrence", "it counts the events of 'after', which is missing"
    causes = _causes(number, experiment)
    if act.rebuild > causes:
        yield (
            "rebuild",
            f"so many rebuilds can't come: the items before this one make {f'at most {causes}' if causes else 'none'} necessary",
        )


def _of_event(field: str, number: int, experiment: Experiment) -> Mistakes:
    """Find out whether the event can come, and as often as wanted."""
    act = experiment.sequence[number]
    event = getattr(act, field)
    if event not in EVENTS:
        hint = did_you_mean(event, EVENTS) or (
            "; 'raidstorm list probes', 'list faults' and 'list operations' have the names, and RPCs have SPDK's"
        )
        yield field, f"no such event, RPC, fault, heal or operation{hint}"
        return
    acts = experiment.sequence
    others = acts[:number] if field == "after" else acts
    if needs_an_item(event) and not any(may_bring(other, event) for other in others):
        where = " before this one" if field == "after" else ""
        yield field, f"it can't come, since no item{where} may bring it"
    if event not in FAULTS and event not in OPERATIONS:
        return
    items = acts[max(0, number - 1) : number] if field == "after" else acts[number + 1 :]
    most = sum(item.kind == event for item in items)
    if event not in HELD_BACK:  # planned ones come while the sequence goes on
        planned: tuple[Fault | Operation, ...] = (*experiment.faults, *experiment.operations)
        most += sum(pair(one.count)[1] for one in planned if one.kind == event)
    if most < (act.occurrence if field == "after" else 1):
        times = f" {act.occurrence} times" if field == "after" and act.occurrence > 1 else ""
        where = "from the item before this one on" if field == "after" else "after this item"
        yield field, f"{event} can't come{times} {where}"


# How it ends.


def _of_end(number: int, experiment: Experiment) -> Mistakes:
    acts = experiment.sequence
    act = acts[number]
    if act.returns is not None and act.kind != "disk_pull":
        yield "returns", f"only a pulled disk returns, and this is {act.kind}; remove it"
    if act.returns == "stale" and is_spare(number, acts):
        yield "returns", "a disk that was no member has no older content that members could miss"
    if act.returns == "large" and pair(experiment.grow_blocks)[0] < 1:
        yield "returns", "no disk can be larger while grow_blocks can be 0; set grow_blocks"
    if act.returns == "large" and any(one.kind == "disk_grow" for one in acts[:number]):
        yield "returns", "no disk can be larger once all disks have grown"
    if act.returns == "small" and pair(experiment.blocks)[0] < SMALLEST_TO_SHRINK:
        yield "returns", f"no disk can be smaller; set blocks to {SMALLEST_TO_SHRINK} or more"
    has_end = act.kind in LASTING_KINDS and act.returns != NEVER
    if act.lasting is not None and not (has_end or act.kind == "reactor_stall"):
        yield "lasting", f"{_endless(act)}; remove it"
    if act.until:
        yield from _of_event("until", number, experiment)
        if not has_end:
            yield "until", f"{_endless(act)}; remove it"
        if act.lasting is not None:
            yield "until", "either 'until' or 'lasting' says how long it lasts; remove one"


def _endless(act: Act) -> str:
    if act.returns == NEVER:
        return "a disk that never returns is not awaited"
    if act.kind == WAIT:
        return "nothing happens here that could be healed"
    return f"{act.kind} has no heal that could be put off"


def _shown(value: Range) -> str:
    return str(value if isinstance(value, int) else [*value])
