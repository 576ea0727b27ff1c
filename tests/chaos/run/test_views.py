"""The model's knowledge of a disk and of the array: the tables that change them."""

import msgspec
import pytest

from chaos.plan.faults import FAULTS, INJECTIONS
from chaos.plan.plan import resolve
from chaos.run.array_view import ArrayState, ArrayView, Cause, Intent
from chaos.run.disk_view import Disks, DiskView, Health, Presence
from chaos.run.io_ledger import IoLedger
from chaos.steps.schedule import Connect, Disconnect, Open, Read, Write
from experiments.catalog import EXPERIMENTS

WEAKENING = [name for name, fault in FAULTS.items() if fault.weakens]


def array_of(**changes) -> ArrayView:
    plan = resolve(msgspec.structs.replace(EXPERIMENTS["swarm"], **changes), 1)
    disks = Disks(DiskView(blocks=plan.layout.disk_blocks) for _ in range(plan.layout.disks))
    return ArrayView(plan, disks)


@pytest.mark.parametrize("name", INJECTIONS)
def test_every_injection_leaves_a_disk_in_a_state_it_can_be_healed_from(name):
    disk = DiskView(good=True)
    disk.injected(name)
    for heal in ("disk_return_blank", "disk_heal"):
        disk.injected(heal)
    assert (disk.presence, disk.health, disk.unfit) == (Presence.ARRIVED, Health.WELL, False)


@pytest.mark.parametrize("weakening", WEAKENING)
def test_disk_stays_one_not_to_be_counted_on_until_it_is_healed(weakening):
    """Keep a disk unreliable until it is healed: a fault that leaves the data good outlasts one that doesn't."""
    for order in ((weakening, "disk_slow"), ("disk_slow", weakening)):
        disk = DiskView(good=True)
        for fault in order:
            disk.injected(fault)
        assert disk.health is Health.WEAK
        assert not disk.is_sound
        assert not disk.is_harmful
        disk.injected("disk_heal")
        assert disk.is_sound


def test_disk_that_is_away_is_not_found_by_the_next_target_and_the_others_are_late():
    disks = Disks([DiskView(), DiskView()])
    disks[0].injected("disk_pull")
    disks.target_lost(())
    assert [disk.presence for disk in disks] == [Presence.AWAY, Presence.LATE]
    disks.target_lost((1, 0))
    assert [disk.presence for disk in disks] == [Presence.LATE, Presence.LATE]


def test_array_waits_only_where_there_is_none():
    array = array_of()
    array.move(Cause.CREATION_ANSWERED)
    assert array.is_configuring
    array.move(Cause.CAME_ONLINE)
    array.move(Cause.CREATION_ANSWERED)  # of the request that brought it online
    assert array.is_online
    array.move(Cause.DELETION_REFUSED)  # for an array that is online, it changes nothing
    assert array.is_online
    array.move(Cause.DELETED)
    assert array.state is ArrayState.ABSENT


def test_array_that_is_to_be_recreated_stays_so_until_it_is_there_again():
    array = array_of()
    array.move(Cause.WIPE_SENT)
    for cause in (Cause.DISMANTLING_BEGUN, Cause.DISMANTLING_OVER, Cause.TARGET_LOST):
        array.move(cause)
        assert array.is_to_be_recreated, cause
        assert array.must_stay_whole
    array.move(Cause.CAME_ONLINE_TO_GO)
    assert array.is_to_be_recreated
    array.move(Cause.CAME_ONLINE)
    assert array.intent is Intent.KEEP


def test_every_cause_moves_something():
    for cause in Cause:
        array = array_of()
        moved = False
        for state in ArrayState:
            for intent in Intent:
                array.state, array.intent = state, intent
                array.move(cause)
                moved = moved or (array.state, array.intent) != (state, intent)
        assert moved, cause


def test_write_that_was_in_flight_when_its_connection_ended_is_none_any_more():
    ledger = IoLedger()
    ledger.opened(Open(1, 0, 7))
    ledger.connects(Connect(2, 0, 7, 1, 0, 0))
    ledger.sent_io(Write(3, 0, 7, 1, 4, 2))
    ledger.sent_io(Read(4, 0, 7, 1, 4, 2))
    ledger.outstanding[5] = Disconnect(5, 0, 7, 1)
    assert ledger.is_being_written(5, 1)
    ledger.connection_ended(7)
    assert not ledger.is_being_written(5, 1)
    assert ledger.outstanding == {}


def test_host_that_is_cut_off_does_not_hear_the_connections_of_its_newest_session():
    ledger = IoLedger()
    for op, connection in ((1, 7), (2, 8)):
        ledger.opened(Open(op, 0, connection))
        ledger.connects(Connect(op + 10, 0, connection, 1, op - 1, 0))
    ledger.lose_host(0)
    assert ledger.lost_connections == {7, 8}
    ledger.connection_ended(7)
    assert ledger.lost_connections == {8}
