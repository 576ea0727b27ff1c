"""A host's request in a story: failures above and below, repairs, late writes, flushes, parts."""

from chaos.checkers import Finding, Verdict
from chaos.narrating.array_narrator import ArrayNarrator
from chaos.narrating.clauses import DECISIVE, FINDING, MINOR
from chaos.narrating.request_narrator import RequestNarrator
from chaos.narrating.topics import Topics
from chaos.steps.schedule import Deliver, Flush, Read, Write
from tests.chaos.narrating.moments import GROUP, PLAN, Moments, told
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType
from workers.nvmf.status import NvmeStatus

CONNECTION = 1_000
FAILED = {"note": "failed"}
BAD = int(NvmeStatus.INTERNAL_DEVICE_ERROR)


def finding(blocks=None, ops=()):
    return Finding(
        check="register",
        kind="stale",
        shape="read",
        summary="",
        step=99,
        verdict=Verdict.INVALID,
        blocks=blocks,
        ops=list(ops),
    )


def sent(moments, step):
    """Send a request, and let its thread handle it."""
    moments.step(step=step)
    return moments.step(step=Deliver(0, CONNECTION, GROUP), note="nvmf.io")


def write(op, slba=0, blocks=1):
    return Write(op, 0, CONNECTION, GROUP, slba, blocks)


def read(op, slba=0, blocks=1):
    return Read(op, 0, CONNECTION, GROUP, slba, blocks)


def clauses_of(moments, about=None):
    array = ArrayNarrator(PLAN, Topics(superblocks=False, quiesce=False, sessions=False))
    narrator = RequestNarrator(PLAN, about or finding(), array, set())
    clauses = []
    for moment in moments.made:
        clauses += narrator.take_disk(moment)
        array.take(moment)
        clauses += narrator.take(moment)
    return clauses, array


def narrated(moments, about=None):
    return told(clauses_of(moments, about)[0])


def test_read_that_fails_and_is_repaired_with_older_data():
    moments = sent(sent(Moments(), write(3)), read(4))
    moments.io(0, IoType.WRITE, 0, 1, GROUP, before=[0], after=[3])
    moments.io(0, IoType.READ, 0, 1, GROUP, before=[3], after=[3], **FAILED)
    moments.io(1, IoType.READ, 0, 1, GROUP, before=[0], after=[0])
    moments.io(0, IoType.WRITE, 0, 1, GROUP, before=[3], after=[0])
    text = narrated(moments)
    assert "it fails on disk0; it is read from disk1 instead, which holds zeroes" in text.replace(
        "Op 4", "it"
    )
    assert (
        "corrects the read error: it writes block 0 of disk0 with zeroes, over the data of op 3"
        in text
    )


def test_failure_on_a_disk_is_remembered_for_the_member_that_it_fails():
    moments = sent(Moments(), write(3))
    moments.io(1, IoType.WRITE, 0, 1, GROUP, before=[0], after=[0], **FAILED)
    clauses, array = clauses_of(moments)
    assert array.missed == {1: "the write of op 3"}
    assert "it fails on disk1" in told(clauses)


def test_error_bdev_fails_a_request_that_no_disk_sees():
    moments = sent(Moments(), write(3))
    moments.emit("bdev.error_injected", 1, ErrorType.FAILURE, IoType.WRITE, thread=GROUP)
    clauses, array = clauses_of(moments.answer(3, BAD))
    assert "it is failed by the error bdev of disk1; it fails with status INTERNAL" in told(clauses)
    assert "no disk has failed it" not in told(clauses)
    assert array.missed == {1: "the write of op 3"}
    other = sent(Moments(), write(3))
    other.emit("bdev.error_injected", 1, ErrorType.FAILURE, IoType.READ, thread=GROUP)
    assert "The error bdev of disk1 hits a read (failure)." in narrated(other)


def test_request_that_fails_though_no_disk_has_failed_it():
    assert "INTERNAL_DEVICE_ERROR, and has reached no disk" in narrated(
        sent(Moments(), write(3)).answer(3, BAD)
    )
    moments = sent(Moments(), write(3))
    moments.io(1, IoType.WRITE, 0, 1, GROUP, before=[0], after=[3])
    assert "INTERNAL_DEVICE_ERROR, though no disk has failed it" in narrated(moments.answer(3, BAD))


def test_write_that_lands_after_its_answer_and_after_a_reset():
    moments = sent(Moments(), write(3))
    moments.io(0, IoType.WRITE, 0, 1, GROUP, before=[0], after=[3]).answer(3, BAD)
    moments.emit("bdev.reset", 1)
    moments.io(1, IoType.WRITE, 0, 1, GROUP, before=[9], after=[3])
    text = narrated(moments)
    assert (
        "it reaches disk1 only now, after its answer and after the reset that ended at step 5"
        in (text.replace("Op 3", "it"))
    )
    assert "over the data of op 9, which is newer" in text
    assert "corrects the read error" not in text


def test_flush_that_has_failed_and_is_acknowledged():
    moments = sent(Moments(), Flush(3, 0, CONNECTION, GROUP))
    moments.io(1, IoType.FLUSH, 0, 1, GROUP, **FAILED).answer(3)
    assert "it fails on disk1; it is acknowledged, though it has failed on disk1" in narrated(
        moments
    )


def test_part_of_a_request_is_named_with_its_blocks():
    moments = sent(Moments(), write(3, 0, 4))
    moments.io(0, IoType.WRITE, 0, 2, GROUP, before=[0, 0], after=[3, 3])
    assert "it reaches disk0 with blocks 0-1" in narrated(moments)
    whole = sent(Moments(), write(3, 0, 2))
    whole.io(0, IoType.WRITE, 0, 2, GROUP, before=[0, 0], after=[3, 3])
    assert "it reaches disk0." in narrated(whole)


def test_split_by_a_bdev_is_said_of_the_request_that_is_split():
    moments = sent(sent(Moments(), write(3, 0, 4)), write(4, 8, 2))
    text = narrated(moments.emit("bdev.split", PLAN.layout.disks, 4, thread=GROUP))
    assert text.endswith("Op 3 is split into parts by the array.")


def test_run_that_can_t_be_taken_again_has_no_data():
    moments = sent(Moments(), write(3)).io(0, IoType.WRITE, 0, 1, GROUP).answer(3)
    moments.io(1, IoType.WRITE, 0, 1, GROUP)
    assert "it reaches disk0; it is acknowledged" in narrated(moments)
    assert "corrects" not in narrated(moments)


def test_requests_of_the_finding_weigh_most_and_those_of_other_blocks_least():
    moments = sent(sent(sent(Moments(), write(3, 4)), write(4, 8)), write(5, 4))
    weights = {
        clause.key: clause.weight
        for clause in clauses_of(moments, finding(blocks=(4, 5), ops=[5]))[0]
    }
    assert weights == {"op 3": DECISIVE, "op 4": MINOR, "op 5": FINDING}
