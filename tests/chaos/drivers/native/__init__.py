"""Tests of the driver native, with the example target; those with SPDK need RAIDSTORM_SPDK."""
