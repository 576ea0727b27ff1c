"""The target's service for hosts: the namespaces, and a poll group on every reactor."""

from __future__ import annotations

from chaos.plan.namespaces import all_namespaces
from chaos.plan.rpcs import Rpc
from chaos.run.avoidance import holds_channels
from chaos.run.operator.rpc_queue import RpcQueue
from chaos.steps.schedule import Operate


class Service:
    """Attaches and detaches, one RPC at a time."""

    def __init__(self, queue: RpcQueue) -> None:
        self.queue = queue
        self.model = queue.model
        self.namespaces = all_namespaces(queue.plan.layout)
        self.wanted = list(self.namespaces) if queue.plan.namespace_at_start else []

    @property
    def is_whole(self) -> bool:
        """Return whether hosts find every namespace, through every poll group."""
        service = self.model.service
        return len(service.attached) == len(self.namespaces) and not service.lacking

    def attach_again(self) -> Operate | None:
        """Attach a namespace again that hosts should have, for example after a restart."""
        service = self.model.service
        if all(nsid in service.attached for nsid in self.wanted):
            return None
        return self._attach(self.wanted)

    def attach(self) -> Operate | None:
        """Make sure that hosts find every namespace, through every poll group."""
        return self._attach(list(self.namespaces))

    def _attach(self, wanted: list[int]) -> Operate | None:
        service = self.model.service
        if self.queue.is_busy or not self.model.array.is_online:
            return None
        for nsid in wanted:
            if nsid in service.lacking:
                return self.queue.call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, nsid)
            if nsid not in service.attached and not holds_channels(self.model):
                return self.queue.call(Rpc.NVMF_SUBSYSTEM_ADD_NS, nsid)
        return None

    def detach(self) -> Operate | None:
        """Detach what is attached, one after the other."""
        attached = self.model.service.attached
        if self.queue.is_busy or not attached:
            return None
        return self.queue.call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, attached[0])

    def create_poll_groups(self) -> Operate | None:
        """Make sure that every reactor serves hosts."""
        if self.queue.is_busy or holds_channels(self.model):
            return None
        for reactor in range(self.queue.plan.poll_groups_at_start):
            if reactor not in self.model.service.poll_groups:
                return self.queue.call(Rpc.NVMF_CREATE_POLL_GROUP, reactor)
        return None
