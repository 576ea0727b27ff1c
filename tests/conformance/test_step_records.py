"""The records of free-running reactors suffice to replay all their steps, also when they are killed in one."""

import msgspec
import pytest
import trio

from chaos.drivers.free_replay import rebuild
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeRun
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.experiment import Experiment, Fault, Operation
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.steps.schedule import Inject, Kill
from workers.bdev.disk import Disk
from workers.bdev.io import IoType
from workers.protocol import OPERATOR, DefectSource, Deliver, FinishIo
from workers.step_log import LOG_BYTES

pytestmark = pytest.mark.processes

LIMITS = Limits(3, 3, 128)
STEPS_MIN = 50  # of each reactor
EXPERIMENT = Experiment(
    name="recorded",
    reactors=3,
    milliseconds=500,
    faults=(Fault(kind="disk_slow", between=(300, 500)),),
    operations=(Operation(kind="member_removal", between=(0, 200)),),
)
KILLED = Experiment(
    name="killed",
    reactors=2,
    milliseconds=300,
    superblock_share=0,
    faults=(Fault(kind="target_kill", between=(500, 500)),),
)
# It stops in the middle of a step, once, so that the coming SIGKILL finds the reactor there.
STOPS_BEFORE_A_WRITE = '''
"""Stops before a write of the array goes to its members."""

import os
import signal

from workers.raid import raid1


class Raid1(raid1.Raid1):
    async def write(self, channel, paths, io):
        if os.path.exists({path!r}):
            os.unlink({path!r})
            signal.pause()
        return await super().write(channel, paths, io)
'''
STOPS_BEHIND_A_WRITE = '''
"""Stops when a disk has a host's write already."""

import os
import signal

from workers.bdev import media


class DiskChannel(media.DiskChannel):
    async def execute(self, io):
        completion = await super().execute(io)
        if io.io_type == 2 and os.path.exists({path!r}):
            os.unlink({path!r})
            signal.pause()
        return completion
'''

STOPS_WITHIN_A_WRITE = '''
"""Stops when a disk has marked a write's blocks as dirty, and has none of its data yet."""

import os
import signal

from workers.bdev import media
from workers.bdev.disk import Disk

whole_write = Disk._write


def write(self, first, end, data, *, fua):
    if os.path.exists({path!r}):
        os.unlink({path!r})
        self._dirty[first:end] = b"\\1" * (end - first)
        signal.pause()
    whole_write(self, first, end, data, fua=fua)


Disk._write = write


class DiskChannel(media.DiskChannel):
    """As it is: a defect has to replace something."""
'''


def run(experiment, seed, defects=(), log_bytes=LOG_BYTES):
    processes = Processes(LIMITS, log_bytes=log_bytes)
    free_run = RealtimeRun(processes, resolve(experiment, seed), seed, defects)
    execution = trio.run(free_run.main)
    free_run.end()
    recording = free_run.recording()
    processes.close()
    return execution, recording


@pytest.fixture(scope="module")
def recorded():
    """Return a free run that has ended, from shared memory; a busy machine needs longer for the same number of steps."""
    for milliseconds in (500, 1_000, 2_000, 4_000, 8_000):
        experiment = msgspec.structs.replace(EXPERIMENT, milliseconds=milliseconds)
        execution, recording = run(experiment, 3)
        assert judge(execution) == []
        if min(len(steps) for steps in recording.lives[0].reactors) > STEPS_MIN:
            return execution, recording
    raise AssertionError(f"no run had {STEPS_MIN} steps on each reactor")


def test_every_step_is_numbered_begun_and_done(recorded):
    _, recording = recorded
    (life,) = recording.lives
    for steps in life.reactors:
        assert [record.number for record in steps] == list(range(1, len(steps) + 1))
        assert len(steps) > STEPS_MIN
        assert all(record.outcome is not None for record in steps)
    assert recording.gap == ""


def test_tickets_give_one_order_that_agrees_with_every_reactor_s_own(recorded):
    _, recording = recorded
    (life,) = recording.lives
    tickets = [record.ticket for steps in life.reactors for record in steps]
    # A change of a disk is a step among the target's own, with a ticket; other faults come between two.
    tickets += [outside.ticket for outside in life.outside if isinstance(outside.step, Inject)]
    assert sorted(tickets) == list(range(1, len(tickets) + 1))
    assert any(isinstance(outside.step, Inject) for outside in life.outside)
    for steps in life.reactors:
        own = [record.ticket for record in steps]
        assert own == sorted(own)
    between = [outside.ticket for outside in life.outside]
    assert between == sorted(between)


