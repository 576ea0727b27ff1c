"""What a shrunk run leaves in a directory: minimal.json to replay, minimal.log and minimal.html to look at."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.checkers import Check, Finding
from chaos.checkers.finding import NAMES
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.run.controller import Controller
from chaos.showing.described import describe_run
from chaos.showing.lanes import lanes_of
from chaos.showing.narrative import narrate
from chaos.showing.timeline import About, page, timeline_from
from chaos.showing.trace import lines_of
from chaos.store.capsule import Capsule, CapsuleError, write_capsule

MINIMAL = "minimal.json"
MINIMAL_LOG = "minimal.log"
MINIMAL_PAGE = "minimal.html"


class MinimalReport(msgspec.Struct, frozen=True):
    """A shrunk run in words."""

    code: int
    findings: list[Finding]
    story: list[str]
    steps: int


def write_minimal(
    folder: Path, capsule: Capsule, checks: tuple[Check, ...], replay: str
) -> MinimalReport:
    """Take a shrunk run's steps again, write its files and tell it; ``replay`` is the line the page shows."""
    controller = Controller(capsule.plan, SimDriver(), capsule.defect_sources())
    execution = controller.replay(capsule.schedule or [], cut=capsule.cut)
    findings = judge(execution, checks)
    verdict, story, labels, teller = describe_run(execution, findings, capsule.seed, capsule.labels)
    code = int(verdict)
    about = About(
        experiment=f"{capsule.experiment.name}, shrunk",
        driver=capsule.driver,
        seed=capsule.seed,
        verdict=NAMES[code],
        defects=[defect.id for defect in capsule.defects],
        story=story,
        replay=replay,
    )
    told = narrate(execution, teller, findings)
    log = "\n".join(lines_of(lanes_of(execution.plan, labels), told))
    timeline = timeline_from(told, execution, teller, findings, about)
    try:
        write_capsule(folder / MINIMAL, capsule)
        (folder / MINIMAL_LOG).write_text(log + "\n", encoding="utf-8")
        (folder / MINIMAL_PAGE).write_text(page(timeline), encoding="utf-8")
    except OSError as error:
        raise CapsuleError(f"{folder} can't be written: {error.strerror}") from None
    return MinimalReport(code, findings, story, execution.steps)
