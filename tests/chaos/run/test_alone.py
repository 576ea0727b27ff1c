"""A run in which no RPC helps for a while: disks come back, and the target does the rest."""

from collections import Counter

import msgspec

from chaos.checkers.self_healing import HELPING
from chaos.drivers.sim import SimDriver
from chaos.plan.experiment import Fault
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.steps.history import Invoked
from chaos.steps.schedule import RESTED, Inject, Kill, Mark, Operate
from experiments.catalog import EXPERIMENTS

ALONE = msgspec.structs.replace(
    EXPERIMENTS["restart-from-superblock"], alone_share=100, faults=(Fault(kind="disk_pull"),)
)


def phase_of(seed: int) -> list[object]:
    """Return the outside steps of the phase, from its mark to that of the heal."""
    plan = resolve(ALONE, seed)
    history = Controller(plan, SimDriver(), ()).explore(seed).history
    steps = [entry.step for entry in history if isinstance(entry, Invoked)]
    return steps[steps.index(Mark("alone")) : steps.index(Mark("heal"))]


def test_no_request_concerns_the_array_while_the_target_is_alone():
    seen = Counter()
    for seed in range(30):
        steps = phase_of(seed)
        begun = next(
            (
                number
                for number, step in enumerate(steps)
                if isinstance(step, Kill)
                or (isinstance(step, Inject) and step.fault in ("disk_pull", "bdev_delete"))
            ),
            None,
        )
        if begun is None:
            continue
        seen[type(steps[begun]).__name__] += 1
        asked = [step.method for step in steps[begun:] if isinstance(step, Operate)]
        assert not HELPING.intersection(asked)
        assert steps[-1] == Mark(RESTED)
    assert seen["Kill"] >= 5
    assert seen["Inject"] >= 5


def test_disks_are_found_one_by_one_after_the_kill_each_once():
    orders = set()
    for seed in range(30):
        steps = phase_of(seed)
        kills = [number for number, step in enumerate(steps) if isinstance(step, Kill)]
        if kills:
            arrived = [
                step.disk
                for step in steps[kills[-1] :]
                if isinstance(step, Inject) and step.fault == "disk_arrive"
            ]
            assert len(set(arrived)) == len(arrived) >= 2
            orders.add(tuple(arrived))
    assert len(orders) > 3


def test_plan_without_superblock_has_no_such_phase():
    plans = [resolve(EXPERIMENTS["swarm"], seed) for seed in range(80)]
    assert any(plan.alone for plan in plans)
    assert all(plan.superblock for plan in plans if plan.alone)
