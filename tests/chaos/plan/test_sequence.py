"""Sequences as values: what is drawn of them, and the mistakes that show before they run."""

import msgspec
import pytest

from chaos.experiment import Act, Experiment, ExperimentError, Fault, Operation, validate
from chaos.plan.plan import fits, resolve
from chaos.plan.sequence import (
    HELD_BACK,
    LASTING_KINDS,
    OF_DISKS,
    OPEN_PROGRESS_MAX,
    OPEN_WAIT_MAX,
)
from chaos.plan.sequence_checks import NEEDS
from chaos.plan.sequence_events import BROUGHT_BY, EVENTS
from workers.probes import PROBES

PULL = Act(kind="disk_pull", disk=1, returns="stale")
AGAIN = Act(kind="disk_pull", disk="same", returns="stale")
KILL = Act(kind="target_kill", rebuild=2, between=(200, 600))
PULLED_TWICE = Experiment(name="pulled-twice", hosts=2, sequence=(PULL, AGAIN, KILL))


def changed(**changes):
    return msgspec.structs.replace(PULLED_TWICE, **changes)


# The draws.


def test_sequence_round_trips_to_json():
    text = msgspec.json.encode(PULLED_TWICE)
    assert msgspec.json.decode(text, type=Experiment) == PULLED_TWICE
    plan = resolve(PULLED_TWICE, 7)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=type(plan)) == plan


def test_sequence_moves_no_other_draw():
    without = changed(sequence=())
    for seed in range(20):
        plan = resolve(PULLED_TWICE, seed)
        assert msgspec.structs.replace(plan, sequence=()) == resolve(without, seed)


def test_open_fields_are_drawn_and_given_ones_are_kept():
    planned = [resolve(PULLED_TWICE, seed).sequence for seed in range(50)]
    first, second, third = zip(*planned, strict=True)
    assert {one.disk for one in first} == {1}
    assert {(one.disk, one.like) for one in second} == {("same", 0)}
    assert len({one.wait for one in first}) > 20
    assert all(0 <= one.wait < OPEN_WAIT_MAX for one in first)
    assert len({one.lasting for one in first}) > 20
    assert all(200 <= one.moment <= one.moment_max == 600 for one in third)
    assert {(one.rebuild, one.wait) for one in third} == {(2, 0)}


def test_item_about_a_rebuild_comes_in_its_progress_when_nothing_else_is_said():
    sequence = (PULL, Act(kind="rebuild_stop"), Act(kind="bdev_reset", disk="target"))
    for seed in range(20):
        _, stop, reset = resolve(changed(sequence=sequence), seed).sequence
        assert (stop.rebuild, reset.rebuild) == (1, 1)
        assert 0 <= stop.moment <= OPEN_PROGRESS_MAX
        assert stop.wait == reset.wait == 0


def test_open_return_is_one_after_which_the_disk_can_be_a_member():
    sequence = (Act(kind="disk_pull"),)
    heals = {resolve(changed(sequence=sequence), seed).sequence[0].heal for seed in range(50)}
    assert heals == {"disk_return", "disk_return_stale", "disk_return_blank"}
    sequence = (Act(kind="disk_pull", disk="spare"), Act(kind="disk_pull", disk="same"))
    heals = {resolve(changed(sequence=sequence), seed).sequence[1].heal for seed in range(50)}
    assert heals == {"disk_return", "disk_return_blank"}


def test_other_disk_is_that_of_the_item_named_or_of_the_last_with_a_disk():
    wait = Act(kind="wait", after="rebuild.started")
    other, first = (
        Act(kind="disk_pull", disk="other"),
        Act(kind="disk_pull", disk="other", of_item=1),
    )
    planned = resolve(changed(sequence=(PULL, AGAIN, wait, other, first)), 1).sequence
    assert [one.like for one in planned] == [-1, 0, -1, 1, 0]


def test_plan_fits_its_experiment_and_shorter_ones_do():
    plan = resolve(PULLED_TWICE, 3)
    shorter = msgspec.structs.replace(plan, sequence=plan.sequence[:1])
    assert fits(PULLED_TWICE, plan)
    assert fits(PULLED_TWICE, shorter)
    assert not fits(changed(sequence=(PULL,)), plan)
    for wrong in ({"disk": 5}, {"like": 2}, {"kind": "flood"}, {"heal": "target_kill"}):
        edited = msgspec.structs.replace(plan.sequence[1], **wrong)
        sequence = (plan.sequence[0], edited, plan.sequence[2])
        assert not fits(PULLED_TWICE, msgspec.structs.replace(plan, sequence=sequence))


def test_tables_name_only_what_there_is():
    assert {"disk_pull", "error_bdev", "target_kill", "member_removal"} <= HELD_BACK
    assert not HELD_BACK & {"host_vanish", "reactor_stall", "namespace_attach", "bdev_reset"}
    assert "rebuild_stop" not in OF_DISKS
    assert "host_vanish" not in LASTING_KINDS
    assert set(BROUGHT_BY) <= set(EVENTS)
    assert {name for name in PROBES if name.startswith("rebuild.")} <= set(BROUGHT_BY)
    assert {field for field, _ in NEEDS.values()} <= set(Experiment.__struct_fields__)


