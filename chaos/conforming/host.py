"""A host with an admin queue and one I/O queue, one command at a time."""

from __future__ import annotations

from chaos.conforming.scenario import Status
from chaos.conforming.stepped_target import SteppedTarget
from workers.bdev.io import BLOCK_SIZE
from workers.nvmf.status import DO_NOT_RETRY, Opcode
from workers.protocol import APP_THREAD, FIRST_CONNECTION, Reply

FILLER = b"."
OPCODES = {
    "write": Opcode.WRITE,
    "read": Opcode.READ,
    "compare": Opcode.COMPARE,
    "flush": Opcode.FLUSH,
    "zeroes": Opcode.WRITE_ZEROES,
    "unmap": Opcode.DATASET_MANAGEMENT,
}
ADMIN, IO = FIRST_CONNECTION, FIRST_CONNECTION + 1
TYPE_SHIFT, TYPE_MASK, CODE_MASK = 8, 0x7, 0xFF


class Host:
    """It is connected once it is made."""

    def __init__(self, target: SteppedTarget) -> None:
        self._target = target
        self._last_cid = 0
        thread = self._open(ADMIN)
        cntlid = self._connect(ADMIN, thread, 0, 0)
        self._thread = self._open(IO)
        self._connect(IO, self._thread, 1, cntlid)

    def _open(self, connection: int) -> int:
        target = self._target
        reply = target.answer(target.send(APP_THREAD, connection, "nvmf.accept", connection))
        assert reply.status == 0, "a target with a poll group accepts a connection"
        return reply.value

    def _connect(self, connection: int, thread: int, qid: int, cntlid: int) -> int:
        args = (connection, qid, cntlid, 0, 0)
        reply = self._target.answer(self._target.send(thread, connection, "nvmf.connect", *args))
        assert reply.status == 0, "a host can connect while nothing else happens"
        return reply.value

    def io(self, kind: str, nsid: int, lba: int, blocks: int, text: str) -> Reply:
        """Send a command and await its end; each block of its data begins with the text."""
        self._last_cid += 1
        data = text.encode().ljust(BLOCK_SIZE, FILLER) * blocks
        written, expected = (b"", data) if kind == "compare" else (data, b"")
        if kind not in ("write", "compare"):
            written = b""
        args = (IO, self._last_cid, int(OPCODES[kind]), nsid, lba, blocks, 0, written, expected)
        return self._target.answer(self._target.send(self._thread, IO, "nvmf.io", *args))


def status_of(status: int) -> Status:
    """Return an NVMe status in its parts."""
    return Status(
        sct=status >> TYPE_SHIFT & TYPE_MASK,
        sc=status & CODE_MASK,
        dnr=bool(status & DO_NOT_RETRY),
    )


def text_of(data: bytes) -> str:
    """Return the text with which a block begins, and which dots or zeros follow."""
    return data[:BLOCK_SIZE].rstrip(b"\0").rstrip(FILLER).decode(errors="replace")
