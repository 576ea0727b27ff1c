"""The data that hosts have in a scenario: each block's acknowledged text, or those of writes whose end they don't know."""

from __future__ import annotations

from msgspec import UNSET

from chaos.conforming.player import Player
from chaos.conforming.scenario import Operation, Step
from workers.errors import OK

CHANGES = ("write", "zeroes", "unmap")


class Acknowledged:
    """Follows the operations of one scenario."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._texts: dict[int, list[str]] = {}  # block -> what may be there
        self._wrong = ""

    def take(self, operation: Operation, got: Step) -> None:
        """Take in an operation and its answer."""
        name, *args = operation
        requests = (
            zip(args, got.code, strict=True)
            if isinstance(got.code, list)
            else [(operation, got.code)]
        )
        if any(one[0] == "create" and code == OK for one, code in requests):
            self._texts.clear()  # a new array, with other blocks
        if name != "io" or got.status is UNSET:
            return
        kind, command = args
        is_success = not got.status.sct and not got.status.sc
        first = command.get("lba", 0)
        for block in range(first, first + command.get("blocks", 1)):
            if kind in CHANGES:
                text = command.get("text", "")
                former = [] if is_success else self._texts.get(block, [""])
                self._texts[block] = [*former, text]
            elif kind == "read" and is_success and block == first:
                self._read(block, got.data)

    def _read(self, block: int, data: object) -> None:
        if data not in self._texts.get(block, [data]):
            self._wrong = f"block {block} reads as {data!r}, and not as it was written"

    def lost(self) -> str:
        """Return a sentence about data that is lost, or nothing."""
        if self._wrong:
            return self._wrong
        for block, texts in self._texts.items():
            if not any(text in texts for text in self._player.copies(block)):
                return f"the acknowledged data of block {block} is on no disk"
        return ""
