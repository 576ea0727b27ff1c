"""Recorded behaviour of a real SPDK, played on the engine or on SPDK's own code, and compared step by step."""
