"""The reach of ``swarm`` on the reference engine, which passes every run; its seeds are explored once for all tests here."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from chaos.checkers import Finding
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.judging.reach.count import count_reach
from chaos.judging.reach.states import count_states
from chaos.plan.plan import resolve
from chaos.plan.reach_vocabulary import CROSSINGS, REACH_NAMES, STATES
from chaos.run.controller import Controller
from experiments.swarm import SWARM

SEEDS = 1_000
AT_LEAST = 10  # a hundredth of the seeds
# The reference engine never crashes, and swarm has no sequence.
ABSENT = ("crashes", "sequence_completed")
GATE_SEEDS = 60
REFUSAL_SEEDS = 400
REFUSALS = [
    "adds_refused_foreign",
    "adds_refused_small",
    "adds_refused_full",
    "adds_refused_own",
    "adds_refused_unknown",
    "removals_refused",
    "creates_refused_name",
    "creates_refused_alone",
]


class Explored(NamedTuple):
    """The tested properties of a seed's run."""

    reach: dict[str, int]
    states: dict[str, int]
    findings: list[Finding]


@pytest.fixture(scope="module")
def explored() -> list[Explored]:
    """Return the runs by seed."""
    driver, runs = SimDriver(), []
    for seed in range(SEEDS):
        execution = Controller(resolve(SWARM, seed), driver, ()).explore(seed)
        history = execution.history
        reach = count_reach(history, execution.plan.layout)
        runs.append(Explored(reach, count_states(history), judge(execution)))
    return runs


def total_of(runs: list[Explored]) -> Counter[str]:
    total: Counter[str] = Counter()
    for run in runs:
        total.update(run.reach)
        total.update(run.states)
    return total


def test_reference_engine_passes(explored):
    assert [seed for seed, run in enumerate(explored) if run.findings] == []


def test_swarm_brings_everything_in_proportion(explored):
    """Find each fault and each operation in a hundredth of the seeds on average."""
    total = total_of(explored)
    thin = {name: total[name] for name in REACH_NAMES if total[name] < AT_LEAST}
    assert sorted(thin) == sorted(ABSENT), thin


def test_swarm_passes_its_own_gates(explored):
    total = total_of(explored)
    assert {name for name, wanted in SWARM.reach.items() if total[name] < wanted} == set()


def test_swarm_shows_every_refusal(explored):
    total = total_of(explored[:REFUSAL_SEEDS])
    assert [name for name in REFUSALS if not total[name]] == []


def test_gates_of_swarm_ask_for_states_and_faults_in_them_that_short_campaigns_reach(explored):
    gates = [name for name in SWARM.reach if name in STATES or name in CROSSINGS]
    assert [name for name in gates if name in STATES]
    assert [name for name in gates if name in CROSSINGS]
    runs = explored[:GATE_SEEDS]
    reached = Counter(name for run in runs for name in gates if run.states.get(name))
    # A fifth of the seeds is empty in 20 runs once in a hundred times.
    assert [name for name in gates if reached[name] < GATE_SEEDS / 5] == []
