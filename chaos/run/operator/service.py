"""The target's service for hosts: a namespace, and a poll group on every reactor."""

from __future__ import annotations

from chaos.plan.rpcs import Rpc
from chaos.run.avoidance import holds_channels
from chaos.run.operator.rpc_queue import RpcQueue
from chaos.run.operator.setup import NAMESPACE
from chaos.steps.schedule import Operate


class Service:
    """Attaches and detaches, one RPC at a time."""

    def __init__(self, queue: RpcQueue) -> None:
        self.queue = queue
        self.model = queue.model
        self.wants_namespace = queue.plan.namespace_at_start

    def attach_again(self) -> Operate | None:
        """Attach the namespace again that hosts should have, for example after a restart."""
        if not self.wants_namespace or self.model.service.namespace_attached:
            return None
        return self.attach()

    def attach(self) -> Operate | None:
        """Make sure that hosts find the namespace, through every poll group."""
        service = self.model.service
        if self.queue.is_busy or not self.model.array.is_online:
            return None
        if service.namespace_attached and service.channels_missing:
            return self.queue.call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, NAMESPACE)
        if service.namespace_attached or holds_channels(self.model):
            return None
        return self.queue.call(Rpc.NVMF_SUBSYSTEM_ADD_NS, NAMESPACE)

    def detach(self) -> Operate | None:
        """Detach the namespace."""
        if self.queue.is_busy or not self.model.service.namespace_attached:
            return None
        return self.queue.call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, NAMESPACE)

    def create_poll_groups(self) -> Operate | None:
        """Make sure that every reactor serves hosts."""
        if self.queue.is_busy or holds_channels(self.model):
            return None
        for reactor in range(self.queue.plan.poll_groups_at_start):
            if reactor not in self.model.service.poll_groups:
                return self.queue.call(Rpc.NVMF_CREATE_POLL_GROUP, reactor)
        return None
