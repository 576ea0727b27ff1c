"""The RAID1 module. Mirrors module/bdev/raid."""
