"""timeline.html in a browser: it loads, has the lanes, opens at the first bad event, and obeys its keys."""

import re

import pytest

from chaos.showing.timeline import About, page, timeline_of
from tests.chromium import PROGRAM, REASON, load
from tests.red_run import read_run, run_directory, words_of
from tests.stories import Story

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=REASON)
WORDS = """found.push([...document.querySelectorAll("#trace .picked")].map((row) => row.textContent));"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_directory(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def run(folder):
    return read_run(folder)


def test_page_loads_without_errors_and_network_and_has_the_lanes(folder, run, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        'found.push(performance.getEntriesByType("resource").length, look());'
        'found.push([...document.querySelectorAll("#names .lane")].map((lane) => lane.dataset.lane));',
    )
    assert loaded.console == []
    resources, state, lanes = loaded.found
    assert resources == 0
    assert state["ready"] == "yes"
    layout = run.capsule.plan.layout
    assert [lane for lane in lanes if lane.startswith("R")] == [
        f"R{number}" for number in range(layout.reactors)
    ]
    assert {"D0", "D1", "ARRAY", "H0", "OP", "NEM"} < set(lanes)
    for line in run.result.story:
        assert re.sub(r"^steps? [\d-]+: ", "", line)[:40].replace(">", "&gt;") in loaded.document
    assert len([lane for lane in lanes if lane == "ARRAY"]) == 1


def test_page_opens_at_the_first_bad_event_with_the_words_of_the_trace(folder, run, tmp_path):
    loaded = load(folder / "timeline.html", tmp_path, f"found.push(look()); {WORDS}")
    state, (words,) = loaded.found
    finding = run.result.findings[0]
    assert state["step"] == str(finding.step)
    first, last = map(int, state["view"].split("-"))
    assert first <= finding.step <= last
    assert "=> FINDING crash" in words
    trace = (folder / "trace.log").read_text().splitlines()
    line = next(line for line in trace if line.lstrip().startswith(f"{finding.step} "))
    assert line.rpartition(".  ")[2] in words


def test_first_view_has_the_whole_story_and_s_comes_back_to_it(folder, run, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        'found.push(look().view); press("0"); found.push(look().view); press("s"); found.push(look().view);',
    )
    opened, whole, again = loaded.found
    # The first sentence is the set-up, which is left out.
    steps = [
        int(step)
        for line in run.result.story[1:]
        for step in re.match(r"steps? ([\d-]+): ", line)[1].split("-")
    ]
    first, last = map(int, opened.split("-"))
    assert first <= min(steps)
    assert last >= max(steps)
    assert whole != opened
    assert again == opened


def test_steps_of_the_story_are_numbered_and_no_sentence_stands_twice(folder, run, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        """found.push([...document.querySelectorAll("#side li.story i")].map((badge) => badge.textContent));
        const texts = [...document.querySelectorAll("#summary .at, #side li span, #trace em, #side p")];
        const step = (element) => element.closest("[data-step]")?.dataset.step || "";
        found.push(texts.map((element) => element.textContent));
        found.push([...document.querySelectorAll("#side li span")].map((span) => [step(span), span.textContent]));""",
    )
    numbers, texts, sentences = loaded.found
    assert numbers == [str(number) for number in range(1, len(run.result.story) + 1)]
    finding = run.result.findings[0]
    message = finding.summary.partition(": ")[2]
    assert len([text for text in texts if message in text]) == 1
    assert len({tuple(sentence) for sentence in sentences}) == len(sentences)


def test_run_without_a_rebuild_has_no_lane_for_one(run, tmp_path):
    execution = Story(run.execution.plan).write(7).execution()
    about = About("no rebuild", "sim", 1, "valid", [], [], "replay")
    (tmp_path / "page.html").write_text(page(timeline_of(execution, words_of(run), [], about)))
    loaded = load(
        tmp_path / "page.html",
        tmp_path,
        'found.push([...document.querySelectorAll("#names .lane")].map((lane) => lane.dataset.kind));',
    )
    assert "rebuild" not in loaded.found[0]
    assert "rebuild offset" not in loaded.document.partition("<script")[0]
    assert loaded.console == []


def test_hover_on_a_bar_says_how_the_request_ended(run, tmp_path):
    execution = Story(run.execution.plan).send_write(7, 2, 3).serve(0).answer(7).execution()
    about = About("bars", "sim", 1, "valid", [], [], "replay")
    (tmp_path / "page.html").write_text(page(timeline_of(execution, words_of(run), [], about)))
    loaded = load(
        tmp_path / "page.html",
        tmp_path,
        """const box = document.getElementById("plot").getBoundingClientRect();
        const lane = document.querySelector('[data-lane="H0"]').getBoundingClientRect();
        const place = { clientX: box.left + 10, clientY: lane.top + 8, pointerId: 1, bubbles: true, buttons: 0 };
        document.getElementById("plot").dispatchEvent(new PointerEvent("pointermove", place));
        found.push(document.getElementById("tip").textContent);""",
    )
    assert "W 2–4 #7: steps 1 to 3, answered with success" in loaded.found[0]


def test_keys_move_through_the_run_and_f_comes_back(folder, run, tmp_path):
    step = run.result.findings[0].step
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        """press("Home"); found.push(look());
        press("f"); found.push(look());
        press("ArrowLeft", "ArrowLeft"); found.push(look().step);
        press("p"); found.push(look().step);
        document.getElementById("jump").click(); press(); found.push(look().step);
        press("0"); found.push(look().view);
        press("+"); found.push(look().view);
        press("ArrowDown", "ArrowDown", "["); found.push(look().step);""",
    )
    home, back, left, landmark, jumped, whole, nearer, along = loaded.found
    assert home["step"] == "1"
    assert back["step"] == str(step)
    assert left == str(step - 2)
    # The landmark before is the fault that was injected two steps before the crash, or an earlier one.
    assert int(landmark) < step - 2 or left == landmark
    assert jumped == str(step)
    assert whole == f"1-{len(run.execution.schedule)}"
    assert nearer != whole
    assert run.execution.schedule[int(along) - 1].reactor == 1  # the second lane
    assert loaded.console == []


def test_address_with_a_step_opens_there(folder, tmp_path):
    loaded = load(folder / "timeline.html", tmp_path, "found.push(look())", fragment="#step=200")
    assert loaded.found[0]["step"] == "200"
    assert int(loaded.found[0]["view"].split("-")[0]) < 200


def test_click_on_a_step_of_the_story_goes_there(folder, run, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        'document.querySelector("#side li.at").click(); press(); found.push(look().step);',
    )
    assert run.result.story[0].startswith(f"steps 1-{loaded.found[0]}:")


def test_hover_and_click_on_an_item_show_the_words_of_its_step(folder, run, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        """const box = document.getElementById("plot").getBoundingClientRect();
        const [from, to] = look().view.split("-").map(Number);
        const scale = box.width / (to - from);
        const place = { clientX: box.left + 20 * scale, clientY: box.top + 10, pointerId: 1, bubbles: true, buttons: 0 };
        const plot = document.getElementById("plot");
        plot.dispatchEvent(new PointerEvent("pointermove", place));
        found.push(document.getElementById("tip").textContent);
        plot.setPointerCapture = () => {};
        plot.dispatchEvent(new PointerEvent("pointerdown", place));
        plot.dispatchEvent(new PointerEvent("pointerup", place));
        press();
        found.push(look().step, document.querySelector("#trace .picked").textContent);""",
    )
    tip, step, words = loaded.found
    assert tip.startswith(f"step {step}: ")
    assert tip.splitlines()[0].partition(": ")[2] in words
    assert loaded.console == []


def test_everything_fits_into_a_small_window(folder, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        """const box = (id) => document.getElementById(id).getBoundingClientRect();
        found.push(document.documentElement.scrollWidth, document.documentElement.scrollHeight);
        found.push(box("scroller").height, box("trace").height, box("names").height);""",
    )
    wide, high, scroller, trace, lanes = loaded.found
    assert wide <= 1280
    assert high <= 800
    assert scroller >= min(lanes, 300)
    assert trace >= 150


def test_dark_and_light_differ(folder, tmp_path):
    loaded = load(
        folder / "timeline.html",
        tmp_path,
        """const paper = () => getComputedStyle(document.body).backgroundColor;
        found.push(paper()); press("d"); found.push(paper());""",
    )
    assert len(set(loaded.found)) == 2


@pytest.mark.parametrize("steps", [1, 50, 20_000])
def test_runs_of_all_lengths_are_shown(run, tmp_path, steps):
    story = Story(run.execution.plan)
    for number in range(steps):
        story.happen("bdev.nomem", 0) if number % 3 else story.serve(number % 2)
    execution = story.execution()
    about = About("long", "sim", 1, "unknown", [], ["a </script> & <b>name</b>"], "replay")
    text = page(timeline_of(execution, words_of(run), [], about))
    assert len(text) < 2_000_000
    (tmp_path / "page.html").write_text(text)
    loaded = load(tmp_path / "page.html", tmp_path, 'press("0", "Home"); found.push(look());')
    assert loaded.console == []
    assert loaded.found[0]["view"] == f"1-{steps}"
    assert "a &lt;/script&gt; &amp; &lt;b&gt;name&lt;/b&gt;" in loaded.document
