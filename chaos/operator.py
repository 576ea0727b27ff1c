"""The operator: sets the target up, repairs the array, and carries out planned operations by RPC."""

from __future__ import annotations

from typing import get_args

from chaos.experiment import OperationKind, Plan
from chaos.model import Model
from chaos.moments import is_due
from chaos.prng import Stream
from chaos.schedule import Operate, OutsideStep

NAMESPACE = 1
OPERATIONS = {
    "member_removal": "a good member is removed by RPC; the operator adds one again later",
    "namespace_attach": "the array is attached as a namespace; every poll group gets a channel",
    "namespace_detach": "the namespace is detached; every poll group gives its channel back",
    "poll_group_create": "a poll group is born on a reactor that has none",
}
METHODS = (
    "bdev_raid_create",
    "bdev_raid_delete",
    "bdev_raid_add_base_bdev",
    "bdev_raid_remove_base_bdev",
    "bdev_raid_get_bdevs",
    "nvmf_subsystem_add_ns",
    "nvmf_subsystem_remove_ns",
    "nvmf_create_poll_group",
)
assert set(OPERATIONS) == set(get_args(OperationKind))


class Operator:
    """One RPC at a time, as a person at a console would."""

    def __init__(self, plan: Plan, model: Model, stream: Stream) -> None:
        self.plan = plan
        self.model = model
        self.stream = stream
        self.waiting = [planned for planned in plan.planned if planned.kind in OPERATIONS]
        self.busy = False
        self.patience = -1
        self.next_poll_group = 0
        self.setup = self._setup_steps()

    def _setup_steps(self) -> list[tuple[str, tuple[int, ...]]]:
        steps = [("bdev_raid_create", tuple(range(self.plan.members)))]
        steps += [
            ("nvmf_create_poll_group", (reactor,))
            for reactor in range(self.plan.poll_groups_at_start)
        ]
        self.next_poll_group = self.plan.poll_groups_at_start
        if self.plan.namespace_at_start:
            steps.append(("nvmf_subsystem_add_ns", (NAMESPACE,)))
        return steps

    def set_up(self) -> Operate | None:
        """The next RPC of the target's configuration."""
        if self.busy or not self.setup:
            return None
        method, args = self.setup.pop(0)
        return self._call(method, *args)

    @property
    def is_set_up(self) -> bool:
        """Has the target's configuration been answered?"""
        return not self.setup and not self.busy

    def next_step(self, now_permille: int) -> Operate | None:
        """A planned operation whose moment has come, or a repair."""
        if self.busy:
            return None
        for planned in self.waiting:
            if is_due(planned, now_permille, self.model):
                step = self._planned(planned.kind)
                if step is not None:
                    self.waiting.remove(planned)
                    return step
        if self.patience > 0:
            self.patience -= 1
            return None
        return self.repair()

    def _planned(self, kind: str) -> Operate | None:
        model = self.model
        match kind:
            case "member_removal":
                victims = [
                    number
                    for number, disk in enumerate(model.disks)
                    if disk.good and model.may_harm(number)
                ]
                if victims and model.array_online:
                    return self._call("bdev_raid_remove_base_bdev", self.stream.choice(victims))
            case "namespace_attach":
                if not model.namespace_attached and model.array_online:
                    return self._call("nvmf_subsystem_add_ns", NAMESPACE)
            case "namespace_detach":
                if model.namespace_attached:
                    return self._call("nvmf_subsystem_remove_ns", NAMESPACE)
            case "poll_group_create":
                if self.next_poll_group < self.plan.layout.reactors:
                    self.next_poll_group += 1
                    return self._call("nvmf_create_poll_group", self.next_poll_group - 1)
            case _:
                pass
        return None

    def repair(self) -> Operate | None:
        """Replace a member that isn't good any more; fill a free slot. None: nothing to be done now."""
        model = self.model
        if not model.array_online or self.busy or model.rebuild is not None:
            return None
        for number, disk in enumerate(model.disks):
            if disk.member and not disk.good:
                return self._call("bdev_raid_remove_base_bdev", number)
        if sum(1 for disk in model.disks if disk.member) >= self.plan.members:
            return None
        candidates = [
            number
            for number, disk in enumerate(model.disks)
            if disk.present and not disk.faulted and not disk.member
        ]
        if not candidates:
            return None
        return self._call("bdev_raid_add_base_bdev", self.stream.choice(candidates))

    @property
    def is_array_whole(self) -> bool:
        """Are all slots filled with good members?"""
        return self.model.good_disks() >= self.plan.members and self.model.rebuild is None

    def attach_namespace(self) -> Operate | None:
        """Make sure that hosts find the namespace."""
        if self.busy or self.model.namespace_attached:
            return None
        return self._call("nvmf_subsystem_add_ns", NAMESPACE)

    def detach_namespace(self) -> Operate | None:
        """Take the namespace away again."""
        if self.busy or not self.model.namespace_attached:
            return None
        return self._call("nvmf_subsystem_remove_ns", NAMESPACE)

    def _call(self, method: str, *args: int) -> Operate:
        self.busy = True
        return Operate(self.model.new_op(), method, args)

    def answered(self, step: OutsideStep) -> None:
        """The RPC was answered; the next one comes after a drawn while."""
        if isinstance(step, Operate):
            self.busy = False
            self.patience = self.stream.between(*self.plan.repair_delay)

    def target_lost(self) -> None:
        """The target died with all its configuration."""
        self.busy = False
        self.setup = self._setup_steps()
