"""The declared differences between the engine and SPDK: what each does, why, and how such a step is recognised.

A recorded scenario that differs otherwise is a failure. So is a row that no longer differs in one of its scenarios.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from chaos.conforming.mistakes import ARRAY
from chaos.conforming.scenario import CRASH, HANG, NOT_PLAYED, BaseBdev, Setup, State, Status, Step
from workers.errors import EIO, EPERM, OK

FAILED = Status(sct=0, sc=6, dnr=False)  # internal device error
SUCCESS = Status(sct=0, sc=0, dnr=False)
PLUGS = ("plug", "replug")
ANSWERS = ("code", "status", "data", "members")
COUNTS = ("num_base_bdevs_discovered", "num_base_bdevs_operational", "process_target")


class Case(msgspec.Struct, frozen=True):
    """A step with SPDK's answers and the engine's, and the state in which both were."""

    setup: Setup
    before: State | None
    step: Step
    got: Step

    @property
    def state(self) -> str | None:
        """SPDK's state of the array before the step."""
        return None if self.before is None else self.before.state


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """One difference; ``scenarios`` are recorded ones that show it."""

    topic: str
    spdk: str
    function: str  # of SPDK
    engine: str
    why: str
    is_spdk_wrong: bool
    scenarios: tuple[str, ...]
    holds: Callable[[Case], bool]
    defect: str = ""  # the built-in one that does as SPDK does


def topic_of(case: Case) -> Declared | None:
    """Return the declared difference that a step shows, if it shows one; an engine that comes to its end shows none."""
    if case.got.code in (CRASH, HANG, NOT_PLAYED):
        return None
    return next((row for row in DECLARED if row.holds(case)), None)


# The conditions. Each looks at one step.


def _changed(case: Case) -> list[tuple[BaseBdev, BaseBdev]] | None:
    """Return the slots that differ in an array that is online on both sides; None: something else differs as well."""
    theirs, ours = case.step.state, case.got.state
    if not (isinstance(theirs, State) and isinstance(ours, State)):
        return None
    slots, others = theirs.base_bdevs_list, ours.base_bdevs_list
    if slots is UNSET or others is UNSET or len(slots) != len(others):
        return None
    # The numbers of members, and which of them is being rebuilt, follow from the slots.
    follows = {name: getattr(theirs, name) for name in (*COUNTS, "base_bdevs_list")}
    is_online = theirs.state == "online"
    is_rest_equal = all(getattr(case.step, name) == getattr(case.got, name) for name in ANSWERS)
    if not (is_online and is_rest_equal and msgspec.structs.replace(ours, **follows) == theirs):
        return None
    return [pair for pair in zip(slots, others, strict=True) if pair[0] != pair[1]]


def _takes_members_back(case: Case) -> bool:
    """Return whether the engine has members in slots that SPDK left empty.

    A data offset in an empty slot shows that SPDK has just made the array of a superblock.
    """
    changed = _changed(case) if case.setup.superblock else None
    if changed is None:
        return False
    theirs = case.step.state
    assert isinstance(theirs, State), "slots are those of a state"
    taken = [
        (a.data_offset or a.uuid) and b.is_configured and not a.is_configured for a, b in changed
    ]
    # One member is rebuilt at a time: while the engine has that one, SPDK may be at one that the engine will come to.
    later = [a.name == theirs.process_target and not b.is_configured for a, b in changed]
    return any(taken) and all(one or other for one, other in zip(taken, later, strict=True))


def _reads_again(case: Case) -> bool:
    is_read = case.step.operation == "io" and case.step.do[1] == "read"
    if not (is_read and case.step.status == FAILED and case.got.status == SUCCESS):
        return False
    return case.before is None or case.got.state == case.before


def _lacks(case: Case) -> list[str | None]:
    """Return the members that only SPDK has, after a step that may rebuild one over error bdevs; nothing else differs."""
    can_rebuild = case.step.operation in ("add", "settle", *PLUGS) and case.setup.error_bdevs
    changed = _changed(case) if can_rebuild and case.step.code == OK else None
    is_lacking = all(a.is_configured and not b.is_configured for a, b in changed or ())
    return [a.name for a, _ in changed or ()] if is_lacking else []


def _fails_the_last_flush(case: Case) -> bool:
    lacking = _lacks(case)
    is_named = bool(lacking) and case.step.operation != "settle"
    return is_named and lacking == [f"disk{case.step.do[1]}"]


def _fails_for_its_superblock(case: Case) -> bool:
    return case.setup.superblock and len(_lacks(case)) == 1 and not _fails_the_last_flush(case)