# Mistakes.

ANY_PULL = Act(kind="disk_pull")


def mistake(*sequence, **changes):
    with pytest.raises(ExperimentError) as caught:
        validate(changed(sequence=sequence, **changes))
    return str(caught.value).removeprefix("experiment pulled-twice: ")


@pytest.mark.parametrize(
    ("acts", "sentence"),
    [
        ([Act(kind="disk_pull", between=(10, 2_000))], "sequence[0].between = [10, 2000]: it must"),
        ([Act(kind="disk_pull", between=(9, 3))], "its low bound is above its high one"),
        ([Act(kind="disk_pull", lasting=1_001)], "sequence[0].lasting = 1001: it must lie within"),
        ([PULL, Act(kind="wait", after="disk_pull", occurrence=0)], "sequence[1].occurrence = 0"),
        ([PULL, Act(kind="target_kill", disk=1)], "target_kill is not about one disk; remove it"),
        ([Act(kind="wait", disk=1)], "wait is not about one disk"),
        ([Act(kind="disk_pull", disk=2)], "the members of every seed are disks 0 to 1"),
        ([Act(kind="disk_pull", disk=-1)], "the members of every seed are disks 0 to 1"),
        (
            [Act(kind="disk_pull", disk="target")],
            "no item before this one makes a rebuild necessary",
        ),
        ([Act(kind="rebuild_stop")], "no item before it makes a rebuild necessary"),
        ([PULL, Act(kind="member_removal", disk="target")], "the operation rebuild_stop"),
        (
            [PULL, Act(kind="disk_pull", disk="source")],
            "the last good copy, which is never destroyed",
        ),
        ([PULL, Act(kind="bdev_reset", disk="spare")], "a spare is no member"),
        ([AGAIN], "no item before this one has a disk"),
        (
            [PULL, Act(kind="wait"), Act(kind="disk_pull", disk="same", of_item=2)],
            "item 2 is wait,",
        ),
        ([PULL, Act(kind="disk_pull", disk="same", of_item=2)], "(items before this one)"),
        ([PULL, Act(kind="disk_pull", disk=0, of_item=1)], 'only the disks "same" and "other"'),
        ([Act(kind="disk_pull", disk=1, returns="foreign"), PULL], 'has it return "foreign"'),
        ([Act(kind="disk_pull", returns="never"), AGAIN], 'item 1 has it return "never"'),
        ([PULL, Act(kind="wait", after="rebuild.start")], "did you mean rebuild.started?"),
        ([PULL, Act(kind="wait", after="flood")], "no such event, RPC, fault, heal or operation"),
        ([Act(kind="wait", after="rebuild.started")], "no item before this one may bring it"),
        ([PULL, Act(kind="wait", after="disk_return")], "no item before this one may bring it"),
        ([PULL, Act(kind="wait", after="disk_arrive")], "no item before this one may bring it"),
        (
            [PULL, Act(kind="wait", after="target_kill")],
            "target_kill can't come from the item before",
        ),
        ([PULL, Act(kind="wait", after="disk_pull", occurrence=2)], "disk_pull can't come 2 times"),
        (
            [PULL, Act(kind="wait", occurrence=2)],
            "it counts the events of 'after', which is missing",
        ),
        (
            [PULL, KILL],
            "sequence[1].rebuild = 2: so many rebuilds can't come: the items before this one make at most 1 necessary",
        ),
        ([KILL], "the items before this one make none necessary"),
        ([Act(kind="target_kill", returns="stale")], "only a pulled disk returns"),
        ([Act(kind="disk_pull", returns="large")], "set grow_blocks"),
        (
            [Act(kind="disk_pull", disk="spare"), AGAIN],
            "a disk that was no member has no older content",
        ),
        ([Act(kind="target_kill", lasting=10)], "target_kill has no heal that could be put off"),
        ([Act(kind="disk_pull", returns="never", lasting=10)], "a disk that never returns"),
        ([Act(kind="disk_hang", lasting=10, until="target_kill"), KILL], "remove one"),
        ([Act(kind="disk_hang", until="target_kill")], "target_kill can't come after this item"),
        ([Act(kind="error_bdev")], "it can't come while stack_share is 0"),
        ([Act(kind="host_vanish")], "it can't come while keep_alive_ms is 0"),
        ([Act(kind="disk_grow")], "it can't come while grow_blocks is 0"),
        ([ANY_PULL, Act(kind="wait", after="disk_return_small")], "no item before this one may"),
        ([PULL, Act(kind="wait", after="bdev_create")], "no item before this one may bring it"),
        ([PULL, Act(kind="wait", after="raid.grown")], "no item before this one may bring it"),
        (
            [PULL, Act(kind="member_removal", disk="source")],
            "the last good copy, which is never destroyed",
        ),
        ([Act(kind="namespace_attach")], "while namespace_at_start_share is 100 and no item"),
        ([Act(kind="poll_group_create")], "while all_poll_groups_at_start_share is 100 and no"),
        ([PULL] * 65, "sequence has 65 items; write at most 64"),
    ],
)
def test_mistake_is_a_sentence(acts, sentence):
    assert sentence in mistake(*acts)


