"""Devices that are plugged in, and channels that can't be created, as a target in C hears of them."""

from __future__ import annotations

from errno import EEXIST

import pytest

from chaos.drivers.native.channel_failures import ChannelFailures
from chaos.drivers.native.disk_queue import DiskQueue
from chaos.drivers.native.plugs import Plugs
from workers.bdev.disk import Disk
from workers.bdev.stack import Stack
from workers.native import host
from workers.protocol import Layout, Message, Outcome

BLOCKS = 16
OUTCOME = Outcome([], [], [], [], [], [])


@pytest.fixture
def disk():
    made = Disk(0, memoryview(bytearray(Disk.segment_size(BLOCKS))), BLOCKS)
    made.new(BLOCKS)
    return made


def plugs_on(disk, answer, layout=None):
    """Return plugs, their queue, and the calls with the plug that I/O submitted in them would belong to."""
    queue, calls = DiskQueue(disk), []

    def call(outcome, number, a=0, b=0, /, *, data=b""):
        calls.append((number, queue.plug, data))
        return answer() if number == host.PLUG else 0

    return Plugs(layout or Layout(1, 1, BLOCKS, 4), [disk], [queue], call), queue, calls


def test_io_submitted_while_a_device_is_plugged_in_belongs_to_it(disk):
    plugs, queue, calls = plugs_on(disk, lambda: 0)
    disk.pull()
    disk.header.present = 1
    assert plugs.plug(0, OUTCOME) == 0
    ((_, plug, _),) = calls
    assert plug == queue.plug == disk.header.plugs > 0


def test_a_device_waits_until_its_predecessor_is_gone(disk):
    answers = iter((-EEXIST, 0))
    plugs, queue, _ = plugs_on(disk, lambda: next(answers))
    before = queue.plug
    disk.pull()
    disk.header.present = 1
    message = Message(0, 0, 0, "bdev.attach_disk", 0, (0,))
    plugs.attach(message, OUTCOME)
    assert queue.plug == before  # I/O still belongs to the predecessor
    assert plugs.taken_next(0) is message
    assert plugs.taken_next(0) is None
    plugs.attach(message, OUTCOME)
    assert queue.plug == disk.header.plugs
    assert plugs.taken_next(0) is None


def test_an_error_bdev_is_made_again_each_time(disk):
    layout = Layout(1, 1, BLOCKS, 4, stacks=(int(Stack.ERROR | Stack.DELAY),))
    plugs, _, calls = plugs_on(disk, lambda: 0, layout)
    for _ in range(2):
        plugs.plug(0, OUTCOME)
    assert [number for number, _, _ in calls] == [host.RPC, host.PLUG] * 2
    assert calls[0][2] == b'bdev_error_create\0{"base_name": "disk0"}'


def test_the_target_hears_of_each_change_of_failing_channels_once(disk):
    failures = ChannelFailures([disk])
    assert failures.changes() == []
    disk.header.channel_failures = 2
    assert failures.changes() == [(0, 2)]
    assert failures.changes() == []
    failures.struck(0)
    assert disk.header.channel_failures == 1
    assert failures.changes() == []
    disk.heal()
    assert failures.changes() == [(0, 0)]
