"""The parts of a soak: its next task, the kept runs, the reports, and the page."""

import os

import pytest

from chaos.campaigns.runner import RunResult, RunSpec
from chaos.checkers import Finding, Verdict
from chaos.soak.agenda import Agenda
from chaos.soak.alarm import LOG, Alarm
from chaos.soak.begin import learn_from_earlier
from chaos.soak.failure_store import FailureStore, bytes_below
from chaos.soak.page import NOT_YET, below, confidence, headline, page_of, trends_of
from chaos.soak.plots import ceiling, plots_of
from chaos.soak.soak import exit_code
from chaos.soak.state import (
    Arguments,
    Canary,
    Chunk,
    Drift,
    SeedLane,
    SoakError,
    SoakState,
    Stored,
    green_line,
    read_state,
    take_lock,
    write_state,
)
from chaos.soak.tasks import AgainTask, CanaryTask, SeedsTask, ShrinkTask, Shrunk
from experiments.catalog import EXPERIMENTS
from tests.support import wait_for
from workers.protocol import DefectSource


def lane(driver="sim", share=1, *, out="runs", defect=None, experiment="baseline"):
    defects = (DefectSource(defect),) if defect else ()
    names = (defect,) if defect else ()
    spec = RunSpec(
        EXPERIMENTS[experiment], driver, defects, names, experiment, "raidstorm", str(out)
    )
    return SeedLane(spec, share, 0, 0)


def state_of(
    *lanes, canaries=(), stored=(), keep=2, disk_bytes=1 << 40, canary_seconds=None, runs_max=None
):
    arguments = Arguments(
        suite="night",
        seconds=100.0,
        jobs=2,
        keep=keep,
        canary_seconds=canary_seconds,
        disk_bytes=disk_bytes,
        seed_seconds=60.0,
        on_failure="",
        metrics="",
        program="raidstorm",
        runs_max=runs_max,
    )
    return SoakState(arguments, list(lanes), list(canaries), list(stored))


def failing(folder, seed, steps, signature="register/lost/read"):
    """Return a failing run with a directory."""
    run_dir = folder / "runs" / "baseline" / f"{seed}"
    run_dir.mkdir(parents=True)
    (run_dir / "capsule.json").write_text("{}" * 5_000)
    check, kind, shape = signature.split("/")
    finding = Finding(
        check=check, kind=kind, shape=shape, summary="<lost>", step=1, verdict=Verdict.INVALID
    )
    return RunResult(
        seed, Verdict.INVALID, [finding], ["a"], "", steps, 0.1, {}, str(run_dir), "replay it"
    )


def agenda_of(state, tmp_path):
    return Agenda(state, FailureStore(tmp_path, state), tmp_path)


def test_lanes_of_a_driver_get_seeds_by_their_shares(tmp_path):
    state = state_of(lane(share=9), lane(share=1, defect="unregister-while-rebuilding"))
    agenda = agenda_of(state, tmp_path)
    for _ in range(200):
        task = agenda.take().argument
        one = state.lanes[task.lane]
        one.runs, one.seconds = one.runs + len(task.seeds), one.seconds + len(task.seeds) * 0.1
    first, second = (one.next_seed for one in state.lanes)
    assert second / (first + second) == pytest.approx(0.1, abs=0.01)
    assert {chunk.lane for chunk in state.open} == {0, 1}


def test_number_of_runs_is_handed_out_and_no_more_and_what_was_lost_comes_again(tmp_path):
    state = state_of(lane(), lane("lockstep"), runs_max=20)
    agenda = agenda_of(state, tmp_path)
    tasks = []
    while (task := agenda.take()) is not None:
        tasks.append(task)
    assert sum(len(task.argument.seeds) for task in tasks) == 20
    assert not state.is_over
    agenda.lost(tasks[-1])
    assert agenda.take() == tasks[-1]
    state.lanes[0].runs = 20
    assert state.is_over


def test_drivers_get_the_same_time_however_long_a_seed_of_each_takes(tmp_path):
    state = state_of(lane("sim"), lane("lockstep"), lane("realtime"))
    agenda = agenda_of(state, tmp_path)
    cost = {"sim": 0.02, "lockstep": 0.3, "realtime": 2.0}
    for _ in range(400):
        task = agenda.take().argument
        one = state.lanes[task.lane]
        one.runs += len(task.seeds)
        one.seconds += len(task.seeds) * cost[task.spec.driver]
    seconds = [one.seconds for one in state.lanes]
    assert max(seconds) < 1.1 * min(seconds)
    for one in state.lanes:  # each seed once, in order
        number = state.lanes.index(one)
        seeds = [seed for chunk in state.open if chunk.lane == number for seed in chunk.seeds]
        assert seeds == list(range(one.next_seed))


