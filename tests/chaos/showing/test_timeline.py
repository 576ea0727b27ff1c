"""The data of timeline.html, and the file."""

import json
import re

import msgspec
import pytest

from chaos.checkers import Finding, Verdict
from chaos.checkers.finding import Evidence
from chaos.showing.labels import make_labels
from chaos.showing.landmarks import landmarks
from chaos.showing.narrative import narrate
from chaos.showing.timeline import (
    STEPS_BEFORE_FINDING,
    STEPS_MAX,
    TEMPLATE,
    About,
    kept_steps,
    page,
    timeline_of,
)
from chaos.showing.wording.words import exact_words
from chaos.steps.schedule import Inject, Mark
from tests.red_run import read_run, run_directory
from tests.stories import PLAN, Story

LABELS = make_labels(PLAN, 0)
ABOUT = About("baseline", "sim", 7, "invalid", [], ["step 2: it is lost"], "raidstorm replay")


def finding(step, check="register", events=()):
    return Finding(
        check=check,
        kind="lost",
        shape="read",
        summary=f"{check} at {step}",
        step=step,
        verdict=Verdict.INVALID,
        events=tuple(Evidence(*event) for event in events),
    )


def timeline(story, *findings, about=ABOUT):
    execution = story.execution()
    return timeline_of(execution, exact_words(execution, LABELS), list(findings), about)


def embedded(text):
    """Return the data as a browser would read it."""
    inside = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    return json.loads(inside.group(1))


def test_steps_have_marks_words_and_what_they_showed():
    shown = timeline(Story().write(7), finding(2))
    assert [number for number, *_ in shown.steps] == [1, 2]
    _, marks, words, lines = shown.steps[1]
    keys = [lane.key for lane in shown.lanes]
    assert dict(zip(keys, shown.texts[marks], strict=True))["H0"] == "<"
    assert "handles" in shown.texts[words]
    assert [shown.texts[line] for line in lines] == [
        "-> op 7 is answered: success",
        "=> FINDING register: register at 2",
    ]


def test_findings_stand_in_order_of_steps_and_the_headline_is_known():
    shown = timeline(Story().write(7).write(8), finding(4), finding(2, "superblock"))
    assert [(one.step, one.check, one.is_headline) for one in shown.findings] == [
        (2, "superblock", False),
        (4, "register", True),
    ]


@pytest.mark.parametrize("step", [0, 99])
def test_finding_of_no_step_stands_at_the_end(step):
    shown = timeline(Story().write(7), finding(step))
    assert shown.findings[0].step == 2
    assert any("FINDING" in shown.texts[line] for line in shown.steps[1][3])


def test_landmarks_are_phases_faults_heals_evidence_and_findings():
    story = Story().add(Mark("chaos")).add(Inject(1, "disk_failure", 0, ())).write(7)
    story.add(Inject(2, "disk_heal", 0, ())).happen("rebuild.started", 1, 1).crash()
    execution = story.execution()
    found = landmarks(execution, exact_words(execution, LABELS), [finding(7, events=[(3, "sent")])])
    assert [(one.step, one.kind) for one in found] == [
        (1, "phase"),
        (2, "fault"),
        (3, "evidence"),
        (5, "heal"),
        (6, "rebuild"),
        (7, "crash"),
        (7, "finding"),
    ]


def test_first_view_has_the_cause_and_the_finding():
    story = Story()
    for op in range(1, 30):
        story.write(op)
    about = msgspec.structs.replace(
        ABOUT, story=["step 9: the cause", "step 40: the effect", "  waits"]
    )
    assert timeline(story, finding(44), about=about).view == (9, 44)
    # A first bad event before the story belongs to it, and set-up steps don't.
    assert timeline(story, finding(44), finding(5), about=about).view == (5, 44)
    set_up = msgspec.structs.replace(ABOUT, story=["steps 1-8: set up", *about.story])
    assert timeline(story, finding(44), about=set_up).view == (9, 44)
    assert timeline(story).view == (2, 58)


def test_landmarks_that_story_or_headline_say_keep_their_place_without_words():
    story = Story().add(Mark("chaos")).add(Inject(1, "disk_failure", 0, ())).write(7)
    story.add(Inject(2, "disk_heal", 0, ()))
    about = msgspec.structs.replace(ABOUT, story=["steps 1-2: it begins to fail"])
    shown = timeline(story, finding(4), about=about)
    assert [(one.step, one.kind, bool(one.words)) for one in shown.landmarks] == [
        (1, "phase", True),
        (2, "fault", False),
        (4, "finding", False),
        (5, "heal", True),
    ]


def test_nothing_in_the_data_can_end_the_script_or_begin_another():
    evil = "</script><script>alert(1)</script><!-- \u2028 & @@TITLE@@ @@DATA@@"
    about = About(evil, "sim", 1, "invalid", [evil], [evil], evil)
    text = page(timeline(Story().write(7), about=about))
    assert text.count("</script>") == TEMPLATE.read_text().count("</script>")
    assert "<script>alert" not in text
    data = embedded(text)
    assert data["about"]["experiment"] == data["story"][0][3] == evil


def test_page_asks_for_nothing_outside_of_itself():
    text = page(timeline(Story().write(7)))
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|\bsrc=|<link|@import|\bfetch\(|XMLHttpRequest", text)


def test_very_long_run_keeps_its_begin_its_landmarks_and_what_is_near_the_finding():
    story = Story()
    story.happen("raid.created", 0, 1)
    for _ in range(20_000):
        story.serve(0)
    execution = story.execution()
    narrated = narrate(execution, exact_words(execution, LABELS), [])
    kept = [one.number for one in kept_steps(narrated, focus=15_000, wanted=[8_000, 9_000])]
    assert len(kept) <= STEPS_MAX
    assert {*range(1, 4_000), 8_000, 9_000, 15_000 - STEPS_BEFORE_FINDING, 15_000, 15_400} <= set(
        kept
    )
    assert kept == sorted(kept)
    shown = timeline(story, finding(15_000))
    assert shown.last == 20_001
    assert shown.left_out == 20_001 - len(shown.steps)
    assert len(page(shown)) < 2_000_000


def test_failing_run_has_its_page_and_the_trace_says_the_same(tmp_path):
    folder = run_directory(tmp_path)
    run = read_run(folder)
    data = embedded((folder / "timeline.html").read_text())
    texts = data["texts"]
    trace = (folder / "trace.log").read_text().splitlines()
    for number, marks, words, shown in data["steps"]:
        line = next(place for place, line in enumerate(trace) if line.startswith(f"{number:>6}  "))
        columns = trace[line][8:].split()
        assert columns[: len(data["lanes"])] == list(texts[marks])
        assert trace[line].endswith(texts[words])
        narrated = [line.strip() for line in trace[line + 1 : line + 1 + len(shown)]]
        assert narrated == [texts[text].strip() for text in shown]
    assert data["findings"][0]["step"] == run.result.findings[0].step
    assert data["rebuilds"]["blocks"] == run.capsule.plan.blocks
    assert "timeline.html" in (folder / "README.txt").read_text()
