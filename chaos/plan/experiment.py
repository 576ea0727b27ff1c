"""Experiments: frozen, declarative values that round-trip to JSON.

``[low, high]`` means "drawn per seed". The same field names are used in Python and in TOML.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec

from chaos.plan.faults import FaultName
from chaos.plan.operations import OperationKind
from chaos.plan.ranges import RUN_PERMILLE as RUN_PERMILLE
from chaos.plan.ranges import Range as Range
from chaos.plan.ranges import pair as pair
from chaos.plan.reach_vocabulary import (
    REACH_NAMES,
    SEQUENCE_COMPLETED,
    current_names,
    hint_for_gate,
    is_known,
    item_counted,
)
from chaos.plan.sequence import Act
from chaos.plan.sequence_checks import mistakes
from chaos.plan.strategies import DEFAULT_SCHEDULER, STRATEGY_NAMES
from chaos.plan.triggers import TRIGGERS
from chaos.plan.wrong_values import with_hint
from workers.shared import NAMESPACES_MAX, REACTORS_MAX, SLOTS_MAX
from workers.spelling import did_you_mean

Anchor = Literal["run", "rebuild"]

KINDS = (*get_args(FaultName), *get_args(OperationKind))
SUPERBLOCK_SLOTS_MAX = (
    4  # a superblock with more slots doesn't fit a sector, and power loss may tear it
)


class ExperimentError(Exception):
    """The experiment can't be used; the message is one sentence, and so is each of the ``further`` mistakes."""

    def __init__(self, message: str, further: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.further = further


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number of faults of a kind; each is healed after ``lasting`` thousandths of the run.

    ``anchor`` is the range over which its moment is drawn: the whole run, or the progress of a rebuild; ``between`` bounds
    it, in thousandths.
    """

    kind: FaultName
    count: Range = 1
    anchor: Anchor = "run"
    between: tuple[int, int] = (0, RUN_PERMILLE)
    lasting: Range = (50, 300)


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number of operations of a kind, at moments drawn as for a fault."""

    kind: OperationKind
    count: Range = 1
    anchor: Anchor = "run"
    between: tuple[int, int] = (0, RUN_PERMILLE)


class Experiment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An experiment; sizes in blocks, shares in percent."""

    name: str
    description: str = ""
    reactors: Range = (2, 3)
    members: Range = 2
    spares: Range = (0, 1)
    superblock_share: int = 50
    blocks: Range = (48, 96)
    window_blocks: Range = (4, 12)
    hosts: Range = (1, 3)
    io_queues: Range = (1, 2)
    queue_depth: Range = (1, 4)
    blocks_per_io: Range = (1, 6)
    ios_per_connection: Range = (4, 40)
    read_share: Range = (30, 80)
    flush_share: Range = (0, 6)
    fua_share: Range = 0
    unmap_share: Range = 0
    write_zeroes_share: Range = 0
    compare_share: Range = 0
    abort_share: Range = 0
    meet_share: Range = 0
    resend_share: Range = 0
    hurry_share: Range = 0
    event_requests_share: int = 0
    keep_alive_ms: Range = 0
    alone_share: int = 0
    outside_share: Range = (8, 25)
    timer_share: Range = (5, 40)
    namespaces: Range = 1
    namespace_at_start_share: int = 100
    all_poll_groups_at_start_share: int = 100
    steps: Range = (600, 1_200)
    milliseconds: Range = (800, 1_400)
    disk_latency_us: Range = (100, 1_500)
    disk_queue_depth: Range = 64
    disk_io_blocks_max: Range = 0
    io_pool: Range = 64
    rebuild_blocks_per_ms: Range = 0
    stack_share: int = 0
    passthru_share: int = 0
    grow_blocks: Range = 0
    repair_delay: Range = (0, 60)
    faults: tuple[Fault, ...] = ()
    operations: tuple[Operation, ...] = ()
    sequence: tuple[Act, ...] = ()
    strategies: tuple[str, ...] = (DEFAULT_SCHEDULER,)
    pairs: Range = 0
    absent_share: int = 0
    silent_share: int = 100
    reach: dict[str, int] = {}
    reach_per_run: dict[str, int] = {}
    checks: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "reach", current_names(self.reach))
        msgspec.structs.force_setattr(self, "reach_per_run", current_names(self.reach_per_run))


# It names a directory of runs.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

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
    "superblock_share": (0, 100),
    "read_share": (0, 100),
    "flush_share": (0, 100),
    "fua_share": (0, 100),
    "unmap_share": (0, 100),
    "write_zeroes_share": (0, 100),
    "compare_share": (0, 100),
    "abort_share": (0, 100),
    "meet_share": (0, 100),
    "resend_share": (0, 100),
    "namespaces": (1, NAMESPACES_MAX),
    "hurry_share": (0, 100),
    "event_requests_share": (0, 100),
    "keep_alive_ms": (0, 3_600_000),
    "alone_share": (0, 100),
    "timer_share": (1, 100),
    "disk_queue_depth": (1, 1_024),
    "disk_io_blocks_max": (0, 65_536),
    "io_pool": (1, 65_536),
    "rebuild_blocks_per_ms": (0, 1_000_000),
    "stack_share": (0, 100),
    "passthru_share": (0, 100),
    "grow_blocks": (0, 65_536),
    "pairs": (0, 100),
    "absent_share": (0, 100),
    "silent_share": (0, 100),
    "outside_share": (1, 90),
    "namespace_at_start_share": (0, 100),
    "all_poll_groups_at_start_share": (0, 100),
    "steps": (1, 10_000_000),
    "milliseconds": (1, 3_600_000),
    "disk_latency_us": (0, 10_000_000),
    "repair_delay": (0, 1_000_000),
}


def _raw(experiment: Experiment) -> object:
    return {field: getattr(experiment, field) for field in experiment.__struct_fields__}


def validate(experiment: Experiment) -> Experiment:
    """Return the experiment itself; raise ExperimentError with the field that is out of bounds."""
    try:
        # In Python a field can have a value of any type; this checks the types.
        msgspec.convert(msgspec.to_builtins(experiment), Experiment)
    except (msgspec.ValidationError, TypeError) as error:
        hint = with_hint(str(error), Experiment, _raw(experiment))
        raise ExperimentError(f"experiment {experiment.name!r} is not valid: {hint}") from None
    if not NAME.fullmatch(experiment.name):
        raise ExperimentError(
            f"name = {experiment.name!r}: an experiment's name may have letters, digits, '-', '_' and '.', "
            "and begins with a letter or digit"
        )
    for field, (low, high) in _BOUNDS.items():
        _check_bounds(experiment, field, getattr(experiment, field), low, high)
    for number, fault in enumerate(experiment.faults):
        _check_planned(experiment, f"faults[{number}]", fault)
    for number, operation in enumerate(experiment.operations):
        _check_planned(experiment, f"operations[{number}]", operation)
    _check_strategies(experiment)
    _check_avoid(experiment)
    wrong = [f"experiment {experiment.name}: {mistake}" for mistake in mistakes(experiment)]
    if wrong:
        raise ExperimentError(wrong[0], tuple(wrong[1:]))
    _check_gates(experiment)
    if pair(experiment.members)[1] + pair(experiment.spares)[1] > SLOTS_MAX:
        raise ExperimentError(
            f"experiment {experiment.name}: members and spares together are at most {SLOTS_MAX} disks"
        )
    if experiment.superblock_share and pair(experiment.members)[1] > SUPERBLOCK_SLOTS_MAX:
        raise ExperimentError(
            f"experiment {experiment.name}: an array with superblock has at most {SUPERBLOCK_SLOTS_MAX} "
            "members; set superblock_share to 0 for more"
        )
    if pair(experiment.blocks_per_io)[1] > pair(experiment.blocks)[0]:
        raise ExperimentError(
            f"experiment {experiment.name}: blocks_per_io is larger than the array can be"
        )
    smallest = pair(experiment.blocks)[0] // pair(experiment.namespaces)[1]
    if pair(experiment.blocks_per_io)[1] > smallest:
        raise ExperimentError(
            f"experiment {experiment.name}: blocks_per_io is larger than a namespace can be, which has "
            f"{smallest} blocks where the smallest array is divided into {pair(experiment.namespaces)[1]}"
        )
    return experiment


def _check_planned(experiment: Experiment, where: str, planned: Fault | Operation) -> None:
    _check_bounds(experiment, f"{where}.count", planned.count, 0, 1_000)
    _check_bounds(experiment, f"{where}.between", planned.between, 0, RUN_PERMILLE)
    if isinstance(planned, Fault):
        _check_bounds(experiment, f"{where}.lasting", planned.lasting, 0, RUN_PERMILLE)


def check_reach(whose: str, reach: dict[str, int], field: str = "reach") -> None:
    """Raise ExperimentError for a gate that counts nothing."""
    for name, wanted in reach.items():
        if not (name in REACH_NAMES or is_known(name) or item_counted(name)):
            raise ExperimentError(
                f"{whose}: {field} {name} = {wanted} is not counted{hint_for_gate(name)}"
            )
        if wanted < 1:
            raise ExperimentError(f"{whose}: {field} {name} = {wanted} must be at least 1")


def _check_gates(experiment: Experiment) -> None:
    whose, items = f"experiment {experiment.name}", len(experiment.sequence)
    for field in ("reach", "reach_per_run"):
        gates: dict[str, int] = getattr(experiment, field)
        check_reach(whose, gates, field)
        for name, wanted in gates.items():
            gate = f"{whose}: {field} {name} = {wanted}"
            if item_counted(name) > items or (name == SEQUENCE_COMPLETED and not items):
                count = (
                    f"of {items} item{'' if items == 1 else 's'}" if items else "that is missing"
                )
                raise ExperimentError(f"{gate} can't be reached by a sequence {count}")
            if field == "reach_per_run" and wanted > 100:
                raise ExperimentError(f"{gate} is in percent of the runs, so at most 100")


def _check_strategies(experiment: Experiment) -> None:
    unknown = [name for name in experiment.strategies if name not in STRATEGY_NAMES]
    if unknown or not experiment.strategies:
        what = f"{unknown[0]!r} is not" if unknown else "an empty list does not name"
        hint = did_you_mean(unknown[0], STRATEGY_NAMES) if unknown else ""
        raise ExperimentError(
            f"experiment {experiment.name}: strategies: {what} a search strategy; "
            f"these are: {', '.join(STRATEGY_NAMES)}{hint}"
        )


def _check_avoid(experiment: Experiment) -> None:
    for name in experiment.avoid:
        if name not in TRIGGERS:
            raise ExperimentError(
                f"experiment {experiment.name}: avoid: {name!r} is not a trigger that can be avoided; "
                f"these are: {', '.join(TRIGGERS)}{did_you_mean(name, TRIGGERS)}"
            )


def _check_bounds(experiment: Experiment, field: str, value: Range, low: int, high: int) -> None:
    first, last = pair(value)
    written = value if isinstance(value, int) else [*value]
    if first > last:
        raise ExperimentError(
            f"experiment {experiment.name}: {field} = {written} has its low bound above its high one"
        )
    if not low <= first <= last <= high:
        raise ExperimentError(
            f"experiment {experiment.name}: {field} = {written} must lie within [{low}, {high}]"
        )
