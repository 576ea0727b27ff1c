"""Simpler values for a case: smaller plans and simpler steps. These are proposals; the shrinker tries them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from chaos.plan.arguments import BLOCK_RANGE, Argument
from chaos.plan.faults import FAULTS
from chaos.plan.rpcs import RPCS, Rpc
from chaos.shrinking.shrinker import Case
from chaos.shrinking.simplify_disks import with_fewer_disks, with_nothing_on_disks
from chaos.steps.schedule import (
    OF_BLOCKS,
    Connect,
    Flush,
    Inject,
    Item,
    Kill,
    Operate,
    PowerLoss,
    Read,
    Stall,
    Write,
)

replace = msgspec.structs.replace
BLOCKS = (8, 12, 16, 24, 32, 48)
WINDOWS = (4, 8, 16, 1_000_000)
UNBOUNDED = 64
# Faults of a range of blocks, which can get fewer or other blocks.
RANGED_FAULTS = tuple(
    name
    for name, row in FAULTS.items()
    if row.arguments[:2] == BLOCK_RANGE and Argument.SHIFT not in row.arguments
)
OF_NAMESPACES = (Rpc.NVMF_SUBSYSTEM_ADD_NS, Rpc.NVMF_SUBSYSTEM_REMOVE_NS)
SETTLE_STEPS = (1_000, 4_000, 16_000)


def simpler_plans(case: Case) -> Iterator[Case]:
    """Propose plans that are smaller in one way each, the most effective first."""
    plan = case.plan
    layout = plan.layout
    if plan.planned or plan.sequence:
        yield replace(case, plan=replace(plan, planned=(), sequence=()))
    hosts = [item.host for item in case.script if hasattr(item, "host")]
    yield from _fewer_hosts(case, hosts)
    yield from _fewer_reactors(case)
    yield from with_nothing_on_disks(case)
    if plan.alone:
        yield replace(case, plan=replace(plan, alone=False))
    yield from _one_namespace(case)
    if layout.array_passthru:
        yield _with_layout(case, array_passthru=False)
    if layout.rebuild_blocks_per_ms:
        yield _with_layout(case, rebuild_blocks_per_ms=0)
    if layout.disk_io_blocks_max:
        yield _with_layout(case, disk_io_blocks_max=0)
    for field in ("disk_queue_depth", "io_pool"):
        if getattr(layout, field) != UNBOUNDED:
            yield _with_layout(case, **{field: UNBOUNDED})
    if plan.io_queues > 1:
        yield replace(case, plan=replace(plan, io_queues=1))
    yield from with_fewer_disks(case)
    yield from _fewer_blocks(case)
    if layout.capacity_blocks:
        yield _with_layout(case, capacity_blocks=0)
    for window in WINDOWS:
        blocks = min(window, plan.blocks)
        if blocks > layout.window_blocks:
            yield _with_layout(case, window_blocks=blocks)


def fewer_settle_steps(case: Case) -> Iterator[Case]:
    """Propose fewer steps for a phase after the chaos."""
    for steps in SETTLE_STEPS:
        if case.to_the_end and steps < case.plan.settle_steps:
            yield replace(case, plan=replace(case.plan, settle_steps=steps))


def _with_layout(case: Case, **changes: object) -> Case:
    return replace(case, plan=replace(case.plan, layout=replace(case.plan.layout, **changes)))


def _one_namespace(case: Case) -> Iterator[Case]:
    """Make the whole array the only namespace."""
    if case.plan.layout.namespaces == 1:
        return
    script = tuple(
        item
        for item in case.script
        if not (isinstance(item, Operate) and item.method in OF_NAMESPACES and item.args[0] > 1)
    )
    flushes = [replace(item, namespace=1) if isinstance(item, Flush) else item for item in script]
    whole = _with_layout(case, namespaces=1, partition_blocks=0)
    yield replace(whole, script=tuple(flushes))


def _fewer_hosts(case: Case, hosts: list[int]) -> Iterator[Case]:
    """Remove hosts without a step, and number the others from 0 on."""
    order: list[int] = []
    for host in hosts:
        if host not in order:
            order.append(host)
    wanted = max(1, len(order))
    if case.plan.hosts > wanted or order != list(range(len(order))):
        script = tuple(
            replace(item, host=order.index(item.host)) if hasattr(item, "host") else item
            for item in case.script
        )
        yield replace(case, plan=replace(case.plan, hosts=wanted), script=script)


def _fewer_reactors(case: Case) -> Iterator[Case]:
    """Remove one or two reactors at once, since with fewer poll groups fewer connections only take turns."""
    plan = case.plan
    for reactors in sorted({1, 2, plan.layout.reactors - 1}):
        if not 0 < reactors < plan.layout.reactors:
            continue
        smaller = replace(
            plan,
            layout=replace(plan.layout, reactors=reactors),
            poll_groups_at_start=min(plan.poll_groups_at_start, reactors),
        )
        script = tuple(
            item for item in case.script if max(_reactors_of(item), default=0) < reactors
        )
        yield replace(case, plan=smaller, script=script)


def _reactors_of(item: Item) -> list[int]:
    """Return the reactors that a step names."""
    if isinstance(item, Operate):
        kinds = RPCS[item.method].kinds(len(item.args))
        return [arg for kind, arg in zip(kinds, item.args, strict=True) if kind is Argument.REACTOR]
    return [getattr(item, "reactor", 0)]


def _fewer_blocks(case: Case) -> Iterator[Case]:
    plan, layout = case.plan, case.plan.layout
    highest = max(
        (item.slba + item.blocks for item in case.script if isinstance(item, OF_BLOCKS)),
        default=0,
    )
    for blocks in BLOCKS:
        if max(highest, layout.namespaces) <= blocks < plan.blocks:
            less = plan.blocks - blocks
            part = blocks // layout.namespaces
            smaller = replace(
                plan,
                blocks=blocks,
                blocks_per_io_max=min(plan.blocks_per_io_max, part),
                layout=replace(
                    layout,
                    partition_blocks=0 if layout.namespaces == 1 else part,
                    disk_blocks=layout.disk_blocks - less,
                    capacity_blocks=max(0, layout.capacity_blocks - less),
                    window_blocks=min(layout.window_blocks, blocks),
                ),
            )
            yield replace(case, plan=smaller)


def simpler_steps(case: Case) -> Iterator[Case]:
    """Propose one simpler step each: a disk present at the start, one error fewer, one failed read fewer."""
    yield from _with_disks_at_start(case)
    yield from _on_fewer_blocks(case)
    for index, item in enumerate(case.script):
        if isinstance(item, Inject) and len(item.args) == 3 and item.args[-1] > 1:
            fewer = replace(item, args=(*item.args[:-1], item.args[-1] - 1))
            for other in range(len(case.script) - 1, index, -1):
                if isinstance(case.script[other], Read):
                    before, between = case.script[:index], case.script[index + 1 : other]
                    script = (*before, fewer, *between, *case.script[other + 1 :])
                    yield replace(case, script=script)
    for index, item in enumerate(case.script):
        for plainer in _plainer(item):
            script = (*case.script[:index], plainer, *case.script[index + 1 :])
            yield replace(case, script=script)


def _with_disks_at_start(case: Case) -> Iterator[Case]:
    """Let disks that arrive late be present when the target starts: all of them, or one."""
    start = None
    arrivals: list[tuple[int, int]] = []  # of the start, and of a disk that arrives after it
    for index, item in enumerate(case.script):
        if isinstance(item, Operate) and item.method == Rpc.FRAMEWORK_START_INIT:
            start = index
        elif isinstance(item, Inject) and item.fault == "disk_arrive" and start is not None:
            arrivals.append((start, index))
    for which in (arrivals, *([one] for one in arrivals if len(arrivals) > 1)):
        script: list[Item] = list(case.script)
        for begin, index in which:
            begun, arrival = script[begin], case.script[index]
            assert isinstance(begun, Operate)
            assert isinstance(arrival, Inject)
            script[begin] = replace(begun, args=tuple(sorted({*begun.args, arrival.disk})))
        gone = {index for _, index in which}
        if gone:
            kept = tuple(item for index, item in enumerate(script) if index not in gone)
            yield replace(case, script=kept)


def _on_fewer_blocks(case: Case) -> Iterator[Case]:
    """Move all steps on several blocks to one block of the last I/O, and move all steps to lower blocks."""
    ios = [item for item in case.script if isinstance(item, OF_BLOCKS)]
    if not ios:
        return
    offset = case.plan.data_offset
    for block in range(ios[-1].slba, ios[-1].slba + ios[-1].blocks):
        spans = [
            (block, block + 1) if isinstance(item, Inject) or span[0] <= block < span[1] else span
            for item, span in _spans(case.script, offset)
        ]
        if spans != [span for _, span in _spans(case.script, offset)]:
            yield _with_spans(case, spans)
    front = min(first for _, (first, _) in _spans(case.script, offset))
    if front:
        spans = [(first - front, end - front) for _, (first, end) in _spans(case.script, offset)]
        yield _with_spans(case, spans)


def _spans(script: Iterable[Item], offset: int) -> Iterator[tuple[Item, tuple[int, int]]]:
    """Return the first block and the end of each item that has blocks."""
    for item in script:
        if isinstance(item, OF_BLOCKS):
            yield item, (item.slba, item.slba + item.blocks)
        elif isinstance(item, Inject) and item.fault in RANGED_FAULTS and item.args[0] >= offset:
            yield item, (item.args[0] - offset, item.args[1] - offset)


def _with_spans(case: Case, spans: list[tuple[int, int]]) -> Case:
    """Return the case with other blocks for these items, in their order."""
    offset = case.plan.data_offset
    script: list[Item] = []
    left = iter(spans)
    for item in case.script:
        for one, _ in _spans([item], offset):
            first, end = next(left)
            if isinstance(one, Inject):
                args = (first + offset, end + offset, *one.args[2:])
                script.append(replace(one, args=args))
            elif isinstance(one, OF_BLOCKS):
                script.append(replace(one, slba=first, blocks=end - first))
            break
        else:
            script.append(item)
    return replace(case, script=tuple(script))


def _plainer(item: Item) -> Iterator[Item]:
    match item:
        case Connect() if item.keep_alive_ms:
            yield replace(item, keep_alive_ms=0)
        case PowerLoss():
            yield Kill(item.op, item.clones)
            if any(item.lost):
                yield replace(item, lost=tuple(() for _ in item.lost))
        case Inject() if len(item.args) in (1, 3) and item.args[-1] > 1:
            yield replace(item, args=(*item.args[:-1], 1))
        case Operate(method=Rpc.FRAMEWORK_START_INIT) if list(item.args) != sorted(item.args):
            yield replace(item, args=tuple(sorted(item.args)))
        case Stall() if item.length > 1:
            yield replace(item, length=1)
        case _ if isinstance(item, OF_BLOCKS):
            if item.blocks > 1:
                yield replace(item, blocks=1)
            if item.slba > 0:
                yield replace(item, slba=0)
            if isinstance(item, Write) and item.fua:
                yield replace(item, fua=False)
        case _:
            pass
