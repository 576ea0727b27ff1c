"""What every room uses: randomness, interrupts, process pools, resources. Nothing here knows what a run is."""
