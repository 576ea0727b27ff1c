"""After the last host has gone, references return to the baseline (C7)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.mirrors import members_in_sync
from chaos.controller import Execution

SHOWN_MAX = 6


def check_references(execution: Execution) -> list[Finding]:
    """Whatever is alive beyond an idle target: a poll group a reactor, and an open, claimed disk a member."""
    if execution.crash is not None or not execution.settled:
        return []
    members = len(members_in_sync(execution))
    odd = [row for row in execution.census if not _belongs(row)]
    claims = sum(count for kind, _, count in execution.census if kind == "claim")
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
            summary=f"left over after the last host has gone: {shown}",
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
            return owner.startswith("nvmf target on ") and count == 1
        case "descriptor" | "claim":
            return owner.startswith("raid0 of ")
        case _:
            return False
