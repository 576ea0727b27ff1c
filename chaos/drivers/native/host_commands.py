"""The hosts' side of the wire: from their messages to NVMe commands, and from completions to their answers."""

from __future__ import annotations

import msgspec

from chaos.drivers.native import nvme
from chaos.drivers.native.nvme import Command
from workers.native import host
from workers.nvmf.controller import ADMIN_QID
from workers.nvmf.status import AdminOpcode, NvmeStatus
from workers.protocol import Event, Message, Reply

ENABLE = "nvmf.enable"
FIRST_TOKEN = 1 << 32  # above all numbers of the operator's requests
# A call of the target: its number, up to four numbers, and data.
Call = tuple[int, int, int, int, int, bytes]


class Sent(msgspec.Struct, gc=False):
    """A command that the target has, and the message that asked for it."""

    message: Message
    method: str
    partner: int = 0  # the other command of a fused pair
    status: int | None = None  # its own, while its partner is not answered


class HostCommands:
    """All queues of one life of the target."""

    def __init__(self) -> None:
        self._sent: dict[int, Sent] = {}
        self._opening: dict[int, Message] = {}
        self._last_token = FIRST_TOKEN

    def calls_of(self, message: Message, method: str) -> list[Call]:
        """Return the calls of the target that carry out a host's message."""
        args, queue = message.args, message.args[0]
        match method:
            case "accept":
                self._opening[queue] = message
                return [(host.OPEN_QUEUE, queue, 0, 0, 0, b"")]
            case "disconnect":
                return [(host.CLOSE_QUEUE, queue, 0, 0, 0, b"")]
            case "connect":
                qid, cntlid, number, keep_alive_ms = args[1:]
                command = nvme.connect(message.token, number, qid, cntlid, keep_alive_ms)
                return [self._command(message, method, command)]
            case "enable":
                return [self._command(message, method, nvme.enable(message.token))]
            case "admin":
                _, op, opcode, first, second = args
                return [self._command(message, method, nvme.admin(op, opcode, first, second))]
            case _:
                return self._io(message, method)

    def _io(self, message: Message, method: str) -> list[Call]:
        commands = nvme.io(message.args[1], message.args[2:])
        calls = [self._command(message, method, command) for command in commands]
        if len(calls) > 1:
            first, second = calls[0][2], calls[1][2]
            self._sent[first].partner, self._sent[second].partner = second, first
        return calls

    def _command(self, message: Message, method: str, command: Command) -> Call:
        self._last_token += 1
        self._sent[self._last_token] = Sent(message, method)
        length = command.reads or len(command.data)
        has_data = int(bool(command.data))
        queue = message.args[0]
        return (
            host.COMMAND,
            queue,
            self._last_token,
            has_data,
            length,
            command.entry + command.data,
        )

    # Answers.

    def opened(self, queue: int, thread: int) -> Reply:
        """Return the answer to an Open; no thread means that the target refuses it."""
        message = self._opening.pop(queue)
        status = 0 if thread else int(NvmeStatus.CONNECT_CONTROLLER_BUSY)
        return Reply(queue, message.token, status, thread, b"")

    def gone(self, queue: int) -> None:
        """Forget a queue: none of its commands is answered any more."""
        self._sent = {
            token: sent for token, sent in self._sent.items() if sent.message.args[0] != queue
        }

    def answered(
        self, token: int, status: int, value: int, data: bytes
    ) -> tuple[Reply | None, Event | None, Message | None]:
        """Return the answer to a host's step, an event, and a message that follows from it."""
        sent = self._sent.pop(token, None)
        if sent is None:
            return None, None, None
        status &= nvme.STATUS_MASK
        message = sent.message
        queue = message.args[0]
        if sent.partner:
            other = self._sent.get(sent.partner)
            if other is not None:
                other.status = status
                return None, None, None
            # The pair's status is that of the compare, if it failed; else that of the write.
            status = self._pair_status(token, sent, status)
        match sent.method:
            case "connect" if status == 0 and message.args[1] == ADMIN_QID:
                enable = Message(
                    message.reactor, queue, message.receiver, ENABLE, message.token, (queue, value)
                )
                return None, None, enable
            case "connect" | "enable":
                return self._connected(message, status, value)
            case "admin" if message.args[2] == AdminOpcode.IDENTIFY and status == 0:
                return Reply(queue, message.token, 0, nvme.size_of_namespace(data), b""), None, None
            case "admin":
                return Reply(queue, message.token, status, value, b""), None, None
            case _:
                return Reply(queue, message.token, status, 0, data), None, None

    @staticmethod
    def _pair_status(token: int, sent: Sent, status: int) -> int:
        if sent.status is None:
            return status
        is_write = token > sent.partner
        compare, write = (sent.status, status) if is_write else (status, sent.status)
        return compare or write

    @staticmethod
    def _connected(message: Message, status: int, value: int) -> tuple[Reply, Event | None, None]:
        queue = message.args[0]
        is_admin = message.handler == ENABLE
        cntlid = message.args[1] if is_admin else value
        reply = Reply(queue, message.token, status, 0 if status else cntlid, b"")
        if status:
            return reply, None, None
        qid = ADMIN_QID if is_admin else message.args[1]
        return reply, Event("nvmf.qpair_connected", message.receiver, (queue, qid, cntlid)), None
