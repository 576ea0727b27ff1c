"""The request that an I/O of a disk serves: by thread, kind and blocks, or both where nothing distinguishes two."""

import pytest

from chaos.showing.labels import make_labels
from chaos.showing.narrative import narrate
from chaos.showing.serving import OPS_NAMED_MAX
from chaos.showing.wording.words import exact_words
from chaos.steps.schedule import Deliver, Read, Write
from tests.stories import PLAN, Story
from workers.bdev.io import IoType

LABELS = make_labels(PLAN, 0)
CONNECTION, THREAD = 1_010, 2


def sent(story, *steps):
    """Send each of these requests, and handle its message."""
    for step in steps:
        story.add(step)
    for step in steps:
        story._add(Deliver(1, step.connection, THREAD), None, "nvmf.io")
    return story


def write(op, slba=0, blocks=1, connection=CONNECTION):
    return Write(op, 0, connection, THREAD, slba, blocks)


def last(story):
    execution = story.execution()
    return narrate(execution, exact_words(execution, LABELS), [])[-1].words


def test_the_request_in_flight_is_named():
    story = sent(Story(), write(7, 2, 3))
    assert last(story.serve(0, 2, 3, io_type=IoType.WRITE)).endswith(
        "a write of blocks 2-4 for op 7 (nvmf_tgt_poll_group_1)"
    )


@pytest.mark.parametrize(
    "io",
    [
        {"io_type": IoType.READ},
        {"io_type": IoType.WRITE, "thread": 1},
        {"io_type": IoType.WRITE, "offset": 2},
    ],
)
def test_io_of_another_kind_thread_or_block_serves_no_request(io):
    assert " op " not in last(sent(Story(), write(7)).serve(0, **io))


def test_request_that_is_not_handled_yet_or_answered_is_not_served():
    unhandled = Story().add(write(7)).serve(0, io_type=IoType.WRITE)
    assert " op " not in last(unhandled)
    answered = sent(Story(), write(7)).answer(7).serve(0, io_type=IoType.WRITE)
    assert " op " not in last(answered)
    killed = sent(Story(), write(7)).kill().serve(0, io_type=IoType.WRITE)
    assert " op " not in last(killed)
    gone = sent(Story(), write(7)).end(CONNECTION).serve(0, io_type=IoType.WRITE)
    assert " op " not in last(gone)


def test_of_two_requests_the_one_with_just_these_blocks_is_named():
    story = sent(Story(), write(7, 0, 4), write(8, 1, 1))
    assert " for op 8 " in last(story.serve(0, 1, 1, io_type=IoType.WRITE))


def test_disk_serves_a_request_once():
    story = sent(Story(), write(7), write(8, connection=CONNECTION + 1))
    story.serve(0, io_type=IoType.WRITE)
    assert " for op 7 or op 8 " in last(story)
    only = sent(Story(), write(7)).serve(0, io_type=IoType.WRITE)
    sent(only, write(8, connection=CONNECTION + 1)).serve(0, io_type=IoType.WRITE)
    assert " for op 8 " in last(only)


def test_too_many_candidates_name_none():
    many = [write(op, connection=CONNECTION + op) for op in range(OPS_NAMED_MAX + 1)]
    assert " op " not in last(sent(Story(), *many).serve(0, io_type=IoType.WRITE))


def test_read_that_a_second_disk_serves_is_still_the_same():
    story = sent(Story(), Read(9, 0, CONNECTION, THREAD, 5, 2))
    story.serve(0, 5, 2, note="failed")
    assert "for op 9" in last(story)
    assert "for op 9" in last(story.serve(1, 5, 2))
