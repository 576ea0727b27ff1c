"""timeline.html in a browser: it loads, has the lanes, opens at the first bad event, and obeys its keys."""

import re

import pytest

from chaos.showing.timeline import About, page, timeline_of
from tests.chromium import PROGRAM, REASON, load
from tests.red_run import read_run, run_directory, teller_of
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
        assert re.sub(r"^step \d+: ", "", line)[:40].replace(">", "&gt;") in loaded.document


def test_page_opens_at_the_first_bad_event_with_the_words_of_the_trace(folder, run, tmp_path):
    loaded = load(folder / "timeline.html", tmp_path, f"found.push(look()); {WORDS}")
    state, (words,) = loaded.found
    finding = run.result.findings[0]
    assert state["step"] == str(finding.step)
    first, last = map(int, state["view"].split("-"))
    assert first <= finding.step <= last
    assert f"=> FINDING crash: {finding.summary}" in words
    trace = (folder / "trace.log").read_text().splitlines()
    line = next(line for line in trace if line.lstrip().startswith(f"{finding.step} "))
    assert line.rpartition(".  ")[2] in words


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
    # The landmark before: the fault that was injected two steps before the crash, or what came before it.
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
    assert run.result.story[0].startswith(f"step {loaded.found[0]}:")


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
    text = page(timeline_of(execution, teller_of(run), [], about))
    assert len(text) < 2_000_000
    (tmp_path / "page.html").write_text(text)
    loaded = load(tmp_path / "page.html", tmp_path, 'press("0", "Home"); found.push(look());')
    assert loaded.console == []
    assert loaded.found[0]["view"] == f"1-{steps}"
    assert "a &lt;/script&gt; &amp; &lt;b&gt;name&lt;/b&gt;" in loaded.document
