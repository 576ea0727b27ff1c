"""The RPCs that a step may name."""

from workers.shared import SLOTS_MAX

# The RPCs, with the least and the most arguments they take.
METHODS = {
    "framework_start_init": (0, SLOTS_MAX),
    "bdev_examine": (1, 1),
    "bdev_wait_for_examine": (0, 0),
    "bdev_reset": (1, 1),
    "bdev_error_inject_error": (4, 4),
    "bdev_delay_update_latency": (2, 2),
    "bdev_raid_create": (2, 2 + SLOTS_MAX),
    "bdev_raid_delete": (1, 1),
    "bdev_raid_add_base_bdev": (1, 1),
    "bdev_raid_remove_base_bdev": (1, 1),
    "bdev_raid_start_degraded": (1, 1),
    "bdev_raid_get_bdevs": (0, 0),
    "nvmf_subsystem_add_ns": (1, 1),
    "nvmf_subsystem_remove_ns": (1, 1),
    "nvmf_create_poll_group": (1, 1),
    "nvmf_destroy_poll_group": (1, 1),
}
