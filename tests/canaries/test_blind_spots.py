"""Defects in places that the search once never came to: each is found by ``swarm``, and the clean engine passes.

They are outside the built-in corpus. The first seed to run is one near a find, from when the table was last made.
"""

from pathlib import Path

import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.defects.loader import compose, known_defects, read_defect, source_text
from workers.protocol import DefectSource

FOLDER = Path(__file__).parent / "blind_spots"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
SEEDS_MAX = 400
SWARM = EXPERIMENTS["swarm"]

# Name -> the first seed to run.
FIRST_SEEDS = {
    "array_waits_for_the_first_disk": 2,
    "channel_born_at_finish_lacks_member": 13,
    "failed_flush_is_acknowledged": 277,
    "failed_read_leaves_adding": 1,
    "hot_removal_without_quiesce": 48,
    "iteration_end_forgets_unregistration": 460,
    "overlapping_changes_unordered": 53,
    "refused_creation_keeps_its_members": 3,
    "resume_gets_all_channels_anew": 3,
    "returning_member_is_ignored": 1,
    "size_told_before_it_is_written": 235,
}


def read(name: str) -> DefectSource:
    return read_defect(str(FOLDER / f"{name}.py"))


def found(seed: int, *defects: DefectSource) -> list[str]:
    """Return the checks that find something."""
    execution = Controller(resolve(SWARM, seed), SimDriver(), defects).explore(seed)
    return [finding.check for finding in judge(execution)]


def test_each_file_is_in_the_table_and_none_is_built_in():
    assert sorted(FIRST_SEEDS) == NAMES
    assert not {name.replace("_", "-") for name in NAMES} & set(known_defects())


@pytest.mark.parametrize("name", NAMES)
def test_defect_can_be_used_and_says_which_spot_it_is_in(name):
    defect = read(name)
    compose((defect,))
    for word in ("Source:", "Trigger:", "Expected:", "Spot:"):
        assert word in source_text(defect), word


@pytest.mark.parametrize("name", NAMES)
def test_defect_is_found_by_swarm_and_the_clean_engine_passes(name):
    defect = read(name)
    for seed in range(FIRST_SEEDS[name], FIRST_SEEDS[name] + SEEDS_MAX):
        if found(seed, defect):
            assert found(seed) == [], f"the clean engine fails on seed {seed}"
            return
    pytest.fail(f"not found in {SEEDS_MAX} seeds from {FIRST_SEEDS[name]} on")
