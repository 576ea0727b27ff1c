"""The words that findings and stories share: a crash, and a range of blocks."""

import pytest

from chaos.steps.block_words import blocks
from chaos.steps.crash_words import crash_words
from workers.bdev.bdev import EVERYTHING
from workers.protocol import Crash


@pytest.mark.parametrize(
    ("kind", "message", "words"),
    [
        ("KeyError", "0", "KeyError: 0"),
        ("IndexError", "list index out of range", "IndexError: list index out of range"),
        ("AssertionError", "no channel of disk0", "no channel of disk0"),
        ("AssertionError", "", "AssertionError"),
        ("AssertionError", "0", "AssertionError: 0"),
        ("assertion", "f: Assertion `x' failed", "f: Assertion `x' failed"),
        ("SIGSEGV", "", "SIGSEGV"),
    ],
)
def test_crash_names_its_class_where_its_text_is_no_sentence(kind, message, words):
    assert crash_words(Crash(0, 0, kind, message, "f", "")) == words


def test_range_up_to_any_end_is_all_blocks():
    assert blocks(0, EVERYTHING) == "all blocks"
    assert blocks(8, EVERYTHING) == "all blocks from 8 on"
    assert (blocks(8, 1), blocks(8, 2)) == ("block 8", "blocks 8-9")
