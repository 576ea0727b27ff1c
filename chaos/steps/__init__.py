"""The parts of a run, as values: steps, observations, payloads, recordings."""
