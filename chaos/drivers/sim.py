"""The driver ``sim``: all reactors in this process, memory in byte arrays, no codec between them."""

from __future__ import annotations

from chaos.drivers.base import Counts
from workers.bdev.disk import Disk
from workers.protocol import DefectSource, EngineStep, Layout, Message, Outcome
from workers.shared import ControlBlock
from workers.worker import Worker


class SimDriver:
    """Steps the engine by plain calls."""

    name = "sim"

    def __init__(self) -> None:
        self.block = ControlBlock(bytearray(ControlBlock.SIZE))
        self.disks: list[Disk] = []
        self.workers: list[Worker] = []

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        self.block.clear()
        if [disk.num_blocks for disk in self.disks] != [layout.disk_blocks] * layout.disks:
            size = Disk.segment_size(layout.disk_blocks)
            self.disks = [
                Disk(number, bytearray(size), layout.disk_blocks) for number in range(layout.disks)
            ]
        for disk in self.disks:
            disk.blank()
        self.workers = [Worker(number, self.block, self.disks) for number in range(layout.reactors)]
        for worker in self.workers:
            worker.reset(layout, defects)

    def perform(self, step: EngineStep) -> Outcome:
        outcome = self.workers[step.reactor].perform(step)
        for message in outcome.outgoing:
            self.workers[message.reactor].reactor.receive(message)
        return outcome

    def send(self, message: Message) -> None:
        self.workers[message.reactor].reactor.receive(message)

    def census(self) -> Counts:
        return [row for worker in self.workers for row in worker.reactor.census()]

    def close(self) -> None:
        """Nothing outlives the object."""
