"""Known failures in a soak: counted by title, one run of each kept, and no reason to be red."""

import msgspec

from chaos.campaigns.known import KnownFailure
from chaos.soak.failure_store import FailureStore
from chaos.soak.live import line_of
from chaos.soak.metrics import _Collector
from chaos.soak.page import confidence, headline, page_of
from chaos.soak.soak import exit_code
from chaos.soak.state import green_line, read_state, write_state
from tests.chaos.soak.test_soak_parts import failing, lane, state_of

LINK = "https://example.org/3343"
KNOWN = KnownFailure(signature="crash/*", title="<no context>", link=LINK)


def known_run(folder, seed, steps):
    return msgspec.structs.replace(failing(folder, seed, steps), known=KNOWN.title)


def state_with_known(folder, *steps, link=LINK):
    """Return a state in which runs of so many steps had the known failure, and its store."""
    one = lane(out=folder / "runs")
    known = (msgspec.structs.replace(KNOWN, link=link),)
    one.spec = msgspec.structs.replace(one.spec, known=known)
    state = state_of(one)
    store = FailureStore(folder, state)
    for seed, number in enumerate(steps):
        store.add_known(0, known_run(folder, seed, number))
    one.known, one.runs = len(steps), 406 + len(steps)
    return state, store


def test_smallest_run_of_a_title_is_kept(tmp_path):
    state, store = state_with_known(tmp_path, 300, 100, 200)
    (group,) = state.known.values()
    assert (group.title, group.link, group.count) == (KNOWN.title, LINK, 3)
    assert group.kept is not None
    store.sweep()
    store.tidy()
    assert [path.name for path in (tmp_path / "runs" / "baseline").iterdir()] == ["1"]
    assert group.kept.seed == 1
    assert store.next_shrink() is None
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state


def test_soak_with_known_failures_only_is_green_and_says_so(tmp_path):
    state, store = state_with_known(tmp_path, 300, 100)
    assert exit_code(state) == 0
    assert "2 known failures (1 kind), 0 of 406 schedules; 95 % bound" in line_of(state)
    assert headline(state) == "No new failure in 408 runs; 2 with known failures."
    assert confidence(state).startswith("No failure without a defect, in 406 runs. Anything")
    store.add(0, failing(tmp_path, 9, 300))
    state.lanes[0].failed = 1
    assert exit_code(state) == 1
    assert headline(state) == "1 of 408 runs failed, with 1 signature; 2 with known failures."
    assert green_line(state) == "1 of 408 schedules failed"


def test_page_and_metrics_have_the_known_failures(tmp_path):
    state, _ = state_with_known(tmp_path, 300)
    page = page_of(state)
    assert f'&lt;no context&gt; <a href="{LINK}">{LINK}</a>' in page
    assert 'href="runs/baseline/0/timeline.html">0</a>' in page
    assert '"verdict red"' not in page
    samples = [sample for family in _Collector(state).collect() for sample in family.samples]
    assert [
        (sample.labels, sample.value)
        for sample in samples
        if sample.name == "raidstorm_known_failures_total"
    ] == [({"title": KNOWN.title}, 1)]
    assert "Known failures" not in page_of(state_of(lane()))


def test_link_that_is_no_address_is_text(tmp_path):
    state, _ = state_with_known(tmp_path, 300, link="javascript:alert(1)")
    assert '<a href="javascript' not in page_of(state)
