"""What free-running reactors record is enough to know the one order of all their steps."""

import pytest
import trio

from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeRun
from chaos.experiment import Experiment, Operation
from chaos.judge import judge
from chaos.plan import resolve
from workers.protocol import OPERATOR, Deliver
from workers.shared import Globals

EXPERIMENT = Experiment(
    name="recorded",
    reactors=3,
    milliseconds=500,
    operations=(Operation(kind="member_removal", between=(0, 200)),),
)


@pytest.fixture(scope="module")
def run():
    """A free run that has ended, with its processes' last words in shared memory."""
    processes = Processes(Limits(3, 3, 128))
    free_run = RealtimeRun(processes, resolve(EXPERIMENT, 3), 3, ())
    execution = trio.run(free_run.main)
    counters = list(processes.block.globals.words[Globals.FIRST_COUNTER :])
    free_run.end()
    processes.close()
    assert judge(execution) == []
    return free_run._records, counters


def test_every_step_is_numbered_reported_and_counted(run):
    records, counters = run
    for reactor, steps in enumerate(records):
        assert [record.number for record in steps] == list(range(1, len(steps) + 1))
        begun, done = counters[2 * reactor : 2 * reactor + 2]
        assert begun == done == len(steps) > 50


def test_tickets_give_one_order_that_agrees_with_every_reactor_s_own(run):
    records, _ = run
    tickets = [record.ticket for steps in records for record in steps]
    assert sorted(tickets) == list(range(1, len(tickets) + 1))
    for steps in records:
        own = [record.ticket for record in steps]
        assert own == sorted(own)


def test_delivered_messages_name_the_step_that_sent_them(run):
    records, _ = run
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
                sent.ticket < record.ticket
                and any(
                    (m.sender, m.receiver) == (step.sender, step.receiver)
                    for m in sent.outcome.outgoing
                )
                for sent in senders
            )
    assert crossed > 20
