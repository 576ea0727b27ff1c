"""The rows of a soak's page about each lane: in how many runs its gates and its sequence came, and what never came."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chaos.campaigns.reached import in_runs, never_words
from chaos.plan.reach_vocabulary import sequence_item
from chaos.soak.state import SeedLane, SoakState


class LaneReached(msgspec.Struct, frozen=True):
    """One lane's gate, or item of its sequence."""

    lane: str
    name: str
    words: str


def reached_rows(state: SoakState) -> list[LaneReached]:
    """Return the rows of all lanes."""
    return [
        LaneReached(lane.name, shown, in_runs(lane.reached_in.get(name), lane.judged))
        for lane in state.lanes
        for name, shown in _names_of(lane)
    ]


def _names_of(lane: SeedLane) -> Iterator[tuple[str, str]]:
    experiment = lane.spec.experiment
    for name in dict.fromkeys((*experiment.reach, *experiment.reach_per_run)):
        wanted = experiment.reach_per_run.get(name)
        yield name, name if wanted is None else f"{name} ({wanted} % wanted)"
    for number, act in enumerate(experiment.sequence, 1):
        yield sequence_item(number), f"{sequence_item(number)}, {act.kind}"


def never_rows(state: SoakState) -> list[tuple[str, str]]:
    """Return, for each lane in which planned things never came, which and how many."""
    rows = [(lane.name, ", ".join(never_words(lane.never_came))) for lane in state.lanes]
    return [row for row in rows if row[1]]