def test_delivered_messages_name_the_step_that_sent_them(recorded):
    _, recording = recorded
    records = recording.lives[0].reactors
    crossed = 0
    for reactor, steps in enumerate(records):
        for record in steps:
            step = record.step
            if not isinstance(step, Deliver) or step.sender >= OPERATOR or not record.cause:
                continue
            crossed += 1
            senders = [
                steps_[record.cause - 1]
                for number, steps_ in enumerate(records)
                if number != reactor and record.cause <= len(steps_)
            ]
            assert any(
                sent.ticket < record.ticket and step in sent.outcome.posted for sent in senders
            )
    assert crossed > 20


def test_steps_taken_again_in_sim_show_the_same(recorded):
    execution, recording = recorded
    rebuilt = rebuild(recording, execution.plan, ())
    assert rebuilt.divergence is None
    assert rebuilt.execution.settled
    assert judge(rebuilt.execution) == []
    assert rebuilt.execution.disks == execution.disks


def test_records_outlive_a_sigkill():
    execution, recording = run(KILLED, 1)
    killed, last = recording.lives
    assert isinstance(killed.ended_by, Kill)
    assert last.ended_by is None
    assert all(len(steps) > 10 for steps in killed.reactors)
    rebuilt = rebuild(recording, execution.plan, ())
    assert rebuilt.divergence is None
    assert judge(rebuilt.execution) == []


def seed_without_other_faults():
    """Return a seed without a disk that leaves with the target, which would wait for the end of a step that never ends."""
    for seed in range(20):
        schedule = Controller(resolve(KILLED, seed), SimDriver(), ()).explore(seed).schedule
        if not any(isinstance(step, Inject) and step.fault == "disk_pull" for step in schedule):
            return seed
    raise AssertionError("each of these seeds pulls a disk")


@pytest.mark.parametrize("source", [STOPS_BEFORE_A_WRITE, STOPS_BEHIND_A_WRITE])
def test_step_that_a_sigkill_cuts_short_is_torn(tmp_path, source):
    marker = tmp_path / "stop here"
    marker.touch()
    assert IoType.WRITE == 2
    defects = (DefectSource("stops", source.format(path=str(marker))),)
    execution, recording = run(KILLED, seed_without_other_faults(), defects)
    assert not marker.exists()
    killed, _ = recording.lives
    torn = killed.torn
    # No reactor continues behind a step that has not ended, though the kernel passes the lock on.
    assert torn.ticket == max(record.ticket for steps in killed.reactors for record in steps)
    rebuilt = rebuild(recording, execution.plan, defects)
    assert rebuilt.divergence is None
    schedule = rebuilt.execution.schedule
    is_done = schedule[schedule.index(killed.ended_by) - 1] == torn.step
    assert is_done == isinstance(torn.step, FinishIo) == (source is STOPS_BEHIND_A_WRITE)
    assert judge(rebuilt.execution) == []


def test_log_that_is_full_is_told_and_the_run_goes_on():
    execution, recording = run(EXPERIMENT, 3, log_bytes=8_192)
    assert judge(execution) == []
    assert recording.gap == "record log full: reactor 0, 1, 2"
    rebuilt = rebuild(recording, execution.plan, ())
    assert rebuilt.divergence.what == recording.gap


def test_step_that_a_sigkill_cuts_short_within_a_write_is_undone(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Disk, "_write", Disk._write
    )  # restores the code that the defect changes in this process
    marker = tmp_path / "stop here"
    marker.touch()
    defects = (DefectSource("stops", STOPS_WITHIN_A_WRITE.format(path=str(marker))),)
    execution, recording = run(KILLED, seed_without_other_faults(), defects)
    assert not marker.exists()
    killed, _ = recording.lives
    assert isinstance(killed.torn.step, FinishIo)
    rebuilt = rebuild(recording, execution.plan, defects)
    assert rebuilt.divergence is None
    schedule = rebuilt.execution.schedule
    assert schedule[schedule.index(killed.ended_by) - 1] != killed.torn.step
