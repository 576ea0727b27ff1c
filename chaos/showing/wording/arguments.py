"""The arguments of RPCs and injected faults as text, by kind of argument."""

from __future__ import annotations

from chaos.plan.arguments import Argument
from chaos.showing.wording.phrases import counted, kind_of
from workers.bdev.io import IoType
from workers.bdev.stack import ErrorType


class Fields(dict[str, str]):
    """The fields of a sentence; an argument that a step lacks becomes a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


def argument_text(kind: Argument, value: int) -> str:
    """Write one argument that names no place."""
    match kind:
        case Argument.ERROR if value in list(ErrorType):
            return ErrorType(value).name.lower()
        case Argument.IO_TYPES:
            kinds = [kind_of(io_type) for io_type in IoType if value & 1 << io_type]
            return "+".join(kinds) or str(value)
        case Argument.BLOCKS | Argument.SHIFT:
            return counted(value, "block")
        case _:
            return str(value)
