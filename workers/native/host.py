"""The process of a target in C: loads its object once, and is forked for every life of a target.

Run as a program with the numbers of its descriptors (see ``main``). It imports nothing of raidstorm, so that it starts
fast and stays small. The first process, which never calls a step, forks on request; a fork serves calls over a socket of
its own until the socket closes or the target ends it. Frames are defined in ``frames.py``.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable

# A function, how many numbers it takes, and whether bytes follow them.
Other = tuple[Callable[..., int], int, bool]
CALL = struct.Struct("<6Q")  # call, four numbers, bytes that follow
ANSWER = struct.Struct("<qQ")  # result, bytes that follow
# This much of a call at a time; a larger buffer would be mapped anew for each call.
RECEIVED_BYTES_MAX = 1 << 15
DELIVER, TIMER, POLLERS, END_IO, RPC, PLUG, UNPLUG, RESIZE = 1, 2, 3, 4, 5, 6, 7, 8
FAIL_CHANNELS, FAIL_ALLOCATION, OPEN_QUEUE, COMMAND, CLOSE_QUEUE, CENSUS, START = range(9, 16)
CRASH_BYTES = 1 << 16
LIFE_DESCRIPTORS = 4  # calls, media, crash area, output
CONNECTION_LOST_EXIT = 98
ADDR_NO_RANDOMIZE = 0x0040000
PR_SET_PDEATHSIG = 1
OUTPUT_BYTES_MAX = 1 << 20  # of what the target prints
MEMORY_MAX = 4 << 30


def main() -> None:
    """Serve: arguments are the library's path, and the descriptors for control and for what the target prints."""
    fix_addresses()
    path, control, output = sys.argv[1], *map(int, sys.argv[2:4])
    _die_with_parent()
    os.dup2(output, 1)
    os.dup2(output, 2)
    channel = socket.socket(fileno=control)
    try:
        library = load(path)
    except OSError as error:
        channel.send(json.dumps({"error": f"can't be loaded: {error}"}).encode())
        return
    except AttributeError as error:
        channel.send(json.dumps({"error": f"lacks a function of the interface: {error}"}).encode())
        return
    interface = library.raidstorm_interface()
    described = {"interface": interface}
    if interface == 1:
        described["description"] = library.raidstorm_describe().decode()
        described["prepared"] = library.raidstorm_prepare()
    gc.collect()
    gc.freeze()
    channel.send(json.dumps(described).encode())
    _fork_on_request(channel, library)


def fix_addresses(module: str = "") -> None:
    """Begin again without address randomisation, where the system allows that: wild pointers then hit the same.

    ``module``: the program's own, where it isn't this one.
    """
    personality = ctypes.CDLL(None).personality
    if not personality(0xFFFFFFFF) & ADDR_NO_RANDOMIZE and "RAIDSTORM_FIXED" not in os.environ:
        personality(ADDR_NO_RANDOMIZE)
        os.environ["RAIDSTORM_FIXED"] = "1"
        words = ["-m", module, *sys.argv[1:]] if module else ["-I", "-S", *sys.argv]
        os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # this program again


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def load(path: str) -> ctypes.CDLL:
    """Load a target's object."""
    library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)
    u32, u64, text = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_char_p
    arguments = {
        "interface": [],
        "describe": [],
        "prepare": [],
        "catch_crashes": [ctypes.c_void_p, ctypes.c_size_t],
        "disk": [u32, ctypes.c_void_p, u64],
        "start": [text],
        "deliver": [u32],
        "timer": [u32, u64],
        "pollers": [u32],
        "end_io": [u64, ctypes.c_int, u64, u64],
        "rpc": [u64, text, text],
        "plug": [u32, u64, text],
        "unplug": [u32],
        "resize": [u32, u64],
        "fail_channels": [u32, u32],
        "fail_allocation": [u64],
        "open_queue": [u64, u32],
        "command": [u64, u64, text, text, u32],
        "close_queue": [u64],
        "output": [ctypes.c_void_p, ctypes.c_void_p],
        "census": [],
    }
    for name, types in arguments.items():
        getattr(library, f"raidstorm_{name}").argtypes = types
    for name in ("describe", "census"):
        getattr(library, f"raidstorm_{name}").restype = text
    library.raidstorm_interface.restype = u32
    return library


