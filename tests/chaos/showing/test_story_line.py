"""A story on a page: its steps, the lanes of its badges, and no repetition of the headline."""

from chaos.showing.labels import make_labels
from chaos.showing.narrative import narrate
from chaos.showing.story_line import IS_HEADLINE, story_lines
from chaos.showing.wording.words import exact_words
from chaos.steps.schedule import Inject, Mark, Operate, Stall
from tests.stories import PLAN, Story

LABELS = make_labels(PLAN, 0)


def lines(story, *texts, headline="", at=0):
    execution = story.execution()
    narrated = narrate(execution, exact_words(execution, LABELS), [])
    return [
        tuple(getattr(line, name) for name in line.__struct_fields__)
        for line in story_lines(list(texts), narrated, headline, at)
    ]


def test_sentence_has_its_steps_and_a_line_without_goes_on():
    story = Story().write(7)
    assert lines(story, "step 1: it is sent", "steps 1-2: both", "  waits in lock") == [
        (1, 1, "H0", "it is sent"),
        (1, 2, "H0", "both"),
        (0, 0, "", "waits in lock"),
    ]


def test_badge_stands_in_the_lane_of_whatever_acts():
    story = Story().add(Inject(1, "disk_pull", 1, ())).serve(0).write(7).crash()
    story.add(Stall(2, 1, 5)).add(Operate(3, "bdev_reset", (0,))).add(Mark("heal"))
    shown = lines(story, *(f"step {number}: x" for number in (1, 2, 3, 4, 5, 6, 7, 8, 99)))
    assert [lane for _, _, lane, _ in shown] == ["D1", "D0", "H0", "H0", "R1", "R1", "OP", "", ""]


def test_headline_is_not_said_again():
    story = Story().write(7).crash()
    headline = "reactor 1 crashed: no channel"
    shown = lines(
        story,
        "step 1: no channel",
        f"step 3: {headline}",
        "step 3: on reactor 1, app_thread crashed in io > read: no channel",
        "steps 1-3: Op 7 goes on; handling it, app_thread crashes in read: no channel.",
        headline=headline,
        at=3,
    )
    assert [text for *_, text in shown] == [
        "no channel",
        IS_HEADLINE,
        "on reactor 1, app_thread crashed in io > read",
        "Op 7 goes on; handling it, app_thread crashes in read",
    ]
    # A sentence that ends at the finding has its badge there.
    assert shown[-1][2] == "R1"
