"""A run isn't over while the bdev of a pulled disk still goes, even if nothing needs that disk."""

from chaos.drivers.sim import SimDriver
from chaos.experiment import Act, Experiment
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from workers.protocol import DefectSource

# Trigger: the disk is no member, so neither a request nor the array waits for its bdev.
HANGS = '''
"""The removal of a bdev is never finished."""

from workers.bdev import layer
from workers.thread import Future, SpdkThread


class BdevLayer(layer.BdevLayer):
    """It waits for what never comes."""

    async def hot_remove(self, thread: SpdkThread, disk: int) -> int:
        await super().hot_remove(thread, disk)
        return await Future()
'''
SPARE = Experiment(
    name="spare", spares=1, sequence=(Act(kind="disk_pull", disk="spare", returns="never"),)
)


def test_pull_of_a_spare_disk_that_never_ends_is_found():
    for defects, expected in (((), []), ((DefectSource("hangs", HANGS),), ["disk_pull"])):
        execution = Controller(resolve(SPARE, 0), SimDriver(), defects).explore(0)
        assert [finding.shape for finding in judge(execution)] == expected
