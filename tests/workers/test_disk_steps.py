"""A disk does an I/O wholly or not at all, wherever SIGKILL comes: a step that never ended leaves nothing."""

import mmap
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.support import ROOT
from workers.bdev.disk import FOREVER, Disk, FaultKind
from workers.bdev.io import BLOCK_SIZE, BdevIo, IoType

BLOCKS = 8


class Cut(BaseException):
    """A process was killed here."""


def used_disk():
    """Return a disk with dirty, clean and bad blocks."""
    disk = Disk(0, bytearray(Disk.segment_size(BLOCKS)), BLOCKS)
    disk.new(BLOCKS)
    for block in (1, 2, 5):
        disk.transfer(io(IoType.WRITE, block, bytes([block]) * BLOCK_SIZE))
    disk.transfer(io(IoType.FLUSH, 0))
    disk.transfer(io(IoType.WRITE, 2, b"x" * 2 * BLOCK_SIZE))
    disk.add_fault(FaultKind.BAD_BLOCKS, (IoType.READ,), 3, 5, FOREVER)
    disk.add_fault(FaultKind.ERROR, (IoType.WRITE,), 7, 8, 2)
    return disk


def io(kind, offset, data=b"", *, fua=False):
    return BdevIo(kind, offset, max(1, len(data) // BLOCK_SIZE), data=data, fua=fua)


def cut_at(line, call):
    """Run it up to the nth line within the disk's module; return True if it ended before."""
    count = 0

    def trace(frame, event, _arg):
        nonlocal count
        if not frame.f_code.co_filename.endswith("bdev/disk.py"):
            return None
        if event == "line":
            count += 1
            if count == line:
                raise Cut
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Cut:
        return False
    finally:
        sys.settrace(before)
    return True


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: io(IoType.WRITE, 1, b"y" * 4 * BLOCK_SIZE),
        lambda: io(IoType.WRITE, 1, b"y" * 4 * BLOCK_SIZE, fua=True),
        lambda: io(IoType.UNMAP, 2, b""),
        lambda: io(IoType.FLUSH, 0),
        lambda: io(IoType.WRITE, 7, b"y" * BLOCK_SIZE),
    ],
    ids=["write", "fua", "unmap", "flush", "failing write"],
)
def test_step_that_is_cut_anywhere_is_undone(request_of):
    whole = used_disk()
    before = whole.digest()

    def step(disk):
        request = request_of()
        if disk.fault_of(request) is None:
            disk.transfer(request)

    step(whole)
    assert whole.digest() != before
    line, changed = 1, 0
    while True:
        disk = used_disk()
        disk.begin_step()
        if cut_at(line, lambda disk=disk: step(disk)):
            break
        changed += disk.digest() != before
        assert disk.undo_step()
        assert disk.digest() == before, line
        lost = disk.dirty_blocks()
        disk.lose_power(lost)
        twin = used_disk()
        twin.lose_power(lost)
        assert disk.digest() == twin.digest(), line
        line += 1
    assert changed > 0
    disk.end_step()
    assert not disk.undo_step()
    assert disk.digest() == whole.digest()


def test_new_disk_has_no_step_to_undo():
    disk = used_disk()
    disk.begin_step()
    disk.new(BLOCKS)
    assert not disk.undo_step()


def test_disk_of_a_killed_process_is_as_it_was_or_as_it_would_be():
    """Kill a process that writes without end: the blocks have one write's data, and the cache's count is right."""
    size = Disk.segment_size(BLOCKS)
    code = textwrap.dedent(f"""
        import mmap, os, sys
        from workers.bdev.disk import Disk
        from workers.bdev.io import BLOCK_SIZE, BdevIo, IoType
        memory = mmap.mmap(int(sys.argv[1]), {size})
        disk = Disk(0, memory, {BLOCKS})
        disk.new({BLOCKS})
        print("ready", flush=True)
        number = 0
        while True:
            number = number % 250 + 1
            for kind, count in ((IoType.WRITE, 4), (IoType.FLUSH, 1)):
                data = bytes([number]) * 4 * BLOCK_SIZE if kind is IoType.WRITE else b""
                disk.begin_step()
                disk.transfer(BdevIo(kind, 2, count, data=data))
                disk.end_step()
        """)
    undone = 0
    for _ in range(12):
        descriptor = os.memfd_create("disk")
        os.ftruncate(descriptor, size)
        with subprocess.Popen(
            [sys.executable, "-c", code, str(descriptor)],
            cwd=ROOT,
            pass_fds=[descriptor],
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout.readline() == b"ready\n"
            with mmap.mmap(descriptor, size) as memory:
                while Disk(0, bytearray(memory), BLOCKS).block(2)[0] < 50:
                    os.sched_yield()
                process.send_signal(signal.SIGKILL)
                process.wait()
                disk = Disk(0, bytearray(memory), BLOCKS)
        os.close(descriptor)
        undone += disk.undo_step()
        assert len(set(disk.data[2 * BLOCK_SIZE : 6 * BLOCK_SIZE])) == 1
        assert disk.header.dirty_count == len(disk.dirty_blocks()) in (0, 4)
    assert undone > 0
