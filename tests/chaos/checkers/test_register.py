"""The register check: the values that a read may return, and those that it must not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.checkers.register import check_register, judge_reads
from chaos.narrating.described import describe_run
from chaos.steps.payload import FOREIGN, MISDIRECTED, TORN, decode, payload
from tests.stories import ERROR, MISCOMPARE, PLAN, Story
from workers.bdev.io import BLOCK_SIZE


@pytest.mark.parametrize(
    ("story", "kinds"),
    [
        (Story().read(1, 0), []),
        (Story().write(1).read(2, 1), []),
        (Story().write(1).read(2, 0), ["lost"]),
        (Story().write(1).write(2).read(3, 1), ["stale"]),
        (Story().write(1).read(2, 77), ["foreign"]),
        (Story().write(1).read(2, TORN), ["torn"]),
        (Story().write(1).read(2, MISDIRECTED), ["misdirected"]),
        (Story().write(1).read(2, FOREIGN), ["foreign"]),
        # A value of a write elsewhere is foreign here.
        (Story().write(1, slba=3).read(2, 1), ["foreign"]),
        # Only the block that is wrong is named, and the others are right.
        (Story().write(1, blocks=3).write(4, slba=1).read(5, 1, 1, 1), ["stale"]),
        # A read that is in flight during a write returns old or new data, also twice in the wrong order.
        (Story().write(1).send_write(2).read(3, 2).read(4, 1).answer(2).read(5, 2), []),
        (Story().write(1).send_read(3).write(2).answer(3, 1), []),
        (Story().write(1).send_read(3).write(2).answer(3, 2), []),
        # A failed write may have landed or not, until it is overwritten.
        (Story().write(1).send_write(2).answer(2, status=ERROR).read(3, 2).read(4, 1), []),
        (Story().write(1).send_write(2).answer(2, status=ERROR).write(3).read(4, 2), ["stale"]),
        # A write without an answer may land until its connection is destroyed, also after newer ones.
        (Story().write(1).send_write(2).write(3, connection=3).read(4, 2).read(5, 3), []),
        (Story().send_write(2).end(1).write(3, connection=3).read(4, 2), ["stale"]),
        (Story().send_write(2).write(3, connection=3).end(1).read(4, 2), []),
        # A failed read proves nothing.
        (Story().write(1).send_read(2).answer(2, status=ERROR), []),
        # The target was killed: a write in flight may be there, missing, or torn, but never what it superseded.
        (Story().write(1).send_write(2).kill().read(3, 2).read(4, 1).read(5, TORN), []),
        (Story().write(1).write(2).kill().read(3, 1), ["stale"]),
        (Story().send_write(2).kill().write(3).read(4, TORN), ["torn"]),
        # Unmapped blocks read zero, and nothing else.
        (Story().write(1).unmap(2).read(3, 0), []),
        (Story().write(1).unmap(2).read(3, 1), ["stale"]),
        (Story().unmap(1).write(2).read(3, 0), ["lost"]),
        # A compare-and-write that matched saw what it expected; one that didn't has written nothing.
        (Story().write(1).compare(2, 1).read(3, 2), []),
        (Story().write(1).write(2).compare(3, 1), ["stale"]),
        (Story().write(1).compare(2, 7, status=MISCOMPARE).read(3, 1), []),
        (Story().write(1).compare(2, 7, status=MISCOMPARE).read(3, 2), ["stale"]),
        # Power loss may drop writes that were acknowledged and not flushed.
        (Story().write(1).write(2).lose_power().read(3, 2).read(4, 1).read(5, 0), []),
        (Story().write(1).flush(2).write(3).lose_power().read(4, 1).read(5, 3), []),
        (Story().write(1).flush(2).write(3).lose_power().read(4, 0), ["lost"]),
        (Story().write(1).write(2).flush(3).lose_power().read(4, 1), ["stale"]),
        (Story().write(1).write_fua(2).lose_power().read(3, 1), ["stale"]),
        (Story().write(1).lose_power().write(2).read(3, 1), ["stale"]),
        # A flush covers only writes acknowledged before it was sent, and only if it succeeds.
        (Story().send_flush(2).write(1).answer(2).lose_power().read(3, 0), []),
        (Story().write(1).send_flush(2).answer(2, status=ERROR).lose_power().read(3, 0), []),
        # Without power loss a cache keeps its content.
        (Story().write(1).kill().read(3, 0), ["lost"]),
        # Silent corruption may show anything, until the block is overwritten.
        (Story().write(1).rot(0).read(2, FOREIGN), []),
        (Story().write(1).rot(0).write(2).read(3, FOREIGN), ["foreign"]),
        (Story().write(1).rot(3).read(2, FOREIGN), ["foreign"]),
        # A read with fewer blocks than requested.
        (Story().send_read(1, 0, 2).answer(1, 0), ["short"]),
    ],
)
def test_what_a_read_may_return(story, kinds):
    assert [finding.kind for finding in judge_reads(story.history, PLAN)[1]] == kinds


def test_finding_names_the_events_that_contradict_each_other():
    finding = judge_reads(Story().write(1).write(2).read(3, 1).history, PLAN)[1][0]
    assert finding.ops == [2, 1, 3]
    assert "stale data: read op 3 of host 0 got op 1 in block 0" in finding.summary


@given(st.integers(0, 9), st.integers(1, 1 << 20), st.integers(0, 1 << 20), st.integers(1, 6))
def test_payload_says_who_wrote_it(host, op, slba, blocks):
    assert decode(payload(host, op, slba, blocks), slba) == [op] * blocks


@settings(max_examples=60)
@given(st.integers(16, BLOCK_SIZE - 16), st.binary(min_size=BLOCK_SIZE, max_size=BLOCK_SIZE))
def test_damaged_payload_is_known_as_such(cut, noise):
    one, other = payload(0, 1, 5, 1), payload(1, 2, 5, 1)
    cut -= cut % 16
    assert decode(one[:cut] + other[cut:], 5) == [TORN]
    assert decode(one, 6) == [MISDIRECTED]
    assert decode(noise, 5)[0] in (FOREIGN, 0)


def test_finding_names_the_blocks_the_disk_and_what_contradicts_it():
    story = Story().write(1, blocks=3).write(2, blocks=2).send_read(3, 0, 3).serve(1, 0, 3)
    (finding,) = check_register(story.answer(3, 1, 1, 1).execution())
    assert (finding.blocks, finding.disk) == ((0, 1), 1)
    assert [event.step for event in finding.events] == [4, 7]


def test_story_tells_each_event_of_the_contradiction_once():
    story = Story().write(1).write(2).read(3, 2).read(4, 1)
    execution = story.execution()
    (finding,) = check_register(execution)
    lines = describe_run(execution, [finding], 0).story
    heads = ["steps 1-2", "steps 3-4", "steps 5-6", "steps 7-8", "step 8"]
    assert [line.split(":")[0] for line in lines] == heads
    assert lines[-1] == f"step 8: {finding.summary}"


def test_story_tells_what_no_answer_does():
    story = Story().write(1, slba=4).send_write(2, slba=3).read(3, 1)
    execution = story.execution()
    (finding,) = check_register(execution)
    lines = describe_run(execution, [finding], 0).story
    assert lines[0].startswith("steps 1-2: ")
    assert finding.events[0].says == "write op 1 is for block 4"
