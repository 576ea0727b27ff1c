"""The tester's model must bear what only a broken target tells."""

from chaos.model import Model
from chaos.plan import resolve
from experiments.catalog import EXPERIMENTS
from workers.protocol import Event


def test_failure_of_a_member_that_has_no_disk_harms_none():
    """swarm with attach-window-target-read-as-member, seed 20000030: the tester broke, not the target.

    The slot of the rebuild target was empty by the time a write to it had failed.
    """
    model = Model(resolve(EXPERIMENTS["swarm"], 1))
    for disk in model.disks:
        disk.good = True
    model.happened(Event("raid.member_failed", 0, (0, -1)))
    assert all(disk.good for disk in model.disks)
    model.happened(Event("raid.member_failed", 0, (0, 0)))
    assert not model.disks[0].good
