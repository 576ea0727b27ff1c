"""From step records to a schedule: runs of ``sim`` are recorded like free runs, and replayed."""

import msgspec
import pytest

from chaos.campaigns.campaign import Report
from chaos.campaigns.fidelity import Fidelity
from chaos.checkers.finding import Finding, Verdict
from chaos.cli.result_details import detail_lines
from chaos.drivers.free_replay import rebuild
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.judging.rejudge import rejudge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.steps.recording import Life, OutsideRecord, Recording
from chaos.steps.schedule import Disconnect, Kill, Mark, PowerLoss
from experiments.catalog import EXPERIMENTS
from tests.support import SEED_DEFECT
from workers.bdev.io import IoType
from workers.protocol import DefectSource, Deliver, FinishIo, FireTimer, StepRecord
from workers.step_log import recorded

ANOTHER_CLOCK_US = 1_000_000_000
DEFECT = (DefectSource(SEED_DEFECT),)


class Recorded(Controller):
    """Records its steps as a free run does, with a clock of its own."""

    def __init__(self, plan, driver, defects) -> None:
        super().__init__(plan, driver, defects)
        self.recording = Recording()
        self.ticket = 0
        self._live()
        perform = driver.perform

        def watched(step):
            outcome = perform(step)
            self.ticket += 1
            steps = self.recording.lives[-1].reactors[step.reactor]
            then = step
            if isinstance(step, FireTimer):
                deadline_us = ANOTHER_CLOCK_US - step.deadline_us
                then = msgspec.structs.replace(step, deadline_us=deadline_us)
            record = StepRecord(len(steps) + 1, self.ticket, then, 0, recorded(outcome))
            steps.append(record)
            return outcome

        driver.perform = watched

    def _live(self) -> None:
        reactors = [[] for _ in range(self.plan.layout.reactors)]
        self.recording.lives.append(Life(reactors=reactors, outside=[]))

    def take(self, step) -> None:
        life = self.recording.lives[-1]
        if isinstance(step, (Kill, PowerLoss)):
            life.disks = [disk.digest() for disk in self.driver.disks]
            life.ended_by = step
            super().take(step)
            self._live()
            return
        if not isinstance(step, (Deliver, FinishIo, FireTimer)):
            life.outside.append(OutsideRecord(self.ticket, step))
        super().take(step)


def run(name, seed, defects=()):
    controller = Recorded(resolve(EXPERIMENTS[name], seed), SimDriver(), defects)
    execution = controller.explore(seed)
    recording = controller.recording
    recording.settled = execution.settled
    recording.lives[-1].disks = [disk.digest() for disk in controller.driver.disks]
    return execution, recording


@pytest.mark.parametrize("name", ["swarm", "restart-from-superblock", "power-loss", "bad-blocks"])
def test_replay_is_the_run_itself(name):
    for seed in range(8):
        execution, recording = run(name, seed)
        rebuilt = rebuild(recording, execution.plan, ())
        assert rebuilt.divergence is None
        assert rebuilt.execution.fingerprint == execution.fingerprint
        assert rebuilt.execution.history == execution.history
        assert judge(rebuilt.execution) == []


def failing():
    for seed in range(20):
        execution, recording = run("connect-during-rebuild", seed, DEFECT)
        if execution.crash is not None:
            return execution, recording
    raise AssertionError("no run has crashed")


def test_replay_ends_with_the_crash_and_replays_as_a_capsule_does():
    execution, recording = failing()
    rebuilt = rebuild(recording, execution.plan, DEFECT)
    assert rebuilt.divergence is None
    assert rebuilt.execution.schedule == execution.schedule
    again = Controller(execution.plan, SimDriver(), DEFECT).replay(rebuilt.execution.schedule)
    assert again.fingerprint == rebuilt.execution.fingerprint
    assert judge(again)[0].signature == judge(execution)[0].signature


def test_replay_on_an_engine_without_the_crash_parts_there():
    execution, recording = failing()
    rebuilt = rebuild(recording, execution.plan, ())
    assert rebuilt.divergence is not None
    assert rebuilt.divergence.step <= len(execution.schedule)
    assert judge(rebuilt.execution) == []  # nor is work in flight called stuck


