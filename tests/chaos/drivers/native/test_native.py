"""The example target under the controller: clean without a mistake, and each mistake found, shrunk and replayed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from chaos.drivers.make import NativeDriver
from chaos.drivers.native.opened import opened_for
from chaos.experiment import Act
from chaos.judging.judge import judge
from chaos.judging.reach.visible import gates_for
from chaos.plan.targets import left_out, resolve_for, sequence_obstacle
from chaos.replaying.replay import replay_capsule
from chaos.run.controller import Controller
from chaos.shrinking.minimal import minimize
from chaos.store.capsule import Capsule, expected_of, parse_capsule
from chaos.store.version import tool_version
from experiments.catalog import EXPERIMENTS
from tests.chaos.drivers.native.targets import explore, needs_compiler, opened, with_mistake
from tests.chaos.plan.test_sequence import PULLED_TWICE

pytestmark = needs_compiler
EXPERIMENT = "connect-during-rebuild"
SEEDS_MAX = 200
OUTSIDE_STEPS_MAX = 13  # a hang keeps the RPC that hangs with the write
EXECUTIONS_MAX = 600
ROOT = Path(__file__).parents[4]
MISTAKES = {
    "CRASH": ("crash", 0),
    "LOST_WRITE": ("mirrors", 0),
    "HANG": ("liveness", 0),
}


@pytest.mark.parametrize("experiment", ["baseline", EXPERIMENT, "power-loss", "swarm"])
def test_the_example_survives(experiment):
    target = opened("example")
    for seed in range(12):
        execution = explore(target, experiment, seed)
        assert execution.settled, (seed, execution.end)
        assert judge(execution) == [], seed


def test_a_sequence_comes_in_the_example(tmp_path):
    target = opened("example")
    driver = NativeDriver(opened_for(target))
    try:
        for seed in range(6):
            execution = Controller(resolve_for(PULLED_TWICE, seed, target), driver, ()).explore(
                seed
            )
            assert judge(execution) == [], seed
            assert execution.outcome.is_through, seed
    finally:
        driver.close()


def test_a_sequence_that_the_target_cannot_do_is_left_out_as_a_whole():
    target = opened("example")
    gates = {"sequence_completed": 60, "connects": 100}
    unseen = Act(kind="wait", after="raid.superblock_writing")
    acts = (*PULLED_TWICE.sequence, unseen)
    experiment = msgspec.structs.replace(PULLED_TWICE, sequence=acts)
    assert resolve_for(experiment, 1, target).sequence == ()
    assert "the sequence (item 4: raid.superblock_writing)" in left_out(experiment, target)
    assert gates_for(gates, target, acts) == {"connects": 100}
    assert gates_for(gates, target, PULLED_TWICE.sequence) == gates
    assert left_out(PULLED_TWICE, target) == []
    cannot = msgspec.structs.replace(target, capabilities={**target.capabilities, "faults": []})
    grow = (Act(kind="disk_grow"),)
    assert sequence_obstacle(grow, cannot) == "item 1: disk_grow"
    large = (Act(kind="disk_pull", returns="large"),)
    assert sequence_obstacle(large, cannot) == "item 1: a larger disk"
    for event, able in (
        ("nvmf_subsystem_add_listener", False),
        ("bdev_raid_start_degraded", target.can("start_degraded")),
        ("bdev_raid_add_base_bdev", True),
        ("disk_heal", True),
    ):
        found = sequence_obstacle((Act(kind="wait", after=event),), target)
        assert found == ("" if able else f"item 1: {event}")


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_shrunk_and_replayed(mistake, tmp_path):
    check, first = MISTAKES[mistake]
    target = opened(with_mistake(tmp_path, mistake))
    for seed in range(first, SEEDS_MAX):
        execution = explore(target, EXPERIMENT, seed)
        findings = judge(execution)
        if findings and findings[0].check == check:
            break
    else:
        pytest.fail(f"{mistake} was not found within {SEEDS_MAX} seeds")
    capsule = Capsule(
        raidstorm_version=tool_version(),
        experiment=EXPERIMENTS[EXPERIMENT],
        seed=seed,
        driver="native",
        plan=resolve_for(EXPERIMENTS[EXPERIMENT], seed, target),
        schedule=execution.schedule,
        expected=expected_of(execution, findings),
    )
    counter = iter(range(EXECUTIONS_MAX))
    small = minimize(capsule, (), lambda: next(counter, None) is None)
    assert small.outside <= OUTSIDE_STEPS_MAX, small.outside
    stored = parse_capsule(Path("minimal.json"), msgspec.json.encode(small.capsule))
    again = replay_capsule(stored, stored.replay_driver, (), ())
    assert again.divergence == ""
    assert again.fingerprint == stored.expected.fingerprint
    # Which of several equal requests is stuck is chance, so the smallest run may name fewer of them.
    assert again.findings[0].signature == stored.expected.signature
    assert again.findings[0].check == check


def _fingerprints(folder: Path, hash_seed: str, *more: str) -> dict[int, str]:
    words = [sys.executable, "-m", "raidstorm", "run", EXPERIMENT, "--target", "example"]
    subprocess.run(
        [*words, "--seeds", str(SEEDS_MAX), "--out", str(folder), "-q", *more],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        check=True,
    )
    lines = (folder / "index.jsonl").read_text().splitlines()
    return {line["seed"]: line["fingerprint"] for line in map(json.loads, lines)}


@pytest.mark.slow
def test_seeds_have_the_same_fingerprints_in_other_processes(tmp_path):
    alone = _fingerprints(tmp_path / "alone", "1")
    assert len(alone) == SEEDS_MAX
    assert len(set(alone.values())) == SEEDS_MAX
    assert _fingerprints(tmp_path / "jobs", "2", "--jobs", "2") == alone
