"""The drivers by name: the one table of their words and numbers. Their code is in ``chaos/drivers/``, which naming one doesn't import."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

DriverName = Literal["sim", "lockstep", "realtime", "native"]


class DriverRow(NamedTuple):
    """A driver in words and numbers.

    ``seeds`` are run where the user names no number. With fewer than ``gate_runs_min`` runs, an experiment's goals may not
    have been reached yet. ``chunk_seeds`` and ``soak_chunk_seeds``: how many seeds a job of a campaign takes, and the first job of
    a soak. ``seed_seconds`` is the rough cost of a seed. ``varied``: what differs when ``repro`` runs a plan again.
    """

    text: str
    seeds: int
    gate_runs_min: int
    chunk_seeds: int
    soak_chunk_seeds: int
    seed_seconds: float
    varied: str


OTHER_SCHEDULES = (
    "the same plan under other schedules: each scheduler seed is drawn from the run's seed"
)
DRIVERS: dict[str, DriverRow] = {
    "sim": DriverRow(
        "everything in this process; the controller chooses every step",
        seeds=100,
        gate_runs_min=20,
        chunk_seeds=16,
        soak_chunk_seeds=8,
        seed_seconds=0.02,
        varied=OTHER_SCHEDULES,
    ),
    "lockstep": DriverRow(
        "one process per reactor, stepped over ZeroMQ; same fingerprints as sim",
        seeds=20,
        gate_runs_min=20,
        chunk_seeds=1,
        soak_chunk_seeds=1,
        seed_seconds=0.25,
        varied=OTHER_SCHEDULES,
    ),
    "realtime": DriverRow(
        "the same processes running free on the real clock; also SIGSTOP and SIGKILL",
        seeds=5,
        gate_runs_min=5,
        chunk_seeds=1,
        soak_chunk_seeds=1,
        seed_seconds=1.5,
        varied="the same plan and seed, run free again: only the race of the processes differs",
    ),
    "native": DriverRow(
        "SPDK itself, or another target in C, in a process of its own; the controller chooses every step",
        seeds=100,
        gate_runs_min=20,
        chunk_seeds=16,
        soak_chunk_seeds=8,
        seed_seconds=0.05,
        varied=OTHER_SCHEDULES,
    ),
}
assert set(DRIVERS) == set(get_args(DriverName))
