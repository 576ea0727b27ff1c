"""The functions of a crash, of Python and of C, outermost first."""

from __future__ import annotations

from chaos.showing.crash_frames import frames_of
from workers.protocol import Crash

IN_C = """bdev.c:1: f: Assertion `x' failed
  raidstorm_crash at runtime.c:10
  __assert_fail at runtime.c:20
  innermost at raid1.c:3
  middle at bdev_raid.c:4
  outer at bdev.c:5
the target printed:
  something at another.c:7"""
IN_PYTHON = """raid/raid1.py:1 in outer
raid/raid1.py:2 in middle
raid/raid1.py:3 in innermost"""


def crash(traceback: str) -> Crash:
    return Crash(0, 0, "assertion", "x", "raid1.c:innermost", traceback)


def test_frames_of_c_are_turned_and_ours_left_out():
    assert frames_of(crash(IN_C), 2) == ["middle", "innermost"]


def test_frames_of_python_are_the_last_lines():
    assert frames_of(crash(IN_PYTHON), 2) == ["middle", "innermost"]


def test_a_crash_without_frames_has_none():
    assert frames_of(crash(""), 3) == []
