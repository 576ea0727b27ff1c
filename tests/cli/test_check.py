"""``raidstorm check``: the stored run is the one that was judged, and judging it runs nothing."""

import json
from typing import get_args

import msgspec
import pytest
from click.testing import CliRunner

from chaos.checkers import Verdict
from chaos.cli import program
from chaos.cli.parameters import Catalog
from chaos.drivers.processes import Processes
from chaos.drivers.realtime import RealtimeDriver
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.showing.labels import make_labels
from chaos.steps.history import Entry
from chaos.store.capsule import Capsule, CapsuleError, capsule_defect
from chaos.store.store import Store
from chaos.store.stored import StoredError, StoredResult, read_run
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.red_run import run_directory
from tests.support import SEED_DEFECT, run_json
from workers.protocol import DefectSource
from workers.worker import Worker

SEEDS = 12
DEFECT = DefectSource(SEED_DEFECT)
FINDS_SOMETHING = """
from chaos.checkers import Finding, Verdict

def finds_something(execution):
    ops = [entry for entry in execution.history if type(entry).__name__ == "Completed"]
    return [
        Finding(check="mine", kind="always", shape="found", summary=f"{len(ops)} answers",
                step=execution.steps, verdict=Verdict.INVALID)
    ]
"""


def kept(tmp_path, name: str, seed: int, defects=()):
    """Return a run of ``sim`` and the directory it was stored in, whatever its verdict."""
    plan = resolve(EXPERIMENTS[name], seed)
    execution = Controller(plan, SimDriver(), defects).explore(seed)
    findings = judge(execution)
    labels = make_labels(plan, seed)
    capsule = Capsule(
        raidstorm_version="test",
        experiment=EXPERIMENTS[name],
        seed=seed,
        driver="sim",
        plan=plan,
        defects=[capsule_defect(defect) for defect in defects],
        labels=labels,
        schedule=execution.schedule,
    )
    code = findings[0].verdict if findings else Verdict.VALID
    result = StoredResult(
        experiment=name,
        driver="sim",
        seed=seed,
        code=int(code),
        verdict=code.name.lower(),
        defects=[defect.id for defect in defects],
        steps=execution.steps,
        fingerprint=execution.fingerprint,
        findings=findings,
        story=[],
        reach={},
        crash=execution.crash,
        replay="",
    )
    store = Store(tmp_path)
    path = store.begin(capsule)
    assert store.keep(path, capsule, execution, labels, result, "group")
    return execution, path


def check(*args: str):
    """``raidstorm check`` in this process; its code and its output."""
    done = CliRunner().invoke(
        program, ["check", *map(str, args)], obj=Catalog({}, {}), standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


def test_stored_execution_is_the_one_that_was_judged(tmp_path):
    """Compare every field, and every entry with its types, over all events that the engine emits."""
    kinds = set()
    for name, defects in (("swarm", ()), ("connect-during-rebuild", (DEFECT,))):
        for seed in range(SEEDS):
            execution, path = kept(tmp_path, name, seed, defects)
            stored = read_run(path)
            for field in Execution.__struct_fields__:
                found, expected = getattr(stored.execution, field), getattr(execution, field)
                assert found == expected, f"{name}, seed {seed}: {field}"
            for found, expected in zip(stored.execution.history, execution.history, strict=True):
                assert type(found) is type(expected)
            kinds |= {type(entry) for entry in execution.history}
            assert judge(stored.execution) == judge(execution) == stored.result.findings
    assert kinds == set(get_args(Entry))


def test_files_of_a_run_are_the_same_every_time(tmp_path):
    names = ("execution.json", "history.jsonl")
    first, second = (
        [(path / name).read_bytes() for name in names]
        for path in (kept(tmp_path, "swarm", 3)[1], kept(tmp_path, "swarm", 3)[1])
    )
    assert first == second


@pytest.mark.parametrize("driver", ["sim", "lockstep", "realtime"])
def test_run_of_every_driver_is_judged_as_it_was_stored(tmp_path, driver):
    """Let a check fail every run, so that every driver has a run to keep."""
    (tmp_path / "my_check.py").write_text(FINDS_SOMETHING)
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nmilliseconds = 100\nchecks = ["my_check:finds_something"]\n'
        '[[faults]]\nkind = "disk_failure"\n'
    )
    runs = tmp_path / "runs"
    report = run_json(
        str(tmp_path / "mine.toml"),
        *("--driver", driver, "--seeds", "2"),
        out=runs,
        PYTHONPATH=str(tmp_path),
    )
    folders = [failure["run_dir"] for failure in report["failures"]]
    assert len(folders) == 2
    done = inside("check", *folders, "--format", "json")
    assert done.returncode == 2
    assert "carries checks" in done.stderr
    done = inside("check", *folders, "--allow-code", "--format", "json")
    answer = json.loads(done.stdout)
    assert answer["exit_code"] == done.returncode == Verdict.INVALID
    for one, folder in zip(answer["runs"], folders, strict=True):
        result = json.loads((tmp_path / folder / "result.json").read_text())
        assert one["as_stored"] is True
        assert one["findings"] == result["findings"]
        assert "mine" in [finding["check"] for finding in one["findings"]]
        assert one["story"] == result["story"]
    assert check(runs / "latest-failure", "--check", "register")[0] == Verdict.VALID


