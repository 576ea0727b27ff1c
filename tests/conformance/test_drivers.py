"""One body for every driver: the promises about a run hold for each of them."""

import json

import pytest

from chaos.checkers import Verdict
from chaos.drivers.lockstep import LockstepDriver
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge, verdict_of
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.steps.schedule import Kill, PowerLoss
from experiments.catalog import EXPERIMENTS
from tests.inside import inside, run_inside
from tests.support import SEED_DEFECT
from workers.defects.loader import source_text
from workers.protocol import DefectSource

pytestmark = pytest.mark.processes

SEEDS = 20
SWARM_SEEDS = 200
FREE_BATCHES_MAX = 4  # of 6 free runs: a busy machine reaches less in the same time
# Until a defect is caught. Free runs show it in half of the seeds, and may in fewer where the machine is busy.
SEEDS_MAX = {"sim": "20", "lockstep": "20", "realtime": "60"}
FORGETS_TO_UNLOCK = '''
"""Forgets to resume client I/O after a window."""

from workers.bdev import bdev


class Bdev(bdev.Bdev):
    async def unquiesce_range(self, thread, lock):
        if self.record.locked.rows()[0].length == self.record.num_blocks:
            await super().unquiesce_range(thread, lock)
'''


@pytest.fixture(scope="module")
def lockstep():
    driver = LockstepDriver(Processes(Limits(4, 6, 160)))
    yield driver
    driver.close()


@pytest.mark.parametrize("name", ["baseline", "disk-failure", "connect-during-rebuild"])
@pytest.mark.parametrize("defects", [(), (DefectSource(SEED_DEFECT),)])
def test_lockstep_gives_the_verdict_and_the_fingerprint_of_sim(lockstep, name, defects):
    sim = SimDriver()
    for seed in range(SEEDS if name == "connect-during-rebuild" else 5):
        plan = resolve(EXPERIMENTS[name], seed)
        expected = Controller(plan, sim, defects).explore(seed)
        found = Controller(plan, lockstep, defects).explore(seed)
        assert found.fingerprint == expected.fingerprint
        assert found.schedule == expected.schedule
        assert found.history == expected.history
        assert found.census == expected.census
        assert found.disks == expected.disks
        assert verdict_of(judge(found)) is verdict_of(judge(expected))


def test_lockstep_gives_the_fingerprint_of_sim_on_swarm(lockstep):
    """Compare swarm's fingerprints, with every fault and operation, restarts and power loss, in real processes."""
    sim = SimDriver()
    restarts = 0
    for seed in range(SWARM_SEEDS):
        plan = resolve(EXPERIMENTS["swarm"], seed)
        expected = Controller(plan, sim, ()).explore(seed)
        found = Controller(plan, lockstep, ()).explore(seed)
        assert found.fingerprint == expected.fingerprint, f"seed {seed}"
        assert judge(found) == judge(expected) == []
        restarts += sum(isinstance(step, (Kill, PowerLoss)) for step in found.schedule)
    assert restarts > SWARM_SEEDS / 4


def test_recorded_schedule_replays_in_the_other_driver(lockstep):
    sim = SimDriver()
    defects = (DefectSource(SEED_DEFECT),)
    for seed in range(6):
        plan = resolve(EXPERIMENTS["connect-during-rebuild"], seed)
        recorded = Controller(plan, sim, defects).explore(seed)
        replayed = Controller(plan, lockstep, defects).replay(recorded.schedule)
        assert replayed.fingerprint == recorded.fingerprint
        assert verdict_of(judge(replayed)) is verdict_of(judge(recorded))


SCENARIOS = {
    "connect-during-rebuild": ("rebuilds_finished", "channels_created_in_rebuild", "disks_failed"),
    "restart-from-superblock": ("target_kills", "arrays_assembled", "rebuilds_finished"),
    "power-loss": ("power_losses", "flushes", "connects"),
    "reset-storm": ("bdev_resets", "array_resets", "aborts"),
    "namespace-churn": ("namespaces_attached", "namespaces_detached", "connects"),
}


@pytest.mark.parametrize("driver", ["sim", "lockstep", "realtime"])
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_clean_engine_is_valid_and_does_what_it_says(tmp_path, name, driver):
    batches, seeds = (FREE_BATCHES_MAX, 6) if driver == "realtime" else (1, 20)
    missing = list(SCENARIOS[name])
    for batch in range(batches):
        amount = ("--seed", str(batch * seeds), "--seeds", str(seeds))
        report = run_inside(name, "--driver", driver, *amount, out=tmp_path)
        assert report["runs"] == report["valid"] == seeds, report["failures"]
        # The required reach of a campaign may need more runs.
        assert report["exit_code"] in (0, Verdict.NOT_EXERCISED)
        fidelity = report["fidelity"]
        if driver == "realtime":
            # Each of its steps is replayed in sim, and shows the same.
            assert (fidelity["runs"], fidelity["same"]) == (seeds, seeds), fidelity["parted"]
            assert fidelity["parted"] == []
        else:
            assert fidelity is None
        missing = [what for what in missing if not report["reach"][what]]
        if not missing:
            break
    assert missing == []


@pytest.mark.parametrize("driver", list(SEEDS_MAX))
def test_seed_defect_is_caught(tmp_path, driver):
    report = run_inside(
        "connect-during-rebuild",
        *("--driver", driver, "--seeds", SEEDS_MAX[driver], "-x", "--defect", SEED_DEFECT),
        out=tmp_path,
    )
    assert report["exit_code"] == Verdict.CRASHED
    failure = report["failures"][0]
    assert failure["check"] == "crash"
    assert "raid_ch->module_channel != NULL" in failure["summary"]
    assert any(
        "creates its channel of the array while the rebuild runs" in s for s in failure["story"]
    )
    result = json.loads((tmp_path / "latest-failure" / "result.json").read_text())
    assert result["code"] == Verdict.CRASHED
    # The same holds for a free run: its steps have been rebuilt, and are replayed in sim.
    done = inside("replay", failure["run_dir"], "--format", "json")
    assert done.returncode == Verdict.CRASHED, done.stderr
    again = json.loads(done.stdout)
    assert again["fingerprint"] == failure["fingerprint"]
    assert again["remark"] == "the fingerprint is the recorded one"


@pytest.mark.parametrize("driver", list(SEEDS_MAX))
def test_defect_from_a_file_outside_the_package_is_caught(tmp_path, driver):
    path = tmp_path / "my_own.py"
    path.write_text(source_text(DefectSource(SEED_DEFECT)))
    report = run_inside(
        "connect-during-rebuild",
        *("--driver", driver, "--seeds", SEEDS_MAX[driver], "-x", "--defect", str(path)),
        out=tmp_path / "runs",
    )
    assert report["exit_code"] == Verdict.CRASHED
    assert "--allow-code" in report["failures"][0]["replay"]


@pytest.mark.parametrize("driver", ["sim", "lockstep"])
def test_hang_is_a_verdict_of_its_own(tmp_path, driver):
    path = tmp_path / "forgetful.py"
    path.write_text(FORGETS_TO_UNLOCK)
    report = run_inside(
        "connect-during-rebuild",
        *("--driver", driver, "--seeds", "6", "-x", "--defect", str(path)),
        out=tmp_path / "runs",
    )
    assert report["exit_code"] == Verdict.LIVENESS
    assert "not finished after healing" in report["failures"][0]["summary"]
