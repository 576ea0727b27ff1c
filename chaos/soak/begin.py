"""The contents of a new soak: lanes of a suite's facets, its canaries, and failures and seeds of its earlier soaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from chaos.campaigns.runner import RunSpec
from chaos.campaigns.suite_run import Part
from chaos.soak.state import Canary, SeedLane, SoakError, SoakState, Stored, read_state
from chaos.store.capsule import DriverName

CANARY_SEEDS = 50


def lanes_of(parts: Sequence[Part], drivers: Sequence[DriverName]) -> list[SeedLane]:
    """Make a lane per facet that must be valid, or per driver where drivers are named; none twice."""
    lanes: list[SeedLane] = []
    names: set[str] = set()
    for part in parts:
        if part.facet.expect_code:
            continue
        for driver in drivers or [part.facet.driver]:
            spec = msgspec.structs.replace(part.request.spec, driver=driver)
            first = part.facet.first_seed
            lane = SeedLane(spec, part.facet.share, first, first)
            if lane.name not in names:
                names.add(lane.name)
                lanes.append(lane)
    if not lanes:
        raise SoakError("this suite has no facet that must be valid, so there is nothing to soak")
    return lanes


def canaries_of(parts: Sequence[Part]) -> list[Canary]:
    """Make a canary of each facet that must fail; its runs are not among the failures."""
    return [
        Canary(
            msgspec.structs.replace(part.request.spec, out=f"{part.request.spec.out}/canaries"),
            part.facet.first_seed,
            part.facet.seeds or CANARY_SEEDS,
            part.facet.expect_code,
        )
        for part in parts
        if part.facet.expect_code
    ]


def learn_from_earlier(folder: Path, lanes: list[SeedLane]) -> list[Stored]:
    """Begin with the seeds that follow those of earlier soaks; returns the failures that they found, to run again."""
    stored: dict[str, Stored] = {}
    for state in _earlier(folder):
        for lane in lanes:
            for theirs in state.lanes:
                if _is_same(theirs.spec, lane.spec):
                    lane.first_seed = lane.next_seed = max(lane.next_seed, theirs.next_seed)
        for group in state.groups.values():
            if group.minimal and Path(group.minimal).is_file() and not group.same_as:
                stored[group.minimal_signature] = Stored(group.minimal, group.minimal_signature)
    return list(stored.values())


def _is_same(one: RunSpec, other: RunSpec) -> bool:
    return (one.experiment.name, one.driver, [defect.id for defect in one.defects]) == (
        other.experiment.name,
        other.driver,
        [defect.id for defect in other.defects],
    )


def _earlier(folder: Path) -> list[SoakState]:
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            found.append(read_state(path))
        except SoakError:
            continue  # not a soak, or one of another version
    return found
