"""A soak without attention: killed in the middle, continued, and read in the morning."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from chaos.drivers.sim import SimDriver
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.soak.page import page_of
from chaos.soak.state import SoakState, read_state
from tests import chromium
from tests.support import PROGRAM, SEED_DEFECT, leftovers, popen, processes, raidstorm, wait_for

pytestmark = pytest.mark.processes

SUITE = f"""
from chaos.campaigns.suite import Facet, Suite

DEFECT = ("{SEED_DEFECT}",)
CANARY = Facet(experiment="connect-during-rebuild", seeds=50, defects=DEFECT, stop_on_first=True, expect_code=5)
TENTH = Suite(name="tenth", facets=(
    Facet(experiment="connect-during-rebuild", seeds=1, share=9),
    Facet(experiment="connect-during-rebuild", seeds=1, defects=DEFECT),
    Facet(experiment="connect-during-rebuild", driver="lockstep", seeds=1),
    Facet(experiment="connect-during-rebuild", driver="realtime", seeds=1),
    CANARY,
))
PLAIN = Suite(name="plain", facets=(Facet(experiment="baseline", seeds=1),))
RED = Suite(name="red", facets=(Facet(experiment="connect-during-rebuild", seeds=1, defects=DEFECT),))
"""


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen:
    """Begin, in a session of its own."""
    (folder / "suites.py").write_text(SUITE)
    return popen(
        [*PROGRAM, "soak", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def only_soak(folder: Path) -> Path:
    """Return the directory of the only soak there."""
    found = [path.parent for path in (folder / "runs" / "soak").glob("*/soak.json")]
    (path,) = {path.resolve() for path in found}
    return path


def seeds_of(folder: Path) -> dict[int, list[int]]:
    """Return the counted seeds of each lane."""
    seeds: dict[int, list[int]] = {}
    for line in (folder / "chunks.jsonl").read_text().splitlines():
        lane, first, count = json.loads(line)
        seeds.setdefault(lane, []).extend(range(first, first + count))
    return seeds


def pytest_generate_tests(metafunc):
    """Let RAIDSTORM_SOAK_SECONDS=1800 make the one-minute soak longer."""
    if "soak_seconds" in metafunc.fixturenames:
        seconds = int(os.environ.get("RAIDSTORM_SOAK_SECONDS", "36"))
        metafunc.parametrize("soak_seconds", [seconds])


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Make a place for the long soak, which other tests read afterwards."""
    return tmp_path_factory.mktemp("night")


def test_soak_killed_in_the_middle_goes_on_and_loses_no_seed(night, soak_seconds):
    first = start(
        night,
        *("suites.py:TENTH", "--for", f"{soak_seconds}s", "--jobs", "2"),
        *("--canary-every", f"{soak_seconds / 4}s", "--on-failure", "echo $RAIDSTORM_SIGNATURE"),
    )
    begun = night / "runs" / "soak" / "latest"
    wait_for(lambda: (begun / "soak.json").exists(), "the soak to begin")
    wait_for(
        lambda: read_state(begun).seconds > soak_seconds / 3,
        "a third of the soak",
        seconds=3 * soak_seconds + 60,
    )
    made = {first.pid, *processes(first.pid)}
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: not processes(first.pid), "its processes to follow")
    at_kill = read_state(begun)
    assert at_kill.state == "running"
    second = start(night, "--resume", "runs/soak/latest")
    readings: list[SoakState] = []

    def has_ended() -> bool:
        readings.append(read_state(begun))
        return second.poll() is not None

    wait_for(has_ended, "the end of the soak", seconds=5 * soak_seconds + 120)
    output, errors = second.communicate()
    assert second.returncode == 5, output + errors
    wait_for(lambda: not processes(second.pid), "its processes to end")
    assert not any(leftovers(pid) for pid in {*made, second.pid})

    folder = only_soak(night)
    state = read_state(folder)
    assert (state.state, state.resumed, state.open, state.lost) == ("done", 1, [], 0)
    assert state.runs > at_kill.runs > 0
    seen = seeds_of(folder)
    for number, lane in enumerate(state.lanes):
        assert sorted(seen[number]) == list(range(lane.first_seed, lane.next_seed)), lane.name
        assert lane.runs == lane.next_seed - lane.first_seed > 0
        assert bool(lane.failed) == bool(lane.spec.defects), lane.name
    # A tenth of the seeds in sim, as shares say, but for a chunk. Drivers have had the same time.
    nine, one = (lane.runs for lane in state.lanes[:2])
    largest = max(
        json.loads(line)[2] for line in (folder / "chunks.jsonl").read_text().splitlines()
    )
    assert abs(one - nine / 9) <= largest
    assert state.canaries[0].caught >= 2
    assert state.canaries[0].missed == 0
    assert share_at_work(readings, at_kill.runs, soak_seconds) > 0.75  # aim 0.9
    assert all(one.disk_bytes < state.arguments.disk_bytes for one in state.drift)
    # One signature, one minimal capsule, one message, and a line to paste.
    (group,) = state.groups.values()
    assert group.count == state.lanes[1].failed == len(failures_of(folder))
    assert len(group.kept) <= state.arguments.keep
    assert all((night / one.run_dir / "capsule.json").exists() for one in group.kept)
    kept = list((folder / "runs" / "connect-during-rebuild").iterdir())
    assert len(kept) == len(group.kept)
    assert list((folder / "failures").glob("*/minimal.json")) == [night.resolve() / group.minimal]
    assert (folder / "on-failure.log").read_text() == f"{group.signature}\n"
    assert group.replay in output
    done = subprocess.run(
        group.replay, shell=True, cwd=night, capture_output=True, text=True, check=False
    )
    assert done.returncode == 5, done.stdout + done.stderr


