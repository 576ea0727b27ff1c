"""Targets in C: their interface, the process they live in, the SPDK adapter, and an example."""
