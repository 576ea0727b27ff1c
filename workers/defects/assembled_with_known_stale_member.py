"""A member known to be stale counts as in sync at assembly.

Source: openebs/mayastor-control-plane PR #61, openebs/mayastor issues 1084 and 1780. SPDK compares sequence numbers.
Epoch: no version of SPDK; other projects had this fault.
Trigger: a member misses writes, and the superblock update that records it; the target dies; the stale member is
examined first, and all members that it still calls CONFIGURED come.
Expected: superblock, register, recovery, mirrors.
"""

from workers.raid import examine
from workers.raid.superblock import Superblock


class Examine(examine.Examine):
    """The first superblock decides, not the newest."""

    def _supersedes(self, found: Superblock, own: Superblock) -> bool:
        return False