def share_at_work(readings: list[SoakState], runs: int, soak_seconds: int) -> float:
    """Return the share of the time that the job processes worked, from their start until no task is handed out."""
    within = [one for one in readings if one.runs > runs and one.seconds < soak_seconds]
    first, last = within[0], within[-1]
    worked = last.busy_seconds - first.busy_seconds
    return worked / ((last.seconds - first.seconds) * last.arguments.jobs)


def failures_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "failures.jsonl").read_text().splitlines()]


@pytest.mark.skipif(chromium.PROGRAM is None, reason=chromium.REASON)
def test_page_of_the_soak_in_a_browser(night, tmp_path):
    state = read_state(only_soak(night))
    script = """
      found.push(document.title);
      found.push(document.querySelector("#verdict").textContent.trim().replace(/\\s+/g, " "));
      found.push([...document.querySelectorAll(".failure")].map((box) => box.dataset.signature));
      found.push(document.querySelectorAll("figure path").length);
      found.push([...document.querySelectorAll("#lanes td:nth-child(4)")].map((cell) => cell.textContent));
      found.push(document.querySelectorAll("#exposure td.n:not(.zero)").length);
      found.push(document.body.scrollWidth <= window.innerWidth);
    """
    page = tmp_path / "soak.html"
    # The test's own script is one more than the page allows.
    text = page_of(state)
    assert "default-src 'none'" in text
    page.write_text(text.replace("default-src 'none'", "script-src 'unsafe-inline'"))
    loaded = chromium.load(page, tmp_path, script)
    title, verdict, signatures, plots, runs, crossed, fits = loaded.found
    assert title.startswith("RED")
    assert "with 1 signature" in verdict
    assert "No failure without a defect, in" in verdict
    assert signatures == list(state.groups)
    assert plots in (5, 6)  # one more where reactors had processes of their own
    assert runs == [f"{lane.runs:,}".replace(",", " ") for lane in state.lanes]
    assert crossed > 10
    assert fits
    assert loaded.console == []


def test_next_soak_runs_what_was_found_first_and_takes_fresh_seeds(night):
    before = read_state(only_soak(night))
    done = raidstorm("soak", "suites.py:RED", "--for", "3s", cwd=night)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "of an earlier soak, fails still" in done.stdout
    state = read_state(night / "runs" / "soak" / "latest")
    assert state.lanes[0].first_seed == before.lanes[1].next_seed
    assert state.lanes[0].runs > 0


STRANGE = """
import os, time
from chaos.checkers import Finding

def strange(execution):
    match {fingerprints}.index(execution.fingerprint) if execution.fingerprint in {fingerprints} else -1:
        case 1:
            time.sleep(600)
        case 3:
            os.kill(os.getpid(), 9)
        case 5:
            raise MemoryError
        case 6:
            raise ValueError("six")
    return []
"""


