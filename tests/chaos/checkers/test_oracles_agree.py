"""The register check and a general search give the same judgement of histories, block by block."""

from collections import Counter

import pytest

from chaos.base.prng import Stream
from chaos.checkers.register import judge_reads
from chaos.plan.experiment import Experiment
from chaos.plan.plan import Plan, resolve
from chaos.steps.history import History
from tests.histories import Simulation, corrupt
from tests.oracle import wrong_blocks

PAIRS = 10_000  # a valid history and a corrupted one each


def plan(superblock_share: int) -> Plan:
    return resolve(
        Experiment(name="register", blocks=8, blocks_per_io=1, superblock_share=superblock_share),
        0,
    )


PLANS = (plan(0), plan(100))


def found(history: History, plan: Plan) -> list[tuple[int, int]]:
    """Return the check's findings as the oracle's pairs (op, LBA)."""
    return [
        (finding.ops[-1], lba)
        for finding in judge_reads(history, plan)[1]
        for lba in range(finding.blocks[0], finding.blocks[1] + 1)
    ]


@pytest.mark.parametrize("part", range(4))
def test_check_and_search_agree_on_small_histories(part):
    judged = Counter()
    for number in range(part, PAIRS, 4):
        stream = Stream(number).fork("history")
        plan = PLANS[number % 2]
        history = Simulation(stream, plan.data_offset).run()
        assert wrong_blocks(history, plan.data_offset) == []
        assert found(history, plan) == [], f"history {number}"
        corrupted = corrupt(history, stream)
        wrong = wrong_blocks(corrupted, plan.data_offset)
        assert sorted(found(corrupted, plan)) == sorted(wrong), f"corrupted history {number}"
        judged["wrong" if wrong else "right"] += 1
    # Corruption that is seldom seen would leave only agreement on what is right.
    assert judged["wrong"] > judged["right"] / 3
