"""The steps that the nemesis takes."""

from __future__ import annotations

from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.run.model import Model
from chaos.steps.schedule import Impair, Inject, Kill, Operate, PowerLoss, Stall
from workers.bdev.stack import ErrorType, Stack, stacked_bdev_id

NemesisStep = Inject | Impair | Stall | Kill | PowerLoss | Operate


def inject(model: Model, fault: str, disk: int, *args: int) -> Inject:
    """Break or heal something on a disk."""
    # An unfit disk that is pulled at the end is replaced by one that can be a member.
    if fault == "disk_return" and model.disks[disk].unfit:
        fault = "disk_return_blank"
    return Inject(model.ledger.new_op(), fault, disk, args)


def set_latency(plan: Plan, model: Model, disk: int, latency_us: int) -> Operate:
    """Have the delay bdev on a disk delay I/O; a latency of 0 ends it."""
    bdev = stacked_bdev_id(plan.layout, Stack.DELAY, disk)
    method = Rpc.BDEV_DELAY_UPDATE_LATENCY.value
    return Operate(model.ledger.new_op(), method, (bdev, latency_us))


def inject_error(
    plan: Plan, model: Model, disk: int, kind: ErrorType, io_types: int, count: int
) -> Operate:
    """Have the error bdev on a disk act on this number of I/Os of these types (a bit mask)."""
    bdev = stacked_bdev_id(plan.layout, Stack.ERROR, disk)
    method = Rpc.BDEV_ERROR_INJECT_ERROR.value
    return Operate(model.ledger.new_op(), method, (bdev, int(kind), io_types, count))
