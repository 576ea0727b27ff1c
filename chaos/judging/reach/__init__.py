"""What happened in a run, counted by name."""
