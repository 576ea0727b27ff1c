"""The explanation as text: nothing is cut off, columns are kept, and numbers agree with their nouns."""

import msgspec
import pytest

from chaos.explaining.explain import Likely, explain
from chaos.explaining.likelihood import Curve, Point, Rise
from chaos.explaining.necessity import Need
from chaos.explaining.text import WIDTH, lines_of
from chaos.store.capsule import read_capsule
from tests.support import ROOT

REGRESSION = ROOT / "tests" / "regressions" / "new_channel_null_module_ctx.json"
LONG = "the operator removes disk0 from the array while host 0 reads blocks 0-7 through a queue of the poll group"
RESULT = "it fails in another way: availability/error/remove_base_bdev and more words"
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def explained():
    return explain(read_capsule(REGRESSION), (), 1)


def words_of(lines):
    return " ".join(" ".join(lines).split())


def test_columns_are_wrapped_each_within_its_own_width(explained):
    needs = [Need(0, 7, "step", LONG, RESULT), Need(1, 12, "step", "host 0 reads", RESULT)]
    lines = lines_of(replace(explained, needs=needs))
    first = next(n for n, line in enumerate(lines) if line.startswith("  step     7  the operator"))
    end = next(n for n, line in enumerate(lines) if line.startswith("  step    12  host 0"))
    column = lines[first].index("it fails")
    assert lines[end].index("it fails") == column
    assert words_of(line[:column] for line in lines[first:end]) == f"step 7 {LONG}"
    assert words_of(line[column:] for line in lines[first:end]) == RESULT
    assert max(map(len, lines[first : end + 2])) <= WIDTH


def test_step_beside_its_probability_is_wrapped_and_not_cut(explained):
    steps = [f"{LONG}.", *explained.story.steps[1:]]
    story = replace(explained.story, steps=steps)
    lines = lines_of(replace(explained, story=story, curve=Curve([Point(1, 1, 4)])))
    at = next(n for n, line in enumerate(lines) if line.startswith("  after         1  |"))
    column = lines[at].index("the operator")
    assert words_of(line[column:] for line in lines[at : at + 2]) == f"{LONG}."


def test_one_prefix_and_one_choice(explained):
    lines = lines_of(replace(explained, choices=1, curve=Curve([Point(1, 1, 1)])))
    text = words_of(lines)
    assert "(1 prefix, 1 random continuation of each)" in text
    assert "1 scheduling choice," in text
    assert "1 prefixes" not in text


def test_step_that_is_quoted_alone_does_not_begin_with_meanwhile(explained):
    story = explained.story
    (meanwhile,) = [one for one in story.sentences if one.text.startswith("Meanwhile host ")]
    quoted = story.steps[meanwhile.first - 1]
    assert quoted.startswith("Host ")
    likely = Likely(Rise(meanwhile.first, meanwhile.first, 0.25, 1.0), quoted)
    text = words_of(lines_of(replace(explained, likely=likely)))
    assert "(25% before, 100% after): Host " in text
    assert not [step for step in story.steps if "eanwhile" in step]
