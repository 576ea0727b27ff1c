"""Planned operations: each is carried out when its moment has come, if it is applicable then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaos.base.prng import Stream
from chaos.plan.operations import OPERATIONS, Subject
from chaos.plan.rpcs import Rpc, RpcCall
from chaos.plan.sequence import KINDS_OF_REBUILDS
from chaos.run.array_view import Cause
from chaos.run.avoidance import holds_channels
from chaos.run.moments import due_of
from chaos.run.operator.repair import CLEAR_SUPERBLOCK, KEEP_SUPERBLOCK, Repair
from chaos.run.operator.rpc_queue import RPCS_MAX, RpcQueue
from chaos.run.operator.service import Service
from chaos.run.wrong_requests import wrong_requests
from chaos.steps.schedule import Operate
from workers.bdev.stack import raid_bdev_id

RESETS_MAX = 8  # of one bdev, by impatient initiators
RESET_AGAIN_ONE_IN = 6
SECOND_LISTENER = 2
OF_CHANNELS = ("namespace_attach", "poll_group_create")
Among = Sequence[int] | None  # the disks that it may choose; None: all
# From an operation's kind to its first RPC, or to None where it isn't applicable now.
Begin = Callable[[str, Among], Operate | None]


class PlannedOperations:
    """The operations of a plan that are still due, and the resets that follow from one."""

    def __init__(self, queue: RpcQueue, repair: Repair, service: Service, stream: Stream) -> None:
        self.queue = queue
        self.repair = repair
        self.service = service
        self.plan = queue.plan
        self.model = queue.model
        self.stream = stream
        self.waiting = [planned for planned in self.plan.planned if planned.kind in OPERATIONS]
        self.resets: list[int] = []  # bdevs to be reset soon, in addition to other work
        # An array with superblocks is mostly degraded when its turn comes. In half of the runs it has to be whole, so that it
        # is created anew and not only assembled. An item of a sequence takes what there is.
        recreates = any(planned.kind == "array_recreate" for planned in self.waiting)
        self._waits_until_whole = recreates and not self.plan.sequence and stream.chance(1, 2)
        subjects: dict[Subject, Begin] = {
            Subject.MEMBERS: self._change_members,
            Subject.RESET: self._reset,
            Subject.SERVICE: self._change_service,
            Subject.NOTHING: self._ask,
        }
        self._begin = {kind: subjects[row.subject] for kind, row in OPERATIONS.items()}

    def next_step(self, now_permille: int) -> Operate | None:
        """Return the first RPC of an operation whose moment has come, or one more reset."""
        if not self._has_room:
            return None
        if self.resets and self.stream.chance(1, RESET_AGAIN_ONE_IN):
            return self.queue.call(Rpc.BDEV_RESET, self.resets.pop())
        if self.queue.script:
            return None
        for planned in due_of(self.waiting, now_permille, self.model):
            step = self._begin[planned.kind](planned.kind, None)
            if step is not None:
                self.waiting.remove(planned)
                self.model.mark(planned.kind)
                return step
        return None

    @property
    def _has_room(self) -> bool:
        return len(self.queue.in_flight) < RPCS_MAX

    def begin(self, kind: str, among: Among) -> Operate | None:
        """Return the first RPC of an operation of a sequence; None: not now."""
        is_free = self._has_room and not self.queue.script
        return self._begin[kind](kind, among) if is_free else None

    def _ask(self, kind: str, among: Among) -> Operate:
        if kind == "members_query":
            return self.queue.call(Rpc.BDEV_RAID_GET_BDEVS)
        return self.queue.run(wrong_requests(self.plan, self.model))

    # Members.

    def _change_members(self, kind: str, among: Among) -> Operate | None:
        array, disks = self.model.array, self.model.disks
        if not array.is_online or array.is_to_be_recreated:
            return None
        if array.rebuild is None and kind in KINDS_OF_REBUILDS:
            return None
        members = [number for number in disks.sound() if disks[number].member]
        match kind:
            case "member_removal":
                wanted = members if among is None else among
                victims = [
                    number for number in members if number in wanted and array.may_harm(number)
                ]
                if victims:
                    return self._remove(self.stream.choice(victims))
            case "rebuild_stop" if array.rebuild is not None:
                return self._remove(array.rebuild.disk)
            case "add_in_rebuild" if array.rebuild is not None:
                spare = [number for number in range(len(disks)) if number != array.rebuild.disk]
                disk = self.stream.choice(spare)
                return self.queue.call_for(Rpc.BDEV_RAID_ADD_BASE_BDEV, disk)
            case "last_member_removal" | "add_to_offline":
                if self.plan.superblock and members and self._is_intact():
                    return self._remove_all(members, then_add=kind == "add_to_offline")
            case "array_recreate":
                if self._is_intact() and self._may_be_recreated(members):
                    return self._recreate(members)
            case _:
                pass
        return None

    def _is_intact(self) -> bool:
        """Return whether no fault is active, so that all members are good, and one being rebuilt will be.

        A rebuild may end with success though its target was harmed, if the target hasn't seen this yet. When the members are
        removed then, that disk is the only one left.
        """
        model = self.model
        rebuild = model.array.rebuild
        members = [model.disks[number] for number in model.array.members_in_sync()]
        is_harmed = rebuild is not None and rebuild.harmed
        return not (self.queue.is_busy or is_harmed) and all(
            disk.is_sound and not disk.faulted for disk in members
        )

    def _remove(self, disk: int) -> Operate:
        return self.queue.call_for(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, disk)

    def _remove_all(self, members: list[int], *, then_add: bool) -> Operate:
        order = self.stream.shuffled(members)
        script: list[RpcCall] = [
            (Rpc.BDEV_RAID_REMOVE_BASE_BDEV, (self.queue.bdev(disk),)) for disk in order
        ]
        if then_add:
            script.append((Rpc.BDEV_RAID_ADD_BASE_BDEV, (self.queue.bdev(order[0]),)))
        self.model.array.move(Cause.DISMANTLING_BEGUN)
        # A shelf of disks is removed at once: the later ones while the first removal is still in progress.
        return self.queue.run(script, hasty=not then_add and self.stream.chance(1, 2))

    def _is_whole(self, members: list[int]) -> bool:
        is_complete = len(members) == self.plan.members and self.model.array.rebuild is None
        return is_complete and not any(self.model.disks[number].fails_later for number in members)

    def _may_be_recreated(self, members: list[int]) -> bool:
        may_be_assembled = self.plan.superblock and not self._waits_until_whole
        return self._is_whole(members) or bool(members and may_be_assembled)

    def _recreate(self, members: list[int]) -> Operate:
        is_assembled = not self._is_whole(members) or self.stream.chance(1, 4)
        if self.plan.superblock and is_assembled:
            # The array is assembled again when its disks are examined.
            return self.queue.call(Rpc.BDEV_RAID_DELETE, KEEP_SUPERBLOCK)
        self.repair.recreate_from = members
        return self.queue.call(Rpc.BDEV_RAID_DELETE, CLEAR_SUPERBLOCK)

    # Resets, and operations for hosts.

    def _reset(self, kind: str, among: Among) -> Operate | None:
        members = self.model.disks.members()
        if among is not None:
            members = [number for number in members if number in among]
        if not members or (kind == "array_reset" and not self.model.array.is_online):
            return None
        bdev = raid_bdev_id(self.plan.layout)
        if kind == "bdev_reset":
            bdev = self.queue.bdev(self.stream.choice(members))
        # An initiator without an answer resets again and again: one reset begins while another one ends.
        if self.stream.chance(1, 2):
            self.resets = [bdev] * self.stream.between(1, RESETS_MAX)
        return self.queue.call(Rpc.BDEV_RESET, bdev)

    def _change_service(self, kind: str, among: Among) -> Operate | None:
        model = self.model
        groups = model.service.poll_groups
        if kind in OF_CHANNELS and holds_channels(model):
            return None
        match kind:
            case "namespace_attach" if model.array.is_online:
                return self._change_namespace(is_attached=False)
            case "namespace_attach":
                pass
            case "namespace_detach":
                return self._change_namespace(is_attached=True)
            case "listener_change":
                return self._change_listener()
            case "poll_group_create":
                missing = [r for r in range(self.plan.layout.reactors) if r not in groups]
                if missing:
                    return self.queue.call(Rpc.NVMF_CREATE_POLL_GROUP, self.stream.choice(missing))
            case _:
                if len(groups) > 1:
                    return self.queue.call(Rpc.NVMF_DESTROY_POLL_GROUP, self.stream.choice(groups))
        return None

    def _change_namespace(self, *, is_attached: bool) -> Operate | None:
        """Detach one that is attached, or attach one that isn't."""
        service = self.service
        able = [
            nsid
            for nsid in service.namespaces
            if self.model.service.is_attached(nsid) is is_attached
        ]
        if not able:
            return None
        nsid = able[0] if len(able) == 1 else self.stream.choice(able)
        service.wanted = [each for each in service.wanted if each != nsid]
        if is_attached:
            return self.queue.call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, nsid)
        service.wanted.append(nsid)
        return self.queue.call(Rpc.NVMF_SUBSYSTEM_ADD_NS, nsid)

    def _change_listener(self) -> Operate:
        """Add the second listener, or remove it: the subsystem pauses for no namespace."""
        is_there = SECOND_LISTENER in self.model.service.listeners
        add, remove = Rpc.NVMF_SUBSYSTEM_ADD_LISTENER, Rpc.NVMF_SUBSYSTEM_REMOVE_LISTENER
        return self.queue.call(remove if is_there else add, SECOND_LISTENER)

    def target_lost(self) -> None:
        """Drop all resets, since their bdevs are gone."""
        self.resets.clear()
