"""The I/O of a host: its next request on a connected queue, and the blocks of that request."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.namespaces import all_namespaces, blocks_of, namespace_of
from chaos.plan.plan import Plan
from chaos.run.link import Link
from chaos.run.model import Model
from chaos.run.placement import placement_of
from chaos.steps.schedule import (
    OF_BLOCKS,
    CompareAndWrite,
    Flush,
    Io,
    Read,
    Unmap,
    Write,
    WriteZeroes,
)

PLACE_ATTEMPTS = 4
COMPARED_BLOCKS_MAX = 4


class HostIo:
    """Draws requests by the plan's shares."""

    def __init__(self, number: int, plan: Plan, model: Model, stream: Stream) -> None:
        self.number = number
        self.plan = plan
        self.model = model
        self.stream = stream
        self._all = all_namespaces(plan.layout)
        self._strategic_place = placement_of(plan.strategies)

    def namespaces_on(self, thread: int) -> list[int]:
        """Return the namespaces that the host finds; one with aimed I/O doesn't wait for the event of an attachment."""
        service = self.model.service
        if self._strategic_place is None:
            return service.attached
        return [
            nsid
            for nsid in self._all
            if nsid in service.attached or (thread, nsid) in service.served
        ]

    def next_step(self, link: Link, served: list[int]) -> Io:
        """Return the next request on this connection, to one of these namespaces."""
        stream, plan, ledger = self.stream, self.plan, self.model.ledger
        if stream.chance(plan.flush_share, 100):
            nsid = served[0] if len(served) == 1 else stream.choice(served)
            return Flush(ledger.new_op(), self.number, link.number, link.thread, nsid)
        if plan.resend_share and stream.chance(plan.resend_share, 100):
            again = self._send_again(link, served)
            if again is not None:
                return again
        blocks = stream.between(1, plan.blocks_per_io_max)
        slba = self._place(blocks, served)
        if not stream.chance(plan.read_share, 100):
            # Hosts don't change blocks with a write in flight, since then any order would be right.
            for _ in range(PLACE_ATTEMPTS):
                if not ledger.is_being_written(slba, blocks):
                    return self._change(link, slba, blocks)
                slba = self._place(blocks, served)
        return Read(ledger.new_op(), self.number, link.number, link.thread, slba, blocks)

    def _send_again(self, link: Link, served: list[int]) -> Io | None:
        """Change blocks whose fate is open since their host has lost its session: by a new one, or on a second path."""
        ledger = self.model.ledger
        able = [
            step
            for step in ledger.in_doubt()
            if namespace_of(self.plan.layout, step.slba) in served
            and ledger.may_be_changed(step.slba, step.blocks)
        ]
        if not able:
            return None
        lost = self.stream.choice(able)
        return self._change(link, lost.slba, lost.blocks)

    def _place(self, blocks: int, served: list[int]) -> int:
        """Return where an I/O goes, within one of these namespaces."""
        slba = self._wanted_place(blocks)
        layout = self.plan.layout
        if layout.namespaces == 1:
            return slba
        nsid = namespace_of(layout, slba)
        if nsid in served:
            there = blocks_of(layout, nsid, self.model.blocks)
            return min(slba, there.stop - blocks)
        there = blocks_of(layout, self.stream.choice(served), self.model.blocks)
        return there.start + self.stream.integer_below(len(there) - blocks + 1)

    def _wanted_place(self, blocks: int) -> int:
        """Return where an I/O would go: anywhere, or where the plan's strategy wants it."""
        if self._strategic_place is not None:
            slba = self._strategic_place(self.stream, self.model, blocks)
            if slba is not None:
                return slba
        if self.plan.meet_share and self.stream.chance(self.plan.meet_share, 100):
            busy = [
                step.slba
                for step in self.model.ledger.outstanding.values()
                if isinstance(step, OF_BLOCKS)
            ]
            if busy:
                return min(self.stream.choice(busy), self.model.blocks - blocks)
        return self.stream.integer_below(self.model.blocks - blocks + 1)

    def _change(self, link: Link, slba: int, blocks: int) -> Io:
        stream, plan = self.stream, self.plan
        where = (
            self.model.ledger.new_op(),
            self.number,
            link.number,
            link.thread,
            slba,
            blocks,
        )
        if plan.unmap_share and stream.chance(plan.unmap_share, 100):
            return Unmap(*where)
        if plan.write_zeroes_share and stream.chance(plan.write_zeroes_share, 100):
            return WriteZeroes(*where)
        if plan.compare_share and stream.chance(plan.compare_share, 100):
            held = self.model.ledger.newest.get(slba)
            if held is not None:
                return self._compare(where, held)
        fua = plan.fua_share > 0 and stream.chance(plan.fua_share, 100)
        return Write(*where, fua)

    def _compare(
        self, where: tuple[int, int, int, int, int, int], held: Write | CompareAndWrite
    ) -> CompareAndWrite:
        """Compare as many blocks as are known to hold the same write; now and then expect another one."""
        op, host, connection, thread, slba, blocks = where
        newest = self.model.ledger.newest
        count = 1
        while count < min(blocks, COMPARED_BLOCKS_MAX) and newest.get(slba + count) is held:
            count += 1
        expected = held.op if self.stream.chance(3, 4) else held.op + 1
        return CompareAndWrite(op, host, connection, thread, slba, count, held.host, expected)
