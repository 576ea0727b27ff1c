"""What the model knows of the NVMe-oF service: poll groups, listeners, namespaces, and which threads have channels of them."""

from __future__ import annotations

from workers.protocol import Event


class ServiceView:
    """The service, updated by the events that the target emits."""

    def __init__(self) -> None:
        self.attached: list[int] = []  # namespaces
        self.lacking: list[int] = []  # namespaces of which a poll group couldn't get its channel
        self.served: list[tuple[int, int]] = []  # threads with a channel: (thread, namespace)
        self.poll_groups: list[int] = []  # reactors
        self.listeners: list[int] = []

    def is_attached(self, nsid: int) -> bool:
        """Return whether hosts find this namespace."""
        return nsid in self.attached

    def observe(self, event: Event) -> None:
        """Record an event whose name begins with ``nvmf.``."""
        match event.name:
            case "nvmf.poll_group_created":
                self.poll_groups.append(event.thread - 1)
            case "nvmf.poll_group_destroyed":
                self.poll_groups.remove(event.thread - 1)
                self.served = [one for one in self.served if one[0] != event.thread]
            case "nvmf.namespace_attached":
                self.attached.append(event.args[0])
            case "nvmf.namespace_detached":
                self._detached(event.args[0])
            case "nvmf.namespace_channel_created":
                self.served.append((event.thread, event.args[0]))
            case "nvmf.namespace_channel_failed":
                self.lacking.append(event.args[0])
            case "nvmf.listener_changed":
                listener, is_there = event.args
                self.listeners = [each for each in self.listeners if each != listener]
                self.listeners += [listener] * is_there
            case _:
                pass

    def _detached(self, nsid: int) -> None:
        self.attached = [each for each in self.attached if each != nsid]
        self.lacking = [each for each in self.lacking if each != nsid]
        self.served = [one for one in self.served if one[1] != nsid]
