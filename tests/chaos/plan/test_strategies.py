"""Each strategy does what its line says."""

from collections import Counter

import msgspec
import pytest

from chaos.base.prng import Stream
from chaos.plan.experiment import Experiment, ExperimentError, Operation, validate
from chaos.plan.plan import fits, resolve
from chaos.plan.planned import Planned
from chaos.plan.shapes import anchored, pairs
from chaos.plan.strategies import STRATEGIES, draw_strategies
from chaos.steps.history import EngineEvent, Invoked
from chaos.steps.schedule import CHANGING, IO, Inject, Kill, Mark, Read
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.searching import SWARM, explore, searched_with

SCHEDULERS = ("random", "pct", "hold")
OTHERS = ("swarm", "pairs", "anchored", "frontier")
PLACED = (Read, *CHANGING)
# A rebuild from the start on, without anything that could delay planned things.
REBUILDS = Experiment(
    name="rebuilds",
    blocks=(48, 64),
    window_blocks=4,
    spares=1,
    reactors=3,
    repair_delay=0,
    operations=(Operation(kind="member_removal", count=2, between=(0, 300)),),
)


# The strategies of a seed.


def test_experiments_but_swarm_search_at_random():
    for name, experiment in EXPERIMENTS.items():
        wanted = tuple(STRATEGIES) if name == "swarm" else ("random",)
        assert experiment.strategies == wanted


def test_seed_takes_one_scheduler_and_half_of_the_others():
    taken = Counter()
    for seed in range(600):
        first, *rest = resolve(SWARM, seed).strategies
        assert first in SCHEDULERS
        assert rest == [name for name in OTHERS if name in rest]
        taken.update([first, *rest])
    for name in SCHEDULERS:
        assert 150 < taken[name] < 250
    for name in OTHERS:
        assert 240 < taken[name] < 360


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_strategy_that_stands_alone_is_always_taken(name):
    for seed in range(20):
        taken = draw_strategies((name,), Stream(seed))
        assert taken == ((name,) if name in SCHEDULERS else ("random", name))


def test_strategies_leave_the_other_draws_of_a_plan_alone():
    for seed in range(20):
        plain = resolve(searched_with(SWARM, "random"), seed)
        for name in STRATEGIES:
            other = resolve(searched_with(SWARM, name), seed)
            same = msgspec.structs.replace(
                other, planned=plain.planned, strategies=plain.strategies
            )
            assert same == plain
            shaped = name in ("swarm", "pairs", "anchored")
            assert (other.planned != plain.planned) == shaped


