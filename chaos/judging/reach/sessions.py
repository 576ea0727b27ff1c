"""Counts of hosts' connections, and of the target's events for them."""

from __future__ import annotations

from chaos.judging.reach.situation import Situation
from chaos.plan.rpcs import Rpc
from chaos.steps.schedule import Disconnect, Open, Operate
from workers.nvmf.controller import ADMIN_QID


class SessionCounts:
    """Follows opens and disconnects, and the events ``nvmf.*``."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.counts = situation.counts
        self._draining: dict[int, int] = {}  # by connection: the host that has closed it

    def invoked(self, step: Open | Disconnect) -> None:
        """Count a step of a host."""
        if isinstance(step, Disconnect):
            self.counts["disconnects"] += 1
            self._draining[step.connection] = step.host
        else:
            self.counts["reconnects_while_draining"] += step.host in self._draining.values()

    def happened(self, name: str, args: tuple[int, ...]) -> None:
        """Count an event that the engine emitted."""
        counts = self.counts
        match name:
            case "nvmf.qpair_connected":
                is_admin = args[1] == ADMIN_QID
                counts["connects" if is_admin else "io_queues_connected"] += 1
                counts["connects_in_rebuild"] += is_admin and self.situation.rebuilding
            case "nvmf.qpair_destroyed":
                self._draining.pop(args[0], None)
            case "nvmf.namespace_channel_created":
                counts["channels_created_in_rebuild"] += args[1]
            case "nvmf.namespace_detached":
                counts["namespaces_lost"] += not any(
                    isinstance(step, Operate) and step.method == Rpc.NVMF_SUBSYSTEM_REMOVE_NS
                    for step in self.situation.in_flight.values()
                )
            case _:
                pass

    def target_ended(self) -> None:
        """Forget the connections that were draining."""
        self._draining.clear()
