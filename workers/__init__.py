"""The system under test: SPDK's RAID1 stack in miniature. It never imports its tester."""
