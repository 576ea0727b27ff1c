"""A small failure explained: its story, its contradiction, the need for each step, and the moment when it became likely."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chaos.checkers import Check, Finding
from chaos.drivers.make import stepped_driver
from chaos.explaining.likelihood import CONTINUATIONS, Curve, Rise, Subject, curve
from chaos.explaining.necessity import Need, changes, needs
from chaos.judging.judge import judge
from chaos.narrating.account import Story, tell
from chaos.narrating.close_look import CloseLook, look_closely
from chaos.narrating.script_order import ScriptOrder
from chaos.run.controller import DivergenceError
from chaos.scripts.player import Player
from chaos.showing.plan_text import target_of
from chaos.showing.wording.phrases import counted
from chaos.shrinking.shrinker import Case, Shrinker, ShrinkError
from chaos.store.capsule import Capsule, unfinished_line


class Likely(msgspec.Struct, frozen=True):
    """The step from which on the failure was likely, also in words, with the shares before and after it."""

    rise: Rise
    what: str


class Explanation(msgspec.Struct, frozen=True):
    """An explanation of a failure; ``is_whole``: it was not interrupted."""

    experiment: str
    seed: int
    defects: list[str]
    exit_code: int
    signature: str
    target: str  # the target's sizes
    steps: int
    outside: int
    choices: int
    story: Story
    needs: list[Need]  # empty for a run that is not minimal: see ``unfinished``
    untried: int  # steps and choices whose removal was not tried
    curve: Curve
    likely: Likely | None  # None: likely from the beginning, or not known
    is_whole: bool
    tested: str = ""  # the target in C and its build; "": the built-in engine
    unfinished: str = ""  # a line about shrinking that stopped early


def belongs(minimal: Capsule, capsule: Capsule) -> bool:
    """Return whether a small run shows the failure of this run."""
    if minimal.script is None or minimal.schedule is None:
        return False
    ours, theirs = capsule.expected, minimal.expected
    if ours is None or theirs is None:
        return False
    same_run = (minimal.seed, minimal.experiment.name, minimal.defects, minimal.checks) == (
        capsule.seed,
        capsule.experiment.name,
        capsule.defects,
        capsule.checks,
    )
    # Shrinking can shorten a hang's chain or a leak's list, so only check and kind must be equal.
    return same_run and _kind(ours.signature) == _kind(theirs.signature)


def _kind(signature: str) -> list[str]:
    return signature.split("/")[:2]


def explain(
    capsule: Capsule,
    checks: tuple[Check, ...],
    continuations: int = CONTINUATIONS,
    is_over: Callable[[], bool] = lambda: False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Explanation:
    """Explain a shrunk capsule; raise ShrinkError when it no longer fails."""
    on_progress("looking closely")
    look, finding, others = _failure(capsule, checks)
    case, numbers = script_of(capsule)
    story = tell(capsule.plan, look, finding, ScriptOrder(list(case.script), numbers), others)
    shrinker = Shrinker(finding, capsule.defect_sources(), checks, is_over)
    unfinished = unfinished_line(capsule)
    needed: list[Need] = []
    if not unfinished:
        on_progress("leaving out each step")
        needed = needs(shrinker, case, numbers, look.moments, is_over)
    subject = Subject(
        case, look.execution.schedule, numbers, finding, capsule.defect_sources(), checks
    )
    found = curve(
        subject,
        continuations,
        is_over,
        lambda prefixes: on_progress(
            f"{counted(prefixes, 'prefix')}, {counted(continuations, 'continuation')} each"
        ),
    )
    rise = found.rise
    return Explanation(
        experiment=capsule.experiment.name,
        seed=capsule.seed,
        defects=[defect.id for defect in capsule.defects],
        tested="" if capsule.plan.target is None else capsule.plan.target.words,
        exit_code=int(finding.verdict),
        signature=finding.signature,
        target=target_of(capsule.plan),
        steps=len(look.execution.schedule),
        outside=case.outside,
        choices=case.choices,
        story=story,
        needs=needed,
        untried=0
        if unfinished
        else sum(1 for _ in changes(case, numbers, look.moments)) - len(needed),
        curve=found,
        likely=None if rise is None else Likely(rise, story.steps[rise.last - 1]),
        is_whole=not is_over(),
        unfinished=unfinished,
    )


def _failure(
    capsule: Capsule, checks: tuple[Check, ...]
) -> tuple[CloseLook, Finding, list[Finding]]:
    """Replay and judge the run, and return it with its finding and the other findings."""
    assert capsule.schedule is not None, "a shrunk capsule has its schedule"
    try:
        look = look_closely(
            capsule.plan, capsule.schedule, capsule.defect_sources(), cut=capsule.cut
        )
    except DivergenceError as error:
        raise ShrinkError(f"the schedule no longer applies: {error}") from None
    findings = judge(look.execution, checks)
    if not findings:
        raise ShrinkError("this run no longer fails, so there is nothing to explain")
    wanted = capsule.expected.signature if capsule.expected is not None else ""
    same = [finding for finding in findings if finding.signature == wanted]
    finding = (same or findings)[0]
    return look, finding, [other for other in findings if other is not finding]


def case_of(capsule: Capsule) -> Case:
    """Return the script of a shrunk capsule as a case."""
    assert capsule.script is not None, "a shrunk capsule has its script"
    return Case(capsule.plan, tuple(capsule.script), not capsule.cut)


def script_of(capsule: Capsule) -> tuple[Case, list[int]]:
    """Return the script as a case, and the place of each of its items in the schedule."""
    case = case_of(capsule)
    player = Player(capsule.plan, stepped_driver(capsule.plan.target), capsule.defect_sources())
    played = player.play(list(case.script), to_the_end=case.to_the_end)
    schedule = capsule.schedule or []
    if played.execution.schedule[: len(schedule)] != schedule:
        raise ShrinkError(
            "its script and its schedule lead to different runs, so it comes from an older raidstorm; shrink the run again"
        )
    return case, played.numbers
