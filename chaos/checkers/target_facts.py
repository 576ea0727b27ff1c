"""The facts by which answers of RPCs are judged, followed along a history: array, disks, superblocks, service.

A fact that nothing shows exactly is held for longer than it is true, so that no right answer is called wrong.
"""

from __future__ import annotations

from chaos.checkers.moments import Fact, Moments
from chaos.plan.faults import DISK_RETURNS, PULLS
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.steps.history import (
    NO_BDEV,
    Completed,
    Seen,
    SlotFlag,
    Written,
)
from chaos.steps.schedule import Inject, Kill, Operate, OutsideStep, PowerLoss
from workers.bdev.split import partitions
from workers.bdev.stack import (
    member_bdev_id,
    raid_bdev_id,
    raid_passthru_id,
    stack_of,
    stacked_bdev_id,
)
from workers.errors import OK
from workers.protocol import Event, Layout
from workers.shared import RaidState

NO_DISK = NO_ARRAY = -1
NO_SUPERBLOCK = Written(0, NO_DISK, False, -1, NO_ARRAY - 1, 0, True)
NEVER: Fact = ("never",)
ONLINE: Fact = ("state", int(RaidState.ONLINE))
ABSENT: Fact = ("state", int(RaidState.ABSENT))
OFFLINE: Fact = ("state", int(RaidState.OFFLINE))
CONFIGURING: Fact = ("state", int(RaidState.CONFIGURING))
SOURCE: Fact = ("source",)  # a member from which a rebuild can copy
FREE_SLOT: Fact = ("free slot",)
REBUILD: Fact = ("rebuild",)  # one is under way
ASSEMBLING: Fact = ("assembling",)  # a CONFIGURING array is made from superblocks alone
WRITING: Fact = ("writing",)  # superblocks are being written
FINISHING: Fact = (
    "finishing",
)  # superblocks of an array that is being assembled are being written
LEFT: Fact = ("left",)  # a bdev has left its slot

# The events that facts are made of. Each is marked with one of its arguments; None: with the thread.
EVENTS: dict[str, int | None] = {
    "raid.created": None,
    "raid.assembled": None,
    "raid.configuring": None,
    "raid.starting_degraded": None,
    "raid.deleted": None,
    "raid.member_too_small": 0,
    "raid.superblock_writing": 0,
    "raid.superblock_ended": 0,
    "rebuild.started": 1,
    "bdev.registered": 0,
    "bdev.unregistered": 0,
    "bdev.reset": 0,
    "bdev.delayed": 0,
    "bdev.error_injected": 0,
    "disk.channel_failed": 0,
    "disk.fault": 0,
    "nvmf.listener_changed": 0,
    "nvmf.namespace_attached": 0,
    "nvmf.namespace_detached": 0,
    "nvmf.poll_group_created": None,
    "nvmf.poll_group_destroyed": None,
}
# By event, the fact that begins or ends with it: its name, and whether its argument tells several apart.
BEGINS = {
    "raid.configuring": ("assembling", False),
    "raid.superblock_writing": ("writing", False),
    "rebuild.started": ("rebuild", False),
    "bdev.registered": ("registered", True),
    "nvmf.namespace_attached": ("attached", True),
    "nvmf.poll_group_created": ("group", True),
}
ENDS = {
    "raid.starting_degraded": ("assembling", False),
    "raid.superblock_ended": ("writing", False),
    "bdev.unregistered": ("registered", True),
    "nvmf.namespace_detached": ("attached", True),
    "nvmf.poll_group_destroyed": ("group", True),
}
HARMS = ("bdev.error_injected", "disk.channel_failed", "disk.fault")  # their argument is the disk
# With these, disks differ in size from then on, so that an array may grow.
RESIZES = ("disk_grow", "disk_return_small", "disk_return_large")
OCCUPIED, CONFIGURED = int(SlotFlag.OCCUPIED), int(SlotFlag.CONFIGURED)
SCHEDULED = int(SlotFlag.REMOVE_SCHEDULED)
IS_SOURCE = (
    int(SlotFlag.CONFIGURED)
    | int(SlotFlag.PROCESS_TARGET)
    | int(SlotFlag.FAILED)
    | int(SlotFlag.REMOVE_SCHEDULED)
)


