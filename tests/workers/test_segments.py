"""Shared-memory segments, and the names of their owners."""

import os
import subprocess
import sys

import pytest

from workers import segments


def test_segment_is_created_attached_and_destroyed():
    segment = segments.create("test-one", 4_096)
    try:
        assert segment.name.startswith(f"raidstorm-{os.getpid()}-")
        other = segments.attach(segment.name)
        other.buf[7] = 42
        assert segment.buf[7] == 42
        other.close()
        assert (segments.FOLDER / segment.name).exists()
    finally:
        segments.destroy(segment)
    assert not (segments.FOLDER / segment.name).exists()


def test_process_that_attached_and_died_does_not_take_the_segment_along():
    segment = segments.create("test-two", 4_096)
    try:
        program = f"from workers import segments; segments.attach({segment.name!r})"
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
        assert (segments.FOLDER / segment.name).exists()
    finally:
        segments.destroy(segment)


def test_too_large_a_segment_fails_at_creation_and_leaves_nothing(tmp_path):
    with pytest.raises(segments.SegmentError, match=r"no room|can't be made"):
        segments.create("test-huge", 1 << 50)
    assert not list(segments.FOLDER.glob("*test-huge*"))


def test_leftovers_are_told_from_what_is_in_use(tmp_path):
    mine = tmp_path / f"{segments.owner_tag()}-block"
    child = subprocess.Popen(["true"])
    child.wait()
    dead = tmp_path / f"raidstorm-{child.pid}-12345-block"
    # The pid is in use again, by a process that started at another time.
    reused = tmp_path / f"raidstorm-{os.getpid()}-1-block"
    foreign = tmp_path / "raidstorm-notes.txt"
    for path in (mine, dead, reused, foreign):
        path.touch()
    found = {leftover.path: leftover.owner_is_alive for leftover in segments.leftovers((tmp_path,))}
    assert found == {mine: True, dead: False, reused: False}
