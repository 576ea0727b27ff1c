"""The NVMe-oF service as ``nvmf_get_subsystems`` shows it, and as the answers to the operator's RPCs imply."""

from __future__ import annotations

import json
from typing import Any

from chaos.plan.rpcs import Rpc
from workers.protocol import APP_THREAD, Argument, Event
from workers.reactor import FIRST_POLL_GROUP_THREAD

# Whether a channel knows of a rebuild, and of which offset: no target shows that.
NOT_KNOWN = (0, -1)


class ServiceState:
    """Follows the subsystem's namespaces and the poll groups."""

    def __init__(self) -> None:
        self.reply: list[dict[str, Any]] = []  # the newest text, decoded
        self._namespaces: list[int] = []
        self._groups: list[int] = []  # threads

    def take(self, text: bytes) -> list[Event]:
        """Take the next text; return what has happened since the last one."""
        self.reply = json.loads(text)
        rows = [row for row in self.reply if "namespaces" in row]
        now = [namespace["nsid"] for row in rows for namespace in row["namespaces"]]
        before, self._namespaces = self._namespaces, now
        events = [
            Event("nvmf.namespace_detached", APP_THREAD, (nsid,))
            for nsid in before
            if nsid not in now
        ]
        for nsid in now:
            if nsid not in before:
                events.append(Event("nvmf.namespace_attached", APP_THREAD, (nsid, 0)))
                events += [self._channel(nsid, thread) for thread in self._groups]
        return events

    def answered(self, method: str, args: tuple[Argument, ...]) -> list[Event]:
        """Return the events that the answer to an RPC of the operator shows, which succeeded."""
        match method:
            case Rpc.NVMF_CREATE_POLL_GROUP:
                thread = FIRST_POLL_GROUP_THREAD + args[0]
                self._groups.append(thread)
                return [
                    Event("nvmf.poll_group_created", thread, ()),
                    *(self._channel(nsid, thread) for nsid in self._namespaces),
                ]
            case Rpc.NVMF_DESTROY_POLL_GROUP:
                thread = FIRST_POLL_GROUP_THREAD + args[0]
                self._groups.remove(thread)
                return [Event("nvmf.poll_group_destroyed", thread, ())]
            case _:
                return []

    @staticmethod
    def _channel(nsid: int, thread: int) -> Event:
        return Event("nvmf.namespace_channel_created", thread, (nsid, *NOT_KNOWN))
