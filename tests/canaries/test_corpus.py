"""Every defect of the corpus is caught in ``sim``, by a check that claims it, and the clean engine passes on the same seed.

The experiment is ``swarm``, as for every user; nothing here is made for one defect but the seed to begin with, near one
that found it when the table was last made. When the tester has changed, more seeds are run, up to a bound.
"""

import pytest

from chaos.checkers import CHECKS
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.defects.loader import known_defects, source_text
from workers.protocol import DefectSource

SEEDS_MAX = 600
SWARM = EXPERIMENTS["swarm"]

# Id -> the first seed to run.
FIRST_SEEDS = {
    "ack-before-member-leaves-read-set": 1,
    "aer-accounting-blocks-pause": 53,
    "array-becomes-its-own-member": 108,
    "assembled-with-known-stale-member": 5,
    "attach-window-target-read-as-member": 489,
    "blank-disk-joins-waiting-array": 31,
    "both-removed-superblock-skipped": 103,
    "create-error-leaks-module-channel": 155,
    "deletion-during-creation-crash": 33,
    "failed-creation-keeps-superblocks": 220,
    "io-queue-connect-races": 2,
    "io-resumed-before-superblock": 53,
    "iteration-vs-exit-or-recreate": 174,
    "last-member-given-up": 81,
    "new-channel-null-module-ctx": 6,
    "offline-array-resurrected": 23,
    "offset-gap-channel-lags-window": 9,
    "paused-namespace-not-drained": 81,
    "queued-connect-dangles": 4,
    "quiesce-ignores-reads": 2,
    "range-lock-vs-split-child": 309,
    "read-correction-overwrites-new-write": 344,
    "rebuild-source-error-kills-array": 0,
    "removal-during-process-start": 1,
    "removal-during-removal-frees-array": 77,
    "removal-gap-channel-keeps-member": 30,
    "removal-with-inflight-member-io": 81,
    "reset-start-vs-complete": 91,
    "return-during-rebuild-crash": 2,
    "second-rebuild-while-first": 2,
    "split-exhausts-bdev-io-pool": 16,
    "stale-member-left-out": 1,
    "start-gap-channel-without-process": 45,
    "stop-request-races-finish": 190,
    "superblock-failure-leaves-quiesced": 4,
    "unmap-during-rebuild-mishandled": 3,
    "unregister-while-rebuilding": 12,
    "write-acked-with-no-members": 21,
    "write-error-in-rebuilt-range-crash": 8,
    "write-failure-keeps-stale-member": 1,
}


def claims(name: str) -> list[str]:
    """Return the checks that the docstring of a defect expects to catch it: the names up to the first full stop."""
    expected = source_text(DefectSource(name)).partition("Expected:")[2].partition(".")[0]
    return [check.strip() for check in expected.split(",")]


def found(seed: int, driver: SimDriver, *defects: DefectSource) -> list[str]:
    """Return the checks that find something."""
    execution = Controller(resolve(SWARM, seed), driver, defects).explore(seed)
    return [finding.check for finding in judge(execution)]


def test_every_built_in_defect_is_in_the_table():
    assert sorted(FIRST_SEEDS) == known_defects()


@pytest.mark.parametrize("name", known_defects())
def test_defect_is_caught_by_a_check_that_claims_it_and_the_clean_engine_passes(name):
    first, claiming = FIRST_SEEDS[name], claims(name)
    driver = SimDriver()
    for seed in range(first, first + SEEDS_MAX):
        if found(seed, driver, DefectSource(name))[:1] in [[check] for check in claiming]:
            assert found(seed, driver) == [], f"the clean engine fails on seed {seed}"
            return
    pytest.fail(f"not caught in {SEEDS_MAX} seeds from {first} on")


@pytest.mark.parametrize("name", known_defects())
def test_defect_says_where_it_comes_from_and_what_it_needs(name):
    text = source_text(DefectSource(name))
    for word in ("Source:", "Epoch:", "Trigger:", "Expected:"):
        assert word in text, word
    assert [check for check in claims(name) if check not in CHECKS] == []
