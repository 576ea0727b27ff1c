"""The step log keeps finished steps, shows one that was only begun, and reports when it is full."""

from workers.protocol import Deliver, Event, FinishIo, Message, Outcome, Reply
from workers.step_log import HEADER_BYTES, StepLog, recorded

STEP = FinishIo(1, 3, 0, 2, 8, 4, 0)
OUTCOME = Outcome(
    posted=[Deliver(0, 3, 0)],
    outgoing=[Message(0, 3, 0, "reply", 7, (b"x" * 512,))],
    started=[STEP],
    armed=[],
    replies=[Reply(1_010, 5, 0, 0, b"data" * 512)],
    events=[Event("disk.fault", 3, (1, 2))],
)


def written(log: StepLog, count: int) -> None:
    for number in range(1, count + 1):
        log.begin(number, 10 * number, STEP, 0)
        log.done(OUTCOME)


def test_what_was_written_is_read_by_another_view_of_the_memory():
    memory = bytearray(10_000)
    written(StepLog(memory), 3)
    records = StepLog(memory).read()
    assert [(r.number, r.ticket, r.step) for r in records] == [(n, 10 * n, STEP) for n in (1, 2, 3)]
    assert all(record.outcome == recorded(OUTCOME) for record in records)


def test_step_that_was_cut_short_is_begun_and_not_done():
    memory = bytearray(10_000)
    log = StepLog(memory)
    written(log, 2)
    log.begin(3, 99, STEP, 4)
    *whole, torn = StepLog(memory).read()
    assert len(whole) == 2
    assert (torn.number, torn.ticket, torn.cause, torn.outcome) == (3, 99, 4, None)


def test_half_that_was_cut_short_has_not_been():
    memory = bytearray(10_000)
    log = StepLog(memory)
    written(log, 2)
    used = int.from_bytes(memory[:8], "little")
    log.begin(3, 99, STEP, 0)
    memory[:8] = used.to_bytes(8, "little")  # killed before it counted
    assert [record.number for record in log.read()] == [1, 2]


def test_full_log_says_so_and_keeps_what_it_has():
    memory = bytearray(HEADER_BYTES + 500)
    log = StepLog(memory)
    assert not log.is_full
    written(log, 50)
    assert log.is_full
    kept = log.read()
    assert 1 < len(kept) < 50
    assert [record.number for record in kept] == list(range(1, len(kept) + 1))
    log.clear()
    assert not log.is_full
    assert log.read() == []


def test_data_and_messages_are_not_kept_but_data_is_told_apart():
    one, other = recorded(OUTCOME), recorded(Outcome([], [], [], [], [Reply(1, 2, 0, 0, b"y")], []))
    assert one.outgoing == []
    assert len(one.replies[0].data) == 8
    assert one.replies[0].data != other.replies[0].data
    assert OUTCOME.replies[0].data == b"data" * 512
