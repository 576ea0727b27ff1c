"""A stored run in other forms: a trace for Perfetto, a pytest file that stands alone, one capsule."""

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from chaos.export import embedded_capsule, failure_text, replay_for_test
from chaos.export.for_test import pack, unpack
from chaos.export.perfetto import STEP_US, perfetto_trace
from chaos.export.pytest_file import pytest_file
from chaos.steps.schedule import CHANGING, Read
from chaos.store.capsule import read_capsule, write_capsule
from tests.inside import inside
from tests.red_run import read_run, run_directory, words_of
from tests.support import ROOT, SEED_DEFECT

# Chrome's trace event format: the fields that an event of each phase must have beside ph, pid and ts.
REQUIRED = {
    "X": {"name": str, "cat": str, "tid": int, "dur": int, "args": dict},
    "M": {"name": str, "args": dict},
    "C": {"name": str, "args": dict},
    "i": {"name": str, "s": str, "tid": int},
    "b": {"name": str, "cat": str, "id": str, "tid": int},
    "e": {"name": str, "cat": str, "id": str, "tid": int},
    "s": {"name": str, "cat": str, "id": int, "tid": int},
    "t": {"name": str, "cat": str, "id": int, "tid": int},
    "f": {"name": str, "cat": str, "id": int, "tid": int, "bp": str},
}
METADATA = {"process_name", "process_sort_index", "thread_name", "thread_sort_index"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_directory(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def run(folder):
    return read_run(folder)


@pytest.fixture(scope="module")
def trace(run):
    data = perfetto_trace(run.execution, words_of(run), run.result.findings, {"seed": 4})
    return json.loads(data)


def events(trace, *phases):
    return [event for event in trace["traceEvents"] if event["ph"] in phases]


def test_every_event_has_what_its_phase_asks_for(trace):
    assert trace["displayTimeUnit"] == "ms"
    for event in trace["traceEvents"]:
        required = REQUIRED[event["ph"]] | {"pid": int, "ts": int}
        for field, kind in required.items():
            assert isinstance(event[field], kind), (field, event)
        assert event["ts"] >= 0
    assert {event["name"] for event in events(trace, "M")} == METADATA
    assert all(event["s"] == "g" for event in events(trace, "i"))


def test_every_process_and_lane_has_a_name(trace, run):
    processes = {
        event["pid"]: event["args"]["name"]
        for event in events(trace, "M")
        if event["name"] == "process_name"
    }
    assert set(processes.values()) == {
        "reactors",
        "disks",
        "hosts",
        "operator and nemesis",
        "array",
    }
    lanes = {
        (event["pid"], event["tid"])
        for event in events(trace, "M")
        if event["name"] == "thread_name"
    }
    used = {(event["pid"], event["tid"]) for event in events(trace, "X", "i", "b", "s", "t", "f")}
    assert used <= lanes
    assert {pid for pid, _ in lanes} == set(processes)


def test_a_step_is_a_slice_in_each_lane_it_is_in(trace, run):
    slices = events(trace, "X")
    assert {event["dur"] for event in slices} == {STEP_US}
    of_lane = Counter((event["pid"], event["tid"], event["ts"]) for event in slices)
    assert set(of_lane.values()) == {1}, "slices of one lane must not overlap"
    numbers = {event["args"]["step"] for event in slices}
    marked = len(run.execution.schedule) - sum(
        type(step).__name__ == "Mark" for step in run.execution.schedule
    )
    assert len(numbers) == marked
    # A request has the same name as in timeline.html.
    names = {event["name"] for event in slices}
    assert any(re.fullmatch(r"R \d+–\d+ #\d+", name) for name in names)
    assert any(name.startswith("add_base_bdev disk") for name in names)
    clock = [event["args"]["virtual_us"] for event in slices]
    assert clock == sorted(clock)


def test_bands_are_opened_and_closed(trace):
    by_id = defaultdict(list)
    for event in events(trace, "b", "e"):
        by_id[event["id"]].append(event)
    assert by_id
    for begin, end in by_id.values():
        assert (begin["ph"], end["ph"]) == ("b", "e")
        assert begin["ts"] < end["ts"]
    assert {"D0 disk failure", "D0 being rebuilt", "ARRAY array online"} <= {
        event["name"] for event in events(trace, "b")
    }


def test_arrows_go_from_asking_to_answer_through_slices(trace, run):
    slices = {(event["pid"], event["tid"], event["args"]["step"]) for event in events(trace, "X")}
    arrows = defaultdict(list)
    for event in events(trace, "s", "t", "f"):
        assert (event["pid"], event["tid"], event["ts"] // STEP_US) in slices
        arrows[event["id"]].append(event)
    for path in arrows.values():
        assert [event["ph"] for event in path] == ["s", *["t"] * (len(path) - 2), "f"]
        times = [event["ts"] for event in path]
        assert times == sorted(set(times))
    ios = {
        step.op: number
        for number, step in enumerate(run.execution.schedule, 1)
        if isinstance(step, (Read, *CHANGING))
    }
    drawn = {op for op in ios if op in arrows and arrows[op][0]["ts"] // STEP_US == ios[op]}
    assert len(drawn) >= len(ios) - 1  # one may not have been handled before the crash


def test_counter_is_the_rebuild_offset_and_instants_are_what_matters(trace, run):
    counter = events(trace, "C")
    offsets = [event["args"]["blocks"] for event in counter]
    assert max(offsets) == run.capsule.plan.blocks
    assert [event["ts"] for event in counter] == sorted(event["ts"] for event in counter)
    instants = {(event["cat"], event["args"]["step"]) for event in events(trace, "i")}
    finding = run.result.findings[0]
    assert {("finding", finding.step), ("crash", finding.step)} <= instants
    assert any(kind == "fault" for kind, _ in instants)


def test_packed_bytes_come_back():
    assert unpack(pack(b"capsule" * 100)) == b"capsule" * 100


def exported(text: str, folder: Path) -> subprocess.CompletedProcess:
    """Run an exported test file."""
    path = folder / "test_exported.py"
    path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(path)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # it needs no plugin
        },
    )


def test_exported_test_passes_on_the_reference_engine_and_shows_the_defect(run, tmp_path):
    text = pytest_file(run.capsule, replay_for_test(run.capsule))
    for words in (run.result.findings[0].signature, SEED_DEFECT, "raidstorm replay", "step 248:"):
        assert words in text.partition('"""\n\n')[0]
    done = exported(text, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_exported_test_fails_with_the_story_where_the_target_has_the_defect(run, tmp_path):
    text = pytest_file(run.capsule, replay_for_test(run.capsule))
    sick = text.replace("TARGET: tuple[str, ...] = ()", f'TARGET = ("{SEED_DEFECT}",)')
    done = exported(sick, tmp_path)
    assert done.returncode == 1
    assert "the recorded failure occurs:" in done.stdout
    assert (
        "nvmf_tgt_poll_group_1 creates its channel of the array while the rebuild runs"
        in done.stdout
    )
    assert "1 failed, 1 passed" in done.stdout


def test_exported_test_whose_steps_don_t_apply_is_no_pass(run, tmp_path):
    """Skip an exported test whose steps don't apply: one is missing, so that later ones are no longer possible."""
    steps = run.capsule.schedule
    fewer = [*steps[:99], *steps[100:]]
    expected = msgspec.structs.replace(run.capsule.expected, steps=len(fewer))
    capsule = msgspec.structs.replace(run.capsule, schedule=fewer, expected=expected)
    done = exported(pytest_file(capsule, replay_for_test(run.capsule)), tmp_path)
    assert "1 failed, 1 skipped" in done.stdout
    assert "the recorded steps don't apply to this target: at step 1" in done.stdout
    assert "the recorded steps no longer apply: at step 1" in done.stdout


def test_text_of_a_run_can_t_break_out_of_the_test_s_docstring(run, tmp_path):
    replayed = replay_for_test(run.capsule)
    evil = msgspec.structs.replace(replayed, story=['"""\nimport os  # \\', "{0} {story} \0"])
    text = pytest_file(run.capsule, evil)
    compile(text, "exported", "exec")
    assert "\nimport os" not in text


def test_capsule_without_defects_tests_the_reference_engine_only(run):
    capsule = msgspec.structs.replace(run.capsule, defects=[])
    text = pytest_file(capsule, replay_for_test(run.capsule))
    assert "on the reference engine" in text
    assert "with_its_defect" not in text


def test_embedded_capsule_is_the_run_s(run):
    capsule = embedded_capsule(
        pack((Path(run.result.replay.split()[-1]) / "capsule.json").read_bytes())
    )
    assert capsule == run.capsule
    signature = run.result.findings[0].signature
    assert failure_text(replay_for_test(capsule), signature).startswith(f"{signature} at step")
    assert failure_text(replay_for_test(capsule, ()), signature) == ""


# The command.


@pytest.mark.parametrize("form", ["perfetto", "pytest", "capsule"])
def test_command_writes_a_file_named_after_the_run(folder, tmp_path, form):
    done = inside("export", str(folder), "--to", form, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    assert path.name in done.stdout
    assert (
        path.name
        == {
            "perfetto": "connect-during-rebuild-4.perfetto.json",
            "pytest": "test_connect_during_rebuild_4.py",
            "capsule": "connect-during-rebuild-4.capsule.json",
        }[form]
    )


def test_exported_capsule_is_replayed(folder, tmp_path):
    out = tmp_path / "one.json"
    assert inside("export", str(folder), "--to", "capsule", "--out", str(out)).returncode == 0
    done = inside("replay", str(out))
    assert done.returncode == 5
    assert "the fingerprint is the recorded one" in done.stdout


def test_minimal_capsule_is_preferred(folder, run, tmp_path):
    shown = tmp_path / "run"
    shown.mkdir()
    write_capsule(shown / "capsule.json", run.capsule)
    write_capsule(
        shown / "minimal.json", msgspec.structs.replace(run.capsule, raidstorm_version="small")
    )
    out = tmp_path / "out.json"
    done = inside("export", str(shown), "--to", "capsule", "--out", str(out))
    assert "from minimal.json" in done.stdout
    assert read_capsule(out).raidstorm_version == "small"


def test_printed_test_file_prints_its_capsule(folder, tmp_path):
    done = inside("export", str(folder), "--to", "pytest", "--out", "-")
    path = tmp_path / "test_printed.py"
    path.write_text(done.stdout)
    printed = subprocess.run(
        [sys.executable, str(path)], capture_output=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    (tmp_path / "capsule.json").write_bytes(printed.stdout)
    assert read_capsule(tmp_path / "capsule.json") == read_capsule(folder / "capsule.json")


@pytest.mark.parametrize("form", ["perfetto", "pytest", "capsule"])
def test_directory_that_is_no_run_is_refused(tmp_path, form):
    done = inside("export", str(tmp_path), "--to", form)
    assert done.returncode == 2
    assert "capsule.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_test_is_written_of_a_failure_that_doesn_t_show(folder, run, tmp_path):
    shown = tmp_path / "run"
    shown.mkdir()
    write_capsule(shown / "capsule.json", msgspec.structs.replace(run.capsule, defects=[]))
    out = tmp_path / "test_it.py"
    done = inside("export", str(shown), "--to", "pytest", "--out", str(out))
    assert done.returncode == 7
    assert "doesn't show" in done.stdout
    assert not out.exists()


def test_code_from_outside_is_not_run_without_leave(tmp_path):
    path = ROOT / "workers" / "defects" / f"{SEED_DEFECT.replace('-', '_')}.py"
    mine = tmp_path / "mine.py"
    mine.write_text(path.read_text())
    folder = run_directory(tmp_path / "runs", defect=str(mine))
    out = str(tmp_path / "test_it.py")
    refused = inside("export", str(folder), "--to", "pytest", "--out", out)
    assert refused.returncode == 2
    assert "--allow-code" in refused.stderr
    allowed = inside("export", str(folder), "--to", "pytest", "--out", out, "--allow-code")
    assert allowed.returncode == 0, allowed.stderr
    assert "raidstorm replay capsule.json --allow-code" in Path(out).read_text()
