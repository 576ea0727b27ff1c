"""What a shrunk run leaves in a directory: minimal.json to replay, minimal.log and minimal.html to look at."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from chaos.checkers import Check, Finding
from chaos.checkers.finding import NAMES
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge, verdict_of
from chaos.run.controller import Controller
from chaos.showing.labels import make_labels
from chaos.showing.lanes import lanes_of
from chaos.showing.narrative import narrate
from chaos.showing.story import Storyteller
from chaos.showing.timeline import About, page, timeline_from
from chaos.showing.trace import lines_of
from chaos.store.capsule import Capsule, CapsuleError, write_capsule

MINIMAL = "minimal.json"
MINIMAL_LOG = "minimal.log"
MINIMAL_PAGE = "minimal.html"


def replay_line(program: str, path: Path, capsule: Capsule) -> str:
    """What to type to replay a capsule in this place."""
    words = [program, "replay", shlex.quote(str(path))]
    return " ".join([*words, "--allow-code"] if capsule.carries_code else words)


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
    labels = capsule.labels or make_labels(capsule.plan, capsule.seed)
    teller = Storyteller(execution, labels)
    story = teller.tell(findings[0]) if findings else []
    code = int(verdict_of(findings))
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