def test_missing_record_is_told_as_the_step_that_is_not_possible():
    execution, recording = run("connect-during-rebuild", 0)
    steps = recording.lives[0].reactors[0]
    gone = next(number for number, r in enumerate(steps) if number > 20 and r.outcome.started)
    (started,) = steps[gone].outcome.started
    del steps[gone]
    rebuilt = rebuild(recording, execution.plan, ())
    assert rebuilt.divergence is not None
    assert "is not possible" in rebuilt.divergence.what or " came" in rebuilt.divergence.what
    assert started.reactor == 0
    assert len(rebuilt.execution.schedule) < len(execution.schedule)


def test_event_that_was_another_one_is_told_with_both():
    execution, recording = run("connect-during-rebuild", 0)
    life = recording.lives[0]
    place, record = next(
        (number, record)
        for number, record in enumerate(life.reactors[0])
        if record.outcome.events and record.outcome.events[0].name == "rebuild.started"
    )
    changed = msgspec.structs.replace(record.outcome.events[0], args=(9, 9))
    outcome = msgspec.structs.replace(record.outcome, events=[changed])
    life.reactors[0][place] = msgspec.structs.replace(record, outcome=outcome)
    divergence = rebuild(recording, execution.plan, ()).divergence
    assert "rebuild.started" in divergence.what
    assert "(9, 9)" in divergence.what
    assert "were recorded" in divergence.what
    at = execution.schedule[divergence.step - 1]
    assert at == record.step


def torn_by_a_kill(is_done: bool):
    """Return a run whose last write to a disk was cut short by a kill, before or after it took effect."""
    for seed in range(40):
        execution, recording = run("restart-from-superblock", seed)
        life = recording.lives[0]
        last = max((r for steps in life.reactors for r in steps), key=lambda r: r.ticket)
        steps = life.reactors[last.step.reactor]
        if not isinstance(last.step, FinishIo) or last.step.io_type != IoType.WRITE:
            continue
        if last.outcome.note == "failed" or life.ended_by is None:
            continue
        if not is_done:
            steps.pop()
            before = rebuild(
                msgspec.structs.replace(recording, lives=[life]), execution.plan, ()
            ).execution
            steps.append(last)
            life.disks = digests_after(execution, before.schedule[:-1])
        steps[-1] = msgspec.structs.replace(last, outcome=None)
        return execution, recording, last
    raise AssertionError("no kill came right behind a write")


def digests_after(execution, schedule):
    driver = SimDriver()
    Controller(execution.plan, driver, ()).replay(
        step for step in schedule if not isinstance(step, (Kill, PowerLoss))
    )
    return [disk.digest() for disk in driver.disks]


@pytest.mark.parametrize("is_done", [True, False])
def test_torn_step_is_done_when_the_disks_say_so(is_done):
    execution, recording, torn = torn_by_a_kill(is_done)
    life = recording.lives[0]
    assert life.torn is not None
    rebuilt = rebuild(msgspec.structs.replace(recording, lives=[life]), execution.plan, ())
    assert rebuilt.divergence is None
    schedule = rebuilt.execution.schedule
    assert (torn.step in schedule[schedule.index(life.ended_by) - 1 :]) == is_done


def test_disks_that_hold_something_else_at_a_kill_are_told():
    execution, recording = next(
        (e, r) for e, r in (run("restart-from-superblock", s) for s in range(9)) if len(r.lives) > 1
    )
    recording.lives[0].disks[1] = "another"
    divergence = rebuild(recording, execution.plan, ()).divergence
    assert divergence.what == "disk 1 has other content at the end of its target"


def test_record_log_that_was_full_is_a_parting_of_its_own():
    execution, recording = run("connect-during-rebuild", 0)
    recording.gap = "record log full: reactor 1"
    rebuilt = rebuild(recording, execution.plan, ())
    assert (rebuilt.execution, rebuilt.divergence.what) == (None, "record log full: reactor 1")


