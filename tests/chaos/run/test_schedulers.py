"""Schedulers that search do what their line says."""

from collections import Counter

import msgspec

from chaos.base.prng import Stream
from chaos.plan.plan import resolve
from chaos.run.model import Model
from chaos.run.schedulers import SCHEDULERS, hold, pct
from chaos.run.schedulers.hold import LENGTH_BITS, HoldScheduler
from chaos.run.schedulers.pct import PctScheduler, lane_of
from chaos.steps.agenda import Agenda
from tests.searching import SWARM, explore, searched_with
from workers.protocol import Deliver, FinishIo, FireTimer, Outcome


def watched(monkeypatch, name, scheduler):
    """Let the strategy's scheduler be this class of the test's."""
    monkeypatch.setitem(SCHEDULERS, name, scheduler)


def test_what_is_held_takes_no_step_while_others_can(monkeypatch):
    seen = Counter()

    class Watched(HoldScheduler):
        def next_step(self, agenda, generator, now_permille):
            before = list(agenda.choices)
            step = super().next_step(agenda, generator, now_permille)
            if self.held is None or step not in before:
                return step
            others = [
                one
                for one in before
                if not isinstance(one, FireTimer) and self.held not in (one, one.reactor)
            ]
            is_held = self.held in (step, step.reactor)
            seen["kept back", type(self.held)] += any(
                self.held in (one, one.reactor) for one in before
            )
            if others and self._model.stalled is None:
                assert not is_held, f"{step} was taken while {self.held} is held"
            seen["alone"] += is_held
            return step

    watched(monkeypatch, "hold", Watched)
    for seed in range(12):
        explore(resolve(searched_with(SWARM, "hold"), seed), seed)
    assert seen["kept back", int] > 100
    assert seen["kept back", Deliver] > 100
    assert seen["kept back", FinishIo] > 100
    assert seen["alone"] > 0


def test_holds_last_as_drawn(monkeypatch):
    lengths = []

    class Watched(HoldScheduler):
        begun = 0

        def _turn(self, choices):
            was_held, ends = self.held is not None, self._next
            super()._turn(choices)
            if was_held:
                assert self.held is None
                # It ends with the first engine step chosen after its time.
                assert ends <= self._model.steps
                lengths.append(ends - self.begun)
            else:
                self.begun = self._model.steps

    watched(monkeypatch, "hold", Watched)
    for seed in range(30):
        explore(resolve(searched_with(SWARM, "hold"), seed), seed)
    low, high = (2**bits for bits in LENGTH_BITS)
    assert low <= min(lengths) < 2 * low
    assert high / 2 < max(lengths) <= high


def test_hold_begins_soon_after_a_change(monkeypatch):
    monkeypatch.setattr(hold, "GAP_STEPS_MAX", 1 << 30)  # by themselves holds don't begin
    monkeypatch.setattr(hold, "AFTER_CHANGE_PERCENT", 100)
    plan = msgspec.structs.replace(resolve(searched_with(SWARM, "hold"), 0), planned=())
    agenda = Agenda()
    agenda.absorb(Outcome([Deliver(0, 1, 2), Deliver(1, 3, 4)], [], [], [], [], []))
    begun = []
    for run in range(40):
        model = Model(plan)
        scheduler = HoldScheduler(Stream(run), plan, model)
        for model.steps in range(1, 200):
            if model.steps == 100:
                model.mark("rebuild.started" if run % 2 else "raid.grown")
            scheduler.next_step(agenda, NoOutsideSteps(), 0)
            if scheduler.held is not None:
                begun.append(model.steps - 100)
                break
    assert len(begun) == 20
    assert 0 <= min(begun) < max(begun) < hold.STAGES_MAX


def test_highest_lane_goes_first(monkeypatch):
    seen = Counter()

    class Watched(PctScheduler):
        def next_step(self, agenda, generator, now_permille):
            before = list(agenda.choices)
            step = super().next_step(agenda, generator, now_permille)
            if step in before and self._model.stalled is None:
                priorities = self.priorities
                higher = [
                    one
                    for one in before
                    if priorities[lane_of(one)] > priorities[lane_of(step)]
                    and not isinstance(one, FireTimer)
                ]
                assert not higher, f"{step} was taken before {higher}"
                seen["choices"] += len(before) > 1
            return step

        def _choose(self, choices):
            before = list(self.changes)
            would_run = lane_of(self._highest(choices))
            chosen = super()._choose(choices)
            if len(self.changes) < len(before):
                (_, falls_to), *rest = before
                seen["changes"] += 1
                seen["chosen anew"] += lane_of(chosen) != would_run
                if rest == self.changes:
                    assert self.priorities[would_run] == falls_to < 0
            return chosen

    watched(monkeypatch, "pct", Watched)
    for seed in range(12):
        explore(resolve(searched_with(SWARM, "pct"), seed), seed)
    assert seen["choices"] > 1_000
    assert seen["changes"] > 20
    assert seen["chosen anew"] > 10


class NoOutsideSteps:
    """A generator that offers no step."""

    def next_step(self, now_permille):
        return None


def test_pct_keeps_its_bound_on_a_bug_of_depth_two(monkeypatch):
    """Find a bug of depth two: lane B must come exactly between two steps of lane A, with probability >= 1 / (n * k)."""
    monkeypatch.setattr(pct, "DEPTH", (2, 2))
    steps_of_a, place, runs = 15, 9, 4_000
    lane_a, lane_b = Deliver(0, 1, 2), Deliver(1, 3, 4)
    plan = msgspec.structs.replace(
        resolve(searched_with(SWARM, "pct"), 0), steps=steps_of_a + 1, planned=()
    )
    hits = 0
    for run in range(runs):
        model = Model(plan)
        scheduler = PctScheduler(Stream(run), plan, model)
        agenda = Agenda()
        agenda.absorb(Outcome([lane_a] * steps_of_a + [lane_b], [], [], [], [], []))
        order = []
        while agenda.choices:
            step = scheduler.next_step(agenda, NoOutsideSteps(), 0)
            agenda.took(step)
            order.append(step)
        hits += order.index(lane_b) == place
    assert hits / runs >= 1 / (2 * (steps_of_a + 1)) * 0.85  # three standard deviations are 0.8
