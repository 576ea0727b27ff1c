"""Refused RPCs: the table of their counts, and a foreign disk's way through a run."""

import pytest

from chaos.judging.reach.count import count_reach
from chaos.judging.reach.refusals import count_refusals
from chaos.plan.foreign import foreign_superblock
from chaos.plan.plan import resolve
from chaos.plan.reach_vocabulary import REACH_NAMES
from chaos.plan.rpcs import Rpc
from chaos.run.disk_view import ARRIVED
from chaos.run.model import Model
from chaos.run.wrong_requests import UNKNOWN_BDEV, wrong_requests
from chaos.steps.history import Completed, EngineEvent, Invoked
from chaos.steps.schedule import Inject, Kill, Operate
from experiments.catalog import EXPERIMENTS
from tests.rig import Rig
from workers.bdev.stack import member_bdev_id
from workers.protocol import Event, Layout
from workers.raid.superblock import decode
from workers.raid.uuids import bdev_uuid

ADD, REMOVE, CREATE = (
    Rpc.BDEV_RAID_ADD_BASE_BDEV,
    Rpc.BDEV_RAID_REMOVE_BASE_BDEV,
    Rpc.BDEV_RAID_CREATE,
)

SWARM = EXPERIMENTS["swarm"]

ONLINE = ("raid.created", 0, 1)
REBUILDING = ("rebuild.started", 1, 2)
GONE = ("raid.last_member_removed",)
TOO_SMALL = ("raid.member_too_small", 3, 28)
# The event before, in the same step or an earlier one; the RPC; its status; its count.
TABLE = [
    ([ONLINE], (ADD, 3), -17, "adds_refused_foreign"),
    ([ONLINE, TOO_SMALL], (ADD, 3), -22, "adds_refused_small"),
    ([ONLINE], (ADD, 3), -22, "adds_refused_full"),
    ([ONLINE], (ADD, 1), -1, "adds_refused_own"),
    ([ONLINE], (ADD, 3), -1, "adds_refused_busy"),
    ([ONLINE, REBUILDING], (ADD, 3), -1, "adds_refused_in_rebuild"),
    ([ONLINE], (ADD, UNKNOWN_BDEV), -19, "adds_refused_unknown"),
    ([ONLINE, GONE], (ADD, 3), -19, "adds_refused_offline"),
    ([ONLINE], (REMOVE, UNKNOWN_BDEV), -19, "removals_refused"),
    ([ONLINE], (CREATE, 0, 0, 0), -17, "creates_refused_name"),
    ([], (CREATE, 0, 0, 0), -22, "creates_refused_alone"),
]


@pytest.mark.parametrize(("before", "rpc", "status", "name"), TABLE, ids=lambda value: str(value))
def test_refusal_is_counted_by_its_reason(before, rpc, status, name):
    method, *args = rpc
    history = [EngineEvent(1, Event(event, 0, tuple(values))) for event, *values in before[:1]]
    history.append(Invoked(2, Operate(1, method, tuple(args))))
    history += [EngineEvent(3, Event(event, 0, tuple(values))) for event, *values in before[1:]]
    history.append(Completed(3, 1, status, 0, []))
    assert count_reach(history, Layout(1, 4, 72, 8))[name] == 1
    assert list(count_refusals(history)) in ([name], [])


def test_success_and_what_was_told_of_another_bdev_before_count_for_nothing():
    add = Operate(2, ADD, (2,))
    early = EngineEvent(1, Event("raid.member_too_small", 0, (3, 28)))
    assert count_refusals([early, Invoked(2, add), Completed(3, 2, -22, 0, [])]) == {
        "adds_refused_full": 1
    }
    assert count_refusals([Invoked(2, add), Completed(3, 2, 0, 0, [])]) == {}


def test_rebuild_ends_when_the_target_is_killed():
    before = [EngineEvent(1, Event("rebuild.started", 0, (1, 2))), Invoked(2, Kill(1, ()))]
    add = Invoked(3, Operate(2, ADD, (3,)))
    assert count_refusals([*before, add, Completed(4, 2, -1, 0, [])]) == {"adds_refused_busy": 1}


def test_every_refusal_has_a_name_and_a_meaning():
    assert all(name in REACH_NAMES for *_, name in TABLE)


# Foreign disks.


def model_of(superblock: bool) -> Model:
    plan = next(
        plan
        for plan in (resolve(SWARM, seed) for seed in range(100))
        if plan.superblock is superblock and plan.layout.disks > plan.members
    )
    model = Model(plan)
    for disk in model.disks:
        disk.presence = ARRIVED
    model.happened(Event("raid.created", 0, tuple(range(plan.members))))
    return model


def test_careless_operator_asks_for_everything_that_is_there_to_be_refused():
    model = model_of(superblock=True)
    spare = model.plan.members
    bdev = member_bdev_id(model.plan.layout, spare)
    assert (ADD, (bdev,)) in wrong_requests(model.plan, model)  # no slot is free
    model.took(Inject(model.ledger.new_op(), "disk_pull", spare, ()))
    assert (ADD, (bdev,)) not in wrong_requests(model.plan, model)
    model.took(Inject(model.ledger.new_op(), "disk_return_foreign", spare, ()))
    assert (ADD, (bdev,)) in wrong_requests(model.plan, model)


@pytest.mark.parametrize("heal", ["disk_return_foreign", "disk_return_small"])
def test_unfit_disk_is_known_until_another_one_is_in_its_place(heal):
    model = model_of(superblock=False)
    model.took(Inject(model.ledger.new_op(), heal, 0, ()))
    disk = model.disks[0]
    assert disk.unfit
    disk.refused = True
    model.took(Inject(model.ledger.new_op(), "disk_return_blank", 0, ()))
    assert not disk.unfit
    assert not disk.refused
    model.took(Inject(model.ledger.new_op(), heal, 0, ()))
    model.target_restarted((1, 0))
    assert not disk.unfit  # an operator has copied another disk onto it


def test_foreign_disk_knows_an_array_that_is_not_here():
    rig = Rig(disks=1)
    image = decode(foreign_superblock(rig.driver.disks[0]))
    assert image.entry_of(bdev_uuid(rig.driver.disks[0].identity)) is not None
    assert image.raid_size == 24