def test_host_that_has_not_heard_of_the_end_of_its_connection_acts_before_it():
    _, recording = run("client-churn", 1)
    life = recording.lives[0]
    ends = {
        event.args[0]: record.ticket
        for steps in life.reactors
        for record in steps
        for event in record.outcome.events
        if event.name == "nvmf.qpair_destroyed"
    }
    place = next(n for n, o in enumerate(life.outside) if isinstance(o.step, Disconnect))
    late = life.outside[place].step
    at = ends[late.connection]
    life.outside[place] = OutsideRecord(at + 30, late)
    order = list(life.in_order())
    before = next(n for n, item in enumerate(order) if item is late)
    _, then = next(item for item in order[before:] if isinstance(item, tuple))
    assert then.ticket == at


def test_failure_that_the_replay_shows_is_kept_as_the_replay():
    execution, recording = failing()
    findings = judge(execution)
    # As in a free run: there was no observer, so its findings are fewer.
    judged = rejudge(execution, recording, findings[:1], DEFECT, ())
    assert judged.is_rebuilt
    assert judged.findings == findings
    assert judged.free_findings == []
    other = msgspec.structs.replace(findings[0], check="another", verdict=findings[0].verdict)
    both = rejudge(execution, recording, [findings[0], other], DEFECT, ())
    assert both.free_findings == [other]


def test_failure_that_the_replay_does_not_show_stays_as_it_was():
    execution, recording = failing()
    findings = judge(execution)
    judged = rejudge(execution, recording, findings, (), ())
    assert not judged.is_rebuilt
    assert judged.execution is execution
    assert judged.findings == findings
    assert judged.divergence is not None


def test_failure_of_the_order_in_which_reports_came_is_none():
    """Pass a run whose reports came in another order than its events: restart-from-superblock, realtime, seed 21.

    A write's error was judged against members that had left by then.
    """
    execution, recording = run("connect-during-rebuild", 0)
    found = Finding(
        check="availability",
        kind="error",
        shape="write",
        summary="as it came",
        step=7,
        verdict=Verdict.INVALID,
    )
    judged = rejudge(execution, recording, [found], (), ())
    assert judged.findings == judged.free_findings == []
    assert judged.divergence is None
    for verdict in (Verdict.LIVENESS, Verdict.CRASHED):
        other = msgspec.structs.replace(found, verdict=verdict)
        assert rejudge(execution, recording, [other], (), ()).findings == [other]


def test_free_run_that_was_given_up_is_stuck_only_where_nothing_is_possible():
    execution, recording = run("connect-during-rebuild", 0)
    whole = recording.lives[0]
    recording.settled = False
    whole.outside = [record for record in whole.outside if record.step != Mark("done")]
    rebuilt = rebuild(recording, execution.plan, ())
    assert rebuilt.execution.settle_bound_hit
    for steps in whole.reactors:
        del steps[len(steps) // 2 :]
    cut = min(r.ticket for steps in whole.reactors for r in steps[-1:])
    for steps in whole.reactors:
        steps[:] = [record for record in steps if record.ticket <= cut]
    whole.outside = [record for record in whole.outside if record.ticket <= cut]
    rebuilt = rebuild(recording, execution.plan, ())
    assert not rebuilt.execution.settle_bound_hit
    assert rebuilt.execution.interrupted


def test_report_tells_the_share_and_where_a_broken_record_diverges():
    execution, recording = run("connect-during-rebuild", 0)
    report = Report("any", "realtime", 0, runs=2, fidelity=Fidelity())
    report.fidelity.add(3, rebuild(recording, execution.plan, ()).divergence, 0.25)
    steps = recording.lives[0].reactors[0]
    steps[30] = msgspec.structs.replace(steps[30], step=Deliver(0, 999, 999))
    divergence = rebuild(recording, execution.plan, ()).divergence
    report.fidelity.add(4, divergence, 0.25)
    changed = "\n".join(detail_lines(report))
    assert "in sim: 1 of 2 runs have the same events (0.25 s a run)" in changed
    assert (
        f"seed 4 diverges at step {divergence.step}: Deliver(reactor=0, sender=999, receiver=999)"
        in changed
    )
    both = report.fidelity.joined(report.fidelity)
    assert (both.runs, both.same, both.seconds) == (4, 2, 1.0)
    assert [run.seed for run in both.diverged] == [4, 4]


def test_report_has_no_fidelity_where_nothing_ran_free():
    assert Report("any", "sim", 0).fidelity is None
