"""The drivers by name, in words. Their code is in ``chaos/drivers/``, which this module must not import."""

from __future__ import annotations

from typing import Literal, get_args

DriverName = Literal["sim", "lockstep", "realtime"]

DRIVERS: dict[str, str] = {
    "sim": "everything in this process; the controller chooses every step",
    "lockstep": "one process per reactor, stepped over ZeroMQ; same fingerprints as sim",
    "realtime": "the same processes running free on the real clock; also SIGSTOP and SIGKILL",
}
assert set(DRIVERS) == set(get_args(DriverName))
