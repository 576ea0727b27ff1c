"""The promises of successes, each with what keeps it."""

from __future__ import annotations

from types import ModuleType

from msgspec import structs

from chaos.plan.rpcs import Rpc
from chaos.steps.history import Completed, Written
from tests.canaries.cases import Case
from tests.canaries.cases.answer_reasons import (
    ADD,
    ARRAY,
    ATTACH,
    CREATE,
    DELETE,
    GROUP,
    NEW,
    ONLINE,
    READY,
    REMOVE,
    RESET,
    START,
    case,
    request_of,
)
from tests.canaries.cases.facts import WITH

WAIT, GET = Rpc.BDEV_WAIT_FOR_EXAMINE, Rpc.BDEV_RAID_GET_BDEVS
CONFIGURING = ("state", 1)
CREATED, ASSEMBLED = [("raid.created", 0)], ("raid.assembled", 0)
STARTED = ("raid.starting_degraded", 0)


def fields(array=5, configured=5, members=(0, 2)) -> dict[str, object]:
    """Have this superblock on disk 2, the right one on disk 0, and these members."""
    right = Written(1, 0, True, 1, 5, sum(1 << disk for disk in members), False)
    other = Written(1, 2, True, 1, array, configured, False)
    return {"members": members, "superblocks": {0: right, 2: other}}


def unread() -> Case:
    """Answer a wait in step 1, in which an examination has begun."""

    def ask(module: ModuleType) -> list[str]:
        request = request_of(WAIT, (), [READY[0]], [], [], {})
        request.facts.moments.now = 0
        request.examinations.begin(0, 0, Completed(1, 7, 0, 0, []))
        request.facts.moments.now = 2
        request.answered_in = 1
        return [str(module.were_awaited(request))]

    return Case("were_awaited, unread", ask, ["False"])


MISSING = {"members": (0,), "superblocks": {}}
RELEASED = {"released": [0, 6]}

