"""Experiments: frozen, declarative values that round-trip to JSON; and what a seed makes of one.

``[low, high]`` means "drawn per seed". The same field names are used in Python and in TOML.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec

from chaos.prng import Stream
from workers.protocol import Layout
from workers.shared import REACTORS_MAX, SLOTS_MAX

Range = int | tuple[int, int]
RUN_PERMILLE = 1_000

FaultKind = Literal[
    "disk_failure", "disk_pull", "read_errors", "write_errors", "target_kill", "reactor_stall"
]
OperationKind = Literal[
    "member_removal", "namespace_attach", "namespace_detach", "poll_group_create"
]
Anchor = Literal["run", "rebuild"]

KINDS = (*get_args(FaultKind), *get_args(OperationKind))
REALTIME_FAULTS = ("target_kill", "reactor_stall")


class ExperimentError(Exception):
    """An experiment can't be used, in one sentence."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many faults of a kind; each is healed after ``lasting`` thousandths of the run.

    ``anchor`` says what its moment is drawn over: the whole run, or the progress of a rebuild; ``between``
    bounds it, in thousandths. Kinds that need real processes happen in ``realtime`` only.
    """

    kind: FaultKind
    count: Range = 1
    anchor: Anchor = "run"
    between: tuple[int, int] = (0, RUN_PERMILLE)
    lasting: Range = (50, 300)


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many operations of a kind, at moments drawn as for a fault."""

    kind: OperationKind
    count: Range = 1
    anchor: Anchor = "run"
    between: tuple[int, int] = (0, RUN_PERMILLE)


class Experiment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run; sizes in blocks, shares in percent."""

    name: str
    description: str = ""
    reactors: Range = (2, 3)
    members: Range = 2
    spares: Range = (0, 1)
    blocks: Range = (48, 96)
    window_blocks: Range = (4, 12)
    hosts: Range = (1, 3)
    io_queues: Range = (1, 2)
    queue_depth: Range = (1, 4)
    blocks_per_io: Range = (1, 6)
    ios_per_connection: Range = (4, 40)
    read_share: Range = (30, 80)
    flush_share: Range = (0, 6)
    outside_share: Range = (8, 25)
    namespace_at_start_share: int = 100
    all_poll_groups_at_start_share: int = 100
    steps: Range = (600, 1_200)
    milliseconds: Range = (800, 1_400)
    disk_latency_us: Range = (100, 1_500)
    repair_delay: Range = (0, 60)
    faults: tuple[Fault, ...] = ()
    operations: tuple[Operation, ...] = ()
    reach: dict[str, int] = {}
    checks: tuple[str, ...] = ()


class Planned(msgspec.Struct, frozen=True):
    """One planned fault or operation: ``moment`` in thousandths of the run or of a rebuild's progress."""

    kind: str
    anchor: Anchor
    moment: int
    occurrence: int  # for a rebuild: in which one, counted from 1
    lasting: int


class Plan(msgspec.Struct, frozen=True):
    """An experiment with everything drawn that doesn't depend on the course of the run."""

    layout: Layout
    members: int
    hosts: int
    io_queues: int
    queue_depth: int
    blocks_per_io_max: int
    ios_per_connection: tuple[int, int]
    read_share: int
    flush_share: int
    outside_share: int
    namespace_at_start: bool
    poll_groups_at_start: int
    steps: int
    milliseconds: int
    disk_latency_us: tuple[int, int]
    repair_delay: tuple[int, int]
    planned: tuple[Planned, ...]


def pair(value: Range) -> tuple[int, int]:
    """Both bounds of a range."""
    return value if isinstance(value, tuple) else (value, value)


# Every name a report may show, in the order of reports.
REACH_NAMES = {
    "connects": "hosts connected (admin queues)",
    "io_queues_connected": "I/O queues connected",
    "disconnects": "connections closed by hosts",
    "reads": "reads answered",
    "writes": "writes answered",
    "flushes": "flushes answered",
    "io_errors": "I/O answered with an error",
    "rebuilds_started": "rebuilds started",
    "rebuilds_finished": "rebuilds finished with success",
    "rebuilds_ended_early": "rebuilds ended without success",
    "connects_in_rebuild": "hosts connected while a rebuild ran",
    "channels_created_in_rebuild": "namespace channels created while a rebuild ran",
    "namespaces_attached": "namespaces attached",
    "namespaces_detached": "namespaces detached",
    "poll_groups_created": "poll groups born",
    "disks_failed": "disks that began to fail all I/O",
    "disks_pulled": "disks pulled out",
    "disks_returned": "disks returned",
    "read_errors_injected": "transient read errors injected",
    "write_errors_injected": "transient write errors injected",
    "members_failed": "members failed by the array after a write error",
    "members_removed": "members removed from the array",
    "reactor_stalls": "reactors stopped for a while",
    "target_kills": "targets killed and restarted",
    "crashes": "targets crashed by themselves",
}

# It names a directory of runs.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# Bounds that the engine's fixed tables and common sense set: field -> (low, high).
_BOUNDS = {
    "reactors": (1, REACTORS_MAX),
    "members": (2, SLOTS_MAX),
    "spares": (0, SLOTS_MAX),
    "blocks": (8, 65_536),
    "window_blocks": (1, 65_536),
    "hosts": (1, 64),
    "io_queues": (1, 16),
    "queue_depth": (1, 128),
    "blocks_per_io": (1, 256),
    "ios_per_connection": (1, 1_000_000),
    "read_share": (0, 100),
    "flush_share": (0, 100),
    "outside_share": (1, 90),
    "namespace_at_start_share": (0, 100),
    "all_poll_groups_at_start_share": (0, 100),
    "steps": (1, 10_000_000),
    "milliseconds": (1, 3_600_000),
    "disk_latency_us": (0, 10_000_000),
    "repair_delay": (0, 1_000_000),
}


