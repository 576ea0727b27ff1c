"""Parts of sentences: lists, counts, statuses and data."""

from __future__ import annotations

from chaos.steps.payload import NEVER_WRITTEN
from workers.bdev.io import IoType
from workers.nvmf.status import NvmeStatus


def listed(words: list[str]) -> str:
    """Join words as in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def capitalized(text: str) -> str:
    """Begin a sentence with a capital; a name such as app_thread keeps its letters."""
    first = text.partition(" ")[0]
    return text if "_" in first else f"{text[0].upper()}{text[1:]}"


def counted(number: int, noun: str) -> str:
    """Write a number and its noun, which agree: 1 crash, 2 crashes."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'sh', 'ch', 'x')) else 's'}"


def ordinal(number: int) -> str:
    """Write a number that orders: first, second, third, 4th, 21st."""
    words = {1: "first", 2: "second", 3: "third"}
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if number % 100 in (11, 12, 13) else ends.get(number % 10, "th")
    return words.get(number, f"{number}{end}")


def times(count: int) -> str:
    """Write a count: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def kind_of(io_type: int) -> str:
    """Name a kind of I/O."""
    return IoType(io_type).name.lower().replace("_", " ")


def status_of(status: int) -> str:
    """Name an NVMe status or an errno; unknown ones stay numbers."""
    try:
        return f"status {NvmeStatus(status).name}" if status > 0 else f"error {status}"
    except ValueError:
        return f"status {status:#x}"


def data_of(values: list[int]) -> str:
    """Name the ops that wrote some blocks' data."""
    kinds = list(dict.fromkeys(values))
    written = [f"op {value}" for value in kinds if value > NEVER_WRITTEN]
    others = []
    if NEVER_WRITTEN in kinds:
        others.append("zeroes")
    if any(value < NEVER_WRITTEN for value in kinds):
        others.append("garbage")
    return listed(([f"the data of {listed(written)}"] if written else []) + others)
