"""Counts of seldom paths: requests that have ended are in flight no more, and what a target did ends with it."""

import pytest

from chaos.judging.reach.count import count_reach
from chaos.steps.history import EngineEvent, Invoked, Undelivered
from chaos.steps.schedule import Inject, Kill, Operate, PowerLoss, Write
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.protocol import Event, Layout

LAYOUT = Layout(2, 4, 72, 8)
KILL = Kill(90, ())
POWER_LOSS = PowerLoss(91, (), ())


def took(step):
    return Invoked(1, step)


def emitted(name, *args):
    return EngineEvent(1, Event(name, 0, args))


def inject(fault, disk=0):
    return took(Inject(80, fault, disk, ()))


def count(name, *history):
    return count_reach(list(history), LAYOUT)[name]


def write(op, connection=100):
    return took(Write(op, 0, connection, 1, 4, 2))


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((), 1),
        ((emitted("nvmf.qpair_destroyed", 101),), 1),
        ((took(KILL),), 0),
        ((emitted("nvmf.qpair_destroyed", 100),), 0),
        ((Undelivered(1, 1),), 0),
    ],
    ids=["in flight", "another connection ended", "killed", "its connection ended", "unheard"],
)
def test_change_is_sent_again_while_the_earlier_one_may_still_come(between, expected):
    assert count("changes_sent_again", write(1), *between, write(2, 101)) == expected


@pytest.mark.parametrize(("between", "expected"), [((), 1), ((took(KILL),), 0)])
def test_disk_is_leaving_while_its_removal_is_in_flight(between, expected):
    history = [
        emitted("raid.created", 0, 1),
        took(Operate(1, "bdev_raid_remove_base_bdev", (1,))),
        *between,
        emitted("raid.assembled", 0, 1),
        inject("disk_pull", 1),
    ]
    assert count("harmed_leaving", *history) == expected


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((), 1),
        ((inject("disk_image"),), 1),
        ((inject("disk_grow"),), 1),
        ((inject("disk_heal", 1),), 1),
        ((inject("disk_heal"),), 0),
        ((inject("disk_return"),), 0),
        ((inject("bdev_create"),), 0),
        ((took(KILL),), 0),
    ],
)
def test_power_is_lost_after_a_failed_flush_until_the_disk_flushes_again(between, expected):
    failed = emitted("disk.fault", 0, int(FaultKind.ERROR), int(IoType.FLUSH), 0, 0)
    history = [failed, *between, took(POWER_LOSS)]
    assert count("power_losses_after_failed_flush", *history) == expected


@pytest.mark.parametrize(("between", "expected"), [((), 1), ((took(KILL),), 0)])
def test_bdev_is_deleted_when_it_goes_by_that_request(between, expected):
    history = [inject("bdev_delete"), *between, emitted("bdev.unregistered", 0)]
    assert count("bdevs_deleted", *history) == expected
