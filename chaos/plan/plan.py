"""The plan that a seed makes of an experiment: everything drawn that doesn't depend on the run's course."""

from __future__ import annotations

import msgspec

from chaos.base.prng import Stream
from chaos.plan.experiment import RUN_PERMILLE, Experiment, Fault, Operation, Range, pair
from chaos.plan.faults import SILENT_FAULTS
from chaos.plan.planned import Planned
from chaos.plan.sequence import CHAOS_PHASES_MAX, PlannedAct, draw_sequence, fits_sequence
from chaos.plan.shapes import shapes_of
from chaos.plan.strategies import DEFAULT_SCHEDULER, draw_strategies
from chaos.plan.target_id import TargetId
from workers.bdev.stack import Stack
from workers.protocol import Layout
from workers.raid.metadata import DATA_OFFSET

PAIR_PERMILLE_MAX = 8


SETTLE_STEPS_MAX = 60_000


class Plan(msgspec.Struct, frozen=True):
    """An experiment with everything drawn that doesn't depend on the course of the run."""

    layout: Layout
    members: int
    superblock: bool
    blocks: int  # of the array, at its creation
    hosts: int
    io_queues: int
    queue_depth: int
    blocks_per_io_max: int
    ios_per_connection: tuple[int, int]
    read_share: int
    flush_share: int
    fua_share: int
    unmap_share: int
    write_zeroes_share: int
    compare_share: int
    abort_share: int
    hurry_share: int
    event_requests: bool
    keep_alive_ms: int
    outside_share: int
    timer_share: int
    namespace_at_start: bool
    poll_groups_at_start: int
    steps: int
    milliseconds: int
    disk_latency_us: tuple[int, int]
    repair_delay: tuple[int, int]
    planned: tuple[Planned, ...]
    strategies: tuple[
        str, ...
    ]  # a scheduler, and what else it searches with; see plan/strategies.py
    meet_share: int = 0  # percent of I/O that goes where other I/O is in flight
    resend_share: int = 0  # percent of I/O that changes again what is in doubt, if there is such
    settle_steps: int = SETTLE_STEPS_MAX  # a phase after the chaos that takes more never ends
    alone: bool = False  # after the chaos the target must get along without RPCs for a while
    target: TargetId | None = None  # in C; None: the built-in engine
    avoid: tuple[str, ...] = ()  # triggers; see plan/triggers.py
    sequence: tuple[PlannedAct, ...] = ()

    @property
    def chaos_permille_max(self) -> int:
        """Return the bound of the chaos phase, in thousandths of its planned length; a sequence may need longer."""
        return RUN_PERMILLE * (CHAOS_PHASES_MAX if self.sequence else 1)

    @property
    def data_offset(self) -> int:
        """Blocks in front of the array's data on each member."""
        if not self.superblock:
            return 0
        return DATA_OFFSET if self.target is None else self.target.data_offset

    @property
    def starts_degraded(self) -> bool:
        """Return whether an operator can start an array without all members that its superblocks call CONFIGURED."""
        return self.target is None or self.target.can("start_degraded")

    @property
    def silent_corruption(self) -> bool:
        """Return whether disks may return wrong data without an error."""
        return any(planned.kind in SILENT_FAULTS for planned in self.planned)


def resolve(experiment: Experiment, seed: int) -> Plan:
    """Draw the seed's plan of the experiment."""
    stream = Stream(seed).fork("plan")

    def draw(value: Range) -> int:
        return stream.between(*pair(value))

    strategies = draw_strategies(experiment.strategies, Stream(seed).fork("strategies"))
    blocks = draw(experiment.blocks)
    members = draw(experiment.members)
    reactors = draw(experiment.reactors)
    superblock = stream.chance(experiment.superblock_share, 100)
    all_groups = stream.chance(experiment.all_poll_groups_at_start_share, 100)
    disks = members + draw(experiment.spares)
    disk_blocks = blocks + (DATA_OFFSET if superblock else 0)
    grow = draw(experiment.grow_blocks)
    plan = Plan(
        layout=Layout(
            reactors=reactors,
            disks=disks,
            disk_blocks=disk_blocks,
            window_blocks=min(draw(experiment.window_blocks), blocks),
            capacity_blocks=disk_blocks + grow if grow else 0,
            disk_queue_depth=draw(experiment.disk_queue_depth),
            disk_io_blocks_max=draw(experiment.disk_io_blocks_max),
            io_pool=draw(experiment.io_pool),
            stacks=_draw_stacks(experiment, disks, stream),
            array_passthru=stream.chance(experiment.passthru_share, 100),
            rebuild_blocks_per_ms=draw(experiment.rebuild_blocks_per_ms),
        ),
        members=members,
        superblock=superblock,
        blocks=blocks,
        hosts=draw(experiment.hosts),
        io_queues=draw(experiment.io_queues),
        queue_depth=draw(experiment.queue_depth),
        blocks_per_io_max=draw(experiment.blocks_per_io),
        ios_per_connection=pair(experiment.ios_per_connection),
        read_share=draw(experiment.read_share),
        flush_share=draw(experiment.flush_share),
        fua_share=draw(experiment.fua_share),
        unmap_share=draw(experiment.unmap_share),
        write_zeroes_share=draw(experiment.write_zeroes_share),
        compare_share=draw(experiment.compare_share),
        abort_share=draw(experiment.abort_share),
        hurry_share=draw(experiment.hurry_share),
        event_requests=stream.chance(experiment.event_requests_share, 100),
        keep_alive_ms=draw(experiment.keep_alive_ms),
        outside_share=draw(experiment.outside_share),
        timer_share=draw(experiment.timer_share),
        namespace_at_start=stream.chance(experiment.namespace_at_start_share, 100),
        poll_groups_at_start=reactors if all_groups else max(1, reactors - 1),
        steps=draw(experiment.steps),
        milliseconds=draw(experiment.milliseconds),
        disk_latency_us=pair(experiment.disk_latency_us),
        repair_delay=pair(experiment.repair_delay),
        planned=tuple(_shape(strategies, _draw_planned(experiment, stream), experiment, seed)),
        strategies=strategies,
        meet_share=draw(experiment.meet_share),
        resend_share=draw(experiment.resend_share),
        alone=superblock and stream.chance(experiment.alone_share, 100),
        avoid=experiment.avoid,
        sequence=draw_sequence(experiment.sequence, Stream(seed).fork("sequence")),
    )
    return _divided(plan, draw(experiment.namespaces))


