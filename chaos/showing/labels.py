"""Names for people: hosts and disks get believable ones from a seeded Faker.

They are labels. No decision, no history and no fingerprint contains them.
"""

from __future__ import annotations

import msgspec

from chaos.plan.plan import Plan


class HostLabel(msgspec.Struct, frozen=True):
    """A host's name, as its administrator knows it."""

    hostname: str
    nqn: str
    payload: str  # the data that it is said to store


class DiskLabel(msgspec.Struct, frozen=True):
    """A disk's model and serial number, as on the label of its tray."""

    serial: str


class Labels(msgspec.Struct, frozen=True):
    """The labels of one run, by number."""

    hosts: list[HostLabel]
    disks: list[DiskLabel]

    def host(self, number: int) -> str:
        """Return a host's short name."""
        return self.hosts[number].hostname

    def disk(self, number: int) -> str:
        """Return a disk's number and serial number."""
        return f"disk{number} ({self.disks[number].serial})"


def make_labels(plan: Plan, seed: int) -> Labels:
    """Make the labels that belong to a seed."""
    # Imported only for runs that fail: the import takes a fifth of the time that a command needs to start.
    from faker import Faker

    faker = Faker("en_US", use_weighting=False)
    faker.seed_instance(seed)
    hosts = []
    for _ in range(plan.hosts):
        hostname = faker.hostname(0)
        # The NVMe form of a host NQN that is made from a UUID.
        nqn = f"nqn.2014-08.org.nvmexpress:uuid:{faker.uuid4()}"
        hosts.append(HostLabel(hostname, nqn, faker.file_name(category="office")))
    disks = [DiskLabel(faker.bothify("S4E?NX0?######").upper()) for _ in range(plan.layout.disks)]
    return Labels(hosts, disks)
