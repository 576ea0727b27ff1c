"""The counts of what a run reached, by name."""