def test_hang_a_killed_process_no_memory_and_a_broken_check_cost_only_their_seed(tmp_path):
    experiment = Experiment(name="strange", hosts=1)
    fingerprints = [
        Controller(resolve(experiment, seed), SimDriver(), ()).explore(seed).fingerprint
        for seed in range(8)
    ]
    (tmp_path / "odd.py").write_text(STRANGE.format(fingerprints=fingerprints))
    (tmp_path / "strange.py").write_text(
        "from chaos.experiment import Experiment\nfrom chaos.suite import Facet, Suite\n"
        "STRANGE = Experiment(name='strange', hosts=1, checks=('odd:strange',))\n"
        "SUITE = Suite(name='odd', facets=(Facet(experiment=STRANGE, seeds=1),))\n"
    )
    process = start(
        tmp_path,
        # Runs, not seconds: the last of these seeds comes late on a busy machine. Only one that hangs takes five.
        *("strange.py:SUITE", "--for", "1h", "--runs", "40", "--jobs", "2", "--seed-max", "5s"),
        PYTHONPATH=str(tmp_path),
    )
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 4, output + errors
    folder = only_soak(tmp_path)
    failed = {line["seed"]: line["signature"] for line in failures_of(folder)}
    assert failed == {
        1: "timeout/run/strange/sim",
        3: "process/run/strange/sim",
        5: "memory/run/memory",
        6: "raidstorm/run/CodeError",
    }
    state = read_state(folder)
    assert {group.signature: group.code for group in state.groups.values()} == {
        failed[1]: 4,
        failed[3]: 3,
        failed[5]: 3,
        failed[6]: 70,
    }
    assert state.lost == 3  # one that hung, and one that was killed twice
    assert sorted(seeds_of(folder)[0]) == list(range(state.lanes[0].next_seed))
    assert state.lanes[0].runs == state.lanes[0].next_seed == 40
    wait_for(lambda: not processes(process.pid), "its processes to end")


def test_interrupted_soak_says_how_to_go_on_and_serves_metrics_until_then(tmp_path):
    process = start(tmp_path, *("suites.py:PLAIN", "--for", "300s", "--metrics", "127.0.0.1:0"))
    assert process.stdout is not None
    port = int(process.stdout.readline().split()[-1])
    begun = tmp_path / "runs" / "soak" / "latest"
    wait_for(lambda: (begun / "soak.json").exists(), "the soak to begin")
    wait_for(lambda: read_state(begun).runs > 0, "the first runs")
    other = raidstorm("soak", "--resume", "runs/soak/latest", cwd=tmp_path)
    assert other.returncode == 2
    assert "of a soak that runs" in other.stderr
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as reply:
        metrics = reply.read().decode()
    assert 'raidstorm_runs_total{lane="baseline sim"}' in metrics
    assert "raidstorm_jobs_busy_ratio" in metrics
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, output + errors
    assert "soak --resume runs/soak/plain-" in output
    assert read_state(begun).state == "interrupted"
    assert f"No failure in {read_state(begun).runs}" in (begun / "soak.html").read_text()
    wait_for(lambda: not processes(process.pid), "its processes to end")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name a suite"),
        (("nothing-of-the-kind",), "nothing-of-the-kind"),
        (("suites.py:PLAIN", "--canary-every", "1m"), "no facet that must fail"),
        (("suites.py:PLAIN", "--drivers", "sim,spdk"), "'spdk' is not a driver"),
        (("suites.py:PLAIN", "--disk-max", "lots"), "'lots' is not a size"),
        (("suites.py:PLAIN", "--metrics", "127.0.0.1:99999"), "can't be served"),
        (("--resume", "."), "soak.json can't be read"),
        (("suites.py:PLAIN", "--resume", "."), "give it alone"),
    ],
)
def test_mistakes_are_told_in_a_sentence(tmp_path, arguments, sentence):
    (tmp_path / "suites.py").write_text(SUITE)
    done = raidstorm("soak", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_soak_keeps_one_run_of_each_known_failure_and_is_green(tmp_path):
    known = tmp_path / "known.toml"
    known.write_text('[[known]]\nsignature = "crash/*"\ntitle = "no context"\n')
    soak = start(tmp_path, "suites.py:RED", "--runs", "60", "--jobs", "2", "--known", "known.toml")
    output, errors = soak.communicate()
    assert soak.returncode == 0, output + errors
    folder = only_soak(tmp_path)
    state = read_state(folder)
    (group,) = state.known.values()
    assert f"  known, in {group.count} runs: no context  " in output
    assert 1 < group.count == state.lanes[0].known
    assert (state.runs, state.failed, state.groups) == (60, 0, {})
    assert len(list((folder / "runs").glob("*/*"))) == 1
    assert group.kept is not None
    assert (tmp_path / group.kept.run_dir / "capsule.json").is_file()
