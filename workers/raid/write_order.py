"""The order of overlapping changes: one of them is in flight on the members at a time. Service ``write_order``.

A host that has lost its session writes its blocks again, while the first write still waits in the target. Were both in
flight, each member could take them in another order, and reads would return now the one, now the other. SPDK's RAID1
leaves that to its hosts. Here the later change waits until the earlier one has ended, whatever their threads are.
"""

from __future__ import annotations

from workers.bdev.io import BdevIo
from workers.services import EngineCore
from workers.shared import WriteRow
from workers.thread import Future, SpdkThread, Wait

FULL_RETRY_US = 1_000
GO_ON = "write_order.go_on"


class WriteOrder:
    """The changes in flight, in the control block; those that wait have a future on their own reactor."""

    def __init__(self, reactor: EngineCore) -> None:
        self.reactor = reactor
        self.table = reactor.block.writes
        self._turns: dict[int, Future] = {}  # by number, of the changes that wait on this reactor

    async def enter(self, thread: SpdkThread, offset: int, end: int) -> int:
        """Await the end of all earlier changes of these blocks; return a number for :meth:`leave`."""
        table = self.table
        while table.is_full:
            await self.reactor.sleep(thread.id, FULL_RETRY_US)
        waits = any(row.offset < end and offset < row.end for row in table.rows())
        number = table.add(thread.id, offset, end, waits=waits)
        if waits:
            thread.emit("raid.write_waits", offset, end)
            turn = self._turns[number] = Future()
            await turn
        return number

    def leave(self, thread: SpdkThread, number: int) -> None:
        """End a change, and let those go on that have waited for it alone."""
        rows = [row for row in self.table.rows() if row.number != number]
        released = [
            row
            for place, row in enumerate(rows)
            # A change doesn't overtake an older one that waits, either.
            if row.waits and not any(_overlap(row, before) for before in rows[:place])
        ]
        self.table.store([row._replace(waits=0) if row in released else row for row in rows])
        for row in released:
            thread.send(row.thread, GO_ON, row.number)

    def go_on(self, thread: SpdkThread, number: int) -> None:
        """Resume a change whose turn has come (message)."""
        self._turns.pop(number).resolve()

    def waits(self) -> list[Wait]:
        """Return the changes that wait here, each with the earlier ones in its way, or with the message that resumes it."""
        waits: list[Wait] = []
        rows = self.table.rows()
        for place, row in enumerate(rows):
            turn = self._turns.get(row.number)
            if turn is not None:
                causes = [name_of(other) for other in rows[:place] if _overlap(row, other)]
                causes = causes if row.waits else [f"the message {GO_ON} to {self._thread(row)}"]
                waits += [(turn, cause) for cause in causes]
        return waits

    def _thread(self, row: WriteRow) -> str:
        return self.reactor.threads[row.thread].name


def name_of(change: WriteRow | BdevIo) -> str:
    """Name a change for those that wait for it."""
    return f"the earlier change of blocks {change.offset}-{change.end - 1}"


def _overlap(row: WriteRow, other: WriteRow) -> bool:
    return row.offset < other.end and other.offset < row.end
