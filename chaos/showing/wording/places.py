"""Names of threads, hosts, disks, bdevs, connections and blocks: SPDK's names, and a run's labels if it has any."""

from __future__ import annotations

import re

from chaos.plan.plan import Plan
from chaos.showing.labels import Labels
from chaos.showing.wording.phrases import listed
from chaos.steps.block_words import blocks
from chaos.steps.history import History, Invoked
from chaos.steps.schedule import Open
from workers.bdev.split import partitions
from workers.bdev.stack import disk_of, raid_bdev_id, raid_passthru_id
from workers.protocol import FIRST_CONNECTION, NEMESIS, OPERATOR
from workers.reactor import FIRST_DYNAMIC_THREAD, FIRST_POLL_GROUP_THREAD

APP_THREAD_NAME = "app_thread"
REBUILD_THREAD_NAME = "raid0_rebuild"
_THREAD = re.compile(r"\bthread (\d+)\b")
_DISK = re.compile(r"\bdisk (\d+)\b")


def thread_name(number: int) -> str:
    """Return SPDK's name of a thread; a poll group has the number of its reactor."""
    if number == 0:
        return APP_THREAD_NAME
    if number < FIRST_DYNAMIC_THREAD:
        return f"nvmf_tgt_poll_group_{number - FIRST_POLL_GROUP_THREAD}"
    return REBUILD_THREAD_NAME


def disk_name(number: int) -> str:
    """Name a disk without its label."""
    return f"disk{number}"


def disk_names(numbers: list[int]) -> str:
    """Name disks; an empty list is "no disk"."""
    return listed([disk_name(number) for number in numbers]) or "no disk"


def named(text: str) -> str:
    """Rename threads and disks in a check's text as all other texts name them."""
    text = _THREAD.sub(lambda match: thread_name(int(match[1])), text)
    return _DISK.sub(lambda match: disk_name(int(match[1])), text)


def owners_of(history: History) -> dict[int, int]:
    """Return the host of each connection."""
    return {
        entry.step.connection: entry.step.host
        for entry in history
        if isinstance(entry, Invoked) and isinstance(entry.step, Open)
    }


class Places:
    """The names within one run; without labels, hosts and disks have only their numbers."""

    def __init__(
        self, plan: Plan, labels: Labels | None = None, owners: dict[int, int] | None = None
    ) -> None:
        self.plan = plan
        self.labels = labels
        self.owners = owners or {}

    def host(self, number: int) -> str:
        """Name a host, with its label."""
        if self.labels is None or number >= len(self.labels.hosts):
            return f"host {number}"
        return f"host {number} ({self.labels.host(number)})"

    def disk(self, number: int) -> str:
        """Name a disk, with its label."""
        return self.labels.disk(number) if self.labels else disk_name(number)

    def bdev(self, number: int) -> str:
        """Name a bdev by its array, its disk, or the one below it."""
        layout = self.plan.layout
        if number in (raid_bdev_id(layout), raid_passthru_id(layout)):
            return "the array"
        if number in partitions(layout):
            return f"partition {partitions(layout).index(number)} of the array"
        if number > raid_passthru_id(layout):
            return "a bdev that doesn't exist"  # one of the operator's wrong requests
        return disk_name(disk_of(layout, number))

    def connection(self, number: int) -> str:
        """Name the host of a connection."""
        host = self.owners.get(number)
        return f"connection {number - FIRST_CONNECTION}" if host is None else self.host(host)

    def sender(self, number: int) -> str:
        """Name the sender of a message: a thread, or a sender outside the target."""
        if number < OPERATOR:
            return thread_name(number)
        if number == OPERATOR:
            return "the operator"
        return "a disk's hot-plug event" if number == NEMESIS else self.connection(number)

    def on_disk(self, first: int, count: int, *, physical: bool) -> str:
        """Write blocks of a disk as the array counts them, and, where the disk's numbers differ, as the disk does."""
        offset = self.plan.data_offset
        if first < offset:
            name = "its superblock" if first + count <= offset else "its superblock and data"
        else:
            name = blocks(first - offset, count)
        if not physical or not offset:
            return name
        return f"{name} ({blocks(first, count).partition(' ')[2]} on disk)"
