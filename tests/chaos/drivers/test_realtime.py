"""The driver of free runs: its signals to reactors, and its errors when a reactor goes silent."""

import os
import signal
from pathlib import Path

import msgspec
import pytest
import trio

from chaos.drivers import realtime
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeRun
from chaos.plan.plan import resolve
from chaos.run.driver import DriverError
from chaos.steps.history import EngineEvent
from chaos.steps.schedule import Kill, Operate, Stall
from experiments.catalog import EXPERIMENTS
from workers.errors import OK
from workers.protocol import OPERATOR, Outcome, Reply
from workers.step_log import LOG_BYTES

pytestmark = pytest.mark.processes

REACTORS = 2
STOPS = 30


@pytest.fixture(scope="module")
def processes():
    processes = Processes(Limits(4, 6, 160), log_bytes=LOG_BYTES)
    yield processes
    processes.close()


@pytest.fixture
def run(processes):
    """Start a run's target, and take no step."""
    seeds = range(100)
    plans = (resolve(EXPERIMENTS["baseline"], seed) for seed in seeds)
    plan = next(plan for plan in plans if plan.layout.reactors == REACTORS)
    run = RealtimeRun(processes, plan, 1, ())
    run._start_target(new_disks=True)
    yield run
    run.end()


def stopped(processes: Processes) -> list[int]:
    """Return the reactors whose processes stand still."""
    states = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        for pid in processes.pids
    ]
    return [number for number, state in enumerate(states) if state == "T"]


def stall(run: RealtimeRun, step: Stall, nursery: trio.Nursery) -> None:
    run._took(step)
    run._stalls.begin(step, nursery)


@pytest.fixture
def seen(run, processes, monkeypatch):
    """Record which reactors stand still when one has been stopped and the lock is still held."""
    found: list[list[int]] = []
    stop = run._stalls._stop

    def stop_and_look(reactor: int) -> None:
        stop(reactor)
        found.append(stopped(processes))

    monkeypatch.setattr(run._stalls, "_stop", stop_and_look)
    return found


def test_reactor_stands_still_when_the_lock_is_given_back_and_goes_on_in_the_end(
    run, processes, seen
):
    async def main() -> None:
        for op in range(1, STOPS + 1):
            async with trio.open_nursery() as nursery:
                stall(run, Stall(op, op % REACTORS, 1), nursery)
            assert stopped(processes) == []

    trio.run(main)
    assert seen == [[op % REACTORS] for op in range(1, STOPS + 1)]


def test_stall_of_a_target_that_is_killed_first_does_not_stop_a_reactor_of_the_next_one(
    run, processes, seen
):
    """Drop the stall of a target that is killed first.

    Otherwise two stalls would be in progress then, and the reactor of the first would stay stopped.
    """

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            stall(run, Stall(1, 1, 40), nursery)
            run._end_target(Kill(2, ()))  # before the stall's task has run
            stall(run, Stall(3, 0, 20), nursery)

    trio.run(main)
    assert seen == [[0]]
    assert stopped(processes) == []


def test_kill_of_a_target_ends_the_stall_in_it(run, processes, seen):
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            stall(run, Stall(1, 1, 40), nursery)
            while not seen:
                await trio.lowlevel.checkpoint()
            run._end_target(Kill(2, ()))
            assert run._stalls.reactor is None
            assert run.recorder.model.stalled is None

    trio.run(main)
    assert stopped(processes) == []


def test_every_stall_is_counted_that_holds_an_answer_up_also_a_second_one_of_a_reactor(run):
    async def main() -> None:
        run._took(Operate(1, "bdev_raid_remove_base_bdev", (0,)))  # sent to reactor 0
        for op, reactor in ((2, 0), (3, 1), (4, 0), (5, 1)):
            async with trio.open_nursery() as nursery:
                stall(run, Stall(op, reactor, 1), nursery)
        run.recorder.observe(Outcome([], [], [], [], [Reply(OPERATOR, 1, OK, 0, b"")], []))
        async with trio.open_nursery() as nursery:
            stall(run, Stall(6, 0, 1), nursery)

    trio.run(main)
    emitted = [entry.event.args for entry in run.recorder.history if isinstance(entry, EngineEvent)]
    assert emitted == [(0,), (0,)]


def test_reactor_that_finds_an_unended_step_and_no_crash_is_an_error_not_silence(
    processes, monkeypatch
):
    monkeypatch.setattr(realtime, "CRASH_REPORT_SECONDS_MAX", 0.1)
    start_target = processes.start_target

    def start_dead(*args, **options) -> None:
        start_target(*args, **options)
        processes.block.globals.step_under_way = 77

    monkeypatch.setattr(processes, "start_target", start_dead)
    driver = realtime.RealtimeDriver(processes)
    with pytest.raises(DriverError, match=r"reactor 0 found that the step with ticket 77 hadn't"):
        driver.run(resolve(EXPERIMENTS["baseline"], 1), 1, (), None)


def test_reactor_that_does_not_answer_in_the_end_is_an_error_not_a_hang_of_the_target(
    processes, monkeypatch
):
    monkeypatch.setattr(realtime, "SETTLE_SECONDS_MAX", 0.2)
    monkeypatch.setattr(realtime, "WAITS_SECONDS_MAX", 0.2)
    start_target = processes.start_target

    def start_one_stopped(*args, **options) -> None:
        start_target(*args, **options)
        os.kill(processes.pids[1], signal.SIGSTOP)

    monkeypatch.setattr(processes, "start_target", start_one_stopped)
    driver = realtime.RealtimeDriver(processes)
    plan = msgspec.structs.replace(resolve(EXPERIMENTS["baseline"], 1), milliseconds=100)
    with pytest.raises(DriverError, match="reactor 1 doesn't answer, and no step is in progress"):
        driver.run(plan, 1, (), None)
    monkeypatch.undo()
    # Its process was replaced: the next run has nothing of it.
    execution, _ = driver.run(plan, 1, (), None)
    assert execution.settled
