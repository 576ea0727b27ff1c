"""The drivers by name, and a function that makes one for an experiment."""

from __future__ import annotations

from collections.abc import Callable

from chaos.base.interrupt import Patience, never
from chaos.drivers.lockstep import LockstepDriver
from chaos.drivers.native.driver import NativeDriver
from chaos.drivers.native.opened import opened_for
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeDriver
from chaos.drivers.sim import SimDriver
from chaos.plan.driver_names import DriverName
from chaos.plan.experiment import Experiment, pair
from chaos.plan.target_id import TargetId
from workers.raid.metadata import DATA_OFFSET
from workers.step_log import LOG_BYTES

Driver = SimDriver | LockstepDriver | RealtimeDriver | NativeDriver
Stepped = SimDriver | NativeDriver


def make_driver(
    name: DriverName,
    experiment: Experiment,
    is_stopped: Callable[[], bool] = never,
    target: TargetId | None = None,
) -> Driver:
    """Make a driver large enough for every seed of the experiment; ``target`` is for the driver ``native``.

    A few seconds after ``is_stopped`` it stops the run in progress: its next step raises InterruptedRunError.
    """
    gives_up = Patience(is_stopped)
    match name:
        case "sim":
            return SimDriver(gives_up)
        case "lockstep":
            return LockstepDriver(Processes(_limits(experiment), gives_up))
        case "realtime":
            return RealtimeDriver(Processes(_limits(experiment), gives_up, log_bytes=LOG_BYTES))
        case "native":
            assert target is not None, "the driver native needs a target"
            return NativeDriver(opened_for(target), gives_up)


def stepped_driver(target: TargetId | None, gives_up: Callable[[], bool] = never) -> Stepped:
    """Make a driver that takes recorded steps again: of the target in C they came from, or of the built-in engine."""
    return SimDriver(gives_up) if target is None else NativeDriver(opened_for(target), gives_up)


def _limits(experiment: Experiment) -> Limits:
    """Return the sizes of the processes' shared memory that suffice for every seed."""
    return Limits(
        reactors=pair(experiment.reactors)[1],
        disks=pair(experiment.members)[1] + pair(experiment.spares)[1],
        disk_blocks=pair(experiment.blocks)[1] + DATA_OFFSET + pair(experiment.grow_blocks)[1],
    )
