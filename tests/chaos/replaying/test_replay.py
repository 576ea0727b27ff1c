"""Replay by directory, by capsule alone, and by NAME:SEED; and capsules that must not pass."""

import json
import re
import shutil

import msgspec
import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.steps.history import Undelivered
from chaos.store.capsule import CapsuleError, read_capsule
from experiments.catalog import EXPERIMENTS
from tests.inside import inside, run_inside
from tests.support import SEED_DEFECT, raidstorm, run_json
from workers.defects.loader import DefectError, compose, source_text
from workers.protocol import DefectSource

EXPERIMENT = """
from chaos.experiment import Experiment, Operation
MINE = Experiment(
    name="mine",
    namespace_at_start_share=0,
    operations=(
        Operation(kind="member_removal", between=(0, 200)),
        Operation(kind="namespace_attach", anchor="rebuild", between=(0, 300)),
    ),
)
"""


def replay(*args: str) -> dict:
    done = inside("replay", *args, "--format", "json")
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode, done.stderr
    return report


@pytest.fixture(scope="module", params=["sim", "lockstep"])
def failing(request, tmp_path_factory):
    """Run a campaign with failures, and remove its experiment's file."""
    folder = tmp_path_factory.mktemp(request.param)
    file = folder / "mine.py"
    file.write_text(EXPERIMENT)
    report = run_inside(
        *(str(file), "--driver", request.param, "--seeds", "12", "--defect", SEED_DEFECT),
        out=folder / "runs",
    )
    assert report["crashed"] >= 2
    return request.param, file, report["failures"]


def test_replay_of_a_directory_has_the_same_code_and_fingerprint(failing):
    _, file, failures = failing
    moved = file.with_suffix(".gone")
    file.rename(moved)
    for failure in failures:
        again = replay(failure["run_dir"])
        assert again["exit_code"] == failure["code"] == 5
        assert again["fingerprint"] == failure["fingerprint"]
        assert again["findings"][0]["summary"] == failure["summary"]
    moved.rename(file)


def test_replay_of_a_capsule_alone(failing, tmp_path):
    _, file, failures = failing
    moved = file.with_suffix(".gone")
    file.rename(moved)
    capsule = tmp_path / "capsule.json"
    shutil.copy(f"{failures[0]['run_dir']}/capsule.json", capsule)
    for driver in ("sim", "lockstep"):
        again = replay(str(capsule), "--driver", driver)
        assert again["exit_code"] == 5
        assert again["fingerprint"] == failures[0]["fingerprint"]
    moved.rename(file)


def test_replay_by_name_and_seed(failing):
    driver, file, failures = failing
    for failure in failures:
        target = f"{file}:{failure['seed']}"
        again = replay(target, "--driver", driver, "--defect", SEED_DEFECT)
        assert again["exit_code"] == 5
        assert again["fingerprint"] == failure["fingerprint"]


def test_replay_on_the_reference_engine_is_valid(failing):
    _, _, failures = failing
    again = replay(failures[0]["run_dir"], "--defect", "none")
    assert again["exit_code"] == 0
    # It must not look like more than it is.
    assert "neither healed nor audited" in again["remark"]


def test_capsule_with_code_runs_it_only_when_allowed(tmp_path):
    defect = tmp_path / "own.py"
    defect.write_text(source_text(DefectSource(SEED_DEFECT)))
    report = run_inside(
        *("connect-during-rebuild", "--seeds", "10", "-x", "--defect", str(defect)),
        out=tmp_path / "runs",
    )
    directory = report["failures"][0]["run_dir"]
    defect.unlink()
    refused = inside("replay", directory)
    assert refused.returncode == 2
    assert "carries code from outside (own)" in refused.stderr
    again = replay(directory, "--allow-code")
    assert again["exit_code"] == 5
    assert again["fingerprint"] == report["failures"][0]["fingerprint"]


def test_capsule_with_changed_code_is_refused(tmp_path):
    defect = tmp_path / "own.py"
    defect.write_text(source_text(DefectSource(SEED_DEFECT)))
    report = run_inside(
        *("connect-during-rebuild", "--seeds", "10", "-x", "--defect", str(defect)),
        out=tmp_path / "runs",
    )
    path = f"{report['failures'][0]['run_dir']}/capsule.json"
    with open(path) as file:
        capsule = json.load(file)
    capsule["defects"][0]["source"] += "\nimport os\n"
    with open(path, "w") as file:
        json.dump(capsule, file)
    refused = inside("replay", path, "--allow-code")
    assert refused.returncode == 2
    assert "doesn't match its SHA-256" in refused.stderr