def test_seed_that_is_given_up_is_cut_out_of_what_comes_again(tmp_path):
    state = state_of(lane())
    agenda = agenda_of(state, tmp_path)
    task = agenda.take()
    assert task.argument.seeds == tuple(range(8))
    agenda.give_up(0, 3)
    agenda.lost(task)
    assert [agenda.take().argument.seeds for _ in range(2)] == [(0, 1, 2), (4, 5, 6, 7)]
    assert state.open == [Chunk(0, 0, 3), Chunk(0, 4, 4)]
    assert agenda.take().argument.seeds[0] == 8


def test_what_a_killed_soak_had_open_comes_before_new_seeds(tmp_path):
    state = state_of(lane())
    state.lanes[0].next_seed = 20
    state.open = [Chunk(0, 5, 2)]
    agenda = agenda_of(state, tmp_path)
    assert [agenda.take().argument.seeds[0] for _ in range(2)] == [5, 20]


def test_canary_comes_when_it_is_due_and_one_at_a_time(tmp_path):
    canary = Canary(lane(defect="unregister-while-rebuilding").spec, 0, 5, 5)
    state = state_of(lane(), canaries=[canary], canary_seconds=10.0)
    agenda = agenda_of(state, tmp_path)
    kinds = [type(agenda.take().argument) for _ in range(3)]
    assert kinds == [CanaryTask, SeedsTask, SeedsTask]
    agenda.canary_runs, canary.last_seconds = False, 5.0
    state.seconds = 14.9
    assert isinstance(agenda.take().argument, SeedsTask)
    state.seconds = 15.0
    assert isinstance(agenda.take().argument, CanaryTask)
    assert agenda.take(only_finish=True) is None


def test_smallest_runs_of_a_signature_are_kept_and_all_are_counted(tmp_path):
    state = state_of(lane(out=tmp_path / "runs"))
    failure_store = FailureStore(tmp_path, state)
    assert failure_store.add(0, failing(tmp_path, 1, 300)) is True
    for seed, steps in ((2, 100), (3, 200), (4, 400)):
        assert failure_store.add(0, failing(tmp_path, seed, steps)) is False
    (group,) = state.groups.values()
    assert (group.count, group.first_seed) == (4, 1)
    assert [one.seed for one in group.kept] == [2, 3]
    failure_store.sweep()
    assert sorted(path.name for path in (tmp_path / "runs" / "baseline").iterdir()) == ["2", "3"]
    (tmp_path / "runs" / "baseline" / "9").mkdir()  # for a seed that a kill cut off
    failure_store.tidy()
    assert sorted(path.name for path in (tmp_path / "runs" / "baseline").iterdir()) == ["2", "3"]


def test_new_signature_is_shrunk_and_again_only_when_a_run_is_half_as_long(tmp_path):
    state = state_of(lane())
    failure_store = FailureStore(tmp_path, state)
    failure_store.add(0, failing(tmp_path, 1, 300))
    task = failure_store.next_shrink()
    assert isinstance(task, ShrinkTask)
    assert task.run_dir.endswith("/1")
    assert failure_store.next_shrink() is None  # one at a time
    shrunk_now = Shrunk(
        "", task.signature, ["small"], (9, 4), 1.0, "raidstorm replay x --allow-code"
    )
    failure_store.shrunk(task.signature, shrunk_now)
    failure_store.add(0, failing(tmp_path, 2, 151))
    assert failure_store.next_shrink() is None
    failure_store.add(0, failing(tmp_path, 3, 150))
    again = failure_store.next_shrink()
    assert again is not None
    assert again.run_dir.endswith("/3")
    failure_store.shrunk(again.signature, Shrunk("the budget was over", "", [], (0, 0), 1.0))
    (group,) = state.groups.values()
    assert group.story == ["small"]
    assert group.replay == "raidstorm replay x --allow-code"
    assert group.not_shrunk == "the budget was over"


def test_signatures_that_are_the_same_made_small_are_shown_as_one(tmp_path):
    state = state_of(lane())
    failure_store = FailureStore(tmp_path, state)
    for seed, signature in ((1, "register/lost/read"), (2, "mirrors/differ/end")):
        failure_store.add(0, failing(tmp_path, seed, 100, signature))
    for _ in range(2):
        task = failure_store.next_shrink()
        failure_store.shrunk(task.signature, Shrunk("", "copies/member/write", [], (9, 4), 1.0))
    assert [group.same_as for group in state.groups.values()] == ["", "register/lost/read"]


