"""Bars of requests: from the request's step to its answer's, and their ends."""

import pytest

from chaos.plan.rpcs import RPCS
from chaos.showing.requests import STEPS_MIN, TRACKS_MAX, requests_of
from chaos.showing.wording.bars import bar_label
from chaos.showing.wording.places import Places
from chaos.steps.history import Undelivered
from chaos.steps.schedule import (
    Admin,
    CompareAndWrite,
    Connect,
    Disconnect,
    Flush,
    Inject,
    Open,
    Operate,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)
from tests.stories import ERROR, PLAN, Story
from workers.nvmf.status import AdminOpcode

PLACES = Places(PLAN)
CONNECTION = 1_010


def bars(story):
    return requests_of(story.execution(), PLACES)


def one(story):
    (bar,) = bars(story)
    return bar.begin, bar.end, bar.outcome


def test_bar_goes_from_request_to_answer_and_says_how_it_ended():
    assert one(Story().serve(0).write(7)) == (2, 3, "ok")
    assert one(Story().send_write(7).answer(7, status=ERROR)) == (1, 2, "failed")
    assert one(Story().send_write(7).observe(Undelivered, 7)) == (1, 2, "unheard")
    assert one(Story().send_write(7).serve(0).serve(0)) == (1, 3, "open")


@pytest.mark.parametrize("end", ["kill", "lose_power", "crash"])
def test_end_of_the_target_cuts_all_bars(end):
    story = Story().send_write(7).serve(0)
    getattr(story, end)()
    assert one(story.serve(0)) == (1, 3, "cut")


def test_end_of_a_connection_answers_its_disconnect_and_cuts_what_is_open_on_it():
    story = Story().send_write(7, connection=CONNECTION)
    story.add(Disconnect(8, 0, CONNECTION, 1)).send_write(9, connection=CONNECTION + 1)
    ended = {bar.op: (bar.end, bar.outcome) for bar in bars(story.end(CONNECTION).serve(0))}
    assert ended == {7: (4, "cut"), 8: (4, "ok"), 9: (5, "open")}


def test_what_nobody_waits_for_has_no_bar():
    story = Story().add(Inject(1, "disk_pull", 0, ())).answer(1)
    story.add(Admin(2, 0, CONNECTION, 1, AdminOpcode.ASYNC_EVENT_REQUEST))
    assert bars(story) == []


def test_lane_is_that_of_the_asking_side():
    story = Story().write(7).add(Operate(8, "bdev_reset", (0,))).answer(8)
    assert [(bar.lane, bar.op) for bar in bars(story)] == [("H0", 7), ("OP", 8)]


def test_bars_that_overlap_lie_on_tracks_and_one_that_is_free_again_is_used():
    story = Story().send_write(1).send_write(2).answer(1).answer(2)
    for _ in range(STEPS_MIN):
        story.serve(0)
    assert [bar.track for bar in bars(story.write(3))] == [0, 1, 0]


def test_tracks_are_bounded():
    story = Story()
    for op in range(1, 3 * TRACKS_MAX):
        story.send_write(op)
    assert {bar.track for bar in bars(story)} == set(range(TRACKS_MAX))


@pytest.mark.parametrize(
    ("step", "label"),
    [
        (Write(35, 0, 1, 1, 2, 6), "W 2–7 #35"),
        (Write(35, 0, 1, 1, 2, 1, True), "W 2 FUA #35"),
        (Read(4, 0, 1, 1, 0, 2), "R 0–1 #4"),
        (Unmap(4, 0, 1, 1, 0, 1), "U 0 #4"),
        (WriteZeroes(4, 0, 1, 1, 0, 1), "Z 0 #4"),
        (CompareAndWrite(4, 0, 1, 1, 0, 1, 0, 3), "C 0 #4"),
        (Flush(4, 0, 1, 1), "F #4"),
        (Open(4, 0, 1), "open #4"),
        (Connect(4, 0, 1, 1, 0, 1), "connect admin #4"),
        (Connect(4, 0, 1, 1, 2, 1), "connect Q2 #4"),
        (Disconnect(4, 0, 1, 1), "disconnect #4"),
        (Admin(4, 0, 1, 1, AdminOpcode.KEEP_ALIVE), "keep alive #4"),
        (Operate(4, "bdev_raid_add_base_bdev", (1,)), "add_base_bdev disk1 #4"),
        (Operate(4, "nvmf_subsystem_add_ns", (1,)), "add_ns #4"),
    ],
)
def test_label_is_kind_blocks_and_number(step, label):
    assert bar_label(step, PLACES) == label


def test_every_rpc_has_a_short_label():
    for method, row in RPCS.items():
        label = bar_label(Operate(4, method, (0,) * row.arity[0]), PLACES)
        assert label.endswith(" #4")
        assert len(label) < 34
