"""Same seed, same run: twice, under another PYTHONHASHSEED, and over several processes."""

import json

import pytest

from chaos.drivers.sim import SimDriver
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.support import raidstorm

SEEDS = 200
BATCH = 50


def fingerprints(out, *options: str, **environment: str) -> dict[str, str]:
    """Return the fingerprints of all seeds, in batches small enough for a report to list them."""
    found = {}
    for first in range(0, SEEDS, BATCH):
        done = raidstorm(
            *("run", "connect-during-rebuild", "--seed", str(first), "--seeds", str(BATCH)),
            *("--out", str(out), "--format", "json", *options),
            **environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found.update(json.loads(done.stdout)["fingerprints"])
    return found


@pytest.mark.slow
def test_two_hundred_seeds_have_the_same_fingerprints_however_they_are_run(tmp_path):
    driver = SimDriver()
    experiment = EXPERIMENTS["connect-during-rebuild"]
    here = {
        str(seed): Controller(resolve(experiment, seed), driver, ()).explore(seed).fingerprint
        for seed in range(SEEDS)
    }
    assert len(set(here.values())) == SEEDS
    assert fingerprints(tmp_path / "a", PYTHONHASHSEED="1") == here
    assert fingerprints(tmp_path / "b", "--jobs", "2", PYTHONHASHSEED="4242") == here


def test_run_that_differs_from_itself_is_a_verdict_of_its_own(tmp_path):
    """Report a run that differs from itself: an engine with a memory from run to run, found by the double run."""
    path = tmp_path / "remembers.py"
    path.write_text(
        "from workers.nvmf.target import NvmfTarget\n"
        "calls = []\n"
        "class Remembers(NvmfTarget):\n"
        "    def add_controller(self, thread, controller_thread):\n"
        "        calls.append(1)\n"
        "        self._last_cntlid += len(calls)\n"
        "        return super().add_controller(thread, controller_thread)\n"
    )
    done = inside(
        *("run", "baseline", "--seed", "20", "--defect", str(path), "--out", str(tmp_path / "runs"))
    )
    assert done.returncode == 6, done.stdout
    assert "two runs of seed 20 differ from step" in done.stdout


def test_labels_are_outside_the_fingerprint(monkeypatch, tmp_path):
    """No name of Faker's is asked for while a run goes on."""
    monkeypatch.setattr("faker.Faker", None)
    plan = resolve(EXPERIMENTS["baseline"], 1)
    assert Controller(plan, SimDriver(), ()).explore(1).settled
