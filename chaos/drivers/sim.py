"""The driver ``sim``: all reactors in this process, memory in byte arrays, no codec between them."""

from __future__ import annotations

from collections.abc import Callable

from chaos.base.interrupt import Lookout, never
from chaos.run.driver import Counts
from workers.bdev.disk import Disk
from workers.protocol import DefectSource, EngineStep, Layout, Message, Outcome, WaitRow
from workers.shared import ControlBlock
from workers.waits import wait_rows
from workers.worker import Worker


class SimDriver:
    """Steps the engine by plain calls; ``gives_up`` is called now and then and can stop the run."""

    name = "sim"

    def __init__(self, gives_up: Callable[[], bool] = never) -> None:
        self._lookout = Lookout(gives_up)
        self.block = ControlBlock(bytearray(ControlBlock.SIZE))
        self.disks: list[Disk] = []
        self.workers: list[Worker] = []
        self._layout = Layout(0, 0, 0, 0)
        self._defects: tuple[DefectSource, ...] = ()

    def start(self, layout: Layout, defects: tuple[DefectSource, ...]) -> None:
        self._layout, self._defects = layout, defects
        if [disk.capacity_blocks for disk in self.disks] != [layout.capacity] * layout.disks:
            size = Disk.segment_size(layout.capacity)
            self.disks = [
                Disk(number, bytearray(size), layout.capacity) for number in range(layout.disks)
            ]
        for disk in self.disks:
            disk.forget()
            disk.new(layout.disk_blocks)
        self.restart()

    def restart(self) -> None:
        layout = self._layout
        self.block.clear()
        self.workers = [Worker(number, self.block, self.disks) for number in range(layout.reactors)]
        for worker in self.workers:
            worker.reset(layout, self._defects)

    def perform(self, step: EngineStep) -> Outcome:
        self._lookout.look()
        outcome = self.workers[step.reactor].perform(step)
        if outcome.outgoing:
            for message in outcome.outgoing:
                self.workers[message.reactor].reactor.receive(message)
        return outcome

    def send(self, message: Message) -> None:
        self.workers[message.reactor].reactor.receive(message)

    def census(self) -> Counts:
        return [row for worker in self.workers for row in worker.reactor.census()]

    def waits(self) -> list[WaitRow]:
        return [row for worker in self.workers for row in wait_rows(worker.reactor)]

    def close(self) -> None:
        """Do nothing: the object has no resources to free."""
