"""The array in a story: members without a rebuild, whose write failed, visits that drop or keep, births at a bad moment."""

from chaos.narrating.array_narrator import ArrayNarrator
from chaos.narrating.topics import Topics
from tests.chaos.narrating.moments import ARRAY, GROUP, OTHER, PLAN, Moments, array, told
from workers.protocol import APP_THREAD, Event
from workers.shared import ProcessState

NOTHING = Topics(superblocks=False, quiesce=False, sessions=False)
BOTH, FIRST = 0b11, 0b01


def online():
    """Begin with an array that is online on disk0 and disk1, with a channel of two poll groups."""
    moments = Moments().emit("raid.created", 0, 1, array=array())
    for thread in (GROUP, OTHER):
        moments.emit("raid.channel_created", BOTH, -1, -1, thread=thread)
    return moments


def narrated(moments, missed=None):
    narrator = ArrayNarrator(PLAN, NOTHING)
    narrator.missed.update(missed or {})
    return told([clause for moment in moments.made for clause in narrator.take(moment)])


def test_member_that_comes_in_without_a_rebuild():
    moments = online().step(array=array(configured=(True, False)))
    assert "disk1 becomes a member again, without a rebuild" in narrated(
        moments.step(array=array())
    ).replace("Disk1", "disk1")
    other = online().step(array=array(disks=(0, -1), configured=(True, False)))
    text = narrated(other.step(array=array(disks=(0, 2))))
    assert text == "Disk2 becomes a member without a rebuild."


def test_target_of_a_rebuild_and_members_of_a_new_array_come_in_as_they_should():
    running = {"process_state": ProcessState.INIT, "target_slot": 1}
    moments = online().step(array=array(disks=(0, -1), configured=(True, False)))
    assert narrated(moments.step(array=array(disks=(0, 2), **running))) == ""
    assert narrated(Moments().step(array=array(is_online=False)).emit("raid.created", 0, 1)) == ""
    deleted = online().step(array=array(is_online=False, configured=(False, False)))
    assert narrated(deleted.step(array=array())) == ""


def test_slot_that_is_taken_before_the_rebuild():
    moments = online().step(array=array(disks=(0, -1), configured=(True, False)))
    moments.step(array=array(disks=(0, 2), configured=(True, False)))
    assert "Disk2 is put into slot 1, though its rebuild has not begun" in narrated(moments)


def test_failed_member_has_missed_the_write_of_a_request():
    moments = online().emit("raid.member_failed", 1, 1, thread=GROUP)
    marks = "nvmf_tgt_poll_group_0 marks disk1 (slot 1) failed, since it has missed "
    assert narrated(moments) == f"{marks}a write."
    assert narrated(moments, {1: "the unmap of op 7"}) == f"{marks}the unmap of op 7."


def test_visits_that_drop_a_member_and_a_channel_that_keeps_it():
    moments = online().emit("raid.channel", FIRST, -1, -1, thread=GROUP)
    keeps = "though the channel of nvmf_tgt_poll_group_1 keeps disk1"
    text = narrated(moments.emit("raid.member_removed", 1, 1))
    assert "The iteration's visit drops disk1 from the channel of nvmf_tgt_poll_group_0." in text
    assert keeps in text
    moments = online().emit("raid.channel", FIRST, -1, -1, thread=GROUP)
    moments.emit("raid.channel", FIRST, -1, -1, thread=OTHER).emit("raid.member_removed", 1, 1)
    text = narrated(moments)
    assert "from the channel of nvmf_tgt_poll_group_0 and nvmf_tgt_poll_group_1." in text
    assert "keeps" not in text


def test_member_that_is_out_before_a_superblock_records_it():
    moments = online().superblock(0, 2, 0, 1).superblock(1, 2, 0, 1)
    text = narrated(moments.emit("raid.member_removed", 1, 1))
    assert "though the newest superblock (2) still lists it as CONFIGURED" in text
    # The last one stays listed.
    text = narrated(moments.emit("raid.member_removed", 0, 0))
    assert text.count("still lists it") == 1


def test_channel_that_is_gone_keeps_nothing():
    moments = online().emit("raid.channel", FIRST, -1, -1, thread=GROUP)
    moments.emit("raid.channel_destroyed", thread=OTHER).emit("raid.member_removed", 1, 1)
    assert "keeps" not in narrated(moments)


def test_birth_that_takes_a_member_that_leaves():
    moments = online().emit("raid.removing_member", 1, 1)
    born = Event("raid.channel_created", APP_THREAD, (BOTH, -1, -1))
    assert (
        "app_thread creates its channel of the array, and takes disk1, whose removal is"
        in narrated(moments.step(born))
    )


def test_birth_that_takes_a_disk_that_is_not_in_sync():
    moments = online().step(array=array(disks=(0, 2), configured=(True, False)))
    text = narrated(moments.emit("raid.channel_created", BOTH, -1, -1))
    assert (
        "app_thread creates its channel of the array, and takes disk2 as a member, which isn't"
        in text
    )
    assert narrated(online().emit("raid.channel_created", BOTH, -1, -1)) == ""


def test_member_that_stays_is_not_leaving_any_more():
    moments = online().emit("raid.removing_member", 1, 1)
    moments.step(array=array(configured=(True, False))).step(array=array())
    text = narrated(moments.emit("raid.channel_created", BOTH, -1, -1))
    assert "becomes a member again" in text
    assert "whose removal" not in text


def test_array_that_is_deleted_while_a_member_leaves():
    moments = online().emit("raid.removing_member", 1, 1).emit("raid.deleted")
    assert "deleted, while the removal of disk1 is still in progress" in narrated(moments)
    assert narrated(online().emit("raid.deleted")) == "The array is deleted."


def test_reset_that_begins_before_an_earlier_one_has_ended():
    odd = "though an earlier one of it has not ended"
    resets = online().emit("bdev.resetting", ARRAY).emit("bdev.resetting", ARRAY)
    assert odd in narrated(resets)
    one_by_one = online().emit("bdev.resetting", ARRAY).emit("bdev.reset", ARRAY)
    assert odd not in narrated(one_by_one.emit("bdev.resetting", ARRAY))
