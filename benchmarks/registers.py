"""The register check against its floor: a bare loop that touches each of the same decoded events once."""

from __future__ import annotations

import statistics
import time

from chaos.base.prng import Stream
from chaos.checkers.register import read_history
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.steps.history import Completed, EngineEvent, History, Invoked
from chaos.steps.schedule import Changing, CompareAndWrite, Flush, Read, Unmap, Write
from workers.nvmf.status import NvmeStatus
from workers.protocol import Event

LENGTHS = (10_000, 100_000, 1_000_000)
ROUNDS = {10_000: 15, 100_000: 7, 1_000_000: 3}
BLOCKS = 96
BLOCKS_PER_IO = (1, 1, 1, 2, 2, 3, 4, 5)
IN_FLIGHT_MAX = 12
PLAN = resolve(Experiment(name="bench", blocks=BLOCKS, superblock_share=0), 0)


class Hosts:
    """Draws a valid history: every kind of I/O, some of it failing, connections that end, and other events in between."""

    def __init__(self, seed: int) -> None:
        self.stream = Stream(seed).fork("bench")
        self.history: History = []
        self.held = [0] * BLOCKS
        self.busy = [False] * BLOCKS
        self.in_flight: list[tuple[Read | Changing | Flush, list[int]]] = []
        self.op = 0

    def run(self, length: int) -> History:
        """Draw a history of this length."""
        while len(self.history) < length:
            draw = self.stream.integer_below(100)
            if draw < 8:
                self._happen("rebuild.window_done", 4, 48)
            elif draw < 9:
                self._happen("nvmf.qpair_destroyed", 2)
            elif draw < 55 and len(self.in_flight) < IN_FLIGHT_MAX:
                self._send()
            elif self.in_flight:
                self._answer()
        return self.history

    def _happen(self, name: str, *args: int) -> None:
        self.history.append(EngineEvent(len(self.history) + 1, Event(name, 1, args)))

    def _send(self) -> None:
        stream = self.stream
        self.op += 1
        blocks = stream.choice(BLOCKS_PER_IO)
        slba = stream.integer_below(BLOCKS - blocks + 1)
        where = (self.op, 0, 1, 1, slba, blocks)
        seen = self.held[slba : slba + blocks]
        step: Read | Changing | Flush = Read(*where)
        draw = stream.integer_below(100)
        if draw < 2:
            step = Flush(self.op, 0, 1, 1)
        elif draw < 45 and not any(self.busy[slba : slba + blocks]):
            if draw < 41:
                step = Write(*where)
            elif draw < 43:
                step = Unmap(*where)
            elif len(set(seen)) == 1 and seen[0]:
                step = CompareAndWrite(*where, 0, seen[0])
            if not isinstance(step, Read):
                self.busy[slba : slba + blocks] = [True] * blocks
        self.history.append(Invoked(len(self.history) + 1, step))
        self.in_flight.append((step, seen))

    def _answer(self) -> None:
        step, seen = self.in_flight.pop(self.stream.integer_below(len(self.in_flight)))
        failed = self.stream.chance(1, 100)
        status = int(NvmeStatus.INTERNAL_DEVICE_ERROR) if failed else 0
        is_read = isinstance(step, Read)
        values = seen if is_read and not failed else []
        self.history.append(Completed(len(self.history) + 1, step.op, status, 0, values))
        if not is_read and not isinstance(step, Flush):
            self.busy[step.slba : step.slba + step.blocks] = [False] * step.blocks
            if not failed:
                left = 0 if isinstance(step, Unmap) else step.op
                self.held[step.slba : step.slba + step.blocks] = [left] * step.blocks


def touch(history: History) -> int:
    """Touch each entry once: the floor."""
    touched = 0
    for entry in history:
        touched += entry.number
    return touched


def register_figures() -> dict[str, object]:
    """Measure events per second for valid histories of three lengths, as a ratio to the floor; CPU time, in turn."""
    figures: dict[str, object] = {}
    ratios = {}
    for length in LENGTHS:
        history = Hosts(length).run(length)
        pairs = []
        for _ in range(ROUNDS[length]):
            begun = time.process_time()
            touch(history)
            touched = time.process_time()
            assert not read_history(history, PLAN).wrongs, "the history is valid"
            pairs.append((touched - begun, time.process_time() - touched))
        ratios[str(length)] = round(statistics.median(floor / check for floor, check in pairs), 4)
        figures["register_events_per_second"] = round(
            statistics.median(length / check for _, check in pairs)
        )
    return figures | {"register_to_touch": ratios}


if __name__ == "__main__":
    print(register_figures())
