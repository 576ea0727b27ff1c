"""The reasons for errors, each with what decides it."""

from __future__ import annotations

from types import ModuleType

from msgspec import structs

from chaos.checkers.examinations import Examinations
from chaos.checkers.moments import Fact
from chaos.checkers.request import Request
from chaos.checkers.target_facts import TargetFacts
from chaos.plan.plan import Plan
from chaos.plan.rpcs import Rpc
from chaos.steps.history import Written
from chaos.steps.schedule import Operate
from tests.canaries.cases import Case
from tests.canaries.cases.facts import WITH
from tests.stories import Story

ADD, REMOVE = Rpc.BDEV_RAID_ADD_BASE_BDEV, Rpc.BDEV_RAID_REMOVE_BASE_BDEV
CREATE, DELETE = Rpc.BDEV_RAID_CREATE, Rpc.BDEV_RAID_DELETE
START, RESET = Rpc.BDEV_RAID_START_DEGRADED, Rpc.BDEV_RESET
LATENCY = Rpc.BDEV_DELAY_UPDATE_LATENCY
LISTEN, UNLISTEN = Rpc.NVMF_SUBSYSTEM_ADD_LISTENER, Rpc.NVMF_SUBSYSTEM_REMOVE_LISTENER
ATTACH, GROUP = Rpc.NVMF_SUBSYSTEM_ADD_NS, Rpc.NVMF_CREATE_POLL_GROUP
ABSENT, ASSEMBLING, OFFLINE, ONLINE = (
    ("state", 0),
    ("assembling",),
    ("state", 3),
    ("state", 2),
)
CONFIGURING = ("state", 1)
SOURCE, FREE = ("source",), ("free slot",)
READY = [("ready", disk) for disk in range(3)]
# Its array has two partitions.
DIVIDED = structs.replace(WITH, layout=structs.replace(WITH.layout, namespaces=2))
ARRAY, CHANGES = 3, {"sizes_differ": True}
NEW = (1, 5, 0, 6)  # with superblock, array 5, of disks 0 and 2


def request_of(
    method: Rpc,
    args: tuple[int, ...],
    holds: list[Fact],
    over: list[Fact],
    came: list[Fact],
    fields: dict[str, object],
    plan: Plan = WITH,
) -> Request:
    """Send a request when the facts of ``holds`` and ``over`` hold; the latter end meanwhile, and those of ``came`` come."""
    facts = TargetFacts(plan)
    moments = facts.moments
    moments.clear()
    for fact in (*holds, *over):
        moments.begin(fact)
    examinations = Examinations(Story(WITH).execution(), facts)
    request = Request(Operate(1, method, args), 1, facts, examinations)
    moments.now = 2
    for fact in over:
        moments.end(fact)
    for fact in came:
        moments.mark(fact)
    for field, value in fields.items():
        setattr(facts, field, value)
    return request


def case(
    function: str,
    method: Rpc,
    args: tuple[int, ...],
    expected: bool,
    *,
    holds: list[Fact] | None = None,
    over: list[Fact] | None = None,
    came: list[Fact] | None = None,
    fields: dict[str, object] | None = None,
    value: int = 0,
    plan: Plan = WITH,
) -> Case:
    """Expected is what the function says about such a request."""

    def ask(module: ModuleType) -> list[str]:
        request = request_of(method, args, holds or [], over or [], came or [], fields or {}, plan)
        request.value = value
        return [str(bool(getattr(module, function)(request)))]

    name = (
        f"{function} {args}, {holds}, {over}, {came}, {fields}, {value}, {plan.layout.namespaces}"
    )
    return Case(name, ask, [str(expected)])


def kept(*, array: int, blank: bool = False) -> dict[str, object]:
    """Have a superblock on disk 0."""
    return {"superblocks": {0: Written(1, 0, True, 1, array, 1, blank)}}


