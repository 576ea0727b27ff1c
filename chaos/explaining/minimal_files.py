"""The files of a shrunk run: minimal.json to replay, minimal.log and minimal.html to read.

The page tells the story as 'raidstorm explain' does.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.checkers import Check, Finding
from chaos.checkers.finding import NAMES
from chaos.explaining.account import Story, StoryScript, tell
from chaos.explaining.clauses import Sentence
from chaos.explaining.close_look import CloseLook, look_closely
from chaos.explaining.explain import script_of
from chaos.judging.judge import judge, verdict_of
from chaos.showing.described import describe_run
from chaos.showing.lanes import lanes_of
from chaos.showing.narrative import narrate
from chaos.showing.timeline import About, page, timeline_from
from chaos.showing.trace import lines_of
from chaos.showing.wording.places import named
from chaos.shrinking.files import MINIMAL, MINIMAL_LOG, MINIMAL_PAGE
from chaos.store.capsule import Capsule, CapsuleError, write_capsule


class MinimalReport(msgspec.Struct, frozen=True):
    """A shrunk run in words."""

    code: int
    findings: list[Finding]
    story: list[str]
    steps: int


def write_minimal(
    folder: Path, capsule: Capsule, checks: tuple[Check, ...], replay: str
) -> MinimalReport:
    """Replay a shrunk run, write its files and return its report; ``replay`` is the line that the page shows."""
    look = look_closely(
        capsule.plan, capsule.schedule or [], capsule.defect_sources(), cut=capsule.cut
    )
    execution = look.execution
    findings = judge(execution, checks)
    verdict, story, labels, teller = describe_run(execution, findings, capsule.seed, capsule.labels)
    narrated = narrate(execution, teller, findings)
    log = "\n".join(lines_of(lanes_of(execution.plan, labels), narrated))
    about = _about(capsule, look, findings, replay)
    timeline = timeline_from(narrated, execution, teller, findings, about)
    try:
        write_capsule(folder / MINIMAL, capsule)
        (folder / MINIMAL_LOG).write_text(log + "\n", encoding="utf-8")
        (folder / MINIMAL_PAGE).write_text(page(timeline), encoding="utf-8")
    except OSError as error:
        raise CapsuleError(f"{folder} can't be written: {error.strerror}") from None
    return MinimalReport(int(verdict), findings, story, execution.steps)


def _about(capsule: Capsule, look: CloseLook, findings: list[Finding], replay: str) -> About:
    story = _story(capsule, look, findings) if findings else None
    return About(
        experiment=f"{capsule.experiment.name}, shrunk",
        driver=capsule.driver,
        seed=capsule.seed,
        verdict=NAMES[int(verdict_of(findings))],
        defects=[defect.id for defect in capsule.defects],
        story=[] if story is None else sentence_lines(story.sentences, findings[0]),
        replay=replay,
        promise="" if story is None else story.promise,
        consequence="" if story is None else story.harm,
    )


def _story(capsule: Capsule, look: CloseLook, findings: list[Finding]) -> Story:
    case, numbers = script_of(capsule)
    script = StoryScript(list(case.script), numbers)
    return tell(capsule.plan, look, findings[0], script, findings[1:])


def sentence_lines(sentences: list[Sentence], finding: Finding) -> list[str]:
    """Write sentences as the lines of a page's story, with the finding and its wait chains at the end."""
    lines = [
        f"step {one.first}: {one.text}"
        if one.first == one.last
        else f"steps {one.first}-{one.last}: {one.text}"
        for one in sentences
    ]
    if finding.check != "crash":  # a crash's own sentence is the last
        lines.append(f"step {finding.step}: {named(finding.summary)}")
    return [*lines, *(f"  {line}" for line in finding.waits)]
