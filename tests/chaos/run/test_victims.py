"""The disks that faults strike: members, and those on their way into the array or out of it."""

from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.run.array_view import Cause
from chaos.run.model import Model
from chaos.run.nemesis.victims import Place, places
from chaos.steps.schedule import Operate
from workers.protocol import Event

PLAN = resolve(Experiment(name="victims", members=2, spares=2, superblock_share=100), 0)
ADD, REMOVE = "bdev_raid_add_base_bdev", "bdev_raid_remove_base_bdev"


def online() -> Model:
    model = Model(PLAN)
    for disk in model.disks:
        disk.injected("disk_arrive")
    model.happened(Event("raid.created", 0, (0, 1)))
    return model


def test_members_and_spares():
    assert places(online()) == [Place.MEMBER, Place.MEMBER, Place.SPARE, Place.SPARE]


def test_disk_is_on_its_way_while_the_request_is_in_flight():
    model = online()
    model.took(Operate(1, REMOVE, (1,)))
    model.took(Operate(2, ADD, (2,)))
    assert places(model) == [Place.MEMBER, Place.LEAVING, Place.ADDING, Place.SPARE]
    model.happened(Event("raid.member_removed", 0, (1, 1)))
    assert places(model)[1] is Place.LEAVING  # its bdev is still held
    model.answered(1, 0)
    model.answered(2, -22)
    assert places(model)[1:] == [Place.SPARE] * 3


def test_rebuild_s_target_is_ending_when_it_is_copied():
    model = online()
    model.happened(Event("rebuild.started", 0, (0, 2)))
    model.happened(Event("rebuild.window_done", 0, (8, 16)))
    assert places(model)[2] is Place.MEMBER
    model.happened(Event("rebuild.window_done", 0, (16, 16)))
    assert places(model)[2] is Place.ENDING
    model.happened(Event("rebuild.finished", 0, (0, 2, 0)))
    assert places(model)[2] is Place.MEMBER


def test_disks_are_awaited_while_the_array_waits_for_members():
    model = online()
    model.target_restarted(())
    model.array.move(Cause.FOUND)
    assert places(model) == [Place.AWAITED] * 4


def test_nothing_is_harmed_while_an_array_is_created_of_disks_that_must_be_equal():
    model = online()
    assert model.array.may_harm(0)
    model.happened(Event("raid.deleted", 0, ()))
    model.took(Operate(1, "bdev_raid_create", (1, 5, 0, 1)))
    assert not model.array.may_harm(0)
    model.answered(1, 0)
    assert model.array.may_harm(0)
