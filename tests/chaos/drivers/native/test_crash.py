"""The signature of a crash: where it is, unless that is chance."""

from __future__ import annotations

from chaos.drivers.native.crash import crash_of
from chaos.drivers.native.process import Death
from chaos.drivers.native.symbols import Place


class Symbols:
    """Has a place for each frame."""

    def places(self, frames):
        return [Place(f"function_{frame}", "/target/file.c", frame) for frame in frames]


def where(kind: str, message: str) -> str:
    return crash_of(Death(kind, message, (1, 2, 3)), 0, 0, Symbols()).where


def test_a_crash_is_where_its_frames_are():
    frames = "file.c:function_1 < file.c:function_2"
    assert where("signal", "SIGSEGV at an address near NULL") == frames
    assert where("heap", "memory was freed twice") == frames


def test_an_assertion_is_in_its_function():
    assert where("assertion", "raid.c:7: add: Assertion `x' failed") == "raid.c:add"


def test_freed_memory_that_was_written_to_is_found_anywhere():
    message = "freed memory was written to, in bytes 80-87 of a block of 1008"
    assert where("heap", message) == "heap"
