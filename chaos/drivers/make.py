"""The drivers by name, and one made for an experiment."""

from __future__ import annotations

from collections.abc import Callable

from chaos.base.interrupt import Patience, never
from chaos.drivers.lockstep import LockstepDriver
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeDriver
from chaos.drivers.sim import SimDriver
from chaos.plan.driver_names import DRIVERS as DRIVERS
from chaos.plan.driver_names import DriverName
from chaos.plan.experiment import Experiment, pair
from workers.raid.metadata import DATA_OFFSET
from workers.step_log import LOG_BYTES

Driver = SimDriver | LockstepDriver | RealtimeDriver


def make_driver(
    name: DriverName, experiment: Experiment, is_stopped: Callable[[], bool] = never
) -> Driver:
    """Make a driver large enough for every seed of the experiment.

    A while after ``is_stopped`` it gives up the run in progress: its next step raises InterruptedRunError.
    """
    gives_up = Patience(is_stopped)
    match name:
        case "sim":
            return SimDriver(gives_up)
        case "lockstep":
            return LockstepDriver(Processes(_limits(experiment), gives_up))
        case "realtime":
            return RealtimeDriver(Processes(_limits(experiment), gives_up, log_bytes=LOG_BYTES))


def _limits(experiment: Experiment) -> Limits:
    """Return how large the processes' shared memory has to be, whatever a seed draws."""
    return Limits(
        reactors=pair(experiment.reactors)[1],
        disks=pair(experiment.members)[1] + pair(experiment.spares)[1],
        disk_blocks=pair(experiment.blocks)[1] + DATA_OFFSET + pair(experiment.grow_blocks)[1],
    )
