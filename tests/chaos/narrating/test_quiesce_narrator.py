"""Quiesces in a story: asked for, in force, behind another, not held by a channel."""

from chaos.narrating.quiesce_narrator import QuiesceNarrator
from chaos.narrating.topics import Topics
from tests.chaos.narrating.moments import ARRAY, GROUP, PLAN, Moments, array, told
from workers.bdev.bdev import EVERYTHING
from workers.protocol import APP_THREAD, Event
from workers.shared import LockRow

WHOLE = LockRow(1, 0, EVERYTHING, APP_THREAD, 1)
WINDOW = LockRow(2, 0, 8, APP_THREAD, 1)


def narrated(moments, *, is_about_it=True):
    topics = Topics(superblocks=False, quiesce=is_about_it, sessions=False)
    narrator = QuiesceNarrator(PLAN, topics)
    return told([clause for moment in moments.made for clause in narrator.take(moment)])


def test_quiesce_is_asked_for_takes_hold_and_ends():
    moments = Moments().step(array=array(locks=(WHOLE,)))
    moments.emit("bdev.quiesced", ARRAY, 1, 0, EVERYTHING).emit("bdev.unquiesced", ARRAY, 1)
    assert narrated(moments) == (
        "app_thread asks for a quiesce of all blocks; the quiesce of all blocks takes hold; "
        "the quiesce of all blocks ends."
    )
    # Each window of a rebuild is quiesced, so that is in no other story.
    assert narrated(moments, is_about_it=False) == ""


def test_pending_quiesce_names_the_one_ahead():
    moments = Moments().step(array=array(locks=(WHOLE,)))
    moments.step(array=array(locks=(WHOLE,), pending=(WINDOW,)))
    assert "of blocks 0-7, which waits until that of all blocks is over" in narrated(moments)


def test_lock_of_a_compare_and_write_is_no_quiesce():
    held = LockRow(1, 0, 8, APP_THREAD, 0)
    assert narrated(Moments().step(array=array(locks=(held,)))) == ""


def test_channel_that_does_not_hold_it_is_named_in_any_story():
    moments = Moments().step(array=array(locks=(WHOLE,)))
    moments.emit("bdev.quiesced", ARRAY, 1, 0, EVERYTHING, unheld=((1, GROUP),))
    text = narrated(moments, is_about_it=False)
    assert (
        "all blocks takes hold, though the channel of nvmf_tgt_poll_group_0 doesn't hold it" in text
    )


def test_new_channel_that_does_not_inherit_it_is_named():
    moments = Moments().step(array=array(locks=(WHOLE,)))
    born = Event("raid.channel_created", GROUP, (3, -1, -1))
    text = narrated(moments.step(born, unheld=((1, GROUP),)), is_about_it=False)
    assert "its channel of the array, which doesn't inherit the quiesce of all blocks" in text
    assert narrated(Moments().step(array=array(locks=(WHOLE,))).step(born), is_about_it=False) == ""
