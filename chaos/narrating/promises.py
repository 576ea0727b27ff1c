"""The promise that a failure breaks, and the consequence: a sentence each, for the story."""

from __future__ import annotations

from chaos.checkers.finding import Finding

PROMISES = {
    "crash": "The target keeps running: no request, fault or order of steps may end it in an assertion or exception.",
    "register": "A read returns the data that was acknowledged last, or newer data that is still in flight.",
    "mirrors": "All members in sync hold the same acknowledged data when a rebuild has ended, and at the end.",
    "recovery": "An array is assembled only from members that hold all acknowledged data.",
    "copies": "A change is acknowledged only when every member that may be read has it, and the rebuild target has "
    "it too where the rebuild has passed.",
    "order": "Changes of a block that are in flight together come to all members in the same order.",
    "superblock": "Superblocks go forward, and none calls a member CONFIGURED that lacks acknowledged data: after a "
    "restart it would be read.",
    "sizes": "A host learns a size only when the superblocks have it, so that a restart doesn't take it back.",
    "self_healing": "A disk with a known superblock that comes back is taken in and rebuilt without an RPC, and an array "
    "comes up when all its members are there.",
    "channels": "When an iteration over the array's channels is over, each of them agrees with the array.",
    "quiesce": "No I/O of a host is in flight in blocks that are quiesced.",
    "states": "The array's state, its counters and its rebuild fit together at every moment.",
    "protocol": "Each command is answered once, with a status that it can have.",
    "affinity": "An object that belongs to a thread is used on that thread only.",
    "availability": "No I/O fails while a member with all data works, and no member is removed without a reason.",
    "answers": "An RPC fails only for a reason that held between its sending and its answer, and a success means that "
    "what was asked for has happened.",
    "liveness": "Every request and operation finishes once all faults are healed.",
    "references": "After the run, the counts of channels, descriptors, claims and threads are the same as before it.",
}
# By check and shape of the finding; where that is missing, by check alone.
HARM = {
    "crash": "All connections to the target break, and no I/O in flight is answered, until the target is started again.",
    "mirrors": "Equal reads return different data, by the member that serves them.",
    "recovery": "Reads that this member serves return older data than was acknowledged.",
    "copies": "A read served by that copy returns older data than was acknowledged.",
    "order": "Equal reads return different data, by the member that serves them, although nothing is written any more.",
    "superblock/configured": "After a restart the array is assembled with this member, and reads that it serves return older "
    "data than was acknowledged.",
    "sizes": "After a restart the namespace is smaller, and blocks that hosts have written are gone.",
    "self_healing/member": "The array stays without redundancy until an operator notices.",
    "self_healing/array": "Nothing is served until an operator notices.",
    "channels/birth": "Through this channel a member is left out that must get each write, or one is read that lacks "
    "some.",
    "channels/member kept": "I/O through this channel still reaches a disk that the array has released.",
    "channels/member lacks": "Writes through this channel don't reach that member, which other channels read: they get older data.",
    "channels/no twin": "Writes through this channel don't go to the rebuild target: acknowledged data is missing "
    "there, and is read from there once the rebuild has ended.",
    "channels/offset": "This channel and the array don't agree which blocks are copied: a write to those between the two "
    "offsets is acknowledged without the rebuild target, or a read is served by it too early, and old data is read "
    "once the rebuild has ended.",
    "channels/rebuild left": "I/O through this channel still follows a rebuild that is over.",
    "channels/target kept": "Reads through this channel may be served by a disk that was never rebuilt.",
    "channels/twin": "Writes through this channel to blocks that are copied don't go to the rebuild target, which serves "
    "the old data once the rebuild has ended.",
    "quiesce": "A rebuild or a change of members has quiesced these blocks, and relies on no I/O there.",
    "availability/removal": "The array has less redundancy than its disks could give, without an order from the operator.",
    "availability/error": "An application gets an I/O error for data that is there.",
    "answers/code": "An operator, or the control plane above, takes a request for refused that the target could carry out, or "
    "has carried out.",
    "answers/promise": "An operator, or the control plane above, goes on as if the request had been carried out: with a disk that "
    "is still in use, or a member that never came.",
    "liveness": "The waiting host or operator gets no answer until the target is killed.",
    "references": "The leftovers can keep disks, threads or the array from being used or closed.",
}
_DATA = (
    "lost",
    "stale",
    "resurrected",
)  # in findings of these kinds, the first op is the expected one


def consequence(finding: Finding) -> str:
    """Return the consequence for a user, or "" where the finding itself is one."""
    names = (f"{finding.check}/{finding.shape}", f"{finding.check}/{finding.kind}", finding.check)
    return next((HARM[name] for name in names if name in HARM), "")


def should_have_been(finding: Finding) -> str:
    """Return the promise that a finding breaks, with the data that was expected."""
    promise = PROMISES.get(finding.check, f"The check {finding.check} finds nothing.")
    if finding.check == "register" and finding.kind in _DATA and len(finding.ops) > 1:
        read, newest = finding.ops[-1], finding.ops[0]
        return f"{promise} Op {read} should have got the data of op {newest}."
    return promise
