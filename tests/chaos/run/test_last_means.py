"""The last means of an operator whose target can't be asked to examine disks."""

from __future__ import annotations

import msgspec

from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.plan.rpcs import Rpc
from chaos.run.disk_view import Presence
from chaos.run.model import Model
from chaos.run.operator.last_means import TRIES, TURNS, LastMeans
from chaos.run.operator.rpc_queue import RpcQueue
from workers.protocol import Event

DISKS = 3
AWAITED = 1 << 1  # the array waits for disk 1


def last_means(*, superblock: bool) -> tuple[LastMeans, Model]:
    """Return them for an array of two disks and a spare, of which the first two are the members."""
    experiment = Experiment(name="mine", members=2, spares=1, superblock_share=100 * superblock)
    plan = resolve(experiment, 1)
    plan = msgspec.structs.replace(plan, members=2)
    model = Model(plan)
    for disk in model.disks:
        disk.presence = Presence.ARRIVED
    model.happened(Event("raid.created", 0, (0, 1)))
    means = LastMeans(RpcQueue(plan, model))
    means.look()
    return means, model


def tried(means: LastMeans) -> list[int | tuple[str, int]]:
    """Return what is tried until nothing is left: disks to be put back, and RPCs with their last argument."""
    found: list[int | tuple[str, int]] = []
    while (step := means.next_step(nothing_moves=True)) is not None:
        if isinstance(step, int):
            found.append(step)
        else:
            means.queue.answered(step.op)
            means.answered(step, AWAITED)
            found.append((step.method, step.args[-1] if step.args else 0))
    return found


def test_disks_are_put_back_then_awaited_members_added_a_bounded_number_of_times():
    means, model = last_means(superblock=True)
    model.happened(Event("raid.deleted", 0, ()))
    model.happened(Event("raid.configuring", 0, (1, 2)))
    ask, add = Rpc.BDEV_RAID_GET_BDEVS.value, Rpc.BDEV_RAID_ADD_BASE_BDEV.value
    assert tried(means) == [0, 1, 2, (ask, 0), (add, 1)] * TRIES
    # The array has come back meanwhile, so all means count again.
    model.happened(Event("raid.assembled", 0, (0, 1)))
    means.look()
    model.happened(Event("raid.deleted", 0, ()))
    assert tried(means)[:DISKS] == [0, 1, 2]


def test_an_array_without_superblock_is_made_around_the_disk_that_has_all_data():
    means, model = last_means(superblock=False)
    model.disks[0].good = False
    model.happened(Event("raid.deleted", 0, ()))
    assert tried(means) == [(Rpc.BDEV_RAID_CREATE.value, 0)] * TRIES
    means, model = last_means(superblock=False)
    for disk in model.disks:
        disk.good = False
    means.look()
    model.happened(Event("raid.deleted", 0, ()))
    assert tried(means) == []  # no disk is known to have all data


def test_a_disk_that_was_taken_out_and_put_back_is_as_good_as_before():
    means, model = last_means(superblock=True)
    model.disks[0].good = False
    model.happened(Event("raid.deleted", 0, ()))
    found = []
    while len(found) <= DISKS:
        step = means.next_step(nothing_moves=True)
        found.append(step)
        if isinstance(step, int):
            model.disks[step].good = False  # as the model takes a disk that is pulled
    assert found[:DISKS] == [1, 0, 2]
    assert found[DISKS].method == Rpc.BDEV_RAID_CREATE.value
    assert found[DISKS].args[2] == 1  # the first of its members
    assert model.disks[1].good


def test_nothing_is_tried_while_a_request_or_the_array_itself_may_still_come():
    means, model = last_means(superblock=True)
    assert means.next_step(nothing_moves=True) is None  # it is online
    model.happened(Event("raid.deleted", 0, ()))
    assert [means.next_step(nothing_moves=False) for _ in range(TURNS - 1)] == [None] * (TURNS - 1)
    assert means.next_step(nothing_moves=False) == 0
    means.queue.call(Rpc.BDEV_WAIT_FOR_EXAMINE)
    assert means.next_step(nothing_moves=True) is None


def test_without_any_superblock_left_an_array_is_made_around_a_former_member():
    means, model = last_means(superblock=True)
    model.happened(Event("raid.deleted", 0, ()))
    for disk in model.disks:
        disk.good = False  # what wasn't flushed is lost
    assert tried(means)[: DISKS + 1] == [0, 1, 2, (Rpc.BDEV_RAID_CREATE.value, 1)]
    assert [disk.good for disk in model.disks] == [True, False, False]
