"""After the last host has left, references return to the baseline (C7)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.members import members_in_sync
from chaos.run.execution import Execution

SHOWN_MAX = 6
STACKED = ("error", "delay", "passthru", "split")
ARRAY = "raid0"
OF_DISKS = ("disk", "media of disk")


def check_references(execution: Execution) -> list[Finding]:
    """Report what is alive beyond an idle target, which has a poll group per reactor and a claimed disk per member."""
    if execution.crash is not None or not execution.settled:
        return []
    members = len(members_in_sync(execution.history))
    plan = execution.plan
    if plan.target is None:
        odd = [row for row in execution.census if not _belongs(row)]
    else:
        of_array = 1 + plan.layout.array_passthru
        odd = [row for row in execution.census if not _belongs_outside(row, of_array)]
    claims = sum(
        count for kind, owner, count in execution.census if kind == "claim" and _is_raid(owner)
    )
    if claims != members:
        odd.append(("claim", f"for {members} members", claims))
    if not odd:
        return []
    shown = "; ".join(f"{count} {kind} {owner}" for kind, owner, count in odd[:SHOWN_MAX])
    return [
        Finding(
            check="references",
            kind="leak",
            shape="+".join(sorted({kind for kind, _, _ in odd})),
            summary=f"left over after the last host has left: {shown}",
            step=execution.steps,
            verdict=Verdict.INVALID,
        )
    ]


def _belongs(row: tuple[str, str, int]) -> bool:
    kind, owner, count = row
    match kind:
        case "thread":
            return owner == "app_thread" or owner.startswith("nvmf_tgt_poll_group_")
        case "channel":
            return count == 1 and (owner.startswith("nvmf target on ") or _is_of_app(owner))
        case "descriptor" | "claim":
            return _is_raid(owner) or owner.startswith(STACKED)
        case _:
            return False


def _belongs_outside(row: tuple[str, str, int], of_array: int) -> bool:
    """Return whether a target in C has this when it is idle: what it keeps for itself, on the app thread, is its own matter.

    ``of_array``: the descriptors of the array, its own and that of a bdev that stands on it.
    """
    kind, owner, count = row
    match kind:
        case "thread":
            return owner == "app_thread" or "poll_group" in owner
        case "channel":
            return not owner.startswith(f"{ARRAY} ") and (
                owner.endswith(" on app_thread") or not owner.startswith(OF_DISKS)
            )
        case "descriptor":
            return count == (of_array if owner == ARRAY else 1)
        case "claim":
            return _is_raid(owner) or owner.startswith(STACKED)
        case _:
            return False


def _is_raid(owner: str) -> bool:
    return owner.startswith("raid0 of ")


def _is_of_app(owner: str) -> bool:
    """Return whether it is a channel of the app thread to a member, or to a bdev below it."""
    return owner.endswith(" on app_thread") and owner.startswith(("disk", *STACKED))
