"""Tools for every package: randomness, interrupts, process pools, resources. Nothing here knows what a run is."""
