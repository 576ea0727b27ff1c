"""Tests of conformance: recorded answers of a real SPDK, played on the engine; with RAIDSTORM_SPDK on SPDK's own code, too."""
