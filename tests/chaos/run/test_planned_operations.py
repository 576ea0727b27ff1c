"""The operator's planned operations: when each is applicable."""

from chaos.base.prng import Stream
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.run.model import Model
from chaos.run.operator import Operator
from chaos.steps.schedule import Inject, Operate
from workers.protocol import Event

PLAN = resolve(Experiment(name="operations", members=2, spares=1, superblock_share=100), 0)


def removal_of_all_members(*, is_target_pulled: bool) -> Operate | None:
    """Ask for it while disk 2 is rebuilt from disk 0, the only member."""
    model = Model(PLAN)
    for disk in model.disks:
        disk.injected("disk_arrive")
    model.happened(Event("raid.created", 0, (0, 1)))
    model.happened(Event("raid.member_removed", 0, (1, 1)))
    model.happened(Event("rebuild.started", 0, (1, 2)))
    if is_target_pulled:
        model.took(Inject(1, "disk_pull", 2, ()))
    return Operator(PLAN, model, Stream(0, "test")).planned.begin("last_member_removal", None)


def test_all_members_are_removed_in_a_rebuild():
    step = removal_of_all_members(is_target_pulled=False)
    assert step is not None
    assert step.method == "bdev_raid_remove_base_bdev"


def test_members_stay_while_a_pulled_disk_is_being_rebuilt():
    """swarm, seeds 5016146 and 5042322 of that time: the copied rebuild ended with success, and the bad disk was the last member."""
    assert removal_of_all_members(is_target_pulled=True) is None
