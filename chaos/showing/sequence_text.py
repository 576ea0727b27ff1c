"""A planned sequence in words: a line for each item, with everything drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.plan import Plan
from chaos.plan.sequence import LASTING_KINDS, RETURNS, WAIT, PlannedAct, is_of_spare
from chaos.showing.wording.phrases import counted, ordinal

WHEN_MEMBER = " when it is a member"
ROLE_WORDS = {
    "member": "of a member with all data",
    "target": "of the rebuild's target",
    "source": "of a source of the rebuild",
    "spare": "of a disk that is no member",
}
RETURN_WORDS = {
    "as it was": "it returns as it was",
    "stale": "it returns with older content",
    "blank": "a blank disk takes its place",
    "small": "a smaller disk takes its place",
    "large": "a larger disk takes its place",
    "foreign": "a member of another array takes its place",
    "never": "it returns only after the chaos",
}
assert RETURN_WORDS.keys() == RETURNS.keys()
_WORDS_OF_HEALS = {heal: RETURN_WORDS[name] for name, heal in RETURNS.items()}


def sequence_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the number of each item, and what it is; then what the sequence means for the run."""
    for number, act in enumerate(plan.sequence, 1):
        yield str(number), f"{_what(act, plan.sequence)}{_when(act)}{_end(act)}"
    most = plan.chaos_permille_max // RUN_PERMILLE
    yield (
        "",
        f"the chaos goes on until all have come, at most {most} times as long as planned; until then other faults of disks "
        "and of the target wait, and so do operations on members",
    )


def _what(act: PlannedAct, acts: Sequence[PlannedAct]) -> str:
    match act.disk:
        case int():
            of = f"of disk{act.disk}{WHEN_MEMBER}"
        case "same":
            when = "" if is_of_spare(act, acts) else WHEN_MEMBER
            of = f"of the disk of item {act.like + 1}{when}"
        case "other":
            of = f"of another member than the disk of item {act.like + 1}"
        case role:
            of = ROLE_WORDS.get(role, "")
    return f"{act.kind} {of}".rstrip()


def _when(act: PlannedAct) -> str:
    words = []
    if act.after:
        steps = f"{counted(act.stage, 'step')} after" if act.stage else "right after"
        words.append(f"{steps} the {ordinal(act.occurrence)} {act.after} from then on")
    elif act.stage:
        words.append(f"{counted(act.stage, 'step')} later")
    if act.wait:
        words.append(f"{_share(act.wait)} of the run after it first could")
    if act.rebuild:
        progress = f"from {_share(act.moment)} to {_share(act.moment_max)}"
        words.append(f"{progress} of the {ordinal(act.rebuild)} rebuild or a later one's progress")
    elif act.moment:
        words.append(f"not before {_share(act.moment)} of the run")
    return "".join(f", {one}" for one in words) or ", as soon as it can"


def _end(act: PlannedAct) -> str:
    if act.kind == WAIT or act.kind not in LASTING_KINDS:
        return ""
    until = (
        f"after the next {act.until}" if act.until else f"after {_share(act.lasting)} of the run"
    )
    if act.kind != "disk_pull":
        return f"; healed {until}"
    return f"; {_WORDS_OF_HEALS[act.heal]}{f' {until}' if act.heal else ''}"


def _share(permille: int) -> str:
    return f"{permille * 100 / RUN_PERMILLE:.1f} %"