def _is_pair(case: Case, *names: str) -> bool:
    operation, *asked = case.step.do
    return operation == "both" and [one[0] for one in asked] == list(names)


def _pair_crashes(*names: str) -> Callable[[Case], bool]:
    def holds(case: Case) -> bool:
        is_better = case.step.code == CRASH and case.got.code == [OK, OK]
        return is_better and _is_pair(case, *names)

    return holds


def _adds_the_array(case: Case) -> bool:
    return case.step.do == ["add", ARRAY] and case.step.code == CRASH and case.got.code == EPERM


def _adds_two(case: Case) -> bool:
    is_better = case.step.code == [OK, OK] and case.got.code == [OK, EPERM]
    return is_better and _is_pair(case, "add", "add")


def _comes_back_during_rebuild(case: Case) -> bool:
    is_plug = case.step.operation in PLUGS
    is_rebuilding = case.before is not None and isinstance(case.before.process_target, str)
    return is_plug and is_rebuilding and case.step.code == CRASH and case.got.code == OK


def _is_unwritten(case: Case) -> bool:
    """Return whether both last members are removed at once, or one comes back after that."""
    theirs = case.step.state
    is_pair = _is_pair(case, "remove", "remove") or _is_pair(case, "remove", "delete")
    is_removal = is_pair and case.step.code == [OK, OK]
    if is_removal and case.setup.superblock and isinstance(theirs, State):
        return theirs.state is None and case.got.code == [OK, OK] and case.got.state == theirs
    return (
        case.step.operation in PLUGS
        and case.step.spdk_is_wrong is not UNSET
        and case.step.code == case.got.code == OK
        and isinstance(case.got.state, State)
        and case.got.state.state == "online"
    )


def _adds_blank_to_waiting(case: Case) -> bool:
    is_waiting = case.step.operation == "add" and case.state == "configuring"
    return is_waiting and case.step.code == OK and case.got.code == EPERM


def _keeps_the_last_member(case: Case) -> bool:
    theirs, ours = case.step.state, case.got.state
    return (
        case.step.operation in ("io", "add", "settle", *PLUGS)
        and isinstance(theirs, State)
        and isinstance(ours, State)
        and case.state == "online"
        and theirs.state is None
        and ours.state == "online"
        and case.got.status in (FAILED, UNSET)
    )


def _removes_beside_failed_superblock(case: Case) -> bool:
    is_removal = case.step.operation == "remove" and case.state == "online"
    return is_removal and case.step.code == EIO and case.got.code == OK


def _grows_while_waiting(case: Case) -> bool:
    is_waiting = case.step.operation == "grow" and case.state == "configuring"
    return is_waiting and case.step.code == CRASH and case.got.code == OK


