"""The operator: sets the target up, repairs the array, and carries out planned operations by RPC."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.operations import OPERATIONS, Subject
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc, RpcCall
from chaos.run.array_view import Cause
from chaos.run.model import Model
from chaos.run.moments import is_due
from chaos.run.wrong_requests import wrong_requests
from chaos.steps.schedule import Operate, OutsideStep
from workers.bdev.stack import member_bdev_id, raid_bdev_id
from workers.errors import EEXIST, EINVAL, ENODEV

NAMESPACE = 1
RPCS_MAX = 2  # under way at a time
RESETS_MAX = 8  # of one bdev, by initiators that lose their patience
RESET_AGAIN_ONE_IN = 6
IMPATIENT_ONE_IN = 25  # turns, while disks are late
CLEAR_SUPERBLOCK = 1


class Operator:
    """Mostly one RPC at a time, as a person at a console would; planned ones may come on top."""

    def __init__(self, plan: Plan, model: Model, stream: Stream) -> None:
        self.plan = plan
        self.model = model
        self.stream = stream
        self.waiting = [planned for planned in plan.planned if planned.kind in OPERATIONS]
        self.own: dict[int, Operate] = {}  # RPCs under way
        self._setup_op = 0
        self._is_left_over = False  # a superblock is where none should be
        self._is_ghost = False  # the array that waits doesn't have the disk that is trusted
        self.patience = -1
        self.script: list[RpcCall] = []  # to be sent one after the other
        self.is_hasty = False  # the script is sent without waiting for answers
        self.resets: list[int] = []  # bdevs to be reset soon, beside everything else
        self.recreate_from: list[int] = []  # disks of an array deleted to be created anew
        self.looked_at: list[int] = []  # disks examined since the last change
        self.setup = self._setup_steps(tuple(range(plan.layout.disks)), tuple(range(plan.members)))

    def _setup_steps(self, disks: tuple[int, ...], members: tuple[int, ...]) -> list[RpcCall]:
        steps: list[RpcCall] = [(Rpc.FRAMEWORK_START_INIT, disks)]
        if members:
            steps.append(self._create(members))
        steps += [
            (Rpc.NVMF_CREATE_POLL_GROUP, (reactor,))
            for reactor in range(self.plan.poll_groups_at_start)
        ]
        self.wants_namespace = self.plan.namespace_at_start
        if members and self.wants_namespace:
            steps.append((Rpc.NVMF_SUBSYSTEM_ADD_NS, (NAMESPACE,)))
        return steps

    def adopt(self, under_way: list[Operate], since_start: list[Operate]) -> None:
        """Go on where RPCs that were not sent from here have left the target.

        ``since_start``: all that were sent since it started last; what its configuration lacks still follows.
        """
        self.waiting.clear()
        self.own = {step.op: step for step in under_way}
        sent = [step.method for step in since_start]
        kept: list[RpcCall] = [
            (method, args)
            for method, args in self.setup
            if method not in sent
            and method not in (Rpc.NVMF_CREATE_POLL_GROUP, Rpc.NVMF_SUBSYSTEM_ADD_NS)
        ]
        self.setup = kept

    def _create(self, disks: tuple[int, ...]) -> RpcCall:
        number = self.model.ledger.new_op()  # it makes the array's UUID
        bdevs = tuple(self._bdev(disk) for disk in disks)
        return (Rpc.BDEV_RAID_CREATE, (int(self.plan.superblock), number, *bdevs))

    def _bdev(self, disk: int) -> int:
        return member_bdev_id(self.plan.layout, disk)

    @property
    def busy(self) -> bool:
        """Does it wait for an answer?"""
        return bool(self.own)

    def set_up(self) -> Operate | None:
        """The next RPC of the target's configuration."""
        if not self.setup or self.own:
            return None
        step = self._next_of(self.setup)
        self._setup_op = step.op
        return step

    @property
    def is_set_up(self) -> bool:
        """Has the target's configuration been sent, and answered?"""
        return not self.setup and self._setup_op not in self.own

    def go_on(self) -> Operate | None:
        """The next RPC of an operation that takes several."""
        is_ready = self.script and (self.is_hasty or not self.busy)
        return self._next_of(self.script) if is_ready else None

    def next_step(self, now_permille: int) -> Operate | None:
        """A planned operation whose moment has come, or a repair."""
        step = self.go_on()
        if step is not None:
            return step
        if self.resets and len(self.own) < RPCS_MAX and self.stream.chance(1, RESET_AGAIN_ONE_IN):
            return self._call(Rpc.BDEV_RESET, self.resets.pop())
        if len(self.own) < RPCS_MAX and not self.script:
            for planned in self.waiting:
                if is_due(planned, now_permille, self.model):
                    step = self._planned(planned.kind)
                    if step is not None:
                        self.waiting.remove(planned)
                        self.model.mark(planned.kind)
                        return step
        if self.own:
            return None
        if self.patience > 0:
            self.patience -= 1
            return None
        return self.repair() or self._serve()

    def _planned(self, kind: str) -> Operate | None:
        """The operation's first RPC; None: it isn't applicable now."""
        match OPERATIONS[kind].subject:
            case Subject.SERVICE:
                return self._planned_for_hosts(kind)
            case Subject.RESET:
                return self._planned_reset(kind)
            case Subject.REFUSALS:
                self.script = wrong_requests(self.plan, self.model)
                return self._next_of(self.script)
            case Subject.MEMBERS:
                is_there = self.model.array.is_online and not self.model.array.is_to_be_recreated
                return self._planned_membership(kind) if is_there else None

    def _planned_membership(self, kind: str) -> Operate | None:
        model = self.model
        sound = model.disks.numbers(sound=True)
        members = [number for number in sound if model.disks[number].member]
        match kind:
            case "member_removal":
                victims = [number for number in members if model.array.may_harm(number)]
                if victims:
                    return self._remove(self.stream.choice(victims))
            case "rebuild_stop" if model.array.rebuild is not None:
                return self._remove(model.array.rebuild.disk)
            case "add_in_rebuild" if model.array.rebuild is not None:
                spare = [
                    number
                    for number in range(len(model.disks))
                    if number != model.array.rebuild.disk
                ]
                return self._call(
                    Rpc.BDEV_RAID_ADD_BASE_BDEV, self._bdev(self.stream.choice(spare))
                )
            case "last_member_removal" | "add_to_offline":
                if self.plan.superblock and members and self._is_intact():
                    return self._remove_all(members, then_add=kind == "add_to_offline")
            case "array_recreate":
                is_whole = len(members) == self.plan.members and model.array.rebuild is None
                if self._is_intact() and (is_whole or (members and self.plan.superblock)):
                    return self._recreate(members)
            case _:
                pass
        return None

    def _is_intact(self) -> bool:
        """Is nothing broken, so that all members but one being rebuilt are what they seem?"""
        model = self.model
        members = [model.disks[number] for number in model.array.members_in_sync()]
        return not self.busy and all(disk.is_sound and not disk.faulted for disk in members)

    def _remove(self, disk: int) -> Operate:
        return self._call(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, self._bdev(disk))

    def _remove_all(self, members: list[int], *, then_add: bool) -> Operate:
        order = self.stream.shuffled(members)
        self.script = [(Rpc.BDEV_RAID_REMOVE_BASE_BDEV, (self._bdev(disk),)) for disk in order]
        if then_add:
            self.script.append((Rpc.BDEV_RAID_ADD_BASE_BDEV, (self._bdev(order[0]),)))
        self.model.array.move(Cause.DISMANTLING_BEGUN)
        # A shelf of disks goes at once: the later ones while the first is still on its way out.
        self.is_hasty = not then_add and self.stream.chance(1, 2)
        return self._next_of(self.script)

    def _recreate(self, members: list[int]) -> Operate:
        is_whole = len(members) == self.plan.members and self.model.array.rebuild is None
        if self.plan.superblock and (not is_whole or self.stream.chance(1, 2)):
            return self._call(Rpc.BDEV_RAID_DELETE, 0)  # it comes back when its disks are examined
        self.recreate_from = members
        return self._call(Rpc.BDEV_RAID_DELETE, CLEAR_SUPERBLOCK)

    def _planned_reset(self, kind: str) -> Operate | None:
        model = self.model
        members = model.disks.members()
        if not members or (kind == "array_reset" and not model.array.is_online):
            return None
        bdev = raid_bdev_id(self.plan.layout)
        if kind == "bdev_reset":
            bdev = self._bdev(self.stream.choice(members))
        # Whoever gets no answer resets again and again: one reset begins while another one ends.
        if self.stream.chance(1, 2):
            self.resets = [bdev] * self.stream.between(1, RESETS_MAX)
        return self._call(Rpc.BDEV_RESET, bdev)

    def _planned_for_hosts(self, kind: str) -> Operate | None:
        model = self.model
        groups = model.service.poll_groups
        match kind:
            case "namespace_attach":
                if not model.service.namespace_attached and model.array.is_online:
                    self.wants_namespace = True
                    return self._call(Rpc.NVMF_SUBSYSTEM_ADD_NS, NAMESPACE)
            case "namespace_detach":
                if model.service.namespace_attached:
                    self.wants_namespace = False
                    return self._call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, NAMESPACE)
            case "poll_group_create":
                missing = [r for r in range(self.plan.layout.reactors) if r not in groups]
                if missing:
                    return self._call(Rpc.NVMF_CREATE_POLL_GROUP, self.stream.choice(missing))
            case _:
                if len(groups) > 1:
                    return self._call(Rpc.NVMF_DESTROY_POLL_GROUP, self.stream.choice(groups))
        return None

    # Repairs.

    def repair(self) -> Operate | None:
        """Replace a member that isn't good any more; fill a free slot. None: nothing to be done now."""
        model = self.model
        if self.own or self.script:
            return None
        if not model.array.is_online:
            return self._revive()
        if model.array.rebuild is not None:
            return None
        model.disks.trust(model.array.members_in_sync())
        for number, disk in enumerate(model.disks):
            if disk.member and not disk.good and model.disks.numbers(sound=True):
                return self._remove(number)
        if len(model.disks.members()) >= self.plan.members:
            return None
        candidates = [
            number
            for number, disk in enumerate(model.disks)
            if disk.present
            and disk.arrived
            and not disk.faulted
            and not disk.member
            and not disk.refused  # what a disk is isn't known before it is tried
        ]
        if not candidates:
            return None
        return self._call(Rpc.BDEV_RAID_ADD_BASE_BDEV, self._bdev(self.stream.choice(candidates)))

    def _revive(self) -> Operate | None:
        """The array isn't there: create it anew if that is what is wanted, or assemble it."""
        model = self.model
        there = [n for n, disk in enumerate(model.disks) if disk.present and disk.arrived]
        if model.array.is_to_be_recreated:
            return self._create_again(there)
        if self._is_ghost and model.array.is_configuring:
            # Made of a disk that an earlier array has left behind; it keeps the right one from its place.
            self._is_ghost = False
            self.looked_at.clear()
            return self._call(Rpc.BDEV_RAID_DELETE, 0)
        unseen = [number for number in there if number not in self.looked_at]
        unseen.sort(key=lambda number: not model.disks[number].is_sound)
        if unseen:
            self.looked_at.append(unseen[0])
            return self._call(Rpc.BDEV_EXAMINE, self._bdev(unseen[0]))
        trusted = [number for number in there if model.disks[number].is_sound]
        is_early = model.array.is_configuring and any(disk.is_late for disk in model.disks)
        if is_early and not self.stream.chance(1, IMPATIENT_ONE_IN):
            return None  # those that the array waits for still come, perhaps
        self.looked_at.clear()
        if not trusted or not self.plan.superblock:
            return None
        # Whatever was found, a disk with all acknowledged data is there: don't wait for the others.
        self.script = [
            (Rpc.BDEV_WAIT_FOR_EXAMINE, ()),
            (Rpc.BDEV_RAID_START_DEGRADED, (self._bdev(self.stream.choice(trusted)),)),
        ]
        return self._next_of(self.script)

    def _create_again(self, there: list[int]) -> Operate | None:
        if self.model.array.is_configuring:
            return self._call(Rpc.BDEV_RAID_DELETE, CLEAR_SUPERBLOCK)
        if self._is_left_over:
            # A disk still has the old superblock (its wiping was cut short): have it found, and wiped.
            unseen = [number for number in there if number not in self.looked_at]
            if unseen:
                self.looked_at.append(unseen[0])
                return self._call(Rpc.BDEV_EXAMINE, self._bdev(unseen[0]))
            self._is_left_over = False
            self.looked_at.clear()
            self.script = [(Rpc.BDEV_WAIT_FOR_EXAMINE, ())]
            return self._next_of(self.script)
        sound = [number for number in self.recreate_from if self.model.disks[number].is_sound]
        if len(sound) < self.plan.members or any(number not in there for number in sound):
            return None
        method, args = self._create(tuple(sound))
        return self._call(method, *args)

    def _serve(self) -> Operate | None:
        """Hosts find the namespace again after a restart."""
        if not self.wants_namespace or self.model.service.namespace_attached:
            return None
        return self.attach_namespace()

    @property
    def is_array_whole(self) -> bool:
        """Are all slots filled with good members?"""
        members = [disk for disk in self.model.disks if disk.member and disk.is_sound]
        return (
            self.model.array.is_online
            and len(members) >= self.plan.members
            and self.model.array.rebuild is None
        )

    def attach_namespace(self) -> Operate | None:
        """Make sure that hosts find the namespace, through every poll group."""
        model = self.model
        if self.busy or not model.array.is_online:
            return None
        if model.service.namespace_attached and model.service.channels_missing:
            return self._call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, NAMESPACE)
        if model.service.namespace_attached:
            return None
        return self._call(Rpc.NVMF_SUBSYSTEM_ADD_NS, NAMESPACE)

    def create_poll_groups(self) -> Operate | None:
        """Every reactor serves hosts again."""
        if self.busy:
            return None
        for reactor in range(self.plan.poll_groups_at_start):
            if reactor not in self.model.service.poll_groups:
                return self._call(Rpc.NVMF_CREATE_POLL_GROUP, reactor)
        return None

    def detach_namespace(self) -> Operate | None:
        """Take the namespace away again."""
        if self.busy or not self.model.service.namespace_attached:
            return None
        return self._call(Rpc.NVMF_SUBSYSTEM_REMOVE_NS, NAMESPACE)

    def _next_of(self, entries: list[RpcCall]) -> Operate:
        method, args = entries.pop(0)
        self.is_hasty = self.is_hasty and bool(entries)
        return self._call(method, *args)

    def _call(self, method: Rpc, *args: int) -> Operate:
        step = Operate(self.model.ledger.new_op(), method.value, args)
        self.own[step.op] = step
        return step

    def answered(self, step: OutsideStep, status: int) -> None:
        """The RPC was answered; the next one comes after a drawn while."""
        if isinstance(step, Operate) and self.own.pop(step.op, None) is not None:
            if step.method == Rpc.BDEV_RAID_ADD_BASE_BDEV and status in (EEXIST, EINVAL):
                self._refused(step.args[0])
            if step.method == Rpc.BDEV_RAID_CREATE and status == EEXIST:
                self._is_left_over = True
                self.looked_at.clear()
            self._is_ghost = step.method == Rpc.BDEV_RAID_START_DEGRADED and status == ENODEV
            # Who looks at one disk after the other doesn't pause in between.
            looking = step.method == Rpc.BDEV_EXAMINE
            self.patience = 0 if looking else self.stream.between(*self.plan.repair_delay)
            if not self.script and not self.busy and self.model.array.is_online:
                self.model.array.move(Cause.DISMANTLING_OVER)

    def _refused(self, bdev: int) -> None:
        for disk, view in enumerate(self.model.disks):
            if self._bdev(disk) == bdev:
                view.was_tried()

    def target_lost(self, clones: tuple[int, ...]) -> None:
        """The target died with all its configuration; with clones, they make a new array."""
        self.own.clear()
        self.script.clear()
        self.resets.clear()
        self.looked_at.clear()
        wanted = self.wants_namespace
        everything = tuple(range(self.plan.layout.disks)) if clones else ()
        self.setup = self._setup_steps(everything, clones)
        self.wants_namespace = wanted
        if clones:
            self.model.array.move(Cause.CLONED)
