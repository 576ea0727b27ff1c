"""Real processes: they exist during a run, show their role, and leave nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from chaos.base.resources import Watch
from tests.support import (
    PROGRAM,
    ROOT,
    leftovers,
    processes,
    raidstorm,
    reactors,
    run_json,
    start,
    wait_for,
)

pytestmark = pytest.mark.processes

LONG = {
    "sim": ("connect-during-rebuild", "--seeds", "100000"),
    "lockstep": ("connect-during-rebuild", "--driver", "lockstep", "--seeds", "100000"),
    "realtime": ("connect-during-rebuild", "--driver", "realtime", "--for", "10m"),
}
ENDS_WITHIN_SECONDS = 20.0


@pytest.fixture
def launch(tmp_path):
    """Start long runs and make sure that no test leaves one behind."""
    begun = []

    def launch(driver: str, *options: str) -> subprocess.Popen:
        process = start(*LONG[driver], *options, out=tmp_path / "runs")
        begun.append(process)
        if driver != "sim":
            wait_for(lambda: len(reactors(process.pid)) >= 3, "reactor processes")
        wait_for((tmp_path / "runs" / "index.jsonl").exists, "the first finished seed")
        return process

    yield launch
    for process in begun:
        for pid in processes(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def assert_all_gone(process: subprocess.Popen) -> None:
    """Check that no process is left after the controller; only Python's resource tracker may take a moment longer."""
    assert leftovers(process.pid) == []
    assert not reactors(process.pid)
    wait_for(lambda: not processes(process.pid), "the resource tracker to end", 5.0)


def assert_nothing_is_left(process: subprocess.Popen) -> None:
    wait_for(lambda: not processes(process.pid), "all processes to end", ENDS_WITHIN_SECONDS)
    raidstorm("doctor", "--clean")
    assert leftovers(process.pid) == []


@pytest.mark.parametrize("driver", ["lockstep", "realtime"])
def test_reactors_are_processes_with_titles_and_segments_with_names(launch, driver):
    process = launch(driver)
    titles = sorted(reactors(process.pid).values())
    assert titles == [f"raidstorm reactor {number} of 3" for number in range(3)]
    names = leftovers(process.pid)
    assert sum("-block" in name for name in names) == 1
    assert sum("-disk" in name for name in names) >= 2
    assert sum("-log" in name for name in names) == (3 if driver == "realtime" else 0)
    segments = ("-block", "-disk", "-log")
    sockets = next(name for name in names if not any(part in name for part in segments))
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), sockets)
    assert os.stat(folder).st_mode & 0o777 == 0o700
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert_all_gone(process)


DESCRIPTORS_MAX = 64  # of a reactor


