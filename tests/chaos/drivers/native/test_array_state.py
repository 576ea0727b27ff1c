"""The events that follow from a target's replies and from what it reports of rebuilds and members."""

from __future__ import annotations

import json

from chaos.drivers.native.array_state import ArrayState, awaited
from workers.errors import EIO, OK
from workers.shared import ControlBlock

BLOCKS = 16


def array_of(*slots: int | None, process: tuple[int, int] | None = None) -> bytes:
    """Write the reply of an array of which these disks are configured; ``process``: its target, and the copied blocks."""
    listed = [
        {
            "name": None if disk is None else f"disk{disk}",
            "is_configured": disk is not None,
            "data_offset": 8,
            "data_size": BLOCKS,
        }
        for disk in slots
    ]
    members = sum(disk is not None for disk in slots)
    array = {
        "name": "raid0",
        "state": "online",
        "num_base_bdevs": len(slots),
        "num_base_bdevs_discovered": members,
        "num_base_bdevs_operational": members,
        "base_bdevs_list": listed,
    }
    if process is not None:
        target, blocks = process
        array["process"] = {"target": f"disk{target}", "progress": {"blocks": blocks}}
    return json.dumps([array]).encode()


def followed(*texts: bytes) -> tuple[ArrayState, list[tuple[str, tuple[int, ...]]]]:
    state = ArrayState(ControlBlock(bytearray(ControlBlock.SIZE)).raid)
    return state, [row for text in texts for row in rows(state.take(text))]


def rows(events) -> list[tuple[str, tuple[int, ...]]]:
    return [(event.name, event.args) for event in events]


DEGRADED = array_of(0, None)
BEGINS = array_of(0, 1, process=(1, 0))


def test_a_hidden_rebuild_ends_when_the_target_says_so_and_as_it_says():
    for status in (OK, -EIO):
        state, _ = followed(DEGRADED, BEGINS, array_of(0, 1, process=(1, BLOCKS)))
        assert rows(state.take(array_of(0, 1))) == []  # no process is shown any more
        assert rows(state.rebuild_ended(status)) == [("rebuild.finished", (1, 1, status))]
        # Reported before the reply has changed, it ends with that reply.
        state, _ = followed(DEGRADED, BEGINS)
        assert state.rebuild_ended(status) == []
        assert rows(state.take(array_of(0, 1))) == [("rebuild.finished", (1, 1, status))]


def test_a_window_counts_as_copied_only_once_it_was_written():
    state, _ = followed(DEGRADED, BEGINS)
    text = array_of(0, 1, process=(1, 4))
    assert rows(state.take(text)) == []
    state.copied(1, 8 + 4)
    assert rows(state.take(text)) == [("rebuild.window_done", (4, BLOCKS))]
    state.copied(1, 8 + 8)
    state.copy_failed(1)
    assert rows(state.take(array_of(0, 1, process=(1, 8)))) == []


def test_of_two_rebuilds_at_once_both_end():
    state, events = followed(array_of(0, None, None), array_of(0, 1, None, process=(1, 0)))
    assert events[-1] == ("rebuild.started", (1, 1))
    assert (
        rows(state.take(array_of(0, 1, 2, process=(2, 0)))) == []
    )  # the second one hides the first
    assert rows(state.take(array_of(0, 1, 2))) == []
    assert rows(state.rebuild_ended(OK)) == [("rebuild.finished", (1, 1, OK))]
    assert rows(state.rebuild_ended(OK)) == [
        ("rebuild.started", (2, 2)),
        ("rebuild.finished", (2, 2, OK)),
    ]


def test_slots_that_are_kept_for_disks_are_found_by_their_uuids():
    (array,) = json.loads(array_of(0, None, None))
    for slot, uuid in zip(array["base_bdevs_list"], ("a", "b", "c"), strict=True):
        slot["uuid"] = uuid
    array["base_bdevs_list"][2]["name"] = "nothing"  # what a refused request has left there
    assert awaited(json.dumps([array]).encode(), ["c", "b", "a", "d"]) == 1 << 1


def test_a_member_is_given_up_with_a_reason_or_without():
    state, _ = followed(array_of(0, 1))
    assert rows(state.given_up(0)) == [("raid.removing_member", (0, 0))]
    assert state.removal_begins(0) == []  # it was pulled as well
    state.io_failed(1)
    assert rows(state.given_up(1)) == [
        ("raid.member_failed", (1, 1)),
        ("raid.removing_member", (1, 1)),
    ]
    assert rows(state.take(array_of(0, None))) == [("raid.member_removed", (1, 1))]
    assert rows(state.take(array_of(0, 1, process=(1, 0)))) == [("rebuild.started", (1, 1))]
    assert state.take(array_of(0, 1)) == []
    assert rows(state.rebuild_ended(OK)) == [("rebuild.finished", (1, 1, OK))]
    assert rows(state.given_up(1)) == [
        ("raid.removing_member", (1, 1))
    ]  # the failure was before it became a member
    assert rows(state.take(array_of(0, None))) == [("raid.member_removed", (1, 1))]
    state.io_failed(0)
    assert state.given_up(0) == []  # the last one: it still has all acknowledged data
    assert state.given_up(1) == []  # nothing is there
