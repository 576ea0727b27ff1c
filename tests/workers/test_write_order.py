"""Overlapping changes reach the members one after the other, whatever their threads are."""

from itertools import pairwise

import pytest

from tests.rig import HostRig, Rig
from workers.bdev.io import BLOCK_SIZE, IoType
from workers.nvmf.status import Opcode
from workers.protocol import FinishIo


def data(letter: bytes, blocks: int = 1) -> bytes:
    return letter * (BLOCK_SIZE * blocks)


def is_write_to(disk: int):
    """Return a condition: the step ends a write on this disk."""
    return lambda step: (
        isinstance(step, FinishIo) and (step.disk == disk and step.io_type == IoType.WRITE)
    )


def two_hosts() -> tuple[Rig, HostRig, HostRig]:
    rig = Rig()
    rig.configure()
    hosts = HostRig(rig), HostRig(rig)
    assert hosts[0].thread != hosts[1].thread
    return rig, *hosts


def test_second_change_waits_until_the_first_has_ended_on_every_member():
    rig, one, other = two_hosts()
    first = one.io(Opcode.WRITE, 4, 2, data(b"a", 2))
    rig.settle(hold=is_write_to(1))
    second = other.io(Opcode.WRITE, 5, 2, data(b"b", 2))
    rig.settle(hold=is_write_to(1))
    assert first not in rig.replies
    assert second not in rig.replies
    (event,) = rig.named("raid.write_waits")
    assert event.args == (5, 7)
    disks = rig.driver.disks
    assert disks[0].block(5) == data(b"a")  # the second has not begun there, either
    rig.settle()
    assert rig.replies[first].status == rig.replies[second].status == 0
    assert disks[0].block(5) == disks[1].block(5) == data(b"b")
    assert disks[0].block(4) == disks[1].block(4) == data(b"a")


def test_changes_of_other_blocks_and_reads_wait_for_nothing():
    rig, one, other = two_hosts()
    first = one.io(Opcode.WRITE, 4, 2, data(b"a", 2))
    rig.settle(hold=is_write_to(1))
    beside = other.io(Opcode.WRITE, 6, 1, data(b"b"))
    read = other.io(Opcode.READ, 4, 2)
    rig.run_until(
        lambda: beside in rig.replies and read in rig.replies,
        hold=lambda step: is_write_to(1)(step) and step.offset == 4,
    )
    assert first not in rig.replies
    assert not rig.named("raid.write_waits")


def test_a_change_does_not_overtake_an_older_one_that_waits():
    rig, one, other = two_hosts()
    tokens = [one.io(Opcode.WRITE, 4, 2, data(b"a", 2))]
    rig.settle(hold=is_write_to(1))
    tokens.append(other.io(Opcode.WRITE, 5, 2, data(b"b", 2)))
    rig.settle(hold=is_write_to(1))
    tokens.append(one.io(Opcode.WRITE, 6, 1, data(b"c")))  # overlaps the one that waits alone
    rig.settle(hold=is_write_to(1))
    assert len(rig.named("raid.write_waits")) == 2
    rig.settle()
    assert list(rig.replies)[-3:] == tokens
    assert [rig.driver.disks[0].block(block)[:1] for block in (4, 5, 6)] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("seed", range(20))
def test_members_agree_whatever_the_order_of_steps_is(seed):
    rig = Rig(seed=seed)
    rig.configure()
    hosts = [HostRig(rig), HostRig(rig)]
    for letter in b"abcdef":
        hosts[letter % 2].io(Opcode.WRITE, letter % 3, 3, data(bytes([letter]), 3))
    rig.settle()
    disks = rig.driver.disks
    assert [disks[0].block(block) for block in range(8)] == [
        disks[1].block(block) for block in range(8)
    ]
    assert rig.block.writes.rows() == []


def test_rows_of_the_table_keep_their_order():
    rig = Rig()
    table = rig.block.writes
    numbers = [table.add(1, offset, offset + 1, waits=False) for offset in range(5)]
    assert all(one < other for one, other in pairwise(numbers))
    table.store([row for row in table.rows() if row.number != numbers[1]])
    assert [row.offset for row in table.rows()] == [0, 2, 3, 4]
    assert not table.is_full
