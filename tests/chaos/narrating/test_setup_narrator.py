"""The set-up in a story: one sentence, with all namespaces."""

import pytest
from msgspec import structs

from chaos.narrating.setup_narrator import SetupNarrator
from tests.chaos.narrating.moments import PLAN, Moments

DIVIDED = structs.replace(
    PLAN, layout=structs.replace(PLAN.layout, namespaces=2, partition_blocks=8)
)


@pytest.mark.parametrize(
    ("plan", "attached", "text"),
    [
        (PLAN, [1], "the array is exported as namespace 1"),
        (DIVIDED, [2], "a partition of the array is exported as namespace 2"),
        (DIVIDED, [2, 1], "partitions of the array are exported as namespaces 1 and 2"),
    ],
)
def test_namespaces_that_the_array_is_exported_as(plan, attached, text):
    narrator, moments = SetupNarrator(plan), Moments()
    for nsid in attached:
        moments.emit("nvmf.namespace_attached", nsid, PLAN.layout.disks)
    for moment in moments.made:
        narrator.take(moment, is_quiet=True)
    assert [clause.text for clause in narrator.clauses()] == [text]
