"""A target is one process: an assertion that fails on one reactor ends all of them, at once."""

import pytest
import trio

from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeRun
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from workers.protocol import DefectSource
from workers.step_log import LOG_BYTES

pytestmark = pytest.mark.processes

BUSY = Experiment(name="busy", reactors=3, hosts=3, milliseconds=500)
# A busy machine takes fewer steps in that time, and the target may live on.
CRASHES, RUNS_MAX = 4, 20
DIES_AS_IT_SERVES = '''"""The target dies when a reactor has written often enough, and says at which ticket."""

from workers.raid.raid1 import Raid1


class Dies(Raid1):
    async def write(self, channel, paths, io):
        completion = await super().write(channel, paths, io)
        self.writes = getattr(self, "writes", 0) + 1
        assert self.writes < 40, f"ticket {self.raid.reactor.block.globals.ticket}"
        return completion
'''


@pytest.fixture
def processes():
    made = Processes(Limits(3, 3, 128), log_bytes=LOG_BYTES)
    yield made
    made.close()


def test_no_reactor_takes_a_step_after_an_assertion_has_failed_on_another_one(processes):
    """Stop every reactor after an assertion: acknowledgements before the controller learns of it would have to hold."""
    crashed_at, ended_at = [], []
    for seed in range(RUNS_MAX):
        defects = (DefectSource("dies", DIES_AS_IT_SERVES),)
        free_run = RealtimeRun(processes, resolve(BUSY, seed), seed, defects)
        execution = trio.run(free_run.main)
        free_run.end()
        if execution.crash is not None:
            crashed_at.append(execution.crash.message)
            ended_at.append(f"ticket {processes.block.globals.ticket}")
        if len(crashed_at) == CRASHES:
            break
    assert crashed_at == ended_at != []
