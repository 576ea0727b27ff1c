"""What the model knows of the NVMe-oF service: poll groups, the namespace, and which threads have a channel of it."""

from __future__ import annotations

from workers.protocol import Event


class ServiceView:
    """The service, updated by the events that the target emits."""

    def __init__(self) -> None:
        self.namespace_attached = False
        self.channels_missing = False  # a poll group couldn't get its channel of the namespace
        self.served_threads: list[
            int
        ] = []  # threads whose poll group has a channel of the namespace
        self.poll_groups: list[int] = []  # reactors

    def observe(self, event: Event) -> None:
        """Record an event whose name begins with ``nvmf.``."""
        match event.name:
            case "nvmf.poll_group_created":
                self.poll_groups.append(event.thread - 1)
            case "nvmf.poll_group_destroyed":
                self.poll_groups.remove(event.thread - 1)
                if event.thread in self.served_threads:
                    self.served_threads.remove(event.thread)
            case "nvmf.namespace_attached":
                self.namespace_attached = True
            case "nvmf.namespace_detached":
                self.namespace_attached = self.channels_missing = False
                self.served_threads.clear()
            case "nvmf.namespace_channel_created":
                self.served_threads.append(event.thread)
            case "nvmf.namespace_channel_failed":
                self.channels_missing = True
            case _:
                pass
