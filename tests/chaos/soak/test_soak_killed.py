"""A soak that is killed at any of its writes, and continued: no seed is lost, and none counts twice."""

import json
import shutil
from concurrent.futures import Future
from pathlib import Path

import pytest

from chaos.base.interrupt import Interrupt
from chaos.campaigns.runner import RunResult, RunSpec
from chaos.checkers import Finding, Verdict
from chaos.soak import alarm, soak
from chaos.soak.ledger import Ledger
from chaos.soak.soak import Soak
from chaos.soak.state import Arguments, Canary, SeedLane, SoakState, read_state
from chaos.soak.tasks import CanaryRan, CanaryTask, Ran, SeedsTask, ShrinkTask, Shrunk
from experiments.catalog import EXPERIMENTS

RUNS = 40
KEEP = 2
SIGNATURES = {3: "register/lost/read", 5: "crash/AssertionError/raid", 6: "mirrors/differ/end"}
KNOWN = {2: "triaged", 5: "an old one"}  # titles, of the other lane


class KilledError(BaseException):
    """SIGKILL: no cleanup and no further write."""


class Disk:
    """Counts the writes of a soak, and kills it before one of them, or in the middle of one."""

    def __init__(self, monkeypatch):
        self.writes, self.kill_at, self.torn, self.is_dead = 0, None, False, False
        for name in ("write_bytes", "replace", "unlink", "mkdir", "touch"):
            self._patch(monkeypatch, Path, name)
        self._patch(monkeypatch, soak.os, "truncate")
        self._patch(monkeypatch, shutil, "rmtree")
        monkeypatch.setattr(Path, "open", self._open(Path.open))

    def arm(self, kill_at, *, torn):
        self.writes, self.kill_at, self.torn, self.is_dead = 0, kill_at, torn, False

    def write(self):
        """Return whether this write is torn; raise at, and after, the end."""
        if self.is_dead:
            raise KilledError
        self.writes += 1
        if self.writes != self.kill_at:
            return False
        self.is_dead = True
        if self.torn:
            return True
        raise KilledError

    def _patch(self, monkeypatch, owner, name):
        real = getattr(owner, name)

        def patched(*arguments, **options):
            if self.write():
                if name == "write_bytes":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise KilledError
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, patched)

    def _open(self, real):
        def opened(path, mode="r", *arguments, **options):
            if mode != "ab":
                return real(path, mode, *arguments, **options)
            return _Appended(self, real(path, mode))

        return opened


class _Appended:
    def __init__(self, disk, file):
        self.disk, self.file = disk, file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        if self.disk.write():
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            raise KilledError
        self.file.write(data)


def signature_of(lane, seed):
    if known_of(lane, seed):
        return "crash/known/read"
    return SIGNATURES.get(seed % 8, "") if lane else ""


def known_of(lane, seed):
    return "" if lane else KNOWN.get(seed % 8, "")


def result_of(lane, spec, seed):
    """Return the result of a seed, which depends on the seed alone, as does its reach."""
    reach = {"rebuilds_finished": 1 + seed % 3, f"state_{seed % 5}": 1}
    signature = signature_of(lane, seed)
    if not signature:
        return RunResult(seed, Verdict.VALID, [], [], "f", 1_000 - seed, 0.1, reach, "", "")
    check, kind, shape = signature.split("/")
    finding = Finding(
        check=check, kind=kind, shape=shape, summary="wrong", step=1, verdict=Verdict.INVALID
    )
    for attempt in range(10):  # as the store does: two runs of a seed never share a directory
        run_dir = Path(spec.out) / spec.experiment.name / f"{lane}-{seed}.{attempt}"
        if not run_dir.exists():
            break
    run_dir.mkdir(parents=True)
    return RunResult(
        seed,
        Verdict.INVALID,
        [finding],
        [],
        "f",
        1_000 - seed,
        0.1,
        reach,
        str(run_dir),
        "replay it",
        known=known_of(lane, seed),
    )


class Pool:
    """Runs tasks at once, in this process, and without an engine."""

    width, pids = 2, ()

    def submit(self, function, argument):
        future = Future()
        match argument:
            case SeedsTask():
                results = [result_of(argument.lane, argument.spec, seed) for seed in argument.seeds]
                future.set_result(Ran(results, 0.1 * len(results)))
            case ShrinkTask():
                assert Path(argument.run_dir).is_dir(), "a run is shrunk that is gone"
                Path(argument.folder).mkdir(parents=True, exist_ok=True)
                future.set_result(Shrunk("", argument.signature, [], (9, 3), 0.1, "replay small"))
            case CanaryTask():
                future.set_result(CanaryRan(caught=True, runs=1, seconds=0.1))
        return future

    def stop(self): ...

    def reopen(self): ...

    def culprits(self):
        return set()

    def close(self, *, now): ...


def new_state(folder):
    def spec(experiment):
        out = str(folder / "runs")
        return RunSpec(EXPERIMENTS[experiment], "sim", (), (), experiment, "raidstorm", out)

    lanes = [SeedLane(spec(name), share, 7, 7) for name, share in (("baseline", 1), ("grow", 2))]
    arguments = Arguments(
        suite="night",
        seconds=1_000.0,
        jobs=2,
        keep=KEEP,
        canary_seconds=1_000.0,
        disk_bytes=1 << 40,
        seed_seconds=60.0,
        on_failure="say it",
        metrics="",
        program="raidstorm",
    )
    return SoakState(arguments, lanes, [Canary(spec("baseline"), 0, 1, 5)], [])