CASES = [
    case("is_absent", ADD, (6,), False, holds=[("ready", 2)]),
    case("is_absent", ADD, (6,), True, over=[("ready", 2)]),
    case("is_absent", ADD, (9,), True, holds=READY),
    case("has_failed_channel", ADD, (6,), True, came=[("disk.channel_failed", 2)]),
    case("has_failed_channel", ADD, (6,), False, came=[("disk.channel_failed", 1)]),
    case("has_failed_superblock", REMOVE, (6,), True, came=[("raid.superblock_ended", -5)]),
    case("has_failed_superblock", REMOVE, (6,), False, came=[("raid.superblock_ended", 0)]),
    case("has_failed_superblock", REMOVE, (6,), False, holds=[*READY, ("slot", 0)]),
    case("has_failed_superblock", REMOVE, (6,), True, holds=[*READY[1:], ("slot", 0)]),
    case(
        "has_failed_superblock",
        REMOVE,
        (6,),
        True,
        holds=[*READY, ("slot", 0)],
        came=[("harmed", 0)],
    ),
    case(
        "has_failed_superblock",
        REMOVE,
        (6,),
        False,
        holds=[*READY, ("slot", 0)],
        came=[("harmed", 1)],
    ),
    # Resets.
    case("is_any_absent", RESET, (6,), False, holds=[("ready", 2)]),
    case("is_any_absent", RESET, (6,), True, over=[("ready", 2)]),
    case("is_any_absent", RESET, (6,), False, holds=[("ready", 2), ("slot", 0)]),
    case("is_any_absent", RESET, (ARRAY,), False, holds=[ONLINE]),
    case("is_any_absent", RESET, (ARRAY,), True, over=[ONLINE]),
    case("is_any_absent", RESET, (ARRAY,), True, holds=[ONLINE, ("slot", 0)]),
    case("is_any_absent", RESET, (ARRAY,), False, holds=[ONLINE, ("slot", 0), ("ready", 0)]),
    case("has_any_failed_channel", RESET, (ARRAY,), True, came=[("disk.channel_failed", 2)]),
    case("has_any_failed_channel", RESET, (ARRAY,), False),
    case("is_negative", LATENCY, (9, -1), True),
    case("is_negative", LATENCY, (9, 0), False),
    case("is_negative", LATENCY, (-1, 1), False),
    # Creation, start and deletion.
    case("has_array_or_superblock", CREATE, NEW, False, holds=[ABSENT]),
    case("has_array_or_superblock", CREATE, NEW, True, over=[ABSENT]),
    case("has_array_or_superblock", CREATE, NEW, True, holds=[ABSENT, ("superblock", 2)]),
    case("has_array_or_superblock", CREATE, NEW, False, holds=[ABSENT, ("superblock", 1)]),
    case("has_wrong_number_or_sizes", CREATE, NEW, False),
    case("has_wrong_number_or_sizes", CREATE, NEW, True, fields=CHANGES),
    case("has_wrong_number_or_sizes", CREATE, (1, 5, 0), True),
    case("has_wrong_number_or_sizes", CREATE, (1, 5, *range(8)), False),
    case("has_wrong_number_or_sizes", CREATE, (1, 5, *range(9)), True),
    case("has_claimed_bdev", CREATE, NEW, False),
    case("has_claimed_bdev", CREATE, (1, 5, 6, 6), True),
    case("has_claimed_bdev", CREATE, (1, 5, 0, 2), True),
    case("has_hurt_disk", CREATE, NEW, False, holds=READY),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY[:2]),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY, came=[("harmed", 2)]),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY, came=[("raid.superblock_ended", -5)]),
    # Disk 0 has the superblock of the array that wasn't created, and disk 2 is hurt; then another one's, or a wiped one.
    case("has_hurt_disk", CREATE, NEW, False, holds=READY[:2], fields=kept(array=5)),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY[:2], fields=kept(array=0)),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY[:2], fields=kept(array=1)),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY[:2], fields=kept(array=5, blank=True)),
    case("has_hurt_disk", CREATE, NEW, True, holds=READY[1:], fields=kept(array=5)),
    case("has_failed_member_channel", CREATE, NEW, True, came=[("disk.channel_failed", 2)]),
    case("has_failed_member_channel", CREATE, NEW, False, came=[("disk.channel_failed", 1)]),
    case("can_not_start", START, (0,), False, holds=[ASSEMBLING]),
    case("can_not_start", START, (0,), True, over=[ASSEMBLING]),
    case("can_not_start", START, (0,), True, holds=[ASSEMBLING], over=[("writing",)]),
    case("can_not_start", START, (0,), True, holds=[ASSEMBLING], over=[("several", "array")]),
    case("is_no_member", START, (6,), False, holds=[("slot", 6)]),
    case("is_no_member", START, (6,), True, over=[("slot", 6)]),
    case("have_sizes_differed", START, (0,), True, fields=CHANGES),
    case("have_sizes_differed", START, (0,), False),
    case("has_no_array", DELETE, (0,), True, over=[ABSENT]),
    case("has_no_array", DELETE, (0,), True, holds=[OFFLINE]),
    case("has_no_array", DELETE, (0,), False, over=[ONLINE]),
    case("has_twin", DELETE, (0,), True, over=[("twin", "bdev_raid_delete")]),
    case(
        "has_twin", DELETE, (0,), False, over=[("several", "array"), ("twin", "bdev_raid_create")]
    ),
    # Members.
    case("has_no_way_to_add", ADD, (6,), False, holds=[ONLINE, SOURCE, *READY]),
    case("has_no_way_to_add", ADD, (6,), True, holds=[SOURCE, *READY], over=[ONLINE]),
    case("has_no_way_to_add", ADD, (6,), True, holds=[ONLINE, *READY], over=[SOURCE]),
    case("has_no_way_to_add", ADD, (6,), True, holds=[ONLINE, SOURCE, *READY[:2]]),
    case("is_held_up", ADD, (6,), False),
    case("is_held_up", ADD, (6,), True, over=[("rebuild",)]),
    case("is_held_up", ADD, (6,), True, over=[CONFIGURING]),
    case("is_held_up", ADD, (6,), True, over=[("several", "addition")]),
    case("is_held_up", ADD, (6,), True, fields=CHANGES),
    case("is_held_up", ADD, (6,), True, over=[("slot", 6)]),
    case("is_held_up", ADD, (2,), True),
    case("has_no_room", ADD, (6,), False, holds=[FREE]),
    case("has_no_room", ADD, (6,), True, over=[FREE]),
    case("has_no_room", ADD, (6,), True, holds=[FREE], came=[("raid.member_too_small", 6)]),
    case("has_no_room", ADD, (6,), True, holds=[FREE], over=[("superblock", 2)]),
    case("has_no_room", ADD, (6,), False, holds=[FREE], over=[("superblock", 1)]),
    case("has_no_room", ADD, (6,), True, holds=[FREE], over=[CONFIGURING]),
    case("has_newer_superblock", ADD, (6,), True, over=[("newer superblock", 2)]),
    case("has_newer_superblock", ADD, (6,), False, holds=[("superblock", 2)]),
    case("has_other_superblock", ADD, (6,), True, over=[("other superblock", 2)]),
    case("has_other_superblock", ADD, (6,), False, holds=[("superblock", 2)]),
    case("is_hurt", ADD, (6,), False, holds=READY),
    case("is_hurt", ADD, (6,), True, holds=READY, came=[("harmed", 2)]),
    case("is_not_removable", REMOVE, (6,), False, holds=[("removable", 6)]),
    case("is_not_removable", REMOVE, (6,), True, over=[("removable", 6)]),
    case("was_absent", Rpc.BDEV_RAID_GET_BDEVS, (), True, over=[ABSENT]),
    case("was_absent", Rpc.BDEV_RAID_GET_BDEVS, (), False, holds=[ONLINE]),
    # The NVMe-oF target.
    case("is_no_namespace", ATTACH, (0,), True),
    case("is_no_namespace", ATTACH, (1,), False),
    case("is_no_namespace", ATTACH, (4,), False),
    case("is_no_namespace", ATTACH, (5,), True),
    case("was_attached_before", ATTACH, (1,), True, over=[("attached", 1)]),
    case("was_attached_before", ATTACH, (1,), False, over=[("attached", 2)]),
    case("has_listener", LISTEN, (2,), True, over=[("listener", 2)]),
    case("has_listener", LISTEN, (2,), False, over=[("listener", 1)]),
    case("lacks_listener", UNLISTEN, (2,), True, over=[("listener", 2)]),
    case("lacks_listener", UNLISTEN, (2,), False, holds=[("listener", 2)]),
    case("is_not_online", ATTACH, (1,), True, over=[ONLINE]),
    case("is_not_online", ATTACH, (1,), False, holds=[ONLINE]),
    case("can_not_be_attached", ATTACH, (1,), True, over=[ONLINE]),
    case("can_not_be_attached", ATTACH, (2,), False, holds=[ONLINE]),
    case("can_not_be_attached", ATTACH, (2,), False, holds=[ONLINE], plan=DIVIDED),
    case("can_not_be_attached", ATTACH, (3,), True, holds=[ONLINE], plan=DIVIDED),
    case("is_detached", ATTACH, (1,), True, over=[("attached", 1)]),
    case("is_detached", ATTACH, (1,), False, holds=[("attached", 1)]),
    case("is_no_reactor", GROUP, (-1,), True),
    case("is_no_reactor", GROUP, (0,), False),
    case("is_no_reactor", GROUP, (1,), False),
    case("is_no_reactor", GROUP, (2,), True),
    case("has_group", GROUP, (1,), True, over=[("group", 2)]),
    case("has_group", GROUP, (1,), True, over=[("several", "poll group", 1)]),
    case("has_group", GROUP, (1,), False, over=[("several", "poll group", 0), ("group", 1)]),
    case("has_no_group", GROUP, (1,), True, over=[("group", 2)]),
    case("has_no_group", GROUP, (1,), False, holds=[("group", 2)]),
    case("is_changing_group", GROUP, (1,), True, over=[("several", "poll group", 1)]),
    case("is_changing_group", GROUP, (1,), False, over=[("group", 2)]),
]
