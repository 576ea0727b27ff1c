"""The target's configuration, sent at its start and after each restart."""

from __future__ import annotations

from chaos.plan.namespaces import all_namespaces
from chaos.plan.rpcs import Rpc, RpcCall
from chaos.run.avoidance import holds_channels
from chaos.run.operator.rpc_queue import RpcQueue
from chaos.steps.schedule import Operate

FOR_HOSTS = (Rpc.NVMF_CREATE_POLL_GROUP, Rpc.NVMF_SUBSYSTEM_ADD_NS)


class Setup:
    """The RPCs that are still to be sent before hosts can connect."""

    def __init__(self, queue: RpcQueue) -> None:
        self.queue = queue
        self.plan = queue.plan
        self._last_op = 0
        self._calls = self._all(
            tuple(range(self.plan.layout.disks)), tuple(range(self.plan.members))
        )

    def _all(self, disks: tuple[int, ...], members: tuple[int, ...]) -> list[RpcCall]:
        calls: list[RpcCall] = [(Rpc.FRAMEWORK_START_INIT, disks)]
        if members:
            calls.append(self.queue.creation(members))
        calls += [
            (Rpc.NVMF_CREATE_POLL_GROUP, (reactor,))
            for reactor in range(self.plan.poll_groups_at_start)
        ]
        if members and self.plan.namespace_at_start:
            namespaces = all_namespaces(self.plan.layout)
            calls += [(Rpc.NVMF_SUBSYSTEM_ADD_NS, (nsid,)) for nsid in namespaces]
        return calls

    def next_step(self) -> Operate | None:
        """Return the next RPC of the configuration; None while an answer is awaited."""
        if not self._calls or self.queue.is_busy or self.is_held:
            return None
        step = self.queue.send_next(self._calls)
        self._last_op = step.op
        return step

    @property
    def is_held(self) -> bool:
        """Return whether the next RPC must wait, for the end of a rebuild."""
        is_for_hosts = bool(self._calls) and self._calls[0][0] in FOR_HOSTS
        return is_for_hosts and holds_channels(self.queue.model)

    @property
    def is_over(self) -> bool:
        """Return whether the whole configuration is sent and answered."""
        return not self._calls and self._last_op not in self.queue.in_flight

    def go_on_after(self, since_start: list[Operate]) -> None:
        """Keep the RPCs that are missing after these, which came from elsewhere; the heal completes the hosts' part."""
        sent = [step.method for step in since_start]
        self._calls = [
            (method, args)
            for method, args in self._calls
            if method not in sent and method not in FOR_HOSTS
        ]

    def start_over(self, clones: tuple[int, ...]) -> None:
        """Begin to configure the next target; with clones, they make a new array."""
        everything = tuple(range(self.plan.layout.disks)) if clones else ()
        self._calls = self._all(everything, clones)
