"""What should have been: each check's promise in a sentence, for the story of a failure that breaks it."""

from __future__ import annotations

from chaos.checkers.finding import Finding

PROMISES = {
    "crash": "The target goes on: no request, fault or order of steps may end it in an assertion or exception.",
    "register": "A read returns what was acknowledged last, or something newer that is still under way.",
    "mirrors": "All members in sync hold the same acknowledged data when a rebuild has ended, and at the end.",
    "recovery": "An array comes back only with members that hold everything that was acknowledged.",
    "copies": "A change is acknowledged only when every member that may be read has it, and the rebuild target has "
    "it too where the rebuild has passed.",
    "superblock": "Superblocks go forward, and none calls a member CONFIGURED that lacks acknowledged data: after a "
    "restart it would be read.",
    "channels": "When an iteration over the array's channels is over, each of them agrees with the array.",
    "quiesce": "No I/O of a host is in flight in blocks that are quiesced.",
    "states": "The array's state, its counters and its rebuild fit together at every moment.",
    "protocol": "Each command is answered once, with a status that it can have.",
    "affinity": "What belongs to a thread is touched on that thread only.",
    "availability": "No I/O fails while a member with all data works, and no member goes without a reason.",
    "liveness": "Everything that was begun finishes once all faults are healed.",
    "references": "When all is over, channels, descriptors, claims and threads are back to where they began.",
}
_DATA = (
    "lost",
    "stale",
    "resurrected",
)  # of these the first op named is the one that should be there


def should_have_been(finding: Finding) -> str:
    """The promise that a finding breaks, and what it means there."""
    promise = PROMISES.get(finding.check, f"The check {finding.check} finds nothing.")
    if finding.check == "register" and finding.kind in _DATA and len(finding.ops) > 1:
        read, newest = finding.ops[-1], finding.ops[0]
        return f"{promise} Op {read} should have got the data of op {newest}."
    return promise
