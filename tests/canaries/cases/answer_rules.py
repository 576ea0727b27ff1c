"""The table of answers: the errors that each RPC may have."""

from __future__ import annotations

from errno import errorcode
from types import ModuleType

from tests.canaries.cases import Case


def ask(module: ModuleType) -> list[str]:
    """Return each RPC with its errors and the number of its promises."""
    return [
        f"{name}: {' '.join(errorcode[-code] for code in rule.errors)}; {len(rule.promises)}"
        for name, rule in module.RULES.items()
    ]


EXPECTED = [
    "framework_start_init: ; 0",
    "bdev_examine: EINVAL; 1",
    "bdev_examine_again: ENODEV; 1",
    "bdev_wait_for_examine: ; 1",
    "bdev_reset: ENODEV ENOMEM; 1",
    "bdev_error_inject_error: ENODEV; 1",
    "bdev_delay_update_latency: ENODEV EINVAL; 1",
    "bdev_raid_create: EEXIST EINVAL EPERM EIO ENOMEM; 2",
    "bdev_raid_delete: ENODEV EALREADY; 2",
    "bdev_raid_add_base_bdev: ENODEV EPERM EINVAL EEXIST EBUSY EIO ENOMEM; 1",
    "bdev_raid_remove_base_bdev: ENODEV EIO; 1",
    "bdev_raid_start_degraded: EPERM ENODEV EIO EINVAL; 1",
    "bdev_raid_get_bdevs: ENODEV; 1",
    "nvmf_subsystem_add_ns: EINVAL EEXIST ENODEV; 1",
    "nvmf_subsystem_remove_ns: ENODEV; 1",
    "nvmf_subsystem_add_listener: EEXIST; 1",
    "nvmf_subsystem_remove_listener: ENOENT; 1",
    "nvmf_create_poll_group: ENODEV EBUSY; 1",
    "nvmf_destroy_poll_group: EINVAL EBUSY ENODEV; 1",
]
CASES = [Case("the table", ask, EXPECTED)]
