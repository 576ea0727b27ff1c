"""Every defect of the corpus is caught in ``sim``, by a check that claims it, and the clean engine passes on the same seeds.

The experiment is ``swarm``, as for every user; nothing here is made for one defect but the seed to begin with, near one
that found it when the table was last made. When the tester has changed, more seeds are run, up to a bound.
"""

import pytest

from chaos.controller import Controller
from chaos.drivers.sim import SimDriver
from chaos.judge import judge
from chaos.plan import resolve
from experiments.catalog import EXPERIMENTS
from workers.defects.loader import known_defects, source_text
from workers.protocol import DefectSource

SEEDS_MAX = 600
SWARM = EXPERIMENTS["swarm"]

# Id -> (the first seed to run, the checks that claim it).
CORPUS = {
    "ack-before-member-leaves-read-set": (2, "register copies superblock"),
    "aer-accounting-blocks-pause": (164, "liveness references"),
    "assembled-with-known-stale-member": (2, "recovery superblock register mirrors"),
    "attach-window-target-read-as-member": (57, "register channels copies"),
    "both-removed-superblock-skipped": (2, "recovery superblock mirrors register copies"),
    "create-error-leaks-module-channel": (10, "references liveness"),
    "io-queue-connect-races": (1, "crash protocol references"),
    "io-resumed-before-superblock": (1, "recovery superblock register"),
    "iteration-vs-exit-or-recreate": (45, "liveness crash references"),
    "new-channel-null-module-ctx": (2, "crash"),
    "offline-array-resurrected": (7, "states register crash"),
    "offset-gap-channel-lags-window": (19, "mirrors register channels copies"),
    "queued-connect-dangles": (22, "crash liveness references"),
    "quiesce-ignores-reads": (1, "quiesce crash register"),
    "range-lock-vs-split-child": (41, "liveness"),
    "read-correction-overwrites-new-write": (14, "register mirrors copies"),
    "rebuild-source-error-kills-array": (52, "states availability liveness"),
    "removal-during-process-start": (2, "crash states channels"),
    "removal-during-removal-frees-array": (103, "crash states"),
    "removal-gap-channel-keeps-member": (15, "channels liveness references register"),
    "removal-with-inflight-member-io": (20, "crash references"),
    "reset-start-vs-complete": (92, "crash liveness protocol"),
    "second-rebuild-while-first": (1, "crash states channels mirrors"),
    "start-gap-channel-without-process": (13, "crash channels mirrors"),
    "stop-request-races-finish": (127, "channels register states copies"),
    "superblock-failure-leaves-quiesced": (47, "liveness states"),
    "unmap-during-rebuild-mishandled": (1, "availability mirrors protocol"),
    "unregister-while-rebuilding": (3, "crash liveness references"),
    "write-acked-with-no-members": (26, "copies recovery register"),
    "write-error-in-rebuilt-range-crash": (1, "crash"),
    "write-failure-keeps-stale-member": (1, "register mirrors availability copies"),
}


def found(seed: int, driver: SimDriver, *defects: DefectSource) -> list[str]:
    """The checks that find something."""
    execution = Controller(resolve(SWARM, seed), driver, defects).explore(seed)
    return [finding.check for finding in judge(execution)]


def test_every_built_in_defect_is_in_the_table():
    assert sorted(CORPUS) == known_defects()


@pytest.mark.parametrize("name", list(CORPUS))
def test_defect_is_caught_by_a_check_that_claims_it_and_the_clean_engine_passes(name):
    first, claiming = CORPUS[name]
    driver = SimDriver()
    for seed in range(first, first + SEEDS_MAX):
        clean = found(seed, driver)
        assert clean == [], f"the clean engine fails on seed {seed}"
        if found(seed, driver, DefectSource(name))[:1] in [[check] for check in claiming.split()]:
            return
    pytest.fail(f"not caught in {SEEDS_MAX} seeds from {first} on")


@pytest.mark.parametrize("name", known_defects())
def test_defect_says_where_it_comes_from_and_what_it_needs(name):
    text = source_text(DefectSource(name))
    for word in ("Source:", "Epoch:", "Trigger:", "Expected:"):
        assert word in text, word