def _fork_on_request(channel: socket.socket, library: ctypes.CDLL) -> None:
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, 64, LIFE_DESCRIPTORS)
        if not request:
            return
        if request == b"fork":
            pid = os.fork()
            if pid == 0:
                channel.close()
                _live(library, *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            channel.send(struct.pack("<q", pid))
        else:
            (wanted,) = struct.unpack("<q", request)
            _, status = os.waitpid(wanted, 0)
            channel.send(struct.pack("<q", status))


def _live(library: ctypes.CDLL, calls: int, media: int, crash: int, output: int) -> None:
    """Serve the calls of one life of the target, and end."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    area = ctypes.c_char.from_buffer(mmap.mmap(crash, CRASH_BYTES))  # mapped until the end
    library.raidstorm_catch_crashes(ctypes.addressof(area), CRASH_BYTES)
    os.setsid()  # so that whatever it starts can be ended with it
    _die_with_parent()
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "asan" not in os.environ.get("LD_PRELOAD", ""):
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(
                file.read().split()[0]
            )  # a heap at a fixed address is reserved, mostly unused
        most = pages * mmap.PAGESIZE + MEMORY_MAX
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        serve(socket.socket(fileno=calls), library, media)
    except OSError:
        os._exit(CONNECTION_LOST_EXIT)
    os._exit(0)


def serve(calls: socket.socket, library: ctypes.CDLL, media: int) -> None:
    """Carry out calls until their socket is closed."""
    deliver, end_io, output = (
        library.raidstorm_deliver,
        library.raidstorm_end_io,
        library.raidstorm_output,
    )
    command, timer = library.raidstorm_command, library.raidstorm_timer
    words, count = ctypes.c_void_p(), ctypes.c_size_t()
    words_at, count_at = ctypes.byref(words), ctypes.byref(count)
    receive, send, unpack, string_at = calls.recv, calls.sendall, CALL.unpack_from, ctypes.string_at
    others = _others(library, media)
    while True:
        frame = receive(RECEIVED_BYTES_MAX)
        if not frame:
            return
        call, a, b, c, d, size = unpack(frame)
        while len(frame) < CALL.size + size:
            frame += receive(RECEIVED_BYTES_MAX)
        if call == DELIVER:
            result = deliver(a)
        elif call == END_IO:
            result = end_io(a, b - (1 << 64) if b >> 63 else b, c, d)
        elif call == TIMER:
            result = timer(a, b)
        elif call == COMMAND:
            data = frame[CALL.size + 64 :] if c else None
            result = command(a, b, frame[CALL.size : CALL.size + 64], data, d)
        elif call == CENSUS:
            text = library.raidstorm_census()
            send(ANSWER.pack(0, len(text)) + text)
            continue
        else:
            function, numbers, has_data = others[call]
            more = (frame[CALL.size :],) if has_data else ()
            result = function(*(a, b)[:numbers], *more)
        output(words_at, count_at)
        size = 8 * count.value
        send(ANSWER.pack(result, size) + (string_at(words, size) if size else b""))


def _others(library: ctypes.CDLL, media: int) -> dict[int, Other]:
    """Return the calls that are not frequent."""

    whole = ctypes.c_char.from_buffer(mmap.mmap(media, 0))  # mapped as long as a call can come

    def start(data: bytes) -> int:
        options = json.loads(data)
        first = ctypes.addressof(whole)
        for disk, (offset, blocks) in enumerate(options["media"]):
            library.raidstorm_disk(disk, first + offset, blocks)
        return int(library.raidstorm_start(data))

    def rpc(token: int, data: bytes) -> int:
        method, _, params = data.partition(b"\0")
        return int(library.raidstorm_rpc(token, method, params))

    return {
        START: (start, 0, True),
        RPC: (rpc, 1, True),
        POLLERS: (library.raidstorm_pollers, 1, False),
        PLUG: (library.raidstorm_plug, 2, True),
        UNPLUG: (library.raidstorm_unplug, 1, False),
        RESIZE: (library.raidstorm_resize, 2, False),
        FAIL_CHANNELS: (library.raidstorm_fail_channels, 2, False),
        FAIL_ALLOCATION: (library.raidstorm_fail_allocation, 1, False),
        OPEN_QUEUE: (library.raidstorm_open_queue, 2, False),
        CLOSE_QUEUE: (library.raidstorm_close_queue, 1, False),
    }


if __name__ == "__main__":
    main()