def test_full_disk_leaves_one_run_of_a_signature(tmp_path):
    state = state_of(lane(), keep=3, disk_bytes=30_000)
    failure_store = FailureStore(tmp_path, state)
    for seed in range(3):
        failure_store.add(0, failing(tmp_path, seed, 100 + seed))
    assert failure_store.is_too_much(bytes_below(tmp_path))
    assert len(list((tmp_path / "runs" / "baseline").iterdir())) == 3  # until the state is written
    failure_store.sweep()
    assert not failure_store.is_too_much(bytes_below(tmp_path))
    (group,) = state.groups.values()
    assert [one.seed for one in group.kept] == [0]
    failure_store.add(0, failing(tmp_path, 7, 50))
    assert [one.seed for one in group.kept] == [7]
    assert group.count == 4
    assert "has reached its cap" in page_of(state)


def test_command_for_a_new_signature_is_told_of_it_and_ended_when_it_hangs(tmp_path, monkeypatch):
    state = state_of(lane())
    failure_store = FailureStore(tmp_path, state)
    failure_store.add(0, failing(tmp_path, 1, 300))
    (group,) = state.groups.values()
    alarm = Alarm(
        tmp_path, 'echo "$RAIDSTORM_SIGNATURE $RAIDSTORM_CODE $RAIDSTORM_RUN_DIR"; exit 3'
    )
    alarm.sound(group)
    wait_for(lambda: (alarm.look(), "exit code" in (tmp_path / LOG).read_text())[1], "its end")
    said, ended = (tmp_path / LOG).read_text().splitlines()
    assert said == f"register/lost/read 1 {tmp_path}/runs/baseline/1"
    assert ended.startswith("raidstorm: exit code 3")
    monkeypatch.setattr("chaos.soak.alarm.CLOSE_SECONDS", 0.1)
    hanging = Alarm(tmp_path, "echo $$ > pid; sleep 600".replace("pid", f"{tmp_path}/pid"))
    hanging.sound(group)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "its begin")
    hanging.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_state_comes_back_as_it_was_and_others_are_refused(tmp_path):
    state = state_of(lane(defect="unregister-while-rebuilding"))
    state.open = [Chunk(0, 3, 4)]
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    lock = take_lock(tmp_path)
    with pytest.raises(SoakError, match="a soak that runs"):
        take_lock(tmp_path)
    os.close(lock)
    os.close(take_lock(tmp_path))
    for text in ("{}", "no json", '{"format": "something else"}'):
        (tmp_path / "soak.json").write_text(text)
        with pytest.raises(SoakError, match="not a soak's state"):
            read_state(tmp_path)


def test_next_soak_goes_on_with_seeds_of_the_same_lane_only(tmp_path):
    before = state_of(lane(), lane("lockstep"))
    before.lanes[0].next_seed, before.lanes[1].next_seed = 70, 9
    (tmp_path / "one").mkdir()
    write_state(tmp_path / "one", before)
    (tmp_path / "no soak").mkdir()
    fresh = [lane(), lane(defect="unregister-while-rebuilding"), lane(experiment="grow")]
    assert learn_from_earlier(tmp_path, fresh) == []
    assert [one.next_seed for one in fresh] == [70, 0, 0]


def test_green_line_says_what_is_honest():
    state = state_of(lane())
    assert green_line(state) == "no seed has run yet"
    state.lanes[0].runs = 41_000
    assert green_line(state) == "0 of 41 000 schedules; 95 % bound 7.3·10⁻⁵"
    state.lanes[0].runs = 2
    assert "bound 1.0·10⁰" in green_line(state)
    state.lanes[0].failed = 1
    assert green_line(state) == "1 of 2 schedules failed"


def test_exit_code_is_the_worst_and_a_missed_canary_counts(tmp_path):
    canary = Canary(lane().spec, 0, 5, 5, missed=1)
    state = state_of(lane(), canaries=[canary])
    assert exit_code(state) == 7
    FailureStore(tmp_path, state).add(0, failing(tmp_path, 1, 300))
    assert exit_code(state) == 1


