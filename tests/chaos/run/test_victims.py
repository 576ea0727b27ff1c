"""The disks that faults strike: members, and those on their way into the array or out of it."""

import msgspec

from chaos.base.prng import Stream
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.plan.planned import FLUSHED_IN_PART, Planned
from chaos.run.array_view import Cause
from chaos.run.model import Model
from chaos.run.nemesis import Nemesis
from chaos.run.nemesis.victims import Place, places
from chaos.steps.schedule import Flush, Open, Operate, PowerLoss
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
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


FLUSH_ERRORS = Planned("flush_errors", "run", 100, 0, 50)
POWER_LOSS = Planned("power_loss", "event", 0, 1, 0, event=FLUSHED_IN_PART)


def nemesis_of(model: Model, *planned: Planned, seed: int = 1) -> Nemesis:
    return Nemesis(msgspec.structs.replace(PLAN, planned=planned), model, [], Stream(seed))


def send_flush(model: Model, op: int = 50) -> None:
    model.took(Open(op - 10, 0, op))
    model.took(Flush(op, 0, op, 1))


def fail_flush(model: Model, disk: int, kind: FaultKind = FaultKind.ERROR) -> None:
    model.happened(Event("disk.fault", 1, (disk, int(kind), int(IoType.FLUSH), 0, 1)))


def test_flushes_fail_on_a_member_while_a_host_flushes_two_of_them():
    for seed in range(10):
        model = online()
        nemesis = nemesis_of(model, FLUSH_ERRORS, seed=seed)
        assert nemesis.next_step(150) is None  # the next flush may be that of a superblock
        send_flush(model)
        model.happened(Event("raid.member_removed", 0, (1, 1)))
        model.disks[1].good = True
        assert nemesis.next_step(150) is None  # no other member would have what this one lacks
        model.happened(Event("rebuild.finished", 0, (1, 1, 0)))
        step = nemesis.next_step(150)
        assert step is not None
        assert step.disk in (0, 1)


def test_flushes_fail_on_the_only_member_when_the_array_stays_degraded():
    model = online()
    model.happened(Event("raid.member_removed", 0, (1, 1)))
    model.disks[1].good = True
    nemesis = nemesis_of(model, FLUSH_ERRORS)
    assert nemesis.next_step(399) is None
    step = nemesis.next_step(400)
    assert step is not None
    assert step.disk == 0


def test_power_is_lost_after_a_flush_that_was_acknowledged_though_a_disk_has_failed_it():
    model = Model(msgspec.structs.replace(PLAN, planned=(POWER_LOSS,)))
    for disk in model.disks:
        disk.injected("disk_arrive")
    model.happened(Event("raid.created", 0, (0, 1)))
    nemesis = nemesis_of(model, POWER_LOSS)
    send_flush(model)
    fail_flush(model, 0, FaultKind.SLOW)
    model.answered(50, 0)
    assert nemesis.next_step(500) is None
    send_flush(model, 51)
    fail_flush(model, 1)
    assert nemesis.next_step(500) is None
    model.answered(51, 0)
    while not isinstance(step := nemesis.next_step(500), PowerLoss):
        assert step is not None, "a disk may leave before"
    assert len(step.lost[1]) == PLAN.layout.capacity  # what was not flushed is gone for sure
    arrivals = [due for due in nemesis.heals.due if due.heal == "disk_arrive"]
    assert {due.permille for due in arrivals} == {500}
