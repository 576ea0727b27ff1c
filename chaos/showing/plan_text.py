"""A plan in words: what a seed draws from an experiment, before a run."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.plan.experiment import RUN_PERMILLE, Experiment
from chaos.plan.faults import FAULTS, SILENT_FAULTS, TARGET_FAULTS
from chaos.plan.operations import OPERATIONS
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.plan.strategies import STRATEGIES
from chaos.plan.triggers import TRIGGERS
from chaos.showing.labels import Labels
from chaos.showing.sequence_text import sequence_rows
from chaos.showing.wording.phrases import counted, listed, ordinal
from workers.bdev.stack import Stack
from workers.probes import PROBES

# No heal follows these faults: they end at once, or the damage ends in another way.
NOT_HEALED = (*TARGET_FAULTS, *SILENT_FAULTS, "disk_grow", "host_vanish", "reactor_stall")
Section = tuple[str, list[tuple[str, str]]]


def lines_of(experiment: Experiment, seed: int, plan: Plan, labels: Labels) -> Iterator[str]:
    """Write the whole plan, section by section."""
    about = f": {experiment.description}" if experiment.description else ""
    yield f"{experiment.name}, seed {seed}{about}"
    for title, rows in (_target(plan, labels), _hosts(plan, labels), _run(plan)):
        yield from _section(title, rows)
    strategies = [(name, STRATEGIES[name].text) for name in plan.strategies]
    yield from _section("search", strategies)
    if plan.avoid:
        yield from _section("avoided", [(name, TRIGGERS.get(name, "")) for name in plan.avoid])
    if plan.sequence:
        yield from _section(f"sequence ({len(plan.sequence)})", list(sequence_rows(plan)))
    planned = [(_moment(one), kind_in_words(one)) for one in in_order(plan.planned)]
    yield from _section(f"planned ({len(planned)})", planned or [("nothing", "")])


def target_of(plan: Plan) -> str:
    """Write the main sizes in a line."""
    spares = plan.layout.disks - plan.members
    disks = f"{plan.members} members of {counted(plan.blocks, 'block')}"
    return (
        f"{disks}{f' and {spares} more disks' if spares else ''}, {'' if plan.superblock else 'no '}superblocks, "
        f"rebuild windows of {counted(plan.layout.window_blocks, 'block')}, "
        f"{counted(plan.layout.reactors, 'reactor')}, {counted(plan.hosts, 'host')}"
    )


def _section(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    yield title
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"  {name:<{width}}  {value}".rstrip()


def _target(plan: Plan, labels: Labels) -> Section:
    layout = plan.layout
    grow = f", each may grow to {layout.capacity_blocks}" if layout.capacity_blocks else ""
    limit = layout.rebuild_blocks_per_ms
    rows = [
        (
            "reactors",
            f"{layout.reactors}, {counted(plan.poll_groups_at_start, 'poll group')} at first",
        ),
        ("disks", f"{layout.disks} of {layout.disk_blocks} blocks{grow}"),
        ("", listed([labels.disk(number) for number in range(layout.disks)])),
        ("array", f"{plan.members} members, {plan.blocks} blocks, {_superblock(plan)}"),
        (
            "rebuild",
            f"windows of {layout.window_blocks} blocks, "
            + (f"at most {limit} blocks a millisecond" if limit else "no bandwidth limit"),
        ),
        (
            "namespace",
            "attached at first" if plan.namespace_at_start else "attached later, if at all",
        ),
        (
            "bdev layer",
            f"{layout.disk_queue_depth} I/Os of a thread on a disk, {layout.io_pool} bdev_io of a channel, "
            + (
                f"I/O of more than {layout.disk_io_blocks_max} blocks is split"
                if layout.disk_io_blocks_max
                else "no I/O is split for its size"
            ),
        ),
    ]
    on_disks = [
        f"{_stack(kinds)} on disk{number}" for number, kinds in enumerate(layout.stacks) if kinds
    ]
    if layout.array_passthru:
        on_disks.append("passthru on the array")
    if on_disks:
        rows.append(("stacked bdevs", ", ".join(on_disks)))
    return "target", rows


def _superblock(plan: Plan) -> str:
    if not plan.superblock:
        return "no superblock"
    return f"superblocks in the first {plan.data_offset} blocks of each"


def _stack(kinds: int) -> str:
    return " + ".join(kind.name.lower() for kind in Stack if kinds & kind and kind.name)


def _hosts(plan: Plan, labels: Labels) -> Section:
    shares = {
        "reads": plan.read_share,
        "flushes": plan.flush_share,
        "overlapping other I/O": plan.meet_share,
    }
    changing = {
        "with FUA": plan.fua_share,
        "unmap": plan.unmap_share,
        "write zeroes": plan.write_zeroes_share,
        "compare and write": plan.compare_share,
    }
    rows = [
        ("hosts", f"{plan.hosts}: {listed([labels.host(number) for number in range(plan.hosts)])}"),
        (
            "each with",
            f"{counted(plan.io_queues, 'I/O queue')} of depth {plan.queue_depth}, I/O of up to "
            f"{counted(plan.blocks_per_io_max, 'block')}, {_range(plan.ios_per_connection)} I/Os a connection",
        ),
        ("I/O mix", _shares(shares)),
        ("change mix", _shares(changing)),
        (
            "keep-alive",
            f"times out after {plan.keep_alive_ms} ms" if plan.keep_alive_ms else "none",
        ),
    ]
    if plan.abort_share:
        rows.append(("aborts", f"in {plan.abort_share} % of a busy host's turns"))
    if plan.hurry_share:
        rows.append(("hurry", f"{plan.hurry_share} % of disconnects don't wait for the old queues"))
    if plan.event_requests:
        rows.append(("events", "hosts ask for asynchronous events"))
    return "hosts", rows


def _run(plan: Plan) -> Section:
    return "run", [
        ("chaos", f"{plan.steps} steps in sim and lockstep, {plan.milliseconds} ms in realtime"),
        ("outside steps", f"{plan.outside_share} % (hosts, operator, nemesis)"),
        ("time", f"timers fire with a readiness of {plan.timer_share} %, far deadlines with less"),
        ("disk latency", f"{_range(plan.disk_latency_us)} us in realtime"),
        (
            "repair",
            f"the operator checks the array {_range(plan.repair_delay)} times before the next repair",
        ),
    ]


def in_order(planned: tuple[Planned, ...]) -> list[Planned]:
    """Sort planned things: those at a share of the run, then those in a rebuild, then those after an event."""
    order = {"run": 0, "rebuild": 1, "event": 2}

    def key(one: Planned) -> tuple[int, int, int, int]:
        return order[one.anchor], one.occurrence, one.moment, one.stage

    return sorted(planned, key=key)


def _moment(one: Planned) -> str:
    share = f"{one.moment * 100 / RUN_PERMILLE:.1f} %"
    match one.anchor:
        case "run":
            return f"at {share} of the run"
        case "rebuild":
            which = ordinal(one.occurrence)
            return f"at {share} of the {which} rebuild, or a later one's"
        case "event":
            which = ordinal(one.occurrence)
            steps = f"{counted(one.stage, 'step')} after" if one.stage else "right after"
            return f"{steps} the {which} {one.event}"


def kind_in_words(one: Planned) -> str:
    """Name the planned kind; its disk or host is chosen when its moment comes."""
    if one.kind in OPERATIONS:
        words = f"{one.kind}: {OPERATIONS[one.kind].what}"
    else:
        words = f"{one.kind}: {FAULTS[one.kind].what}"
        if one.kind == "reactor_stall":
            words += f" (for {one.lasting * 100 / RUN_PERMILLE:.1f} % of the run)"
        elif one.kind not in NOT_HEALED:
            words += f" (healed after {one.lasting * 100 / RUN_PERMILLE:.1f} % of the run)"
    if one.event in PROBES:
        words += f" [{one.event}: {PROBES[one.event].partition(':')[0]}]"
    return words


def _shares(shares: dict[str, int]) -> str:
    return ", ".join(f"{share} % {name}" for name, share in shares.items() if share) or "none"


def _range(bounds: tuple[int, int]) -> str:
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]} to {bounds[1]}"
