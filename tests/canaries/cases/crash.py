"""The target must not crash: a finding for each assertion that failed."""

from __future__ import annotations

from chaos.run.execution import Execution
from tests.canaries.cases import Case, judged
from tests.stories import Story


def case(name: str, execution: Execution, *expected: str) -> Case:
    return judged("check_crash", name, execution, *expected)


CASES = [
    case(
        "nothing crashed",
        Story().write(1).kill().execution(),
    ),
    case(
        "two reactors crashed",
        Story().write(1).crash().crash("TypeError", "bdev.py:read", "no bdev").execution(),
        "CRASHED crash/AssertionError/raid1.py:read, ops none",
        "3: reactor 1 crashed: no channel",
        "CRASHED crash/TypeError/bdev.py:read, ops none",
        "4: reactor 1 crashed: TypeError: no bdev",
    ),
]
