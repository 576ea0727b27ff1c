"""A member known to be stale is taken as in sync at assembly.

Source: openebs/mayastor-control-plane PR #61, openebs/mayastor issues 1084 and 1780. SPDK compares sequence numbers.
Epoch: none of SPDK alone; a rule that others have had to learn.
Trigger: a member misses writes and what the others' superblocks say of it; the target dies; the stale member is the
first that is looked at, and all those that it still calls CONFIGURED come.
Expected: superblock, register, recovery, mirrors.
"""

from workers.raid import examine
from workers.raid.superblock import Superblock


class Examine(examine.Examine):
    """The first superblock decides, not the newest."""

    def _supersedes(self, found: Superblock, own: Superblock) -> bool:
        return False
