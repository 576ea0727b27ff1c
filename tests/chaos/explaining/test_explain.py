"""Explaining: the story has the steps that the defect needs, each step is needed, and the curve ends at one."""

import json
import re
from itertools import pairwise

import msgspec
import pytest

from chaos.checkers import CHECKS, Finding, Verdict
from chaos.drivers.sim import SimDriver
from chaos.explaining.explain import belongs, explain
from chaos.explaining.likelihood import LIKELY, Curve, Point
from chaos.explaining.necessity import FAILS_ALIKE
from chaos.explaining.text import lines_of
from chaos.judging.judge import judge
from chaos.narrating.account import tell
from chaos.narrating.close_look import look_closely
from chaos.narrating.promises import HARM, PROMISES, consequence
from chaos.narrating.script_order import ScriptOrder
from chaos.plan.experiment import Experiment
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.scripts.player import Player
from chaos.shrinking.minimal import minimize
from chaos.shrinking.shrinker import ShrinkError
from chaos.steps.schedule import Flush, Inject, Operate, Rest
from chaos.store.capsule import Capsule, capsule_defect, read_capsule, write_capsule
from chaos.store.version import tool_version
from experiments.catalog import EXPERIMENTS
from tests.support import ROOT, raidstorm
from workers.defects.loader import known_defects
from workers.protocol import DefectSource

SEEDS_MAX = 60
ASKED_MAX = 150  # how often the shrinker checks its budget
REGRESSION = ROOT / "tests" / "regressions" / "new_channel_null_module_ctx.json"
SWARM = EXPERIMENTS["swarm"]
# The experiment, the first seed, and the story's parts in order: the defect's trigger, step by step.
STORIES = {
    "offset-gap-channel-lags-window": (
        SWARM,
        28,
        (
            "The rebuild of slot",
            "creates its channel of the array while the rebuild runs: it begins at the rebuild offset",
            "are copied by now",
            "still at block",
            "the iteration that updated the others didn't reach them",
        ),
    ),
    "both-removed-superblock-skipped": (
        SWARM,
        19,
        (
            "The operator removes",
            "is written to no disk, as all its members are being removed",
            "is out of the array",
            "still lists it as CONFIGURED",
            "it is acknowledged",
        ),
    ),
    "read-correction-overwrites-new-write": (
        EXPERIMENTS["bad-blocks"],
        92,
        (
            "fails on disk0",
            "it is read from disk1 instead, which holds",
            "The target corrects the read error: it writes blocks",
            "which is newer",
            "gets the data of op",
        ),
    ),
}


def small(defect: str, experiment, first: int) -> Capsule:
    """Return the capsule of a failing run, shrunk within a bound."""
    source = DefectSource(defect)
    for seed in range(first, first + SEEDS_MAX):
        plan = resolve(experiment, seed)
        execution = Controller(plan, SimDriver(), (source,)).explore(seed)
        if judge(execution):
            break
    else:
        raise AssertionError(f"no run fails with {defect}")
    capsule = Capsule(
        raidstorm_version=tool_version(),
        experiment=experiment,
        seed=seed,
        driver="sim",
        plan=plan,
        defects=[capsule_defect(source)],
        schedule=execution.schedule,
    )
    asked = iter(range(ASKED_MAX))
    return minimize(capsule, (), lambda: next(asked, None) is None).capsule


def story_of(capsule: Capsule):
    """Return the story alone."""
    look = look_closely(capsule.plan, capsule.schedule, capsule.defect_sources(), cut=capsule.cut)
    finding = judge(look.execution)[0]
    played = Player(capsule.plan, SimDriver(), capsule.defect_sources()).play(
        capsule.script, to_the_end=not capsule.cut
    )
    return tell(capsule.plan, look, finding, ScriptOrder(capsule.script, played.numbers))


def assert_in_order(text: str, parts):
    at = 0
    for part in parts:
        found = text.lower().find(part.lower(), at)
        assert found >= 0, f"{part!r} is not in the story, or not in its place, in:\n{text}"
        at = found


@pytest.fixture(scope="module")
def explained():
    return explain(read_capsule(REGRESSION), (), 8)


@pytest.mark.parametrize("defect", list(STORIES))
def test_story_tells_the_trigger_of_a_defect(defect):
    experiment, first, parts = STORIES[defect]
    story = story_of(small(defect, experiment, first))
    assert_in_order("\n".join(sentence.text for sentence in story.sentences), parts)
    assert 5 <= len(story.sentences) <= 15
    # The set-up is over when something changes the array.
    assert story.sentences[0].last < story.sentences[1].first
    assert story.contradiction