def test_page_shows_what_others_wrote_as_text_and_drift_once_it_says_something(tmp_path):
    state = state_of(lane())
    FailureStore(tmp_path, state).add(0, failing(tmp_path, 1, 300))
    page = page_of(state)
    assert "&lt;lost&gt;" in page
    assert "<lost>" not in page

    def sample(seconds, kib):
        return Drift(seconds, 10, 0, 0.9, 1_000, kib, 0, 18, 5, 6, 0)

    short = trends_of([sample(10.0 * n, 1_000 + n) for n in range(4)])
    assert {trend.an_hour for trend in short} == {NOT_YET}
    assert [trend.first for trend in short] != [NOT_YET] * len(short)
    nothing = trends_of([sample(0.0, 1_000)])
    assert {(one.first, one.last, one.an_hour) for one in nothing} == {(NOT_YET,) * 3}
    assert len(nothing) == len(short)
    long = trends_of([sample(600.0 * n, 1_000 + 100 * n) for n in range(11)])
    jobs = next(trend for trend in long if "job process" in trend.what)
    assert (jobs.first, jobs.last, jobs.an_hour) == ("1 100", "2 000", "+600")


def test_headline_reads_at_once(tmp_path):
    state = state_of(lane(), lane(defect="unregister-while-rebuilding"))
    assert (headline(state), confidence(state)) == ("No seed has run yet.", "")
    state.lanes[0].runs = 406
    clean = state_of(lane())
    clean.lanes[0].runs = 406
    once = "Anything that fails more often than once in 135 runs would have shown, 95 %."
    assert (headline(clean), confidence(clean)) == ("No failure in 406 runs.", once)
    clean.lanes[0].runs = 1
    assert (headline(clean), confidence(clean)) == (
        "No failure in 1 run.",
        "That is too few for a bound.",
    )
    clean.canaries = [Canary(lane().spec, 0, 5, 5, missed=1)]
    assert headline(clean) == "No failure in 1 run. 1 canary missed."
    assert '"verdict red"' in page_of(clean)
    # Runs with a defect prove nothing about those without.
    state.lanes[1].runs = 1_000
    assert confidence(state) == f"No failure without a defect, in 406 runs. {once}"
    FailureStore(tmp_path, state).add(1, failing(tmp_path, 1, 300))
    state.lanes[1].failed = 1
    assert headline(state) == "1 of 1 406 runs failed, with 1 signature."
    assert confidence(state) == f"No failure without a defect, in 406 runs. {once}"
    state.lanes[0].failed = 1
    assert confidence(state) == ""


def test_plots_have_axes_with_round_labels():
    def sample(seconds, kib, reactors=0):
        return Drift(seconds, int(seconds), 3, 0.98, 1_000, kib, reactors, 18, 5, 6, 2**21)

    assert plots_of([sample(0.0, 1)]) == []
    plots = {
        plot.title: plot for plot in plots_of([sample(60.0 * n, 40 * 1_024) for n in range(8)])
    }
    assert [tick.label for tick in plots["memory of a job process"].y_ticks] == [
        *("0", "10", "20", "30", "40", "50"),
    ]
    assert [tick.label for tick in plots["failing runs"].y_ticks] == [*"012345"]
    assert [tick.label for tick in plots["disk"].x_ticks] == [
        *("0 min", "2 min", "4 min", "6 min"),
    ]
    places = [tick.at for tick in plots["disk"].x_ticks]
    assert places == sorted(places)
    assert "memory of a reactor" not in plots
    with_reactors = plots_of([sample(0.0, 1, 2_048), sample(9_000.0 * 4, 1, 2_048)])
    assert with_reactors[-1].title == "memory of a reactor"
    assert with_reactors[-1].x_ticks[-1].label == "10 h"
    assert [ceiling(value) for value in (0, 0.074, 1, 3, 7, 50, 51)] == [1, 0.1, 1, 5, 10, 50, 100]


def test_page_leads_to_the_timelines(tmp_path):
    state = state_of(lane())
    failure_store = FailureStore(tmp_path, state)
    failure_store.add(0, failing(tmp_path, 1, 300))
    (group,) = state.groups.values()
    assert 'href="runs/baseline/1/timeline.html">1</a>' in page_of(state)
    group.minimal = f"{group.folder}/minimal.json"
    group.minimal_steps = (9, 1)
    page = page_of(state)
    assert f'href="failures/{group.folder.rpartition("/")[2]}/minimal.html"' in page
    assert "shrunk from 9 to 1 step of" in page
    assert below("a/b/c/d", 1) == "d"


def test_stored_failures_come_first(tmp_path):
    state = state_of(lane(), stored=[Stored("a.json", "x/y/z"), Stored("b.json", "u/v/w")])
    agenda = agenda_of(state, tmp_path)
    first = agenda.take()
    assert first.argument == AgainTask(0, "a.json")
    agenda.lost(first)
    assert [agenda.take().argument for _ in range(2)] == [
        AgainTask(1, "b.json"),
        AgainTask(0, "a.json"),
    ]
