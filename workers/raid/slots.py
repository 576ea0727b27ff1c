"""The slots of an array on the app thread: open, claim and release members."""

from __future__ import annotations

from workers.bdev.layer import BdevLayer, Descriptor
from workers.errors import ENOMEM, OK
from workers.protocol import APP_THREAD
from workers.raid.array import RaidBdev
from workers.raid.metadata import Metadata
from workers.services import EngineCore
from workers.shared import SLOTS_MAX, Slot

OWNER = "raid0"


class Slots:
    """The app thread's hold of each member: a descriptor, the claim, and a channel."""

    def __init__(
        self, reactor: EngineCore, layer: BdevLayer, raid: RaidBdev, metadata: Metadata
    ) -> None:
        self.reactor = reactor
        self.layer = layer
        self.raid = raid
        self.record = raid.record
        self.metadata = metadata
        self.descriptors: list[Descriptor | None] = [None] * SLOTS_MAX

    def occupy(self, number: int, bdev: int, data_offset: int) -> int:
        """Open and claim a bdev for this slot."""
        slot = self.record.slots[number]
        generation = slot.generation
        base = self.layer.bdevs[bdev]
        descriptor = self.layer.open(
            base,
            OWNER,
            lambda app: app.send(APP_THREAD, "membership.base_bdev_removed", number, generation),
            lambda app: app.send(APP_THREAD, "membership.base_bdev_resized"),
        )
        if not isinstance(descriptor, Descriptor):
            return descriptor
        channel = self.reactor.threads[APP_THREAD].get_io_channel(base)
        if channel is None:
            self.layer.close(descriptor)
            return ENOMEM
        self.metadata.channels[number] = channel
        self.layer.claim(descriptor)
        self.descriptors[number] = descriptor
        slot.bdev = bdev + 1
        slot.data_offset = data_offset
        return OK

    def release(self, number: int) -> None:
        """Close the member's descriptor, release its claim and empty the slot."""
        slot: Slot = self.record.slots[number]
        descriptor, self.descriptors[number] = self.descriptors[number], None
        assert descriptor is not None, f"slot {number} has no descriptor to close"
        channel, self.metadata.channels[number] = self.metadata.channels[number], None
        if channel is not None:
            self.reactor.threads[APP_THREAD].put_io_channel(channel)
        self.layer.release_claim(descriptor.bdev)
        slot.bdev = slot.is_configured = slot.is_process_target = slot.is_failed = 0
        slot.remove_scheduled = slot.data_offset = 0
        slot.generation += 1
        self.layer.close(descriptor)

    def smallest(self) -> int:
        """Return the room for data on the smallest member, in blocks."""
        return min(
            (
                self.raid.base_bdev(slot).record.num_blocks - slot.data_offset
                for slot in self.raid.slots
                if slot.bdev
            ),
            default=0,
        )

    def occupied(self) -> list[int]:
        """Return the numbers of the slots with a member."""
        return [number for number, slot in enumerate(self.raid.slots) if slot.bdev]