def test_story_of_the_first_defect_tells_its_trigger(explained):
    text = "\n".join(sentence.text for sentence in explained.story.sentences)
    parts = (
        "is created on disk",
        "The rebuild of slot",
        "are copied onto disk",
        " reads block",
        "creates its channel of the array while the rebuild runs",
        "lies below the rebuild offset of its channel",
        "crashes in submit > read > module_context",
    )
    assert_in_order(text, parts)
    assert "no request, fault or order of steps" in explained.story.promise
    assert re.search(r" Op \d+ should have been answered\.$", explained.story.promise)
    lines = lines_of(explained)
    assert "module_channel != NULL" in lines[1]
    assert any(line.startswith("2 members of 48 blocks") for line in lines[:6])
    assert any(line.startswith("Consequence: ") for line in lines)


def test_story_of_channels_that_disagree_says_which_one_was_not_updated_and_the_consequence():
    story = story_of(small("offset-gap-channel-lags-window", SWARM, 28))
    assert story.summary.startswith("channels of the array disagree with it: nvmf_tgt_poll_group_")
    assert "acknowledged without the rebuild target" in story.harm


def test_every_check_has_a_promise():
    assert list(PROMISES) == list(CHECKS)


def test_consequences_are_written_for_checks_and_shapes_that_exist():
    for name in HARM:
        check, _, shape = name.partition("/")
        assert check in CHECKS
        source = (ROOT / "chaos" / "checkers" / f"{check}.py").read_text()
        assert not shape or f'"{shape}"' in source, name
    for check, kind, shape, name in (
        ("crash", "AssertionError", "raid/raid1.py:read", "crash"),
        ("channels", "disagreement", "birth", "channels/birth"),
        ("availability", "error", "flush", "availability/error"),
        ("register", "lost", "read", ""),
    ):
        finding = Finding(
            check=check, kind=kind, shape=shape, summary="", step=1, verdict=Verdict.INVALID
        )
        assert consequence(finding) == HARM.get(name, "")


def test_nothing_that_explains_knows_a_defect():
    chaos = ROOT / "chaos"
    rooms = (chaos / "explaining", chaos / "narrating", chaos / "showing" / "wording")
    sources = [source for room in rooms for source in room.glob("*.py")]
    assert len(sources) > 25
    for source in sources:
        text = source.read_text()
        for defect in known_defects():
            assert defect not in text
            assert defect.replace("-", "_") not in text


def test_each_needed_line_is_true(explained):
    """Check each line about a needed step by playing the script without the item, from the capsule alone."""
    capsule = read_capsule(REGRESSION)
    steps = [need for need in explained.needs if need.kind == "step"]
    assert len(steps) == explained.outside
    for need in steps:
        assert need.is_needed, need
        script = capsule.script[: need.item] + capsule.script[need.item + 1 :]
        played = Player(capsule.plan, SimDriver(), capsule.defect_sources()).play(
            script, to_the_end=False
        )
        signatures = [finding.signature for finding in judge(played.execution)]
        assert explained.signature not in signatures
        assert need.without.endswith(signatures[0] if signatures else "the run is valid")


def test_step_that_nobody_needs_is_called_so():
    capsule = read_capsule(REGRESSION)
    # The disconnect is on the queue of the failing read, just before it.
    read = capsule.script[-1]
    extra = Flush(9_000, read.host, read.connection, read.thread)
    script = [*capsule.script[:-1], extra, capsule.script[-1]]
    played = Player(capsule.plan, SimDriver(), capsule.defect_sources()).play(
        script, to_the_end=False
    )
    schedule = played.execution.schedule
    with_extra = msgspec.structs.replace(capsule, script=script, schedule=schedule, expected=None)
    needs = explain(with_extra, (), 1).needs
    assert [need.without for need in needs if "flushes" in need.what and need.kind == "step"] == [
        FAILS_ALIKE
    ]


def test_curve_rises_to_one_and_names_the_step(explained):
    points = explained.curve.points
    shares = [point.share for point in points]
    assert len(points) <= 50
    assert [point.after for point in points] == sorted({point.after for point in points})
    assert (points[0].after, points[-1].after) == (0, explained.steps)
    assert shares[-1] == 1.0
    half = len(shares) // 2
    assert sum(shares[half:]) / len(shares[half:]) > sum(shares[:half]) / half
    rise = explained.likely.rise
    assert rise.before < LIKELY <= rise.after
    assert all(point.share >= LIKELY for point in points if point.after >= rise.last)


def test_rise_is_the_last_one_and_none_where_it_was_likely_from_the_beginning():
    def of(*failures):
        return Curve([Point(after, failing, 10) for after, failing in enumerate(failures)])

    assert of(0, 8, 2, 6, 10).rise.last == 3
    assert of(7, 9, 10).rise is None


