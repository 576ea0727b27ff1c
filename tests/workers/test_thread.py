"""Channel iteration, deferred destroy, and message order: SPDK's rules."""

import pytest

from tests.rig import Rig, is_delivery_to
from workers.protocol import Deliver


class Visits:
    """A device whose channels note on which threads they were visited."""

    key = 60
    name = "visited device"

    def __init__(self):
        self.seen = []
        self.abort_at = None

    def new_channel(self, thread):
        from workers.thread import IoChannel

        device = self

        class Channel(IoChannel):
            def visit(self):
                device.seen.append(self.thread.id)
                return -5 if self.thread.id == device.abort_at else 0

        return Channel(self, thread)


def rig_with_device(threads=(0, 1, 2)):
    rig = Rig()
    device = Visits()
    rig.reactor(0).io_devices.register(device)
    for reactor in range(3):
        rig.reactor(reactor).add_thread(reactor + 1, f"thread {reactor + 1}")
    for reactor in range(3):
        for thread in rig.reactor(reactor).threads.values():
            if thread.id in threads:
                running(thread).get_io_channel(device)
    running(rig.app)
    return rig, device


def running(thread):
    """Run the thread, in a step of its own."""
    thread.reactor.current_thread = thread.id
    return thread


def iterate(rig, device):
    future = rig.app.for_each_channel(device, "visit")
    flush_outgoing(rig)
    return future


def flush_outgoing(rig):
    for worker in rig.driver.workers:
        for message in worker.reactor.take_outcome().outgoing:
            rig.driver.send(message)


def test_iteration_visits_threads_in_order_one_at_a_time():
    rig, device = rig_with_device(threads=(0, 1, 3))
    future = iterate(rig, device)
    assert len(rig.pending()) == 1
    rig.settle()
    assert device.seen == [0, 1, 3]
    assert future.done
    assert future.value == 0


def test_channel_created_behind_the_position_is_not_visited_and_before_it_is():
    rig, device = rig_with_device(threads=(1,))
    iterate(rig, device)
    rig.app.get_io_channel(device)  # thread 0 is passed
    running(rig.thread(2)).get_io_channel(device)  # thread 3 is still ahead
    rig.settle()
    assert device.seen == [1, 3]


def test_channel_destroyed_meanwhile_is_skipped():
    rig, device = rig_with_device(threads=(0, 2, 3))
    iterate(rig, device)
    thread = rig.thread(1)
    running(thread).put_io_channel(thread.channels[device.key])
    flush_outgoing(rig)
    rig.settle(hold=is_delivery_to(0))  # thread 2's channel goes, while the visit of thread 0 waits
    rig.settle()
    assert device.seen == [0, 3]


def test_status_aborts_the_remaining_visits():
    rig, device = rig_with_device(threads=(0, 1, 2))
    device.abort_at = 1
    future = iterate(rig, device)
    rig.settle()
    assert device.seen == [0, 1]
    assert future.value == -5


def test_iteration_over_no_channels_ends_by_message_not_inline():
    rig, device = rig_with_device(threads=())
    future = iterate(rig, device)
    assert not future.done
    rig.settle()
    assert future.value == 0


def test_channel_got_again_before_its_destroy_message_is_revived():
    rig, device = rig_with_device(threads=(0,))
    channel = rig.app.channels[device.key]
    rig.app.put_io_channel(channel)
    flush_outgoing(rig)
    assert rig.app.get_io_channel(device) is channel
    rig.settle()
    assert rig.app.channels[device.key] is channel
    rig.app.put_io_channel(channel)
    rig.app.get_io_channel(device)
    rig.app.put_io_channel(channel)
    flush_outgoing(rig)
    rig.settle()
    assert device.key not in rig.app.channels


def test_unregister_waits_for_the_last_channel_and_iteration():
    rig, device = rig_with_device(threads=(1,))
    iterate(rig, device)
    future = rig.reactor(0).io_devices.unregister(rig.app, device)
    assert rig.app.get_io_channel(device) is None
    rig.settle()
    assert not future.done
    thread = rig.thread(0)
    running(thread).put_io_channel(thread.channels[device.key])
    flush_outgoing(rig)
    rig.settle()
    assert future.done


def test_messages_of_one_pair_keep_their_order_and_pairs_are_independent():
    rig = Rig()
    first = rig.rpc("bdev_raid_create", 0, 1, 0, 1)
    second = rig.rpc("bdev_raid_create", 0, 2, 0, 1)
    rig.send(0, 1_010, 0, "nvmf.accept", 1_010)
    deliveries = [step for step in rig.pending() if isinstance(step, Deliver)]
    assert len(deliveries) == 2  # one per pair, not one per message
    rig.settle()
    assert rig.replies[first].status == 0
    assert rig.replies[second].status == -17


def test_thread_acts_in_its_own_steps_only():
    rig, device = rig_with_device(threads=(1,))
    thread = rig.thread(0)
    channel = thread.channels[device.key]
    acts = (
        lambda: thread.get_io_channel(device),
        lambda: thread.put_io_channel(channel),
        lambda: thread.send(0, "io_device.still_here"),
        lambda: thread.call(0, "io_device.still_here"),
    )
    for act in acts:
        running(thread)
        act()
        rig.reactor(0).current_thread = 0
        with pytest.raises(AssertionError, match="acts on another thread"):
            act()
