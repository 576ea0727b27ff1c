"""For each RPC an engine that lies about it is found, in at least half of the seeds of ``swarm`` in which the lie matters.

It refuses what it could do, or does what it says it has not done, or says that it has done what it hasn't.
"""

import msgspec
import pytest

from chaos.checkers.answers import check_answers
from chaos.checkers.self_healing import check_self_healing
from chaos.drivers.sim import SimDriver
from chaos.plan.plan import resolve
from chaos.plan.rpcs import Rpc
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.run.generator import Phase
from chaos.steps.history import EngineEvent, Invoked
from chaos.steps.schedule import RESTED, Mark
from experiments.catalog import EXPERIMENTS
from workers.errors import EBUSY, EIO, OK
from workers.protocol import DefectSource

SEEDS = 10  # in which the engine lies
SEEDS_MAX = 300
SETTLE_STEPS = (
    2_000  # an engine that refuses is never healed, and its run needs no more steps to show it
)
LIE = "canary.lied"
REFUSES = f"""
from workers import rpc

class Lying(rpc.Rpc):
    async def %(method)s(self, thread, *args):
        if %(matters)s:
            thread.emit("{LIE}")
        return %(code)s
"""
DENIES = f"""
from inspect import isawaitable
from workers import rpc

class Lying(rpc.Rpc):
    async def %(method)s(self, thread, *args):
        answer = super().%(method)s(thread, *args)
        if isawaitable(answer):
            await answer
        thread.emit("{LIE}")
        return %(code)s
"""
# The bdev does nothing. Only a write shows that, and often it is one of a rebuild, which proves nothing: seldom found.
IDLE_ERROR_BDEV = f"""
from workers.bdev import stack
from workers.bdev.io import IoType

class Idle(stack.ErrorChannel):
    async def execute(self, io):
        if io.io_type is IoType.WRITE and self.device.record.errors.hit(io.io_type):
            self.thread.emit("{LIE}")
        return await self.base_channel.submit(io)
"""
IDLE_DELAY_BDEV = f"""
from workers.bdev import stack
from workers.bdev.io import IoType

class Idle(stack.DelayChannel):
    async def execute(self, io):
        if io.io_type is IoType.WRITE and self.device.record.latency_us:
            self.thread.emit("{LIE}")
        return await self.base_channel.submit(io)
"""
# It leaves members alone that come back. In the phase without RPCs no one else sees to them.
IGNORES_RETURNING = f"""
from workers.raid import examine
from workers.raid.examine import bdev_uuid

class Ignoring(examine.Examine):
    def _queue(self, thread, bdev):
        entry = self.metadata.superblock.entry_of(bdev_uuid(bdev.record.identity))
        if not self.record.slots[entry.slot].bdev and self.configuration.raid.has_source():
            thread.emit("{LIE}")
"""
LIES = {
    "refuses with EIO": (REFUSES, EIO),
    "refuses with EBUSY": (REFUSES, EBUSY),
    "denies with EIO": (DENIES, EIO),
    "pretends": (REFUSES, OK),
}


def source_of(method: Rpc, lie: str) -> str:
    template, code = LIES[lie]
    # Where nothing is being examined, an answer at once is no lie.
    is_wait = method is Rpc.BDEV_WAIT_FOR_EXAMINE and code == OK
    matters = "self.reactor.services.examine._looking" if is_wait else "True"
    return template % {"method": method.value, "matters": matters, "code": code}


def run(seed: int, *sources: str) -> Execution:
    plan = msgspec.structs.replace(resolve(EXPERIMENTS["swarm"], seed), settle_steps=SETTLE_STEPS)
    defects = tuple(DefectSource("canary", source) for source in sources)
    return Controller(plan, SimDriver(), defects).explore(seed)


def lied(execution: Execution) -> bool:
    return any(
        isinstance(entry, EngineEvent) and entry.event.name == LIE for entry in execution.history
    )


IDLE = {
    Rpc.BDEV_ERROR_INJECT_ERROR: (IDLE_ERROR_BDEV, 119),
    Rpc.BDEV_DELAY_UPDATE_LATENCY: (IDLE_DELAY_BDEV, 37),
}
SHOWN = [
    (method, lie)
    for method in Rpc
    for lie, (_, code) in LIES.items()
    if code != OK or method not in IDLE
]


def lied_without_rpcs(execution: Execution) -> bool:
    """Return whether it lied in the phase without RPCs, and then came to rest."""
    phase, is_lying = "", False
    for entry in execution.history:
        if isinstance(entry, Invoked) and isinstance(entry.step, Mark):
            phase = entry.step.phase
            if phase == RESTED and is_lying:
                return True
        elif isinstance(entry, EngineEvent) and entry.event.name == LIE:
            is_lying = is_lying or phase == Phase.ALONE.value
    return False


def assert_half_is_found(
    source: str, reaches=lied, check=check_answers, seeds: int = SEEDS
) -> None:
    found = reached = 0
    for seed in range(SEEDS_MAX):
        execution = run(seed, source)
        if reaches(execution):
            reached += 1
            found += bool(check(execution))
        if reached == seeds:
            break
    assert 0 < reached <= 2 * found, f"found in {found} of {reached} seeds"


@pytest.mark.slow
@pytest.mark.parametrize(("method", "lie"), SHOWN)
def test_lie_is_found_in_half_of_the_seeds(method, lie):
    assert_half_is_found(source_of(method, lie))


@pytest.mark.slow
def test_engine_that_ignores_returning_members_is_found_in_half_of_the_seeds():
    assert_half_is_found(IGNORES_RETURNING, lied_without_rpcs, check_self_healing, 30)


@pytest.mark.parametrize("method", IDLE)
def test_bdev_that_does_nothing_is_found(method):
    source, seed = IDLE[method]
    findings = check_answers(run(seed, source))
    assert [finding.shape for finding in findings] == [f"{method} without effect"]


@pytest.mark.parametrize("method", IDLE)
def test_bdev_that_does_its_work_is_accepted(method):
    _, seed = IDLE[method]
    assert check_answers(run(seed)) == []