def test_same_capsule_is_explained_alike(explained):
    again = explain(read_capsule(REGRESSION), (), 8)
    assert msgspec.json.encode(again) == msgspec.json.encode(explained)


def test_interrupt_leaves_the_story(explained):
    short = explain(read_capsule(REGRESSION), (), 8, is_over=lambda: True)
    assert not short.is_whole
    assert short.story == explained.story
    assert "Interrupted" in lines_of(short)[-1]


def test_run_that_is_not_minimal_says_so_and_has_no_list_of_needs(explained):
    early = msgspec.structs.replace(read_capsule(REGRESSION), unfinished="interrupted")
    short = explain(early, (), 1)
    assert short.needs == []
    text = "\n".join(lines_of(short))
    assert "This run is not minimal. Shrinking: not finished: interrupted" in text
    assert "Which steps are needed is left out" in text
    assert "Why each step is needed" not in text
    assert "Why each step is needed" in "\n".join(lines_of(explained))


def test_hang_is_explained_to_its_end():
    """Explain a removal that hangs, since the superblock without the member fails on the other one."""
    experiment = Experiment(
        name="hang", reactors=1, members=2, spares=0, hosts=1, superblock_share=100, blocks=8
    )
    defect = DefectSource("superblock-failure-leaves-quiesced")
    plan = resolve(experiment, 0)
    script = [
        Rest(),
        Operate(2, "framework_start_init", (0, 1)),
        Rest(),
        Operate(3, "bdev_raid_create", (1, 1, 0, 1)),
        Rest(),
        Inject(4, "superblock_errors", 1, (1,)),
        Rest(),
        Operate(5, "bdev_raid_remove_base_bdev", (0,)),
        Rest(),
    ]
    played = Player(plan, SimDriver(), (defect,)).play(script, to_the_end=True)
    capsule = Capsule(
        raidstorm_version=tool_version(),
        experiment=experiment,
        seed=0,
        driver="sim",
        plan=plan,
        defects=[capsule_defect(defect)],
        schedule=played.execution.schedule,
        script=script,
    )
    explanation = explain(capsule, (), 3)
    assert explanation.exit_code == 4
    text = "\n".join(lines_of(explanation))
    parts = (
        "The operator removes disk0 (op 5) from the array",
        "Disk1 fails a write of its superblock",
        "From here on all faults are healed",
        "Every request and operation finishes",
        "never released",
    )
    assert_in_order(text, parts)
    assert all(need.is_needed for need in explanation.needs)
    assert explanation.curve.points[-1].share == 1.0


def test_hang_that_has_hit_its_bound_hits_it_again():
    """Replay a hang that has hit its bound: all steps of the last phase are there, so the recording is not cut off."""
    defect = DefectSource("superblock-failure-leaves-quiesced")
    plan = resolve(SWARM, 4)
    execution = Controller(plan, SimDriver(), (defect,)).explore(4)
    assert execution.settle_bound_hit
    again = Controller(plan, SimDriver(), (defect,)).replay(execution.schedule)
    assert again.settle_bound_hit
    assert [one.signature for one in judge(again)] == [one.signature for one in judge(execution)]


def test_command_uses_what_is_small_already_and_writes_beside_it(tmp_path, explained):
    path = tmp_path / "capsule.json"
    write_capsule(path, read_capsule(REGRESSION))
    done = raidstorm("explain", str(path), "--continuations", "1")
    assert done.returncode == 0, done.stderr
    assert "comes first" not in done.stdout
    assert (tmp_path / "explain.txt").read_text() == done.stdout
    report = json.loads((tmp_path / "explain.json").read_text())
    assert report["signature"] == explained.signature
    assert not (tmp_path / "minimal.json").exists()


def test_command_says_in_a_sentence_what_is_wrong(tmp_path):
    done = raidstorm("explain", "baseline:1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "doesn't fail" in done.stderr
    done = raidstorm("explain", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_minimal_capsule_belongs_to_its_own_run_only():
    minimal = read_capsule(REGRESSION)
    assert belongs(minimal, minimal)
    replace = msgspec.structs.replace
    assert not belongs(minimal, replace(minimal, seed=minimal.seed + 1))
    assert not belongs(minimal, replace(minimal, defects=[]))
    assert not belongs(replace(minimal, script=None), minimal)
    other = replace(minimal.expected, signature="register/stale/read")
    assert not belongs(minimal, replace(minimal, expected=other))


def test_capsule_that_fails_no_more_is_refused():
    capsule = msgspec.structs.replace(read_capsule(REGRESSION), defects=[])
    with pytest.raises(ShrinkError):
        explain(capsule, ())


def test_steps_of_the_story_follow_each_other(explained):
    for one, other in pairwise(explained.story.sentences):
        assert one.first <= other.first
