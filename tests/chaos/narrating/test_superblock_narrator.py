"""Superblocks in a story: their sequence numbers, two writes at once, a round that reached no disk, a stale member."""

import pytest

from chaos.narrating.superblock_narrator import SuperblockNarrator
from chaos.narrating.topics import Topics
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from tests.chaos.narrating.moments import PLAN, Moments, told
from workers.bdev.io import IoType
from workers.protocol import APP_THREAD

ABOUT = Topics(superblocks=True, quiesce=False, sessions=False)
MEMBERS = [0, 1]


def narrated(moments, members=MEMBERS, leaving=()):
    narrator = SuperblockNarrator(PLAN, ABOUT)
    first = Moments().emit("raid.superblock_writing", 1).superblock(0, 1, 0, 1)
    first.superblock(1, 1, 0, 1).emit("raid.superblock_ended", 0)
    for moment in first.made:
        assert narrator.take(moment, list(members), []) == []  # the set-up's sentence has it
    clauses = [
        clause
        for moment in moments.made
        for clause in narrator.take(moment, list(members), list(leaving))
    ]
    return narrator, told(clauses)


def test_each_write_has_its_sequence_number_and_what_it_lists():
    moments = Moments().emit("raid.superblock_writing", 2).superblock(0, 2, 0)
    _, text = narrated(moments.emit("raid.superblock_ended", 0))
    assert text == (
        "The superblock with sequence number 2 is written to disk0, and lists disk0 as CONFIGURED."
    )


def test_two_writes_under_way_at_once():
    moments = Moments().emit("raid.superblock_writing", 2).superblock(0, 2, 0, 1)
    moments.emit("raid.superblock_writing", 3).superblock(1, 2, 0, 1)
    _, text = narrated(moments)
    assert "2 is written to disk1, while that with 3 is under way: two writes of it at once" in text


def test_one_round_after_the_other_is_not_two_at_once():
    moments = Moments().emit("raid.superblock_writing", 2).superblock(0, 2, 0, 1)
    moments.emit("raid.superblock_ended", 0).emit("raid.configuring", 1, 2)
    moments.emit("raid.superblock_writing", 2).superblock(1, 2, 0, 1)
    assert "at once" not in narrated(moments)[1]
    # A round of which no end was emitted is over when another array comes.
    moments = Moments().emit("raid.superblock_writing", 5).emit("raid.deleted")
    moments.emit("raid.superblock_writing", 2).superblock(1, 2, 0, 1)
    assert "at once" not in narrated(moments)[1]


def test_sequence_number_that_goes_back():
    moments = Moments().emit("raid.superblock_writing", 5).superblock(0, 5, 0)
    moments.emit("raid.superblock_ended", 0).superblock(0, 4, 0)
    assert "4 is written to disk0, over one with 5" in narrated(moments)[1]


def test_round_that_wrote_nothing_is_said_with_what_is_still_on_disk():
    moments = Moments().emit("raid.removing_member", 0, 0).emit("raid.superblock_ended", 0)
    text = narrated(moments, leaving=MEMBERS)[1]
    assert "records the removal of disk0 is written to no disk, as all its members" in text
    assert "on disk it still lists disk0 and disk1 as CONFIGURED" in text


def test_nothing_is_said_to_be_unwritten_where_it_has_landed():
    """End two rounds after the superblocks of both have landed, as two writes at once do."""
    moments = Moments().emit("raid.removing_member", 0, 0)
    moments.emit("raid.superblock_writing", 2).emit("raid.superblock_writing", 3)
    moments.superblock(1, 2, 1).superblock(1, 3, 1)
    moments.emit("raid.superblock_ended", 0).emit("raid.superblock_ended", 0)
    assert "no disk" not in narrated(moments, leaving=[0])[1]


@pytest.mark.parametrize(
    ("kind", "first", "what"),
    [
        (IoType.WRITE, -PLAN.data_offset, "disk1 fails a write of its superblock"),
        (IoType.READ, -PLAN.data_offset, "disk1 fails a read of its superblock"),
        (IoType.FLUSH, 0, "disk1 fails a flush of the array's own"),
    ],
)
def test_failure_of_the_array_s_own_io_is_said(kind, first, what):
    failing = Moments().io(1, kind, first, 1, APP_THREAD, note="failed")
    assert what in narrated(failing)[1].replace("Disk1", "disk1")
    assert narrated(Moments().io(1, kind, first, 1, APP_THREAD))[1] == ""


def test_failure_of_the_look_for_a_superblock_is_said_of_an_array_that_has_none():
    bare = resolve(Experiment(name="bare", superblock_share=0), 0)
    assert bare.data_offset == 0
    read = Moments().io(1, IoType.READ, -PLAN.data_offset, 2, APP_THREAD, note="failed")
    clauses = SuperblockNarrator(bare, ABOUT).take(read.made[0], MEMBERS, [])
    assert told(clauses) == "Disk1 fails the read that looks for another array's superblock."


def test_disk_that_the_newest_superblock_of_others_still_lists():
    moments = Moments().emit("raid.superblock_writing", 2).superblock(0, 2, 0)
    narrator, _ = narrated(moments.emit("raid.superblock_ended", 0))
    assert narrator.still_list(1) == ""
    still = ", though the newest superblock (1) still lists it as CONFIGURED"
    assert narrator.still_list(0) == still  # on disk1, which has not been written


def test_assembly_names_the_members_that_the_newest_superblock_leaves_out():
    moments = Moments().emit("raid.superblock_writing", 2).superblock(1, 2, 1)
    moments.emit("raid.superblock_ended", 0).emit("raid.superblock_writing", 3)
    narrator, _ = narrated(moments)
    assert narrator.assembled(9, [0, 1]).text == (
        "the array is assembled from disk0 and disk1 (sequence numbers 1 on disk0 and 2 on disk1), "
        "though the superblock with 2 doesn't list disk0 as CONFIGURED"
    )
    assert "though" not in narrator.assembled(9, [1]).text