def test_run_that_ends_by_itself_leaves_no_process_and_no_segment(tmp_path):
    process = start(
        *("connect-during-rebuild", "--driver", "lockstep", "--seeds", "3"), out=tmp_path / "runs"
    )
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_all_gone(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("driver", ["sim", "lockstep", "realtime"])
def test_interrupted_run_reports_and_leaves_nothing(launch, driver, number):
    process = launch(driver, "--format", "json")
    process.send_signal(number)
    output, errors = process.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert process.returncode == 130
    report = json.loads(output)
    assert report["exit_code"] == 130
    assert report["runs"] == report["valid"] >= 1
    assert "Traceback" not in errors
    assert_all_gone(process)


def test_interrupt_reaches_the_jobs_too(launch):
    process = launch("sim", "--jobs", "2")
    # As Ctrl-C does: every process of the group gets it.
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert process.returncode == 130, errors
    assert "interrupted" in output
    assert "Traceback" not in errors
    assert_nothing_is_left(process)


@pytest.mark.parametrize("options", [(), ("--jobs", "2")])
def test_interrupt_does_not_wait_for_a_worker_that_is_stuck(launch, options):
    process = launch("lockstep", *options, "--format", "json")
    os.kill(sorted(reactors(process.pid))[0], signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert process.returncode == 130
    assert json.loads(output)["interrupted"] is True
    assert "Traceback" not in errors
    assert_all_gone(process)


@pytest.mark.parametrize("options", [(), ("--jobs", "2")])
@pytest.mark.parametrize("driver", ["lockstep", "realtime"])
def test_killed_controller_takes_all_workers_along_also_a_stopped_one(launch, driver, options):
    process = launch(driver, *options)
    os.kill(sorted(reactors(process.pid))[0], signal.SIGSTOP)
    process.kill()
    process.communicate()
    assert_nothing_is_left(process)


def test_doctor_removes_what_dead_runs_left_and_spares_a_living_one(launch):
    dead, alive = launch("lockstep"), launch("lockstep")
    for pid in processes(dead.pid):
        os.kill(pid, signal.SIGKILL)  # the resource tracker too, so that no process cleans up
    dead.communicate()
    wait_for(lambda: not processes(dead.pid), "the dead to be gone")
    mine = leftovers(alive.pid)
    assert mine
    assert leftovers(dead.pid)
    shown = raidstorm("doctor")
    assert shown.returncode == 1
    assert f"by process {dead.pid}, which is gone" in shown.stdout
    cleaned = raidstorm("doctor", "--clean")
    assert cleaned.returncode == 0, cleaned.stdout
    assert leftovers(dead.pid) == []
    assert leftovers(alive.pid) == mine
    assert reactors(alive.pid)


@pytest.mark.parametrize("driver", ["lockstep", "realtime"])
def test_worker_killed_from_outside_is_replaced_and_its_seed_run_again(launch, driver):
    process = launch(driver, "--format", "json")
    before = reactors(process.pid)
    os.kill(sorted(before)[1], signal.SIGKILL)
    wait_for(lambda: len(set(reactors(process.pid)) - set(before)) >= 3, "new reactor processes")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=ENDS_WITHIN_SECONDS)
    report = json.loads(output)
    assert report["runs"] == report["valid"]
    assert report["error"] == ""


def test_worker_killed_again_and_again_ends_the_run_with_seventy(launch):
    process = launch("lockstep", "--format", "json")

    def kill_one() -> bool:
        for pid in reactors(process.pid):
            os.kill(pid, signal.SIGKILL)
        return process.poll() is not None

    wait_for(kill_one, "the run to give up")
    output, _ = process.communicate()
    assert process.returncode == 70
    assert "the worker process of reactor" in json.loads(output)["error"]
    assert_nothing_is_left(process)


def test_job_process_killed_from_outside_costs_no_seed(tmp_path):
    process = start(
        *("connect-during-rebuild", "--seeds", "300", "--jobs", "2", "--format", "json"),
        out=tmp_path / "runs",
    )
    wait_for((tmp_path / "runs" / "index.jsonl").exists, "the first finished seed")
    jobs = [pid for pid, line in processes(process.pid).items() if "spawn_main" in line]
    os.kill(jobs[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    report = json.loads(output)
    assert report["exit_code"] == 0
    assert report["runs"] == 300


def test_full_shared_memory_is_a_sentence_and_leaves_nothing(tmp_path):
    """Run in a private, tiny /dev/shm, where the kernel allows one."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare command to make a private /dev/shm with")
    command = (
        "mount -t tmpfs -o size=64k tmpfs /dev/shm && "
        f"{' '.join(PROGRAM)} run connect-during-rebuild --driver lockstep --seeds 2 "
        f"--out {tmp_path}; code=$?; ls /dev/shm; exit $code"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no private /dev/shm to be had here: {done.stderr.strip()}")
    assert done.returncode == 2, done.stderr
    assert "has no room for" in done.stderr
    assert "Traceback" not in done.stderr
    assert "raidstorm-" not in done.stdout


def test_realtime_kills_and_restarts_the_target_and_stops_reactors(tmp_path):
    # Three hosts that always have something under way, on both reactors: whichever is stopped owes an answer, or is
    # asked for one while it stands still. The stalls come before the kill, also where all of it comes late.
    file = tmp_path / "harsh.py"
    file.write_text(
        "from chaos.experiment import Experiment, Fault\n"
        "HARSH = Experiment(name='harsh', milliseconds=900, reactors=2, hosts=3, queue_depth=4,\n"
        "    ios_per_connection=200, faults=(\n"
        "    Fault(kind='reactor_stall', count=2, between=(200, 400), lasting=60),\n"
        "    Fault(kind='target_kill', between=(500, 700)),\n"
        "    Fault(kind='disk_failure', count=1)))\n"
    )
    report = run_json(str(file), "--driver", "realtime", "--seeds", "3", out=tmp_path / "runs")
    assert report["exit_code"] == 0, report["failures"]
    assert report["reach"]["target_kills"] >= 2
    assert report["reach"]["reactor_stalls"] >= 4  # of six


def test_stalls_and_kills_that_come_due_together_stop_nobody_for_good(tmp_path):
    file = tmp_path / "together.py"
    file.write_text(
        "from chaos.experiment import Experiment, Fault\n"
        "TOGETHER = Experiment(name='together', reactors=3, milliseconds=500, faults=(\n"
        "    Fault(kind='reactor_stall', count=3, between=(400, 400), lasting=(20, 60)),\n"
        "    Fault(kind='target_kill', between=(400, 400))))\n"
    )
    report = run_json(str(file), "--driver", "realtime", "--seeds", "4", out=tmp_path / "runs")
    assert report["exit_code"] == 0, report["failures"]
    assert report["reach"]["target_kills"] == 4
    # Of the twelve stalls, the last end with the kill, and may have had no effect.
    assert report["reach"]["reactor_stalls"] >= 1


def test_failing_free_run_with_a_kill_in_it_can_be_replayed(tmp_path):
    file = tmp_path / "killed.py"
    file.write_text(
        "from chaos.experiment import Experiment, Fault\n"
        "KILLED = Experiment(name='killed', milliseconds=300, checks=('always:red',),\n"
        "    faults=(Fault(kind='target_kill', between=(300, 300)),))\n"
    )
    (tmp_path / "always.py").write_text(
        "from chaos.checkers import Finding, Verdict\n"
        "def red(execution):\n"
        "    return [Finding(check='always', kind='red', shape='any', summary='red', step=1,\n"
        "                    verdict=Verdict.INVALID)]\n"
    )
    out = tmp_path / "runs"
    report = run_json(
        *(str(file), "--driver", "realtime", "--seed", "1"), out=out, PYTHONPATH=str(tmp_path)
    )
    assert report["exit_code"] == 1
    assert report["reach"]["target_kills"] == 1
    directory = report["failures"][0]["run_dir"]
    assert "the target is killed" in (out / "latest-failure" / "trace.log").read_text()
    done = raidstorm("replay", directory, "--allow-code", "--trace", str(tmp_path / "again.log"))
    assert done.returncode == 1, done.stderr
    assert "the target is killed" in (tmp_path / "again.log").read_text()
    # It was replayed in sim, with the same finding, and can be run again by its plan.
    assert "the fingerprint is the recorded one" in done.stdout
    for name in ("reactor-0.jsonl", "outside.jsonl", "history.jsonl"):
        assert (out / "latest-failure" / "workers" / name).exists()
    done = raidstorm("replay", directory, "--allow-code", "--driver", "realtime")
    assert done.returncode == 1, done.stderr


def test_python_without_assertions_is_refused(tmp_path):
    for command in (
        [sys.executable, "-O", "-m", "experiments"],
        [sys.executable, "-OO", PROGRAM[1]],
    ):
        done = subprocess.run(
            [*command, "list"], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.returncode == 2
        assert "python -O" in done.stderr
        assert "Traceback" not in done.stderr


def test_target_killed_again_and_again_leaves_nothing_behind(tmp_path):
    # The bound is on runs, not seconds: resources are reported from the sixth run on, on any machine.
    report = run_json(
        *("restart-from-superblock", "--driver", "realtime", "--seeds", "8"), out=tmp_path
    )
    assert report["valid"] == report["runs"] == 8, report["failures"]
    assert report["reach"]["target_kills"] >= report["runs"]
    assert report["reach"]["arrays_assembled"] >= report["runs"] / 2
    held = report["resources"]
    for what in ("descriptors", "processes", "segments"):
        first, last = held[what]
        assert first == last, what
    assert held["memory_kib"][0] > 0  # the slope after so few runs shows nothing, but is reported
    reactors = held["below"]["reactor"]
    assert reactors["processes"][0] == reactors["processes"][1] > 0
    # A reactor that is as new as its target has no sockets to its peers yet, so the number varies.
    assert 0 < max(reactors["descriptors"]) < DESCRIPTORS_MAX
    assert reactors["memory_kib"][0] > 0


def test_memory_that_processes_below_this_one_hoard_is_seen_by_its_slope():
    hoard = (
        "import sys\nheld = []\n"
        "for line in sys.stdin:\n"
        "    held.append(bytes(range(256)) * 4096)\n"
        "    print(flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hoard], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as hoarder:
        assert hoarder.stdin
        assert hoarder.stdout
        watch = Watch()
        for _ in range(12):
            hoarder.stdin.write(b"\n")
            hoarder.stdin.flush()
            hoarder.stdout.readline()
            watch.look()
        hoarder.stdin.close()
    held = watch.report()
    assert held is not None
    other = held.below["other"]
    assert 900 < other.memory_slope_kib_per_run < 1_200
    assert held.memory_slope_kib_per_run < 500