class TargetFacts:
    """The facts, and the newest superblock of each disk."""

    def __init__(self, plan: Plan) -> None:
        layout = plan.layout
        self.plan = plan
        self.moments = Moments()
        self.disks = {member_bdev_id(layout, disk): disk for disk in range(layout.disks)}
        self.ready = _readiness(layout)  # of each bdev, the fact that it can be opened
        self.superblocks: dict[int, Written] = {}
        self.array = NO_ARRAY  # the number of the array that was assembled, or whose superblock was written, last
        self.sequence = 0  # of the superblock that the target wrote last
        self.sizes_differ = False
        self.members: tuple[int, ...] = ()  # the disks with which an array went online last
        self.released: list[int] = []  # the bdevs in the slots of the last array when it went
        # Disks that may have another array's superblock, where superblocks are not looked at.
        self._foreign: list[int] = []
        self._rebuild_thread = 0
        self._pulled: list[int] = []
        self._pulls: dict[int, int] = {}  # unanswered: op -> disk
        self._starts: dict[int, tuple[int, ...]] = {}  # unanswered: op -> disks
        self._begin_target()

    def _begin_target(self) -> None:
        self._seen: dict[Fact, None] = {}
        self._slots: list[int] = []
        self._replace_seen({ABSENT: None})

    # The engine's events.

    def observe(self, event: Event) -> None:
        """Follow one of EVENTS."""
        name, place = event.name, EVENTS[event.name]
        subject = event.thread if place is None else event.args[place]
        moments = self.moments
        moments.mark((name, subject))
        for table, holds in ((BEGINS, True), (ENDS, False)):
            if name in table:
                fact, is_of_subject = table[name]
                moments.change((fact, subject) if is_of_subject else (fact,), holds=holds)
        if name in HARMS:
            moments.mark(("harmed", subject))
        elif name in ("raid.created", "raid.assembled"):
            self.members = event.args
        elif name in ("bdev.registered", "bdev.unregistered"):
            self._refresh(subject)
        elif name == "raid.superblock_writing" and moments.holds(ASSEMBLING):
            moments.begin(FINISHING)
        elif name == "raid.superblock_ended":
            moments.end(FINISHING)
        elif name == "nvmf.listener_changed":
            moments.change(("listener", subject), holds=event.args[1] != 0)
        elif name == "rebuild.started":
            self._rebuild_thread = (
                0  # in the step in which the former rebuild's thread has ended, too
            )

    # The array's record.

    def saw(self, entry: Seen) -> None:
        """Follow the array's record."""
        moments = self.moments
        for bdev in self._slots:
            if bdev != NO_BDEV and bdev not in entry.bdevs:
                moments.mark(("left", bdev))
                moments.mark(LEFT)
        if entry.state == RaidState.ABSENT:
            self.released = [bdev for bdev in self._slots if bdev != NO_BDEV]
        if entry.state != RaidState.CONFIGURING:
            moments.end(ASSEMBLING)
            moments.end(FINISHING)
        # Nothing shows when a rebuild that never got its thread is over, so it lasts until the next one begins.
        if self._rebuild_thread and not entry.process_thread:
            moments.end(REBUILD)
        self._rebuild_thread = entry.process_thread
        self._slots = entry.bdevs
        self._replace_seen(_facts_of(entry))
        if entry.state == RaidState.CONFIGURING:
            self._take_for_array(entry.bdevs)

    def _take_for_array(self, bdevs: list[int]) -> None:
        """Take for the array's number that of its members' superblocks, as it may be assembled from other disks than before."""
        for disk in (self.disks[bdev] for bdev in bdevs if bdev in self.disks):
            written = self.superblocks.get(disk, NO_SUPERBLOCK)
            if written.array > NO_ARRAY:
                self.array = written.array
                self._note_superblocks()

    def _replace_seen(self, facts: dict[Fact, None]) -> None:
        self.moments.replace(self._seen, facts)
        self._seen = facts

    # Superblocks.

    def wrote(self, entry: Written) -> None:
        """Follow a disk's superblock."""
        self.superblocks[entry.disk] = entry
        if entry.by_target and entry.sequence >= 0:
            self.array, self.sequence = entry.array, entry.sequence
        self._note_superblocks()

    def _note_superblocks(self) -> None:
        """Note on which disks a superblock may be found, and on which another array's or a newer one."""
        for disk in self.disks.values():
            written = self.superblocks.get(disk, NO_SUPERBLOCK)
            has_one = not written.blank or disk in self._foreign
            is_other = has_one and written.array != self.array
            self.moments.change(("superblock", disk), holds=has_one)
            is_newer = written.sequence > self.sequence
            self.moments.change(("other superblock", disk), holds=is_other)
            self.moments.change(("newer superblock", disk), holds=is_newer)

    # The tester's steps, and their answers.

    def took(self, step: OutsideStep) -> None:
        """Follow a step of the tester."""
        if step.__class__ is Inject:
            self._injected(step)
        elif step.__class__ is Operate:
            if step.method == Rpc.FRAMEWORK_START_INIT:
                self._starts[step.op] = step.args
        elif step.__class__ in (Kill, PowerLoss):
            self.moments.clear()
            self._pulls.clear()
            self._starts.clear()
            if step.clones:  # all disks are there again, and equally large
                self._pulled.clear()
                self.sizes_differ = False
            self._begin_target()
            self._note_superblocks()

    def _injected(self, step: Inject) -> None:
        self.moments.mark(("harmed", step.disk))
        self.sizes_differ = self.sizes_differ or step.fault in RESIZES
        if step.fault in PULLS:
            if step.fault == "disk_pull":  # the next target finds a disk whose bdev was deleted
                self._pulled.append(step.disk)
            self._pulls[step.op] = step.disk
            self._refresh(step.disk)
        elif step.fault in DISK_RETURNS:
            self._pulled = [disk for disk in self._pulled if disk != step.disk]
        if step.fault == "disk_return_foreign" and not self.plan.superblock:
            self._foreign.append(step.disk)
            self._note_superblocks()

    def answered(self, entry: Completed) -> None:
        """Follow an answer."""
        pulled = self._pulls.pop(entry.op, None)
        if pulled is not None:
            self._refresh(pulled)
        for disk in self._starts.pop(entry.op, ()):
            if disk not in self._pulled and entry.status == OK:
                self.moments.begin(("registered", disk))
                self._refresh(disk)

    def _refresh(self, disk: int) -> None:
        """Note whether a disk's bdev can surely be opened: it can't be while a pull has not been carried out."""
        is_registered = self.moments.holds(("registered", disk))
        is_ready = is_registered and disk not in self._pulls.values()
        self.moments.change(("ready", disk), holds=is_ready)