def test_no_role_of_a_spare_where_there_is_none():
    spare = Act(kind="disk_pull", disk="spare")
    assert "there is none while spares is 0" in mistake(spare, spares=0)
    validate(changed(sequence=(PULL, spare), spares=0))  # the pulled disk is no member for a while
    validate(changed(sequence=(spare,), spares=1))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("superblock_slow", {"superblock_share": 0}), ("poll_group_destroy", {"reactors": 1})],
)
def test_kind_that_nothing_can_bring(kind, changes):
    assert "it can't come while" in mistake(Act(kind=kind), **changes)


@pytest.mark.parametrize(
    ("acts", "changes"),
    [
        ([Act(kind="bdev_delete"), Act(kind="wait", after="bdev.unregistered")], {}),
        ([Act(kind="array_recreate"), Act(kind="wait", after="bdev.unregistered")], {}),
        ([Act(kind="bdev_delete"), Act(kind="wait", after="bdev_create")], {}),
        (
            [Act(kind="disk_pull", returns="large"), Act(kind="wait", after="raid.grown")],
            {"grow_blocks": 8},
        ),
        ([ANY_PULL, Act(kind="wait", after="disk_return_blank")], {}),
        ([Act(kind="target_kill"), Act(kind="wait", rebuild=2)], {"members": 3}),
        ([Act(kind="namespace_detach"), Act(kind="namespace_attach")], {}),
        ([Act(kind="target_kill"), Act(kind="poll_group_create")], {}),
        ([Act(kind="namespace_attach")], {"namespace_at_start_share": 50}),
        (
            [Act(kind="namespace_attach")],
            {"operations": (Operation(kind="namespace_detach", count=1),)},
        ),
        ([PULL, Act(kind="member_removal", disk="source")], {"members": 3}),
    ],
)
def test_what_may_come_is_accepted(acts, changes):
    validate(changed(sequence=tuple(acts), **changes))


def test_source_of_three_may_be_pulled():
    source = Act(kind="disk_pull", disk="source")
    validate(changed(sequence=(PULL, source), members=3))
    validate(changed(sequence=(PULL, Act(kind="read_errors", disk="source"))))


def test_large_disk_needs_room_that_is_left():
    large = Act(kind="disk_pull", returns="large")
    grow = Act(kind="disk_grow")
    validate(changed(sequence=(large,), grow_blocks=8))
    assert "once all disks have grown" in mistake(grow, large, grow_blocks=8)


def test_planned_kinds_that_are_not_held_back_may_be_waited_for():
    wait = Act(kind="wait", after="namespace_attach", occurrence=2)
    operation = Operation(kind="namespace_attach", count=(0, 2))
    validate(changed(sequence=(PULL, wait), operations=(operation,)))
    fault = Fault(kind="target_kill", count=9)
    waiting = Act(kind="wait", after="target_kill")
    assert "target_kill can't come" in mistake(PULL, waiting, faults=(fault,))


def test_every_mistake_is_found():
    with pytest.raises(ExperimentError) as caught:
        validate(changed(sequence=(Act(kind="disk_pull", disk=7), Act(kind="wait", after="flood"))))
    assert "sequence[0].disk" in str(caught.value)
    assert [one.partition(" = ")[0] for one in caught.value.further] == [
        "experiment pulled-twice: sequence[1].after"
    ]


# Gates.


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        ({"sequence_complete": 60}, "did you mean sequence_completed?"),
        ({"sequence_completed": 101}, "in percent of the runs, so at most 100"),
        ({"sequence_completed": 0}, "must be at least 1"),
        ({"sequence_item_4": 60}, "can't be reached by a sequence of 3 items"),
    ],
)
def test_wrong_gate_per_run(gates, sentence):
    with pytest.raises(ExperimentError, match="reach_per_run") as caught:
        validate(changed(reach_per_run=gates))
    assert sentence in str(caught.value)


def test_gate_beyond_a_sequence_of_one_item():
    with pytest.raises(ExperimentError, match=r"by a sequence of 1 item$"):
        validate(changed(sequence=(PULL,), reach_per_run={"sequence_item_2": 60}))


def test_gate_of_a_sequence_needs_one():
    for field in ("reach", "reach_per_run"):
        with pytest.raises(ExperimentError, match="a sequence that is missing"):
            validate(changed(sequence=(), **{field: {"sequence_completed": 1}}))


def test_gates_per_run_may_name_anything_that_is_counted():
    validate(changed(reach_per_run={"sequence_item_3": 60, "rebuild.running x target_kill": 5}))