def test_unknown_strategy_is_a_users_mistake(tmp_path):
    with pytest.raises(ExperimentError, match="'brilliant' is not a search strategy; these are: r"):
        validate(searched_with(SWARM, "random", "brilliant"))
    with pytest.raises(ExperimentError, match="does not name a search strategy"):
        validate(searched_with(SWARM))
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nstrategies = ["brilliant"]\n')
    done = inside("run", str(path), "--seeds", "1", "--out", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert "'brilliant' is not a search strategy" in done.stderr


def test_plan_with_strategies_of_another_experiment_does_not_fit():
    plan = resolve(searched_with(SWARM, "hold"), 1)
    assert fits(searched_with(SWARM, "hold"), plan)
    assert not fits(searched_with(SWARM, "random"), plan)


def test_strategies_are_listed():
    done = inside("list", "strategies")
    assert done.returncode == 0
    for name, strategy in STRATEGIES.items():
        assert f"{name} " in done.stdout
        assert strategy.text in done.stdout


# The planned things.


def test_swarm_leaves_half_of_the_kinds_out_entirely():
    present = absent = 0
    for seed in range(60):
        plain = Counter(p.kind for p in resolve(searched_with(SWARM, "random"), seed).planned)
        left = Counter(p.kind for p in resolve(searched_with(SWARM, "swarm"), seed).planned)
        for kind, count in plain.items():
            assert left[kind] in (0, count)
            present += left[kind] > 0
            absent += left[kind] == 0
    assert 0.4 < absent / (absent + present) < 0.6


def test_second_of_a_pair_comes_a_few_steps_after_the_first():
    meant = found = 0
    for seed in range(120):
        plan = resolve(searched_with(SWARM, "pairs"), seed)
        seconds = [one for one in plan.planned if one.anchor == "event"]
        assert 1 <= len(seconds) <= pairs.PAIRS_DRAWN[1]
        for one in seconds:
            kinds = [other.kind for other in plan.planned]
            effects = [row for row in pairs.EFFECTS if row[1:3] == (one.kind, one.event)]
            if (one.event, one.kind) in pairs.MEETING:
                assert one.event in kinds
                assert one.stage < pairs.APART_STEPS_MAX
            else:
                assert any(row[0] in kinds and one.stage < row[3] for row in effects)
        alone = [one for one in seconds if (one.event, one.kind) == ("disk_pull", "target_kill")]
        if not alone:
            continue
        history = explore(plan, seed).history
        pulls = [e.number for e in history if _injected(e, "disk_pull")]
        kills = [e.number for e in history if isinstance(getattr(e, "step", None), Kill)]
        meant += bool(pulls and kills)
        found += any(
            0 <= kill - pull <= pairs.APART_STEPS_MAX * 2 for kill in kills for pull in pulls[:1]
        )
    assert meant >= 2
    assert found >= meant / 2


def _injected(entry, fault):
    return (
        isinstance(entry, Invoked) and isinstance(entry.step, Inject) and entry.step.fault == fault
    )


def test_anchored_fault_comes_as_many_steps_after_its_event_as_drawn():
    came = 0
    for seed in range(24):
        event, occurrence, stage = ("rebuild.window_done", 1 + seed % 5, 3 * (seed % 8))
        plan = resolve(REBUILDS, seed)
        slow = Planned("disk_slow", "event", 0, occurrence, 100, event, stage)
        plan = msgspec.structs.replace(plan, planned=(*plan.planned, slow))
        history = explore(plan, seed).history
        heal = next(e.number for e in history if isinstance(e, Invoked) and e.step == Mark("heal"))
        events = [e.number for e in history if isinstance(e, EngineEvent) and e.event.name == event]
        faults = [e.number for e in history if _injected(e, "disk_slow")]
        if len(events) < occurrence or events[occurrence - 1] + stage >= heal - 1:
            assert not faults
            continue
        assert faults == [events[occurrence - 1] + stage + 1]
        came += 1
    assert came >= 10


def test_anchored_aims_births_at_changes_and_makes_room_for_them():
    births = Counter()
    for seed in range(60):
        plan = resolve(searched_with(SWARM, "anchored"), seed)
        plain = resolve(searched_with(SWARM, "random"), seed)
        added = plan.planned[len(plain.planned) :]
        failing = [one for one in added if one.kind == anchored.MISBIRTH]
        births[anchored.MISBIRTH] += len(failing)
        added = [one for one in added if one not in failing]
        assert len(added) in (2, 4, 6)
        for one in failing:
            where = [(birth.event, birth.occurrence) for birth in added[1::2]]
            assert (one.event, one.occurrence) in where
        for room, birth in zip(added[::2], added[1::2], strict=True):
            assert (room.kind, birth.kind) in anchored.BIRTHS
            assert room.event in anchored.ROOM_MADE
            births[birth.kind] += 1
            births["all births"] += 1
            if birth.anchor == "rebuild":  # so that it is half done when the rebuild ends
                assert 500 <= birth.moment < 1_000
                births["late"] += 1
            else:
                assert birth.event in anchored.BORN
                assert room.occurrence == birth.occurrence
        kept = plan.planned[: len(plain.planned)]
        assert [one.kind for one in kept] == [one.kind for one in plain.planned]
        moved = [one for one in kept if one.anchor == "event"]
        assert all(one.occurrence >= 1 and one.stage >= 0 and one.event for one in moved)
        births["moved"] += len(moved)
        births["all"] += len(kept)
    assert births[anchored.MISBIRTH] > 20
    assert births["namespace_attach"] > 20
    assert births["poll_group_create"] > 20
    assert 0.2 < births["late"] / births["all births"] < 0.5
    assert 0.5 < births["moved"] / births["all"] < 0.7


# The place of I/O.


def _near_and_far(experiment, seeds):
    """Count the I/Os in rebuilds that began within a window of the offset, and the others."""
    near = far = 0
    for seed in seeds:
        plan = resolve(experiment, seed)
        offset = None
        for entry in explore(plan, seed).history:
            if isinstance(entry, EngineEvent) and entry.event.name == "rebuild.started":
                offset = 0
            elif isinstance(entry, EngineEvent) and entry.event.name == "rebuild.window_done":
                offset = entry.event.args[0]
            elif isinstance(entry, EngineEvent) and entry.event.name == "rebuild.finished":
                offset = None
            elif isinstance(entry, Invoked) and isinstance(entry.step, Mark):
                if entry.step.phase == "heal":
                    break
            elif offset is not None and isinstance(getattr(entry, "step", None), PLACED):
                window = plan.layout.window_blocks
                is_near = offset - window <= entry.step.slba < offset + window
                near, far = near + is_near, far + (not is_near)
    return near, far


def test_frontier_aims_at_the_window():
    busy = msgspec.structs.replace(REBUILDS, outside_share=40)
    near, far = _near_and_far(busy, range(20))
    aimed_near, aimed_far = _near_and_far(searched_with(busy, "frontier"), range(20))
    assert near + far > 100
    assert aimed_near / (aimed_near + aimed_far) > 2 * near / (near + far)
    assert aimed_far > 0


def test_hosts_on_the_frontier_do_not_wait_to_be_told_of_an_attachment():
    def early(*names):
        count = 0
        churn = searched_with(EXPERIMENTS["namespace-churn"], *names)
        for seed in range(20):
            served = emitted = False
            for entry in explore(resolve(churn, seed), seed).history:
                if isinstance(entry, EngineEvent):
                    served = served or entry.event.name == "nvmf.namespace_channel_created"
                    emitted = emitted or entry.event.name == "nvmf.namespace_attached"
                    if entry.event.name == "nvmf.namespace_detached":
                        served = emitted = False
                elif isinstance(entry, Invoked) and isinstance(entry.step, IO):
                    assert served or emitted  # a poll group's channel may have failed
                    count += not emitted
        return count

    assert early("random") == 0
    assert early("frontier") > 0
