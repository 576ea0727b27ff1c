"""A judged run in words, as reports, run directories, replays and pages show it: its verdict and its story."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from chaos.checkers import Finding, Verdict
from chaos.judging.judge import verdict_of
from chaos.narrating.account import Story, tell
from chaos.narrating.clauses import Sentence
from chaos.narrating.close_look import CloseLook, look_closely, look_from_afar
from chaos.narrating.script_order import WITHOUT_SCRIPT, order_of
from chaos.run.controller import DivergenceError
from chaos.run.execution import Execution
from chaos.showing.labels import Labels, make_labels
from chaos.showing.wording.places import named
from chaos.showing.wording.words import Words, exact_words
from chaos.steps.schedule import Item
from workers.protocol import DefectSource


class DescribedRun(NamedTuple):
    """The verdict, and the story of the first finding; without a finding the story is empty."""

    verdict: Verdict
    story: list[str]
    labels: Labels
    words: Words
    told: Story | None  # all of the story; None without a finding


class Engine(msgspec.Struct, frozen=True):
    """The engine that took a run's steps and can take them again; a shrunk run has a script and may be cut."""

    defects: tuple[DefectSource, ...] = ()
    script: list[Item] | None = None
    cut: bool = False


def describe_run(
    execution: Execution,
    findings: list[Finding],
    seed: int,
    labels: Labels | None = None,
    engine: Engine | None = None,
) -> DescribedRun:
    """Put a run into words with the labels that it was recorded with.

    Without the engine, the story has no data of disks, and nothing of what the engine emits no event for.
    """
    labels = labels or make_labels(execution.plan, seed)
    words = exact_words(execution, labels)
    told = _told(execution, findings, engine) if findings else None
    story = [] if told is None else sentence_lines(told.sentences, findings[0])
    return DescribedRun(verdict_of(findings), story, labels, words, told)


def _told(execution: Execution, findings: list[Finding], engine: Engine | None) -> Story:
    order = WITHOUT_SCRIPT
    look = None if engine is None else _look_again(execution, engine)
    if look is not None and engine is not None and engine.script is not None:
        to_the_end = not engine.cut
        found = order_of(execution, engine.script, engine.defects, to_the_end=to_the_end)
        order = found or order
    look = look or look_from_afar(execution)
    return tell(execution.plan, look, findings[0], order, findings[1:])


def _look_again(execution: Execution, engine: Engine) -> CloseLook | None:
    """Take the steps again; return None for a run that isn't the same then, such as a free one."""
    try:
        look = look_closely(
            execution.plan,
            execution.schedule,
            engine.defects,
            cut=engine.cut,
            with_order=engine.script is not None,
        )
    except DivergenceError:
        return None
    return look if look.execution.fingerprint == execution.fingerprint else None


def sentence_lines(sentences: list[Sentence], finding: Finding) -> list[str]:
    """Write sentences as the lines of a story, with the contradiction, the finding and its wait chains at the end."""
    covered = [step for one in sentences for step in (one.first, one.last)]
    evidence = [
        Sentence(event.step, event.step, named(event.says))
        for event in finding.events
        if event.step != finding.step and event.step not in covered
    ]
    lines = [_line(one) for one in sorted([*sentences, *evidence], key=lambda one: one.first)]
    if finding.check != "crash":  # a crash's own sentence is the last
        lines.append(f"step {finding.step}: {named(finding.summary)}")
    return [*lines, *(f"  {line}" for line in finding.waits)]


def _line(one: Sentence) -> str:
    if one.first == one.last:
        return f"step {one.first}: {one.text}"
    return f"steps {one.first}-{one.last}: {one.text}"
