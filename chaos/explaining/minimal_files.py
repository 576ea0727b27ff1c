"""The files of a shrunk run: minimal.json to replay, minimal.log and minimal.html to read.

Terminal and page have the story of 'raidstorm explain'.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.checkers import Check, Finding
from chaos.checkers.finding import NAMES
from chaos.drivers.make import stepped_driver
from chaos.judging.judge import judge
from chaos.judging.same_failure import wanted_first
from chaos.narrating.described import DescribedRun, Engine, describe_run
from chaos.run.controller import Controller
from chaos.showing.lanes import lanes_of
from chaos.showing.narrative import narrate
from chaos.showing.timeline import About, page, timeline_from
from chaos.showing.trace import lines_of
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
    engine = Engine(capsule.defect_sources(), capsule.script, capsule.cut)
    controller = Controller(capsule.plan, stepped_driver(capsule.plan.target), engine.defects)
    execution = controller.replay(capsule.schedule or [], cut=capsule.cut)
    findings = judge(execution, checks)
    if capsule.cut and capsule.expected is not None:
        findings = wanted_first(findings, capsule.expected.signature)
    described = describe_run(execution, findings, capsule.seed, capsule.labels, engine)
    labels, words = described.labels, described.words
    narrated = narrate(execution, words, findings)
    log = "\n".join(lines_of(lanes_of(execution.plan, labels), narrated))
    about = _about(capsule, described, replay)
    timeline = timeline_from(narrated, execution, words, findings, about)
    try:
        write_capsule(folder / MINIMAL, capsule)
        (folder / MINIMAL_LOG).write_text(log + "\n", encoding="utf-8")
        (folder / MINIMAL_PAGE).write_text(page(timeline), encoding="utf-8")
    except OSError as error:
        raise CapsuleError(f"{folder} can't be written: {error.strerror}") from None
    return MinimalReport(int(described.verdict), findings, described.story, execution.steps)


def _about(capsule: Capsule, described: DescribedRun, replay: str) -> About:
    told = described.told
    return About(
        experiment=f"{capsule.experiment.name}, shrunk",
        driver=capsule.driver,
        seed=capsule.seed,
        verdict=NAMES[int(described.verdict)],
        defects=[defect.id for defect in capsule.defects],
        story=described.story,
        replay=replay,
        promise="" if told is None else told.promise,
        consequence="" if told is None else told.harm,
    )