def test_nothing_is_executed(tmp_path, monkeypatch):
    _, path = kept(tmp_path, "connect-during-rebuild", 4, (DEFECT,))

    def refuse(self, *args):
        raise AssertionError(f"{type(self).__name__} was started")

    for part in (SimDriver, Processes, RealtimeDriver, Worker, Controller):
        monkeypatch.setattr(part, "__init__", refuse)
    code, output = check(path)
    assert code == Verdict.CRASHED
    assert "CRASHED: crash/AssertionError" in output
    assert "creates its channel of the array while the rebuild runs" in output
    assert "as stored" in output


def test_verdict_of_today_is_compared_with_the_stored_one(tmp_path):
    _, path = kept(tmp_path, "connect-during-rebuild", 4, (DEFECT,))
    _, other = kept(tmp_path, "swarm", 1)
    assert check(other)[0] == Verdict.VALID
    assert check(other, path, tmp_path / "latest-failure")[0] == Verdict.CRASHED
    assert check(path / "capsule.json", "--check", "register")[0] == Verdict.VALID
    result = json.loads((path / "result.json").read_text())
    result["findings"][0] |= {"check": "liveness", "kind": "stuck", "shape": "read", "verdict": 4}
    (path / "result.json").write_text(json.dumps(result))
    code, output = check(path)
    assert code == Verdict.CRASHED
    assert "differs: was STUCK, liveness/stuck/read" in output


def test_two_runs_that_differ_stay_a_finding(tmp_path):
    """Keep the stored finding, because one execution can't show it."""
    _, path = kept(tmp_path, "swarm", 1)
    finding = {"check": "determinism", "kind": "difference", "shape": "two runs of one seed"}
    finding |= {"summary": "they differ", "step": 7, "verdict": 6, "ops": []}
    result = json.loads((path / "result.json").read_text())
    (path / "result.json").write_text(json.dumps(result | {"findings": [finding], "code": 6}))
    code, output = check(path)
    assert code == Verdict.NONDETERMINISM
    assert "as stored" in output


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        ("execution.json", None, "has no execution.json"),
        ("history.jsonl", None, "has no history.jsonl"),
        ("result.json", None, "has no result.json"),
        ("capsule.json", None, "only the line in index.jsonl"),
        ("execution.json", lambda data: data[:-20], "execution.json is damaged"),
        ("execution.json", lambda data: data.replace(b'"settled"', b'"sett"'), "is damaged"),
        ("result.json", lambda data: data[:0] + b"[]", "result.json is damaged"),
        ("history.jsonl", lambda data: data[:-20], "history.jsonl is damaged"),
        (
            "history.jsonl",
            lambda data: data[: data[:-1].rindex(b"\n") + 1],
            "was edited or cut short",
        ),
        ("history.jsonl", lambda data: b'["forgotten",1]\n' + data, "in line 1"),
        ("capsule.json", lambda data: data[:-20], "capsule.json is not JSON"),
    ],
)
def test_missing_or_damaged_file_is_one_sentence(tmp_path, name, damage, sentence):
    _, path = kept(tmp_path, "baseline", 1)
    data = (path / name).read_bytes()
    (path / name).unlink()
    if damage is not None:
        (path / name).write_bytes(damage(data))
    with pytest.raises((StoredError, CapsuleError), match=sentence) as answer:
        read_run(path)
    assert "\n" not in str(answer.value)


def test_files_of_two_runs_are_not_mixed(tmp_path):
    _, path = kept(tmp_path, "baseline", 1)
    execution, other = kept(tmp_path, "baseline", 2)
    stored = msgspec.json.decode((path / "execution.json").read_bytes())
    stored |= {"entries": len(execution.history), "steps": len(execution.schedule)}
    (other / "execution.json").write_bytes(msgspec.json.encode(stored))
    with pytest.raises(StoredError, match="different runs"):
        read_run(other)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["nowhere"], "is not a run directory"),
        (["nowhere", "--check", "registre"], "no check is named registre; did you mean register?"),
        (["nowhere", "--check", "my_check:name"], "use --allow-code"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_is_told(args, sentence):
    done = inside("check", *args)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_story_is_the_stored_one_while_the_finding_is(tmp_path):
    folder = run_directory(tmp_path, "bad-blocks", 12, "read-correction-overwrites-new-write")
    stored = json.loads((folder / "result.json").read_text())
    _, output = check(folder)
    assert any("which is newer" in line for line in stored["story"])
    assert [line for line in stored["story"] if f"    {line}" not in output] == []
