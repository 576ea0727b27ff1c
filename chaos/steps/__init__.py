"""What a run is made of, as values: steps, what was observed, payloads, recordings."""