def _facts_of(entry: Seen) -> dict[Fact, None]:
    """Return the facts in a record."""
    facts: dict[Fact, None] = {("state", entry.state): None}
    members = 0
    for slot, bdev in zip(entry.slots, entry.bdevs, strict=False):  # older runs have no bdevs
        if not slot & OCCUPIED:
            facts[FREE_SLOT] = None
            continue
        facts["slot", bdev] = None
        if slot & CONFIGURED:
            members |= 1 << bdev
        if slot & IS_SOURCE == CONFIGURED:
            facts[SOURCE] = None
        is_member = slot & CONFIGURED and not slot & SCHEDULED
        if entry.state == RaidState.CONFIGURING or (entry.state == RaidState.ONLINE and is_member):
            facts["removable", bdev] = None
    if entry.state != RaidState.ABSENT:
        facts["members", members] = None
    return facts


def _readiness(layout: Layout) -> dict[int, Fact]:
    """Return for each bdev the fact that it can be opened: a stacked one comes and goes with its disk."""
    facts: dict[int, Fact] = {raid_bdev_id(layout): ONLINE}
    if layout.array_passthru:
        facts[raid_passthru_id(layout)] = ONLINE
    facts |= dict.fromkeys(partitions(layout), ONLINE)
    for disk in range(layout.disks):
        facts[disk] = ("ready", disk)
        for kind in stack_of(layout, disk):
            facts[stacked_bdev_id(layout, kind, disk)] = ("ready", disk)
    return facts
