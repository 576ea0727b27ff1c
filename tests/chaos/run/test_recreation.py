"""Arrays that are deleted to be created again: what may fail meanwhile costs no disk its data, and the operator comes to an end."""

import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.array_view import Cause
from chaos.run.controller import Controller
from chaos.run.nemesis.budget import may_break
from chaos.steps.schedule import Inject
from experiments.catalog import EXPERIMENTS
from tests.chaos.run.test_model import model_of_a_pair
from workers.protocol import Event

FAILED = Event("raid.member_failed", 0, (1, 1))


def deleted_pair():
    model = model_of_a_pair()
    model.array.move(Cause.WIPE_SENT)
    model.happened(Event("raid.deleted", 0, ()))
    return model


def hurt(model, fault, *args, disk=1):
    model.took(Inject(model.ledger.new_op(), fault, disk, args))


def good(model):
    return [disk.good for disk in model.disks]


def test_superblock_that_cannot_be_written_harms_the_next_array_alone():
    model = deleted_pair()
    assert may_break(model, "superblock_errors", 1)
    assert not may_break(model, "write_errors", 1)
    hurt(model, "superblock_errors", 1)
    assert not may_break(model, "superblock_errors", 0)  # one disk at a time
    assert may_break(model, "superblock_errors", 1)
    model.happened(FAILED)
    assert good(model) == [True, True]
    model.happened(Event("raid.created", 0, (0, 1)))
    assert good(model) == [True, False]


def test_superblock_that_can_be_written_again_harms_nothing():
    model = deleted_pair()
    hurt(model, "superblock_errors", 1)
    hurt(model, "disk_heal", disk=0)  # another disk
    assert not may_break(model, "superblock_errors", 0)
    hurt(model, "disk_heal")
    assert may_break(model, "superblock_errors", 0)
    model.happened(Event("raid.created", 0, (0, 1)))
    assert good(model) == [True, True]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [(Cause.CREATION_ANSWERED, [True, True]), (Cause.FOUND, [True, False])],
    ids=["created", "assembled"],
)
def test_member_that_fails_while_its_array_waits_has_missed_something_only_in_an_older_array(
    cause, expected
):
    model = deleted_pair()
    model.array.move(cause)
    model.happened(FAILED)
    assert good(model) == expected


def test_write_errors_of_an_only_member_cost_nothing_until_there_is_another_one():
    model = model_of_a_pair()
    model.happened(Event("raid.member_removed", 0, (0, 0)))
    hurt(model, "write_errors", 20, 30, 3)
    assert model.disks[1].good
    assert model.disks[1].fails_later
    hurt(model, "disk_heal")
    assert not model.disks[1].fails_later


@pytest.mark.parametrize(
    "seed",
    [
        150,  # a deletion was sent when the array that it should have met was online, and harmed
        226,  # a disk counted as harmed by a creation that had failed
        8_001_504,  # by an array that was about to go
        8_013_008,  # by one that still waited for a disk
        9_006_946,  # a member that couldn't be written failed while its array was being wiped
    ],
)
def test_operator_creates_the_array_again(seed):
    """swarm: there was no array at the end, and too few good disks to create it from."""
    execution = Controller(resolve(EXPERIMENTS["swarm"], seed), SimDriver(), ()).explore(seed)
    assert judge(execution) == []
