"""A request, and what its target met."""

from __future__ import annotations

from types import ModuleType

from chaos.checkers.examinations import Examinations
from chaos.checkers.moments import Fact
from chaos.checkers.target_facts import TargetFacts
from chaos.plan.rpcs import Rpc
from chaos.steps.schedule import Operate
from tests.canaries.cases import Case
from tests.canaries.cases.answer_reasons import ADD, CREATE, GROUP, NEW, READY
from tests.canaries.cases.facts import WITH
from tests.stories import Story

EXAMINE, INIT = Rpc.BDEV_EXAMINE_AGAIN, Rpc.FRAMEWORK_START_INIT


def case(
    name: str,
    method: Rpc,
    args: tuple[int, ...],
    *expected: str,
    before: tuple[Fact, ...] = (),
    after: tuple[Fact, ...] = (),
    over: tuple[Fact, ...] = (),
) -> Case:
    """Facts begin before the request or after it, and some end in between."""

    def ask(module: ModuleType) -> list[str]:
        facts = TargetFacts(WITH)
        for fact in before:
            facts.moments.begin(fact)
        examinations = Examinations(Story(WITH).execution(), facts)
        request = module.Request(Operate(1, method, args), 1, facts, examinations)
        facts.moments.now = 2
        for fact in after:
            facts.moments.begin(fact)
        for fact in over:
            facts.moments.end(fact)
        unhurt = [disk for disk in range(3) if request.is_unhurt(disk)]
        return [
            f"family {' '.join(map(str, request.family))}, rival {request.met_rival()}",
            f"value {request.value}, answered in {request.answered_in}",
            f"unhurt {unhurt}, ready {[bdev for bdev in range(8) if request.is_ready(bdev)]}",
            f"examines {request.begun_examinations()}",
            f"disk {request.disk}, thread {request.poll_group_thread}, bdevs {request.bdevs}",
        ]

    return Case(name, ask, list(expected))


CASES = [
    case(
        "an addition",
        ADD,
        (6,),
        "family several addition, rival True",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk 2, thread 7, bdevs ()",
        before=(("several", "addition"),),
    ),
    case(
        "a creation",
        CREATE,
        NEW,
        "family several array, rival False",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk 1, thread 2, bdevs (0, 6)",
        before=(("several", "addition"),),
    ),
    case(
        "a poll group",
        GROUP,
        (1, 7),
        "family several poll group 1, rival True",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk 1, thread 2, bdevs ()",
        before=(("several", "poll group", 1),),
    ),
    case(
        "an unknown bdev",
        Rpc.BDEV_RESET,
        (9,),
        "family several bdev_reset, rival False",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk -1, thread 10, bdevs ()",
    ),
    case(
        "disks",
        ADD,
        (6,),
        "family several addition, rival False",
        "value 0, answered in 0",
        "unhurt [2], ready [1, 2, 6]",
        "examines []",
        "disk 2, thread 7, bdevs ()",
        before=(*READY, ("harmed", 1)),
        over=(("harmed", 1), ("ready", 0)),
    ),
    case(
        "disks that came",
        ADD,
        (6,),
        "family several addition, rival False",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk 2, thread 7, bdevs ()",
        after=tuple(READY),
    ),
    case(
        "examined",
        EXAMINE,
        (6,),
        "family several bdev_examine_again, rival False",
        "value 0, answered in 0",
        "unhurt [0, 1, 2], ready [0, 1, 2, 6]",
        "examines [6]",
        "disk 2, thread 7, bdevs ()",
        before=tuple(READY),
    ),
    case(
        "examined, not ready throughout",
        EXAMINE,
        (6,),
        "family several bdev_examine_again, rival False",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk 2, thread 7, bdevs ()",
        after=tuple(READY),
    ),
    case(
        "examined below",
        EXAMINE,
        (2,),
        "family several bdev_examine_again, rival False",
        "value 0, answered in 0",
        "unhurt [0, 1, 2], ready [0, 1, 2, 6]",
        "examines []",
        "disk -1, thread 3, bdevs ()",
        before=tuple(READY),
    ),
    case(
        "examined as a member",
        EXAMINE,
        (6,),
        "family several bdev_examine_again, rival False",
        "value 0, answered in 0",
        "unhurt [0, 1, 2], ready [0, 1, 2, 6]",
        "examines []",
        "disk 2, thread 7, bdevs ()",
        before=(*READY, ("slot", 6)),
    ),
    case(
        "started",
        INIT,
        (0, 1),
        "family several framework_start_init, rival False",
        "value 0, answered in 0",
        "unhurt [0], ready [0]",
        "examines [0, 6]",
        "disk 0, thread 1, bdevs ()",
        before=(READY[0],),
        after=(READY[2],),
    ),
    case(
        "started with a member",
        INIT,
        (0, 1),
        "family several framework_start_init, rival False",
        "value 0, answered in 0",
        "unhurt [], ready []",
        "examines []",
        "disk 0, thread 1, bdevs ()",
        after=(READY[2], ("slot", 6)),
    ),
]