DECLARED = (
    Declared(
        topic="stale-member-first",
        spdk="A former member that is there before the disk with the newer superblock stays out until it is plugged in again.",
        function="raid_bdev_examine_others",
        engine="It is rebuilt as soon as the array is online.",
        why="SPDK skips slots with a null UUID. Redundancy that is there should come back without an operator.",
        is_spdk_wrong=False,
        scenarios=("as_degraded_stale_first", "as_stale_alone", "sb_rb_delete", "sb_remove_last"),
        defect="stale-member-left-out",
        holds=_takes_members_back,
    ),
    Declared(
        topic="second-try-of-reads",
        spdk="A read that failed once on each member fails, and the first of them is removed.",
        function="raid1_read_bdev_io_completion",
        engine="Each member gets a second try before the read fails, and a read alone never fails a member.",
        why="An error that passes should cost neither the data nor the redundancy.",
        is_spdk_wrong=False,
        scenarios=("err_read_both_once", "err_read_last"),
        holds=_reads_again,
    ),
    Declared(
        topic="flush-at-the-end-of-a-rebuild",
        spdk="A rebuild ends without a flush of its target.",
        function="raid_bdev_process_finish_write_sb",
        engine="The target is flushed before the superblocks call it CONFIGURED; if that fails, the rebuild has failed.",
        why="What a superblock calls CONFIGURED must be on the medium.",
        is_spdk_wrong=False,
        scenarios=("err_flush_at_rebuild_end",),
        holds=_fails_the_last_flush,
    ),
    Declared(
        topic="failed-superblock-after-a-rebuild",
        spdk="A member whose superblock can't be written at the end of a rebuild stays, with an older superblock.",
        function="raid_bdev_process_finish_write_sb_cb",
        engine="It fails, and the others' superblocks say so.",
        why="A restart might take the older superblock for the array's.",
        is_spdk_wrong=False,
        scenarios=("err_sb_at_rebuild_end",),
        holds=_fails_for_its_superblock,
    ),
    Declared(
        topic="deleted-before-created",
        spdk="A deletion before the creation is answered ends the target in an assertion.",
        function="raid_bdev_delete",
        engine="The deletion waits for the creation; both succeed.",
        why="No request may end the target.",
        is_spdk_wrong=True,
        scenarios=("create_and_delete_at_once", "sb_create_delete_at_once"),
        holds=_pair_crashes("create", "delete"),
    ),
    Declared(
        topic="array-as-its-own-member",
        spdk="The array is accepted as its own member, and the rebuild crashes.",
        function="raid_bdev_add_base_bdev",
        engine="It is refused with EPERM.",
        why="No request may end the target.",
        is_spdk_wrong=True,
        scenarios=("add_itself",),
        defect="array-becomes-its-own-member",
        holds=_adds_the_array,
    ),
    Declared(
        topic="two-additions-at-once",
        spdk="Both start a rebuild. The second replaces the first, whose target counts as in sync.",
        function="raid_bdev_add_base_bdev",
        engine="The second is refused with EPERM.",
        why="A member in sync must have all acknowledged data.",
        is_spdk_wrong=True,
        scenarios=("add_twice_at_once",),
        defect="second-rebuild-while-first",
        holds=_adds_two,
    ),
    Declared(
        topic="last-members-removed-at-once",
        spdk="Two removals at once, or one and a deletion, write the superblock to no disk: all come back as in sync.",
        function="raid_bdev_remove_base_bdev_on_quiesced",
        engine="The last one's superblock lists the other as missing, so that one is rebuilt.",
        why="A member in sync must have all acknowledged data.",
        is_spdk_wrong=True,
        scenarios=("sb_remove_both_at_once",),
        defect="both-removed-superblock-skipped",
        holds=_is_unwritten,
    ),
    Declared(
        topic="former-member-in-a-rebuild",
        spdk="It ends the target in an assertion.",
        function="raid_bdev_examine_sb",
        engine="It is rebuilt after the rebuild that runs, if its slot is still free.",
        why="No disk that is plugged in may end the target.",
        is_spdk_wrong=True,
        scenarios=("sb_old_returns_during_replacement", "sb_three_way_two_return_slow"),
        defect="return-during-rebuild-crash",
        holds=_comes_back_during_rebuild,
    ),
    Declared(
        topic="target-removed-and-array-deleted",
        spdk="Both at once end the target in an assertion about a range that is still locked.",
        function="raid_bdev_event_cb",
        engine="Both succeed.",
        why="No request may end the target.",
        is_spdk_wrong=True,
        scenarios=("rb_remove_and_delete",),
        defect="unregister-while-rebuilding",
        holds=_pair_crashes("remove", "delete"),
    ),
    Declared(
        topic="blank-disk-in-a-waiting-array",
        spdk="It is taken as in sync, without a rebuild: acknowledged data reads as zeros.",
        function="raid_bdev_add_base_bdev",
        engine="It is refused with EPERM. Once the array is online, it can be added and is rebuilt.",
        why="A member in sync must have all acknowledged data.",
        is_spdk_wrong=True,
        scenarios=("as_blanked", "as_blanked_data", "waiting_add_blank_data"),
        defect="blank-disk-joins-waiting-array",
        holds=_adds_blank_to_waiting,
    ),
    Declared(
        topic="last-member-fails",
        spdk="The last member is removed, and with it the array and its namespace.",
        function="_raid_bdev_fail_base_bdev",
        engine="The request fails, and the last member with all data stays.",
        why="Acknowledged data must stay in reach.",
        is_spdk_wrong=True,
        scenarios=("err_write_both", "err_write_last", "err_rebuild_source_read"),
        defect="last-member-given-up",
        holds=_keeps_the_last_member,
    ),
    Declared(
        topic="failed-superblock-at-a-removal",
        spdk="The array stays quiesced: it looks whole, and its I/O never completes.",
        function="raid_bdev_remove_base_bdev_write_sb_cb",
        engine="A member whose superblock can't be written fails, too; the removal succeeds if another one's could.",
        why="I/O must complete.",
        is_spdk_wrong=True,
        scenarios=("err_sb_at_removal",),
        defect="superblock-failure-leaves-quiesced",
        holds=_removes_beside_failed_superblock,
    ),
    Declared(
        topic="resize-of-a-waiting-array",
        spdk="A disk that grows while its array waits for other members ends the target in an assertion.",
        function="raid_bdev_resize_base_bdev",
        engine="The array takes its size from its superblock when it comes online.",
        why="No disk may end the target.",
        is_spdk_wrong=True,
        scenarios=("waiting_grow",),
        holds=_grows_while_waiting,
    ),
)