def run_on(folder, state, runs):
    """Continue a soak until this number of runs counts; return its state then."""
    interrupt = Interrupt()

    def on_tick(now):
        interrupt.requested = now.runs >= runs

    Soak(folder, state, on_tick, Pool()).run(interrupt)
    return state


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(soak, "page_of", lambda _: "page")
    monkeypatch.setattr(soak, "STATE_SECONDS", 0.0)  # at each tick
    monkeypatch.setattr(soak, "clean", lambda **_: None)
    return Disk(monkeypatch)


@pytest.fixture
def heard(monkeypatch):
    """Return the signatures that the user's command was run for."""
    heard = []
    monkeypatch.setattr(alarm.Alarm, "sound", lambda _, group: heard.append(group.signature))
    return heard


def assert_each_counts_once(folder, state, heard):
    seeds = {0: [], 1: []}
    for line in (folder / "chunks.jsonl").read_text().splitlines():
        lane, first, count = json.loads(line)
        seeds[lane] += range(first, first + count)
    failures = [json.loads(line) for line in (folder / "failures.jsonl").read_text().splitlines()]
    reach, signatures, titles = {}, {}, {}
    for number, lane in enumerate(state.lanes):
        is_open = [seed for one in state.open if one.lane == number for seed in one.seeds]
        counted = seeds[number]
        assert sorted([*counted, *is_open]) == list(range(lane.first_seed, lane.next_seed))
        failing = sorted(seed for seed in counted if signature_of(number, seed))
        assert sorted(line["seed"] for line in failures if line["lane"] == number) == failing
        steps = sum(1_000 - seed for seed in counted)
        known = [seed for seed in failing if known_of(number, seed)]
        failed = len(failing) - len(known)
        assert (lane.runs, lane.failed, lane.steps) == (len(counted), failed, steps)
        assert lane.known == len(known)
        for seed in (seed for seed in counted if seed not in known):
            for name in ("rebuilds_finished", f"state_{seed % 5}"):
                reach[name] = reach.get(name, 0) + (1 + seed % 3 if name[0] == "r" else 1)
        for title in (known_of(number, seed) for seed in known):
            titles[title] = titles.get(title, 0) + 1
        for seed in (seed for seed in failing if seed not in known):
            name = signature_of(number, seed)
            signatures[name] = signatures.get(name, 0) + 1
    assert {name: count for name, count in state.reach.items() if count} == reach
    assert {group.signature: group.count for group in state.groups.values()} == signatures
    assert {title: group.count for title, group in state.known.items()} == titles
    kept = [one.run_dir for group in state.groups.values() for one in group.kept]
    kept += [group.kept.run_dir for group in state.known.values()]
    assert sorted(kept) == sorted(map(str, (folder / "runs").glob("*/*")))
    assert all(len(group.kept) <= KEEP for group in state.groups.values())
    assert len(set(heard)) == len(heard), "the user's command was run twice for a signature"


def killed(disk, folder, state, kill_at, *, torn, runs=RUNS):
    """Continue until the kill; return whether it came."""
    disk.arm(kill_at, torn=torn)
    try:
        run_on(folder, state, runs)
    except KilledError:
        return True
    return False


@pytest.mark.parametrize("torn", [False, True], ids=["before", "in the middle of"])
def test_killed_at_each_write(tmp_path, disk, heard, torn):
    kill_at = 0
    while True:
        kill_at += 1
        folder = tmp_path / f"{kill_at}"
        folder.mkdir()
        heard.clear()
        disk.arm(None, torn=False)
        if not killed(disk, folder, new_state(folder), kill_at, torn=torn):
            break
        disk.arm(None, torn=False)
        begun = (folder / "soak.json").exists()
        state = run_on(folder, read_state(folder) if begun else new_state(folder), RUNS)
        assert state.runs >= RUNS
        assert_each_counts_once(folder, state, heard)
    assert kill_at > 50, "so many writes there are"
    assert_each_counts_once(folder, read_state(folder), heard)
    assert heard
    assert set(state.known) == {"triaged", "an old one"}


def test_numbers_are_derived_from_the_lists(tmp_path, disk, heard):
    """Resume a state of an earlier raidstorm: a run was counted whose chunk was still open."""
    disk.arm(None, torn=False)
    state = run_on(tmp_path, new_state(tmp_path), RUNS)
    runs, failed = state.lanes[1].runs, state.lanes[1].failed
    counts = [group.count for group in state.groups.values()]
    ledger = Ledger(tmp_path, state)
    ledger.add_failure(1, result_of(1, state.lanes[1].spec, state.lanes[1].next_seed + 3))
    state.lanes[1].runs += 1
    state.lanes[1].failed += 1
    known = state.lanes[0].known, [group.count for group in state.known.values()]
    state.lanes[0].known += 1
    for group in (*state.groups.values(), *state.known.values()):
        group.count += 1
    ledger.restore()
    assert (state.lanes[0].known, [group.count for group in state.known.values()]) == known
    assert (state.lanes[1].runs, state.lanes[1].failed) == (runs, failed)
    assert [group.count for group in state.groups.values()] == counts
    shutil.rmtree(tmp_path / "runs" / "grow" / f"1-{state.lanes[1].next_seed + 3}.0")
    assert_each_counts_once(tmp_path, state, heard)


@pytest.mark.parametrize("every", [71, 80, 101, 140])
def test_killed_again_and_again(tmp_path, disk, heard, every):
    state, kills = new_state(tmp_path), 0
    while killed(disk, tmp_path, state, every, torn=kills % 2 == 0, runs=10 * RUNS):
        kills += 1
        disk.arm(None, torn=False)
        state = read_state(tmp_path)
        assert kills < 1_000
    disk.arm(None, torn=False)
    assert_each_counts_once(tmp_path, read_state(tmp_path), heard)
    assert kills > 2
