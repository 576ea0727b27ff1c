"""For each RPC an engine that lies about it is found, in at least half of the seeds of ``swarm`` in which the lie matters.

It refuses what it could do, or does what it says it has not done, or says that it has done what it hasn't.
"""

import msgspec
import pytest

from chaos.checkers.answers import check_answers
from chaos.drivers.sim import SimDriver
from chaos.plan.plan import resolve
from chaos.plan.rpcs import Rpc
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent
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
# The bdev does nothing. Only a write shows that, so it lies when one passes.
IDLE_ERROR_BDEV = f"""
from workers.bdev import stack
from workers.bdev.io import IoType

class Idle(stack.ErrorChannel):
    async def execute(self, io):
        record = self.device.record
        is_hit = record.error_count and record.error_io_types >> io.io_type & 1
        if io.io_type is IoType.WRITE and is_hit:
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


def assert_half_is_found(source: str) -> None:
    found = reached = 0
    for seed in range(SEEDS_MAX):
        execution = run(seed, source)
        if lied(execution):
            reached += 1
            found += bool(check_answers(execution))
        if reached == SEEDS:
            break
    assert 0 < reached <= 2 * found, f"found in {found} of {reached} seeds"


@pytest.mark.slow
@pytest.mark.parametrize(("method", "lie"), SHOWN)
def test_lie_is_found_in_half_of_the_seeds(method, lie):
    assert_half_is_found(source_of(method, lie))


@pytest.mark.slow
def test_delay_bdev_that_does_nothing_is_found_in_half_of_the_seeds():
    assert_half_is_found(IDLE_DELAY_BDEV)


@pytest.mark.parametrize("method", IDLE)
def test_bdev_that_does_nothing_is_found(method):
    source, seed = IDLE[method]
    findings = check_answers(run(seed, source))
    assert [finding.shape for finding in findings] == [f"{method} without effect"]


@pytest.mark.parametrize("method", IDLE)
def test_bdev_that_does_its_work_is_accepted(method):
    _, seed = IDLE[method]
    assert check_answers(run(seed)) == []