CASES = [
    case("was_registered", ADD, (6,), True, over=[("registered", 2)]),
    case("was_registered", ADD, (6,), False, over=[("registered", 1)]),
    case("was_registered", ADD, (9,), False, over=[("registered", 2)]),
    case("was_registered", ADD, (ARRAY,), True, over=[ONLINE]),
    case("was_registered", ADD, (ARRAY,), False, over=[("registered", 2)]),
    case("was_reset", RESET, (6,), True, came=[("bdev.reset", 6)]),
    case("was_reset", RESET, (6,), False, came=[("bdev.reset", 2)]),
    unread(),
    case("were_awaited", WAIT, (), True),
    case("were_awaited", WAIT, (), False, holds=[("finishing",)]),
    case("were_awaited", WAIT, (), True, over=[("finishing",)]),
    # Creation.
    case("was_created_or_waits", CREATE, NEW, True, holds=READY, came=CREATED),
    case("was_created_or_waits", CREATE, NEW, False, holds=READY),
    case("was_created_or_waits", CREATE, NEW, False, holds=[*READY, CONFIGURING]),
    case("was_created_or_waits", CREATE, NEW, True, holds=[*READY[:2], CONFIGURING]),
    case("was_created_or_waits", CREATE, NEW, False, holds=READY[:2]),
    case(
        "was_created_or_waits", CREATE, NEW, True, holds=[*READY, CONFIGURING], came=[("left", 6)]
    ),
    case("has_superblocks_written", CREATE, NEW, True, holds=READY, came=CREATED, fields=fields()),
    case("has_superblocks_written", CREATE, NEW, False, holds=READY, came=CREATED, fields=MISSING),
    case("has_superblocks_written", CREATE, NEW, True, holds=READY, fields=MISSING),
    case("has_superblocks_written", CREATE, NEW, True, came=CREATED, fields=MISSING),
    case(
        "has_superblocks_written",
        CREATE,
        (0, *NEW[1:]),
        True,
        holds=READY,
        came=CREATED,
        fields=MISSING,
    ),
    case(
        "has_superblocks_written",
        CREATE,
        NEW,
        False,
        holds=READY,
        came=CREATED,
        fields=fields(array=4),
    ),
    case(
        "has_superblocks_written",
        CREATE,
        NEW,
        False,
        holds=READY,
        came=CREATED,
        fields=fields(configured=1),
    ),
    case(
        "has_superblocks_written",
        CREATE,
        NEW,
        True,
        holds=READY[:2],
        came=CREATED,
        fields=fields(configured=1),
    ),
    # Start and deletion.
    case("was_started", START, (0,), True, came=[STARTED, ASSEMBLED]),
    case("was_started", START, (0,), True, came=[STARTED, ("left",)]),
    case("was_started", START, (0,), False, came=[STARTED]),
    case("was_started", START, (0,), False, came=[ASSEMBLED]),
    case("was_deleted", DELETE, (0,), True, came=[("raid.deleted", 0)]),
    case("was_deleted", DELETE, (0,), False, came=[("raid.created", 0)]),
    case("was_wiped", DELETE, (1,), True, holds=READY, fields=RELEASED),
    case("was_wiped", DELETE, (1,), False, holds=[*READY, ("superblock", 2)], fields=RELEASED),
    case("was_wiped", DELETE, (1,), True, holds=READY, over=[("superblock", 2)], fields=RELEASED),
    case("was_wiped", DELETE, (1,), True, holds=[("superblock", 2)], fields=RELEASED),
    case("was_wiped", DELETE, (1,), True, holds=[*READY, ("superblock", 1)], fields=RELEASED),
    case("was_wiped", DELETE, (0,), True, holds=[*READY, ("superblock", 2)], fields=RELEASED),
    case(
        "was_wiped",
        DELETE,
        (1,),
        True,
        holds=[*READY, ("superblock", 2)],
        fields={**RELEASED, "plan": structs.replace(WITH, superblock=False)},
    ),
    # Members.
    case("was_added", ADD, (6,), True, came=[("rebuild.started", 2)]),
    case("was_added", ADD, (6,), False, came=[("rebuild.started", 1)]),
    case("was_added", ADD, (6,), True, over=[CONFIGURING], holds=[("slot", 6)]),
    case("was_added", ADD, (6,), False, over=[CONFIGURING], holds=[("slot", 5)]),
    case("was_added", ADD, (6,), False, holds=[("slot", 6)]),
    case("was_removed", REMOVE, (6,), True, came=[("left", 6)]),
    case("was_removed", REMOVE, (6,), False, came=[("left", 0)]),
    case("was_removed", REMOVE, (6,), True, holds=[("state", 3)]),
    case("had_members", GET, (), True, over=[("members", 65)], value=65),
    case("had_members", GET, (), False, over=[("members", 65)], value=1),
    # The NVMe-oF target.
    case("was_attached", ATTACH, (1,), True, came=[("nvmf.namespace_attached", 1)]),
    case("was_attached", ATTACH, (1,), False, came=[("nvmf.namespace_attached", 2)]),
    case("was_detached", ATTACH, (1,), True, came=[("nvmf.namespace_detached", 1)]),
    case("was_detached", ATTACH, (1,), False, came=[("nvmf.namespace_detached", 2)]),
    case("was_group_created", GROUP, (1,), True, came=[("nvmf.poll_group_created", 2)]),
    case("was_group_created", GROUP, (1,), False, came=[("nvmf.poll_group_created", 1)]),
    case("was_group_destroyed", GROUP, (1,), True, came=[("nvmf.poll_group_destroyed", 2)]),
    case("was_group_destroyed", GROUP, (1,), False, came=[("nvmf.poll_group_destroyed", 1)]),
]

EQUIVALENT = {"was_wiped: 0: 0 is -1": "a deletion has one argument"}