def test_schedule_that_no_longer_applies_is_a_divergence_not_a_pass(failing, tmp_path):
    _, _, failures = failing
    with open(f"{failures[0]['run_dir']}/capsule.json") as file:
        capsule = json.load(file)
    opened = next(i for i, step in enumerate(capsule["schedule"]) if step[0] == "operate")
    del capsule["schedule"][opened]
    capsule["expected"]["steps"] -= 1
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(capsule))
    report = replay(str(path))
    assert report["exit_code"] == 7
    assert "is not possible" in report["divergence"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c["schedule"].pop(), "edited or cut short"),
        (lambda c: c.update(driver="dream"), "Invalid enum value 'dream'"),
        (lambda c: c["plan"]["layout"].__setitem__(1, 9), "its plan is not one of its experiment"),
        (lambda c: c["plan"]["layout"].__setitem__(1, -1), "its plan is not one of its experiment"),
        (lambda c: c["defects"].append({"id": "../../x", "sha256": "0"}), "no built-in defect"),
        (lambda c: c["schedule"].__setitem__(0, ["read", 1, 0, 1010, 99, 0, 1]), "no such thread"),
        (lambda c: c["schedule"].__setitem__(0, ["read", 1, 0, 1010, -1, 0, 1]), "out of bounds"),
        (
            lambda c: c["schedule"].__setitem__(0, ["write", 1, 0, 1010, 1, 0, 10**8]),
            "too many blocks",
        ),
        (
            lambda c: c["schedule"].__setitem__(0, ["write", 1, 0, 1010, 1, 0, 10**18]),
            "out of bounds",
        ),
        (
            lambda c: c["schedule"].__setitem__(0, ["read", 1, 10**30, 1010, 1, 0, 1]),
            "out of bounds",
        ),
        (lambda c: c["schedule"].__setitem__(0, ["inject", 1, "disk_pull", 9, []]), "no such disk"),
        (lambda c: c["schedule"].__setitem__(0, ["inject", 1, "flood", 0, []]), "no such fault"),
        (lambda c: c["schedule"].__setitem__(0, ["operate", 1, "format", []]), "no such RPC"),
        (lambda c: c["schedule"].__setitem__(0, ["deliver", 7, 0, 1]), "no such reactor"),
        (lambda c: c["schedule"].__setitem__(0, ["dance"]), "not a valid capsule"),
    ],
)
def test_capsule_that_was_edited_is_refused_in_a_sentence(failing, tmp_path, change, sentence):
    _, _, failures = failing
    with open(f"{failures[0]['run_dir']}/capsule.json") as file:
        capsule = json.load(file)
    change(capsule)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(capsule))
    with pytest.raises((CapsuleError, DefectError), match=re.escape(sentence)):
        compose(read_capsule(path).defect_sources())


def test_killed_run_s_capsule_is_replayable_by_its_seed(failing, tmp_path):
    _, _, failures = failing
    with open(f"{failures[0]['run_dir']}/capsule.json") as file:
        capsule = json.load(file)
    capsule["schedule"] = capsule["expected"] = None
    path = tmp_path / "head.json"
    path.write_text(json.dumps(capsule))
    assert replay(str(path))["fingerprint"] == failures[0]["fingerprint"]


def test_check_of_a_user_that_fails_is_a_sentence(tmp_path):
    (tmp_path / "bad_checks.py").write_text("def boom(execution):\n    raise RuntimeError('no')\n")
    toml = tmp_path / "mine.toml"
    toml.write_text('name = "mine"\nchecks = ["bad_checks:boom"]\n')
    done = raidstorm(
        *("run", str(toml), "--seed", "1", "--out", str(tmp_path / "runs")),
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 2
    sentence = "check bad_checks:boom raised RuntimeError: no (bad_checks.py:2, in seed 1)\n"
    assert done.stderr == f"raidstorm: {sentence}"


def test_check_of_a_user_that_fails_is_located_and_its_traceback_is_a_detail(tmp_path, monkeypatch):
    text = "import json\ndef parse(text):\n    return json.loads(text)\n"
    (tmp_path / "deep_checks.py").write_text(f"{text}def deep(execution):\n    yield parse('x')\n")
    (tmp_path / "mine.toml").write_text('name = "mine"\nchecks = ["deep_checks:deep"]\n')
    monkeypatch.syspath_prepend(tmp_path)
    arguments = ("run", str(tmp_path / "mine.toml"), "--seed", "4", "--out", str(tmp_path / "runs"))
    done = inside(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("check deep_checks:deep raised JSONDecodeError: ")
    assert done.stderr.endswith(" (deep_checks.py:3, in seed 4)")
    verbose = inside(*arguments, "-v")
    assert verbose.stderr.startswith("Traceback (most recent call last):\n")
    assert verbose.stderr.endswith(done.stderr)


def test_check_of_a_user_is_run_and_embedded(tmp_path):
    (tmp_path / "my_checks.py").write_text(
        "from chaos.checkers import Finding, Verdict\n"
        "def no_reads(execution):\n"
        "    return [Finding(check='no-reads', kind='read', shape='any', summary='a host read',\n"
        "                    step=1, verdict=Verdict.INVALID)]\n"
    )
    toml = tmp_path / "mine.toml"
    toml.write_text('name = "mine"\nchecks = ["my_checks:no_reads"]\n')
    report = run_json(*(str(toml), "--seed", "1"), out=tmp_path / "runs", PYTHONPATH=str(tmp_path))
    assert report["exit_code"] == 1
    assert report["failures"][0]["signature"] == "no-reads/read/any"
    directory = report["failures"][0]["run_dir"]
    assert inside("replay", directory).returncode == 2
    assert replay(directory, "--allow-code")["exit_code"] == 1


def test_replay_of_a_schedule_hears_what_the_run_has_heard():
    """Replay answers as the run received them, also where hosts vanish or are cut off."""
    unheard = 0
    for seed in range(12):
        plan = resolve(EXPERIMENTS["swarm"], seed)
        execution = Controller(plan, SimDriver(), ()).explore(seed)
        again = Controller(plan, SimDriver(), ()).replay(execution.schedule)
        assert again.history == execution.history
        unheard += sum(isinstance(entry, Undelivered) for entry in again.history)
    assert unheard


def test_run_that_ends_at_the_bound_is_stuck_in_its_replay_too():
    """End a replay at the run's bound: it once ended a step before, and reported no failure."""
    for seed in range(3):
        plan = resolve(EXPERIMENTS["disk-failure"], seed)
        plan = msgspec.structs.replace(plan, settle_steps=30)
        run = Controller(plan, SimDriver(), ()).explore(seed)
        assert run.settle_bound_hit
        again = Controller(plan, SimDriver(), ()).replay(run.schedule)
        assert again.settle_bound_hit
        assert judge(again)[0].signature == judge(run)[0].signature
