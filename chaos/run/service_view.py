"""What the model knows of the NVMe-oF service: poll groups, the namespace, who has a channel of it, connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.protocol import Event

if TYPE_CHECKING:
    from chaos.run.model import Model


def take_notice(model: Model, event: Event) -> None:
    """The target has told something of its service."""
    match event.name:
        case "nvmf.poll_group_created":
            model.poll_groups.append(event.thread - 1)
        case "nvmf.poll_group_destroyed":
            model.poll_groups.remove(event.thread - 1)
            if event.thread in model.served_threads:
                model.served_threads.remove(event.thread)
        case "nvmf.namespace_attached":
            model.namespace_attached = True
        case "nvmf.namespace_detached":
            model.namespace_attached = model.channels_missing = False
            model.served_threads.clear()
        case "nvmf.namespace_channel_created":
            model.served_threads.append(event.thread)
        case "nvmf.namespace_channel_failed":
            model.channels_missing = True
        case "nvmf.qpair_destroyed":
            model.connection_ended(event.args[0])
        case _:
            pass
