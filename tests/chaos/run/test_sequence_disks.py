"""The disks of a sequence: which one an item is about, and how it comes back."""

import pytest

from chaos.experiment import Act
from chaos.plan.sequence import RETURNS
from tests.chaos.plan.test_sequence import AGAIN, PULL
from tests.chaos.run.test_sequence import SEEDS, experiment_of, explored, names, story, through


@pytest.mark.parametrize("name", [name for name in RETURNS if name != "never"])
def test_pulled_disk_returns_as_the_item_says(name):
    pull = Act(kind="disk_pull", returns=name)
    runs = through(experiment_of(pull, grow_blocks=8), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        (_, disk), (heal, again) = names(execution, "disk_pull", *RETURNS.values())
        assert (heal, again) == (RETURNS[name], disk)


def test_restart_that_brings_a_disk_back_otherwise_does_not_count_as_completed():
    """Without superblocks the end of a target brings all disks back, as they were."""
    kill = Act(kind="target_kill", stage=20)
    for name, expected in (("blank", 0), ("as it was", 5)):
        pull = Act(kind="disk_pull", disk=0, returns=name, lasting=1_000)
        experiment = experiment_of(pull, kill, superblock_share=0)
        runs = [explored(experiment, seed) for seed in range(5)]
        assert all(one.outcome.came == 2 for one in runs)
        assert sum(one.outcome.is_through for one in runs) == expected


def test_heal_that_waits_for_an_event_is_awaited_no_more_when_its_target_ends():
    hang = Act(kind="disk_hang", disk=0, until="raid.member_removed")
    assert len(through(experiment_of(hang, Act(kind="target_kill", stage=5)), seeds=5)) == 5


def test_disk_that_never_returns_stays_away_until_the_chaos_is_over():
    for execution in through(experiment_of(Act(kind="disk_pull", returns="never")), seeds=5):
        assert [what for what, _ in names(execution, "disk_pull", *RETURNS.values())] == [
            "disk_pull"
        ]


def test_pulled_disk_keeps_its_slot_while_a_spare_is_there():
    experiment = experiment_of(PULL, AGAIN, spares=1)
    runs = through(experiment)
    assert len(runs) >= 0.8 * SEEDS
    for execution in runs:
        rebuilt = [about[1] for what, about, _ in story(execution) if what == "rebuild.started"]
        pulls = [number for what, _, number in story(execution) if what == "disk_pull"]
        assert len(pulls) == 2
        assert rebuilt[0] == 1  # the disk of the first item, not the spare


def test_spare_takes_the_slot_of_a_disk_that_never_returns():
    never = Act(kind="disk_pull", disk=1, returns="never")
    experiment = experiment_of(never, Act(kind="target_kill", rebuild=1), spares=1, members=2)
    runs = through(experiment, seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        assert ("rebuild.started", 2) in [
            (what, about[1]) for what, about, _ in story(execution) if what == "rebuild.started"
        ]


def test_disk_that_is_pulled_while_it_hangs_is_healed_when_it_is_back():
    hang = Act(kind="disk_hang", disk=1, lasting=1_000)
    pull = Act(kind="disk_pull", disk="same", stage=5, returns="as it was", lasting=50)
    runs = through(experiment_of(hang, pull, Act(kind="wait", rebuild=1), spares=0), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        back = next(number for what, _, number in story(execution) if what == "disk_return")
        healed = next(number for what, _, number in story(execution) if what == "disk_heal")
        assert back < healed < back + 40  # and not when the hang was to end


def test_numbered_disk_is_one_while_it_is_a_member():
    again = Act(kind="disk_pull", disk=1, returns="as it was", stage=0)
    runs = through(experiment_of(PULL, again, spares=0), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        whats = [what for what, *_ in story(execution)]
        second = whats.index("disk_pull", whats.index("disk_pull") + 1)
        assert "rebuild.started" in whats[:second]


def test_roles_choose_the_disks_they_name():
    target = Act(kind="write_errors", disk="target")
    source = Act(kind="read_errors", disk="source")
    for experiment, fault in (
        (experiment_of(PULL, target), "write_errors"),
        (experiment_of(PULL, source), "read_errors"),
    ):
        runs = through(experiment, seeds=10)
        assert len(runs) >= 8
        for execution in runs:
            rebuilt = None
            for what, about, _ in story(execution):
                if what == "rebuild.started":
                    rebuilt = about[1]
                elif what == fault:
                    assert rebuilt is not None
                    assert (about == rebuilt) == (fault == "write_errors")


def test_spare_same_and_other_disks():
    spare = Act(kind="disk_pull", disk="spare", returns="as it was")
    again = Act(kind="disk_pull", disk="same", returns="blank")
    runs = through(experiment_of(spare, again, members=2, spares=1), seeds=10)
    assert len(runs) >= 8
    assert all(names(one, "disk_pull") == [("disk_pull", 2)] * 2 for one in runs)
    other = Act(kind="disk_pull", disk="other", of_item=1, returns="as it was")
    runs = through(experiment_of(PULL, other, members=3), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        assert [about == 1 for _, about in names(execution, "disk_pull")] == [True, False]


def test_operation_takes_the_named_member():
    removal = Act(kind="member_removal", disk=0)
    runs = through(experiment_of(removal, members=3), seeds=10)
    assert len(runs) >= 8
    for execution in runs:
        assert names(execution, "bdev_raid_remove_base_bdev")[0][1] == (0,)


def test_last_good_copy_is_never_destroyed():
    """Wait with the pull of the only good member until another one is rebuilt."""
    first = Act(kind="disk_pull", disk=0, returns="blank", lasting=20)
    second = Act(kind="disk_pull", disk=1, returns="blank", lasting=20, stage=0)
    runs = through(experiment_of(first, second, spares=0))
    assert len(runs) >= 0.8 * SEEDS
    for execution in runs:
        whats = [what for what, *_ in story(execution)]
        between = whats[whats.index("disk_pull") + 1 : len(whats) - whats[::-1].index("disk_pull")]
        assert "rebuild.finished" in between


def test_return_that_is_not_possible_does_not_count():
    """Kill the target before the other member's superblock says that a disk is gone: it can't return with older content."""
    kill = Act(kind="target_kill", stage=0)
    experiment = experiment_of(PULL, kill, superblock_share=100)
    executions = [explored(experiment, seed) for seed in range(10)]
    inexact = [one for one in executions if one.outcome.came == 2 and not one.outcome.is_through]
    assert inexact
    for execution in inexact:
        assert names(execution, *RETURNS.values()) == [("disk_return", 1)]