def _divided(plan: Plan, namespaces: int) -> Plan:
    """Return the plan with its array divided into this number of namespaces."""
    if namespaces == 1:
        return plan
    part = plan.blocks // namespaces
    layout = msgspec.structs.replace(plan.layout, namespaces=namespaces, partition_blocks=part)
    return msgspec.structs.replace(plan, layout=layout)


def _draw_stacks(experiment: Experiment, disks: int, stream: Stream) -> tuple[int, ...]:
    """Return what stands on each disk; nothing at all in most experiments."""
    if not experiment.stack_share:
        return ()
    both = Stack.ERROR | Stack.DELAY
    kinds = (Stack.ERROR, Stack.DELAY, both, Stack.PASSTHRU, both | Stack.PASSTHRU)
    return tuple(
        int(stream.choice(kinds)) if stream.chance(experiment.stack_share, 100) else 0
        for _ in range(disks)
    )


def _draw_planned(experiment: Experiment, stream: Stream) -> list[Planned]:
    """Return all faults and operations with their moments; kinds may be absent, faults may come in pairs."""
    everything: list[Fault | Operation] = [*experiment.faults, *experiment.operations]
    wanted = [
        kind
        for kind in everything
        # An absent kind no longer hides the effects of the others (swarm testing).
        if not experiment.absent_share or not stream.chance(experiment.absent_share, 100)
    ]
    if not stream.chance(experiment.silent_share, 100):
        wanted = [kind for kind in wanted if kind.kind not in SILENT_FAULTS]
    planned = [
        _plan_one(kind, stream, stream.between(*kind.between))
        for kind in wanted
        for _ in range(stream.between(*pair(kind.count)))
    ]
    faults = [kind for kind in wanted if isinstance(kind, Fault)]
    for _ in range(stream.between(*pair(experiment.pairs)) if faults else 0):
        first = _plan_one(stream.choice(faults), stream, stream.between(0, RUN_PERMILLE - 1))
        other = stream.choice(faults)
        moment = min(RUN_PERMILLE, first.moment + stream.between(0, PAIR_PERMILLE_MAX))
        second = _plan_one(other, stream, moment)
        planned += [
            first,
            msgspec.structs.replace(second, anchor=first.anchor, occurrence=first.occurrence),
        ]
    return planned


def _shape(
    strategies: tuple[str, ...], planned: list[Planned], experiment: Experiment, seed: int
) -> list[Planned]:
    """Return what the strategies make of what is planned; from a stream of their own, so that all else stays as it is."""
    stream = Stream(seed).fork("shape")
    for shape in shapes_of(strategies):
        planned = shape(planned, experiment, stream)
    return planned


def _plan_one(kind: Fault | Operation, stream: Stream, moment: int) -> Planned:
    return Planned(
        kind=kind.kind,
        anchor=kind.anchor,
        moment=moment,
        occurrence=stream.between(1, 2) if kind.anchor == "rebuild" else 0,
        lasting=stream.between(*pair(kind.lasting)) if isinstance(kind, Fault) else 0,
    )


def fits(experiment: Experiment, plan: Plan) -> bool:
    """Return whether some seed makes this plan of the experiment, as far as sizes go."""
    layout = plan.layout

    def within(value: int, wanted: Range) -> bool:
        low, high = pair(wanted)
        return low <= value <= high

    return (
        within(layout.reactors, experiment.reactors)
        and within(plan.blocks, experiment.blocks)
        and layout.disk_blocks == plan.blocks + plan.data_offset
        and layout.capacity <= layout.disk_blocks + pair(experiment.grow_blocks)[1]
        and 1 <= layout.window_blocks <= layout.disk_blocks
        and within(plan.members, experiment.members)
        and within(layout.disks - plan.members, experiment.spares)
        and within(plan.hosts, experiment.hosts)
        and within(plan.io_queues, experiment.io_queues)
        and within(plan.queue_depth, experiment.queue_depth)
        and 1 <= plan.poll_groups_at_start <= layout.reactors
        and all(name in (*experiment.strategies, DEFAULT_SCHEDULER) for name in plan.strategies)
        and fits_sequence(plan.sequence, experiment.sequence)
    )
