"""SIGKILL of any process of a run on a target in C: nothing is left behind, and the run goes on or says what happened."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.chaos.drivers.native.targets import needs_compiler
from tests.support import leftovers, start, wait_for

pytestmark = needs_compiler
SEEDS = 60
LOADER, LIFE = 1, 2  # generations below the process that steps


def below(pid: int) -> list[int]:
    """Return the children of a process, of whatever session."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def tree(pid: int) -> list[list[int]]:
    """Return the processes below one, generation by generation."""
    generations = [[pid]]
    while generations[-1]:
        generations.append([child for parent in generations[-1] for child in below(parent)])
    return generations[1:-1]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def running(tmp_path: Path, *more: str):
    """Start a run on the example, and wait until its target lives."""
    words = ("connect-during-rebuild", "--target", "example", "--seeds", str(SEEDS), *more)
    process = start(*words, out=tmp_path)
    wait_for(lambda: (tmp_path / "index.jsonl").exists() and len(tree(process.pid)) >= LIFE, "it")
    return process


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_controller_leaves_no_process(jobs, tmp_path):
    process = running(tmp_path, "--jobs", jobs)
    everything = [pid for generation in tree(process.pid) for pid in generation]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: all(map(is_gone, everything)), "the processes below it to end")
    wait_for(lambda: not leftovers(process.pid), "its files to go")


@pytest.mark.parametrize("generation", [LOADER, LIFE])
def test_after_a_killed_process_of_the_target_all_seeds_are_run(generation, tmp_path):
    process = running(tmp_path)
    victim = tree(process.pid)[generation - 1][0]
    os.kill(victim, signal.SIGKILL)
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    lines = (tmp_path / "index.jsonl").read_text().splitlines()
    assert {json.loads(line)["seed"] for line in lines} == set(range(SEEDS))
    assert not tree(process.pid)
    assert is_gone(victim)
