"""Two findings compared: a hang may consist of less, but not without the RPC that the operator sees hanging."""

import msgspec
import pytest

from chaos.checkers import Finding, Verdict
from chaos.judging.same_failure import overlaps, same_failure, wanted_first

REMOVE = "bdev_raid_remove_base_bdev"


def finding(shape, check="liveness", kind="stuck"):
    return Finding(
        check=check, kind=kind, shape=shape, summary="", step=1, verdict=Verdict.LIVENESS
    )


@pytest.mark.parametrize(
    ("goal", "found", "same", "overlapping"),
    [
        ("read+rebuild+write", "rebuild", True, True),
        ("read+rebuild", "rebuild+write", False, True),
        (f"{REMOVE}+rebuild+write", "rebuild", False, False),
        (f"{REMOVE}+rebuild+write", f"{REMOVE}+rebuild", True, True),
        (f"{REMOVE}+rebuild", f"{REMOVE}+write", False, True),
        # An RPC that is sent again and again hangs, too.
        (f"members-missing+repeated-{REMOVE}", "members-missing", False, False),
        (f"rebuild+repeated-{REMOVE}", f"{REMOVE}+rebuild", False, True),
        (f"bdev_raid_add_base_bdev+{REMOVE}", REMOVE, True, True),
    ],
)
def test_hang_of_less_is_the_same_while_its_rpc_hangs(goal, found, same, overlapping):
    assert same_failure(finding(goal), finding(found)) is same
    assert overlaps(finding(goal), finding(found)) is overlapping


def test_finding_of_a_run_that_was_cut_comes_before_those_that_follow_it():
    quiesce, copies = finding("write", "quiesce"), finding("write", "copies")
    later = msgspec.structs.replace(copies, step=2)
    assert wanted_first([later, quiesce], quiesce.signature) == [quiesce, later]
    # One at the same step or before it is the failure.
    assert wanted_first([copies, quiesce], quiesce.signature) == [copies, quiesce]
    assert wanted_first([later], quiesce.signature) == [later]


def test_other_failures_are_compared_as_a_whole():
    assert same_failure(finding("read", "register"), finding("read", "register"))
    assert not same_failure(finding("read+write", "register"), finding("read", "register"))
    assert not overlaps(finding("read", "register"), finding("read", "register"))
    assert same_failure(finding("channels+threads", "references"), finding("threads", "references"))
    assert not same_failure(finding("read"), finding("read", kind="late"))