def validate(experiment: Experiment) -> Experiment:
    """The experiment itself; raises ExperimentError with what is out of bounds."""
    try:
        # In Python a field can hold anything; this looks at the types.
        msgspec.convert(msgspec.to_builtins(experiment), Experiment)
    except (msgspec.ValidationError, TypeError) as error:
        raise ExperimentError(f"experiment {experiment.name!r} is not valid: {error}") from None
    if not _NAME.fullmatch(experiment.name):
        raise ExperimentError(
            f"an experiment's name {experiment.name!r} may have letters, digits, '-', '_' and '.', "
            "and begins with a letter or digit"
        )
    for field, (low, high) in _BOUNDS.items():
        _check_bounds(experiment, field, getattr(experiment, field), low, high)
    wanted: list[Fault | Operation] = [*experiment.faults, *experiment.operations]
    for planned in wanted:
        _check_bounds(experiment, f"{planned.kind} count", planned.count, 0, 1_000)
        _check_bounds(experiment, f"{planned.kind} between", planned.between, 0, RUN_PERMILLE)
    for name, wanted_count in experiment.reach.items():
        if name not in REACH_NAMES or wanted_count < 1:
            raise ExperimentError(
                f"experiment {experiment.name}: reach {name} = {wanted_count} is not a count of "
                f"something that is counted; these are: {', '.join(REACH_NAMES)}"
            )
    for fault in experiment.faults:
        _check_bounds(experiment, f"{fault.kind} lasting", fault.lasting, 0, RUN_PERMILLE)
    if pair(experiment.members)[1] + pair(experiment.spares)[1] > SLOTS_MAX:
        raise ExperimentError(
            f"experiment {experiment.name}: members and spares together are at most {SLOTS_MAX} disks"
        )
    if pair(experiment.blocks_per_io)[1] > pair(experiment.blocks)[0]:
        raise ExperimentError(
            f"experiment {experiment.name}: blocks_per_io is larger than the array can be"
        )
    return experiment


def _check_bounds(experiment: Experiment, field: str, value: Range, low: int, high: int) -> None:
    first, last = pair(value)
    if first > last:
        raise ExperimentError(
            f"experiment {experiment.name}: {field} = {value!r} has its low bound above its high one"
        )
    if not low <= first <= last <= high:
        raise ExperimentError(
            f"experiment {experiment.name}: {field} = {value!r} must lie within [{low}, {high}]"
        )


def resolve(experiment: Experiment, seed: int) -> Plan:
    """Draw what the seed makes of the experiment."""
    stream = Stream(seed).fork("plan")

    def draw(value: Range) -> int:
        return stream.between(*pair(value))

    blocks = draw(experiment.blocks)
    members = draw(experiment.members)
    reactors = draw(experiment.reactors)
    all_groups = stream.chance(experiment.all_poll_groups_at_start_share, 100)
    planned: list[Planned] = []
    everything: list[Fault | Operation] = [*experiment.faults, *experiment.operations]
    for wanted in everything:
        for _ in range(draw(wanted.count)):
            planned.append(
                Planned(
                    kind=wanted.kind,
                    anchor=wanted.anchor,
                    moment=stream.between(*wanted.between),
                    occurrence=stream.between(1, 2) if wanted.anchor == "rebuild" else 0,
                    lasting=draw(wanted.lasting) if isinstance(wanted, Fault) else 0,
                )
            )
    return Plan(
        layout=Layout(
            reactors=reactors,
            disks=members + draw(experiment.spares),
            disk_blocks=blocks,
            window_blocks=min(draw(experiment.window_blocks), blocks),
        ),
        members=members,
        hosts=draw(experiment.hosts),
        io_queues=draw(experiment.io_queues),
        queue_depth=draw(experiment.queue_depth),
        blocks_per_io_max=draw(experiment.blocks_per_io),
        ios_per_connection=pair(experiment.ios_per_connection),
        read_share=draw(experiment.read_share),
        flush_share=draw(experiment.flush_share),
        outside_share=draw(experiment.outside_share),
        namespace_at_start=stream.chance(experiment.namespace_at_start_share, 100),
        poll_groups_at_start=reactors if all_groups else max(1, reactors - 1),
        steps=draw(experiment.steps),
        milliseconds=draw(experiment.milliseconds),
        disk_latency_us=pair(experiment.disk_latency_us),
        repair_delay=pair(experiment.repair_delay),
        planned=tuple(planned),
    )


def fits(experiment: Experiment, plan: Plan) -> bool:
    """Is the plan one that some seed makes of the experiment, as far as sizes go?"""
    layout = plan.layout

    def within(value: int, wanted: Range) -> bool:
        low, high = pair(wanted)
        return low <= value <= high

    return (
        within(layout.reactors, experiment.reactors)
        and within(layout.disk_blocks, experiment.blocks)
        and 1 <= layout.window_blocks <= layout.disk_blocks
        and within(plan.members, experiment.members)
        and within(layout.disks - plan.members, experiment.spares)
        and within(plan.hosts, experiment.hosts)
        and within(plan.io_queues, experiment.io_queues)
        and within(plan.queue_depth, experiment.queue_depth)
        and 1 <= plan.poll_groups_at_start <= layout.reactors
    )
