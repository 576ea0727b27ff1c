"""The files of a shrunk run: its page tells the story as 'explain' does."""

import json
import re

import msgspec
import pytest

from chaos.explaining.explain import explain
from chaos.explaining.minimal_files import write_minimal
from chaos.shrinking.files import MINIMAL, MINIMAL_LOG, MINIMAL_PAGE
from chaos.store.capsule import read_capsule
from tests.support import ROOT

REGRESSION = ROOT / "tests" / "regressions" / "new_channel_null_module_ctx.json"


@pytest.fixture(scope="module")
def capsule():
    return read_capsule(REGRESSION)


def data_of(folder):
    text = (folder / MINIMAL_PAGE).read_text()
    inside = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    return json.loads(inside.group(1))


def test_page_has_the_sentences_of_explain_and_the_capsule_and_log_lie_beside_it(tmp_path, capsule):
    report = write_minimal(tmp_path, capsule, (), "raidstorm replay it")
    story = explain(capsule, (), 1).story
    data = data_of(tmp_path)
    shown = [(first, last) for first, last, *_ in data["story"]]
    assert shown == [(one.first, one.last) for one in story.sentences]
    texts = [text for *_, text in data["story"]]
    assert texts[:-1] == [one.text for one in story.sentences[:-1]]
    # The last one ends with the crash's message, which the headline has.
    assert story.sentences[-1].text.startswith(texts[-1])
    assert report.findings[0].summary.partition(": ")[2] not in texts[-1]
    assert data["about"]["promise"] == story.promise
    assert data["about"]["consequence"] == story.harm
    assert data["about"]["replay"] == "raidstorm replay it"
    assert read_capsule(tmp_path / MINIMAL) == capsule
    log = (tmp_path / MINIMAL_LOG).read_text()
    assert "=> FINDING crash" in log
    assert report.code == 5
    assert report.story[-1].startswith(f"step {report.findings[0].step}: Op 28 continues")


def test_page_s_first_view_leaves_out_what_only_sets_the_target_up(tmp_path, capsule):
    write_minimal(tmp_path, capsule, (), "")
    data = data_of(tmp_path)
    begin, end = data["view"]
    assert begin == data["story"][1][0] > data["story"][0][1]
    assert end == data["findings"][0]["step"]


def test_run_that_no_longer_fails_has_a_page_without_a_story(tmp_path, capsule):
    report = write_minimal(tmp_path, msgspec.structs.replace(capsule, defects=[]), (), "")
    assert (report.code, report.story) == (0, [])
    assert data_of(tmp_path)["story"] == []
