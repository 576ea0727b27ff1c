"""A rebuild in a story: where it begins, what it skips or doesn't copy, who asks it to stop, and its end."""

from chaos.narrating.channel_views import ChannelViews
from chaos.narrating.rebuild_narrator import STOP_REQUEST, RebuildNarrator
from tests.chaos.narrating.moments import GROUP, OTHER, PLAN, REBUILD, Moments, array, told
from workers.bdev.io import IoType
from workers.errors import EIO, ENODEV
from workers.protocol import Event
from workers.shared import ProcessState

SLOT, TARGET = 1, 1
RUNNING = {"process_state": ProcessState.RUNNING, "target_slot": SLOT}
WHOLE = PLAN.blocks


def started(offset=0):
    return Moments().emit("rebuild.started", SLOT, TARGET, array=array(offset=offset, **RUNNING))


def window(moments, first, end, *, copied=True, views=None):
    moments.emit("rebuild.window_locked", first, end)
    if copied:
        moments.io(TARGET, IoType.WRITE, first, end - first, REBUILD)
    return moments.emit("rebuild.window_done", end, WHOLE)


def narrated(moments, views=None):
    narrator = RebuildNarrator(PLAN, views or ChannelViews())
    return told([clause for moment in moments.made for clause in narrator.take(moment)])


def channel(thread, members, offset, twin):
    views = ChannelViews()
    views.change(Event("raid.channel", thread, (members, offset, twin)))
    return views


def test_usual_rebuild_has_nothing_odd():
    moments = window(window(started(), 0, 8), 8, WHOLE)
    text = narrated(moments.emit("rebuild.finished", SLOT, TARGET, 0))
    assert "the rebuild of slot 1 onto disk1 ends with success." in text
    assert not [odd for odd in ("skips", "though nothing", "not going", "without") if odd in text]


def test_rebuild_that_begins_at_an_offset():
    text = narrated(started(offset=8))
    assert "onto disk1 starts at block 8: blocks 0-7 are not going to be copied" in text


def test_second_rebuild_beside_the_first():
    moments = started().emit("rebuild.started", 2, 2)
    assert "onto disk2 starts, while that onto disk1 runs" in narrated(moments)


def test_window_that_is_skipped():
    assert "the rebuild skips blocks 8-11" in narrated(window(window(started(), 0, 8), 12, WHOLE))


def test_window_of_which_nothing_is_copied():
    moments = window(window(started(), 0, 8), 8, WHOLE, copied=False)
    assert "though nothing was copied to blocks 8-15" in narrated(moments)
    # A target in C may copy on threads whose disk I/O isn't seen.
    assert "nothing" not in narrated(window(started(), 0, 8, copied=False))


def test_first_window_before_a_channel_knows_of_the_rebuild():
    text = narrated(window(started(), 0, 8), channel(GROUP, 1, -1, -1))
    assert "locks its first window, with the channels of nvmf_tgt_poll_group_0 without the" in text


def test_stop_is_asked_for_by_a_message_or_at_once():
    by_message = started().step(note=STOP_REQUEST, array=array(**RUNNING, offset=8))
    assert "the rebuild is asked to stop at its offset 8." in narrated(by_message)
    stopped = array(process_status=ENODEV, **RUNNING)
    assert "the rebuild is asked to stop at its offset 0." in narrated(
        started().step(array=stopped)
    )
    late = window(started(), 0, WHOLE).step(note=STOP_REQUEST, array=array(**RUNNING, offset=WHOLE))
    assert "offset 16, though it has copied everything" in narrated(late)
    # A disk that fails a copy ends the rebuild, too, and no request for that is made.
    failed = started().io(0, IoType.READ, 0, 8, REBUILD, note="failed")
    text = narrated(failed.step(array=array(process_status=EIO, **RUNNING)))
    assert text.endswith("disk0 fails a read of the rebuild (blocks 0-7).")


def test_end_that_channels_don_t_agree_with():
    ends = started().emit("rebuild.finished", SLOT, TARGET, 0)
    lacking = channel(GROUP, 1, -1, -1)
    assert "though the channel of nvmf_tgt_poll_group_0 lacks disk1" in narrated(ends, lacking)
    following = channel(OTHER, 1, 8, 3)
    assert "though the channel of nvmf_tgt_poll_group_1 follows the rebuild" in narrated(
        ends, following
    )
    failed = started().emit("rebuild.finished", SLOT, TARGET, -5)
    keeping = channel(GROUP, 3, -1, -1)
    assert "though the channel of nvmf_tgt_poll_group_0 keeps disk1" in narrated(failed, keeping)
    assert "though" not in narrated(ends, channel(GROUP, 3, -1, -1))
